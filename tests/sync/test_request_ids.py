"""The id of a request: in every answer, in errors, in the log's lines and in the history of what was written."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest
import structlog
from django.test import Client

from crm.core.request_ids import id_of, request_id
from crm.core.spooling import SpoolChunkedBodies
from crm.history.models import Change
from crm.people.models import User
from leads.api import LeadViewSet
from leads.models import Lead
from tests.factories import make_lead
from tests.keys import Program, program


@pytest.mark.parametrize("given", ["a", "order-17", "4bf92f3577b34da6a3ce929d0e0e4736", "x" * 64, "a/b:c=d+e._-"])
def test_a_program_s_own_word_is_taken(given: str) -> None:
    assert id_of(given) == given


@pytest.mark.parametrize(
    "given", [None, "", "x" * 65, "two words", "line\nbreak", "ü", "a@b.example", "{}", "job-7", "JOB-7", "%41"]
)
def test_another_is_made_in_place_of_what_is_none(given: str | None) -> None:
    assert UUID(id_of(given))


@pytest.mark.django_db
def test_every_answer_has_it_and_every_error_says_it(root: User, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = program(root)
    lead = make_lead(owner=root)
    tag = ask("GET", f"leads/{lead.pk}/").headers["ETag"]
    asked: list[tuple[int, tuple[Any, ...], dict[str, str]]] = [
        (200, ("GET", "leads/"), {}),
        (200, ("GET", "leads/export/"), {}),
        (304, ("GET", f"leads/{lead.pk}/"), {"If_None_Match": tag}),
        (400, ("GET", "leads/?flavour=sweet"), {}),
        (400, ("POST", "leads/", b"{"), {}),
        (404, ("GET", "leads/999999999/"), {}),
        (404, ("GET", "nothing/here/"), {}),
        (405, ("PUT", "leads/"), {}),
        (412, ("PATCH", f"leads/{lead.pk}/", {"company": "Initech"}), {"If_Match": f'"{lead.pk}.99"'}),
        (204, ("DELETE", f"leads/{lead.pk}/"), {}),
    ]
    for number, (status, sent, headers) in enumerate(asked):
        answer = ask(*sent, **{"X-Request-ID": f"mine-{number}", **headers})
        assert answer.status_code == status, sent
        assert answer.headers["X-Request-ID"] == f"mine-{number}"
        if status >= 400:
            assert json.loads(answer.content)["request_id"] == f"mine-{number}"
        if sent[1] != "nothing/here/":  # which asks nobody who it is
            assert answer.headers["RateLimit"].startswith('"key";r=')
    described = ask.client.get("/api/schema/", headers={"Authorization": f"Bearer {ask.key}"})
    assert (described.status_code, "RateLimit" in described.headers) == (200, True)
    wrong = Client().get("/api/v1/leads/")
    assert json.loads(wrong.content)["request_id"] == wrong.headers["X-Request-ID"]
    assert Client().get("/api/v1/leads/", headers={"Host": "elsewhere.example"}).headers["X-Request-ID"]

    def break_down(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(LeadViewSet, "see", break_down)
    ask = Program(ask.key)
    ask.client = Client(raise_request_exception=False)
    fault = ask("GET", "leads/", **{"X-Request-ID": "mine"})
    assert (fault.status_code, fault.headers["X-Request-ID"]) == (500, "mine")
    assert json.loads(fault.content)["request_id"] == "mine"
    assert request_id() == "", "nothing of it stays behind"


@pytest.mark.django_db
def test_history_and_the_log_have_it(root: User) -> None:
    lead = make_lead(owner=root)
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        program(root)("PATCH", f"leads/{lead.pk}/", {"company": "Initech"}, **{"X-Request-ID": "from-their-log"})
    assert {line["request_id"] for line in lines if "request_id" in line} == {"from-their-log"}
    assert lines
    logged = Change.objects.of(Lead.objects.get()).order_by("version").last()
    assert logged is not None
    assert logged.transaction.request == "from-their-log"


def test_a_body_that_is_too_large_for_the_server_is_refused_with_it() -> None:
    started: list[Any] = []
    environ = {"CONTENT_LENGTH": "11", "PATH_INFO": "/api/v1/leads/", "wsgi.input": BytesIO(b"x" * 11)}
    environ["HTTP_X_REQUEST_ID"] = "mine"
    spool = SpoolChunkedBodies(lambda environ, start: [], limit=10)
    (body,) = spool(environ, lambda status, headers: started.append((status, dict(headers))))
    assert started[0][1]["X-Request-ID"] == "mine"
    assert json.loads(body)["request_id"] == "mine"
