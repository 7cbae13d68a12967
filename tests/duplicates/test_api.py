"""Duplicates over the API: listing, dismissing, merging with its preview, and what a merged record answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from crm.duplicates.models import Pair, Tombstone
from crm.people.models import User
from leads.models import Lead
from tests.api.conftest import Keyed, keyed, send
from tests.duplicates.dumping import merge, pair, two_leads
from tests.factories import make_account, make_contact, make_lead

pytestmark = pytest.mark.django_db
__all__ = ["keyed"]


def test_pairs_are_listed_with_what_both_have(alice: User, keyed: Keyed) -> None:
    one, other = two_leads(alice)
    found = pair(one, other)
    answer = send(keyed(alice, "duplicates:read"), "get", "/api/v1/duplicates/?object=lead&state=open&exact=true")
    (row,) = answer.json()["results"]
    assert (row["id"], row["lower_id"], row["higher_id"]) == (found.pk, one.pk, other.pk)
    assert row["why"] == {"email": ["x@y.example"]}


def test_a_pair_is_dismissed_with_its_scope(alice: User, keyed: Keyed) -> None:
    found = pair(*two_leads(alice))
    address = f"/api/v1/duplicates/{found.pk}/dismiss/"
    assert send(keyed(alice, "duplicates:read"), "post", address).json()["code"] == "missing_scope"
    answer = send(keyed(alice, "duplicates:dismiss"), "post", address)
    assert (answer.status_code, answer.json()["state"]) == (200, "dismissed")
    assert Pair.objects.get().answered_by == alice
    assert send(keyed(alice, "duplicates:dismiss"), "post", "/api/v1/duplicates/0/dismiss/").status_code == 404


def test_a_preview_says_what_would_happen_and_writes_nothing(alice: User, keyed: Keyed) -> None:
    one, other = two_leads(alice)
    client = keyed(alice, "leads:merge", "leads:read")
    answer = send(client, "post", f"/api/v1/leads/{one.pk}/merge/", {"others": [other.pk], "preview": True}).json()
    assert (answer["allowed"], answer["merged"]) == (True, [f"lead:{other.pk}"])
    fields = {row["field"]: row for row in answer["fields"]}
    assert fields["last_name"]["default"] == f"lead:{one.pk}"
    assert {"what": "touches", "count": "2"} in answer["moved"]
    assert Lead.objects.count() == 2


def test_leads_are_merged_with_choices(alice: User, keyed: Keyed) -> None:
    one, other = two_leads(alice)
    body = {"others": [other.pk], "choices": {"last_name": f"lead:{other.pk}"}, "reason": "One person"}
    answer = send(keyed(alice, "leads:merge", "leads:read"), "post", f"/api/v1/leads/{one.pk}/merge/", body)
    one.refresh_from_db()
    assert (answer.status_code, answer.json()["version"], one.last_name) == (200, one.version, "Prospekt")
    assert answer.json()["transaction_id"] == Tombstone.objects.get().transaction_id


def test_a_merged_record_answers_410_and_names_the_survivor(alice: User, now: datetime, keyed: Keyed) -> None:
    one, other = two_leads(alice)
    merge(one, other, actor=alice, at=now)
    client = keyed(alice)
    for method, address, body in (
        ("get", f"/api/v1/leads/{other.pk}/", None),
        ("patch", f"/api/v1/leads/{other.pk}/", {"city": "Reno"}),
        ("get", f"/api/v1/leads/{other.pk}/moves/", None),
    ):
        answer = send(client, method, address, body)
        found = answer.json()
        assert (answer.status_code, found["code"]) == (410, "merged")
        assert found["survivor"] == {"object": "leads", "id": one.pk}
        assert found["detail"].startswith(f"Lead {other.pk} was merged into lead {one.pk} by Alice")
    again = send(keyed(alice, "leads:merge"), "post", f"/api/v1/leads/{one.pk}/merge/", {"others": [other.pk]})
    assert again.status_code == 410


def test_a_lead_becomes_a_contact(alice: User, keyed: Keyed) -> None:
    contact, lead = make_contact(owner=alice), make_lead(owner=alice)
    address = f"/api/v1/contacts/{contact.pk}/merge/"
    assert send(keyed(alice, "contacts:merge"), "post", address, {"leads": [lead.pk]}).json()["code"] == "missing_scope"
    client = keyed(alice, "contacts:merge", "leads:merge")
    assert send(client, "post", address, {"leads": [lead.pk]}).json()["merged"] == [f"lead:{lead.pk}"]


def test_the_same_refusals_as_at_the_other_doors(alice: User, charlie: User, keyed: Keyed) -> None:
    one, other = two_leads(alice)
    address = f"/api/v1/leads/{one.pk}/merge/"
    stranger = send(keyed(charlie, "leads:merge"), "post", address, {"others": [other.pk]})
    assert (stranger.status_code, stranger.json()["code"]) == (403, "forbidden")
    client = keyed(alice, "leads:merge")
    assert send(client, "post", address, {"others": []}).json()["code"] == "too_few"
    wrong: Any = {"others": "x", "choices": [], "versions": {"lead:1": "x"}, "shoe": 1, "reason": 1, "preview": 1}
    answer = send(client, "post", address, wrong)
    assert {flaw["field"] for flaw in answer.json()["errors"]} == {*wrong}
    chosen = send(client, "post", address, {"others": [other.pk], "choices": {"city": "lead:0"}})
    assert (chosen.status_code, chosen.json()["code"]) == (409, "missing_facts")
    stale = send(client, "post", address, {"others": [other.pk], "versions": {f"lead:{other.pk}": 99}})
    assert (stale.status_code, stale.json()["code"]) == (412, "stale")
    strange = send(client, "post", address, {"others": [other.pk], "versions": {str(other.pk): 99}})
    assert (strange.status_code, strange.json()["errors"][0]["pointer"]) == (400, f"/versions/{other.pk}")
    guarded = send(client, "post", address, {"others": [other.pk]}, **{"If-Match": f'"{one.pk}.99"'})
    assert guarded.status_code == 412
    assert Lead.objects.count() == 2


def test_a_record_is_told_with_who_may_be_the_same(alice: User, keyed: Keyed) -> None:
    lead, contact = make_lead(email="lea@globex.example"), make_contact(email="Lea@globex.example")
    client = keyed(alice)
    row = send(client, "get", f"/api/v1/leads/{lead.pk}/?expand=computed").json()
    assert row["duplicates"] == [{"object": "contact", "id": contact.pk, "why": ["email"], "exact": True}]
    account, other = make_account(name="Acme Rockets Inc."), make_account(name="Acme Rockets")
    row = send(client, "get", f"/api/v1/accounts/{account.pk}/?expand=computed").json()
    assert row["duplicates"] == [{"object": "account", "id": other.pk, "why": ["name"], "exact": False}]
