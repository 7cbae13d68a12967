"""What lists and reads can be asked for: search, the order of changes, what is computed; and faults of ours."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from crm.activities.suppressing import suppress
from crm.core.api.views import RecordViewSet
from crm.people.models import User
from leads.api import LeadViewSet
from tests.api.conftest import Keyed, send
from tests.factories import make_account, make_contact, make_lead

pytestmark = pytest.mark.django_db


def found(client: Client, address: str) -> list[int]:
    """The ids on a page, in its order."""
    answer = client.get(f"/api/v1/{address}")
    assert answer.status_code == 200, answer.content
    return [row["id"] for row in answer.json()["results"]]


def test_q_finds_what_the_search_of_the_list_finds(alice: User, keyed: Keyed) -> None:
    client = keyed(alice)
    lead = make_lead(
        first_name="Zoë", last_name="Okafor", email="zoe.o+x@initech.example", website="https://hooli.example"
    )
    make_lead(first_name="Ann", last_name="Bell", email="ann@globex.example")
    for term in ("z", "ok", "kafo", "ZOE.O%2By@initech.example", "hooli.example", "initech"):
        assert found(client, f"leads/?q={term}") == [lead.pk], term
    contact = make_contact(last_name="Okafor", email="o@initech.example")
    account = make_account(name="Hooli", website="https://hooli.example")
    assert found(client, "contacts/?q=ok") == found(client, "contacts/?q=O%2B1@initech.example") == [contact.pk]
    assert found(client, "accounts/?q=h") == found(client, "accounts/?q=www.hooli.example") == [account.pk]


def test_pages_by_the_last_change_meet_each_record_once(alice: User, keyed: Keyed) -> None:
    client, leads = keyed(alice), [make_lead(owner=alice) for _ in range(5)]
    send(client, "patch", f"/api/v1/leads/{leads[1].pk}/", {"first_name": "Later"})
    for ordering in ("updated_at", "-updated_at"):
        address: str | None = f"/api/v1/leads/?limit=2&fields=id&ordering={ordering}"
        met: list[int] = []
        while address:
            page = client.get(address).json()
            met += [row["id"] for row in page["results"]]
            address = page["next"]
        assert sorted(met) == [lead.pk for lead in leads]
        assert met[-1 if ordering == "updated_at" else 0] == leads[1].pk


@pytest.mark.parametrize("resource", ["leads", "contacts"])
def test_who_is_not_to_be_contacted_is_told_beside_the_record(resource: str, mona: User, keyed: Keyed) -> None:
    make: Any = make_lead if resource == "leads" else make_contact
    barred, free = make(email="barred@globex.example"), make(email="free@globex.example")
    client, at = keyed(mona), timezone.now()
    tag = client.get(f"/api/v1/{resource}/{barred.pk}/").headers["ETag"]
    suppress(emails=["Barred@globex.example"], reason="asked_us", actor=mona, at=at, via="test")
    with CaptureQueriesContext(connection) as asked:
        page = client.get(f"/api/v1/{resource}/?expand=computed&fields=id").json()["results"]
    assert len(asked) <= 9
    told = {row["id"]: row["do_not_contact"] for row in page}
    assert told[free.pk] is None
    assert set(told[barred.pk]) == {"reason", "scope", "since", "channels"}
    assert told[barred.pk]["reason"] == "asked_us"
    assert "email" in told[barred.pk]["channels"]
    read = client.get(f"/api/v1/{resource}/{barred.pk}/?expand=computed", headers={"if-none-match": tag})
    assert (read.status_code, read.json()["do_not_contact"]) == (200, told[barred.pk])
    assert "ETag" not in read.headers
    plain = client.get(f"/api/v1/{resource}/{barred.pk}/")
    assert plain.headers["ETag"] == tag
    assert "do_not_contact" not in plain.json()
    for wrong in (
        f"{resource}/?expand=all",
        f"{resource}/{barred.pk}/?expand=owner,owner_id",
        "invoices/?expand=computed",
    ):
        assert client.get(f"/api/v1/{wrong}").json()["code"] == "unknown_expand"


def broken(*args: Any, **kwargs: Any) -> Any:
    """A fault of ours."""
    raise ZeroDivisionError("the insides")


def test_a_fault_is_answered_in_shape_without_its_insides_and_logged(
    alice: User, keyed: Keyed, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = keyed(alice)
    client.raise_request_exception = False
    for kind, name in ((LeadViewSet, "rows"), (RecordViewSet, "initial")):
        with monkeypatch.context() as patch, caplog.at_level(logging.ERROR, "django.request"):
            patch.setattr(kind, name, broken)
            answer = client.get("/api/v1/leads/")
        assert (answer.status_code, answer.headers["Content-Type"]) == (500, "application/problem+json")
        assert answer.json()["code"] == "error"
        assert b"insides" not in answer.content
        assert any(record.exc_info and "insides" in str(record.exc_info[1]) for record in caplog.records)
        caplog.clear()


def test_a_fault_outside_the_views_and_a_strange_host_are_in_shape_too(
    alice: User, keyed: Keyed, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    client = keyed(alice)
    client.raise_request_exception = False
    settings.DEBUG = False
    strange = client.get("/api/v1/leads/", headers={"host": "elsewhere.example"})
    assert (strange.status_code, strange.headers["Content-Type"]) == (400, "application/problem+json")
    monkeypatch.setattr("crm.people.middleware.UserZoneMiddleware.__call__", broken)
    answer = client.get("/api/v1/leads/")
    assert (answer.status_code, answer.headers["Content-Type"]) == (500, "application/problem+json")
