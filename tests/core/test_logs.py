"""Logs: one JSON object a line in production, and nobody's data in any."""

from __future__ import annotations

import io
import json
import logging
import logging.config
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from django.conf import settings
from django.db import IntegrityError, connection
from django.test import Client

from crm.core.logs import logging_config
from crm.people.models import User
from leads.models import Lead


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What production would write to its terminal."""
    config = logging_config(json=True, level="INFO")
    out = io.StringIO()
    config["handlers"]["console"]["stream"] = out
    logging.config.dictConfig(config)
    yield out
    logging.config.dictConfig(settings.LOGGING)


def lines(written: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


def test_it_writes_one_object_a_line(written: io.StringIO) -> None:
    structlog.get_logger("crm.test").info("moved", lead=7)
    logging.getLogger("crm.test").info("plain %s", "words\nover two lines")
    first, second = lines(written)
    assert (first["event"], first["lead"], first["level"], first["logger"]) == ("moved", 7, "info", "crm.test")
    assert second["event"] == "plain words\nover two lines"


@pytest.mark.parametrize(
    ("written_by_others", "kept"),
    [
        ("no user anna.o'neil+x@globex.example here", "no user [email] here"),
        ("GET /admin/leads/lead/?q=Anna+Smith&page=2", "GET /admin/leads/lead/"),
        ("GET /x/anna%40globex.example/", "GET /x/[email]/"),
        (
            "Key (email_key, owner_id)=(anna@globex.example, 7) already exists.",
            "Key (email_key, owner_id)=(...) already exists.",
        ),
        ("DETAIL:  Failing row contains (1, Anna, Smith).", "DETAIL:  Failing row contains (...)."),
        ("5 of 7 leads (2 new)", "5 of 7 leads (2 new)"),
    ],
)
def test_it_takes_people_out_of_what_others_write(written: io.StringIO, written_by_others: str, kept: str) -> None:
    logging.getLogger("crm.test").warning(written_by_others)
    structlog.get_logger("crm.test").warning("x", request=written_by_others, deep={"list": [written_by_others]})
    one, two = lines(written)
    assert one["event"] == kept
    assert two["request"] == kept
    assert two["deep"]["list"] == [kept]


@pytest.mark.django_db
def test_it_takes_people_out_of_tracebacks(written: io.StringIO) -> None:
    name = f"Ge{'heim'}) or\n(so"  # not as it stands in the line that the traceback quotes
    try:
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO leads_lead (last_name, email, linkedin_url) VALUES (%s, '', '')", [name])
    except IntegrityError as error:
        said = str(error)
        structlog.get_logger("crm.test").exception("failed", error=error)
        logging.getLogger("crm.test").exception("failed")
    assert name in said
    for line in lines(written):
        assert "Geheim" not in json.dumps(line)
        assert "so" not in line["exception"].split("row contains")[-1]
        assert "IntegrityError" in line["exception"]


@pytest.mark.django_db
def test_a_request_is_one_line_with_its_id_and_nobodys_data(written: io.StringIO, client: Client, alice: User) -> None:
    client.force_login(alice, backend="crm.people.backends.EmailBackend")
    client.get("/nowhere?q=anna@globex.example", headers={"User-Agent": "Anna's browser"}, REMOTE_ADDR="203.0.113.9")
    (line,) = lines(written)
    assert line["event"] == "request_finished"
    assert (line["code"], line["request"], line["user_id"]) == (404, "GET /nowhere", alice.pk)
    assert len(line["request_id"]) == 36
    for hidden in ("anna", "browser", "203.0.113.9", "alice"):
        assert hidden not in json.dumps(line)


@pytest.mark.django_db
def test_a_change_knows_its_request(client: Client, alice: User) -> None:
    """The change log holds the same id as the log's lines."""
    from crm.core.acting import acting
    from crm.history.models import Change
    from tests.factories import START, make_lead

    lead = make_lead()
    with structlog.contextvars.bound_contextvars(request_id="r-1"), acting(actor=alice, via="test", at=START):
        Lead.objects.filter(pk=lead.pk).update(title="CISO")
    assert Change.objects.of(lead).first().transaction.request == "r-1"  # type: ignore[union-attr]


@pytest.mark.django_db
def test_wrong_passwords_are_written_without_the_address(written: io.StringIO, client: Client, alice: User) -> None:
    client.post("/admin/login/", {"username": alice.email, "password": "wrong-password"}, REMOTE_ADDR="203.0.113.9")
    for hidden in (alice.email, "wrong-password", "203.0.113.9"):
        assert hidden not in written.getvalue()
