"""Records written under the ids that other systems know them by: made once, changed, merged, deleted, made anew."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from urllib.parse import quote

import pytest

from crm.core.acting import acting
from crm.core.api.resources import followed
from crm.duplicates.merging import merge_records
from crm.people.models import User
from crm.sync.models import ExternalId
from leads.models import Lead
from tests.factories import START, make_lead
from tests.keys import Program, make_key, program
from tests.races import in_thread, outcomes, race, second_connection, wait_until_blocked

LEAD = {"last_name": "Waddams", "email": "milton@initech.example"}
BY = "leads/by/erp/4711/"


def put(key: str, body: dict[str, Any], **headers: str) -> Any:
    """A program that sends the record."""
    return Program(key)("put", BY, body, **headers)


@pytest.mark.django_db
def test_put_makes_a_record_and_then_changes_what_is_sent(mona: User) -> None:
    ask = program(mona)
    assert ask("patch", BY, {"last_name": "Nobody"}).status_code == 404
    assert ask("put", BY, LEAD, if_match='"1.1"').json()["code"] == "stale"
    assert ask("put", BY, {"last_name": "No address"}).json()["code"] == "constraint"
    made = ask("put", BY, {**LEAD, "first_name": "Milton"}, if_none_match="*")
    assert made.status_code == 201, made.content
    lead = Lead.objects.get()
    assert made["Location"] == f"/api/v1/leads/{lead.pk}/"
    assert made["ETag"] == f'"{lead.pk}.1"'
    assert ask("put", BY, LEAD, if_none_match="*").json()["code"] == "exists"
    same = ask("put", BY, LEAD)
    assert (same.status_code, same["ETag"]) == (200, made["ETag"])
    changed = ask("put", BY, {"first_name": "M."}, if_match=made["ETag"])
    assert (changed.status_code, changed.json()["first_name"], changed.json()["version"]) == (200, "M.", 2)
    stale = ask("put", BY, {"first_name": "Mr."}, if_match=made["ETag"])
    assert (stale.status_code, stale.json()["errors"][0]["field"]) == (412, "first_name")
    assert ask("patch", BY, {"first_name": "Mr."}).json()["version"] == 3
    assert program(mona, "leads:read", "leads:place")("put", BY, LEAD).json()["code"] == "missing_scope"
    placed = ask("put", "leads/by/erp/1/", {**LEAD, "lead_status": "engaged"})
    assert placed.json()["code"] == "forbidden"
    assert ask("delete", BY).status_code == 204
    assert ask("get", BY).status_code == 404
    again = ask("put", BY, LEAD)
    assert (again.status_code, again.json()["id"] != lead.pk) == (201, True)


@pytest.mark.django_db
def test_whatever_a_batch_calls_a_record_is_an_address_of_it(mona: User) -> None:
    ask = program(mona)
    names = ["two\nlines", "a/b", "1/", "..", "50%", "a?b#c", "é🙂", "moves"]
    rows = [{"external_id": name, "last_name": f"L{n}", "email": LEAD["email"]} for n, name in enumerate(names)]
    made = ask("post", "leads/bulk/?operation=upsert&system=erp", rows).json()["results"]
    for name, row in zip(names, made, strict=True):
        answer = ask("put", f"leads/by/erp/{quote(name, safe='')}/", {"last_name": "Same"})
        assert (answer.status_code, answer.json()["id"]) == (200, row["id"]), name


@pytest.mark.django_db
def test_the_id_of_a_merged_record_is_its_survivors(mona: User) -> None:
    ask = program(mona)
    ask("put", BY, LEAD)
    survivor = make_lead(email="m.waddams@initech.example", last_name="Waddams")
    with acting(actor=mona, via="test", at=START):
        merge_records(survivor, [Lead.objects.get(email=LEAD["email"])], choices={}, actor=mona, at=START, via="test")
    answer = ask("put", BY, {"job_title": "Collator"})
    assert (answer.status_code, answer.json()["id"]) == (200, survivor.pk)
    assert Lead.objects.count() == 1


@pytest.mark.django_db
def test_every_followed_resource_takes_put(root: User) -> None:
    ask = program(root)
    account = ask("put", "accounts/by/erp/1/", {"name": "Initech"}).json()["id"]
    contact = ask("put", "contacts/by/erp/1/", {"last_name": "Lumbergh", "account_id": account}).json()["id"]
    opportunity = ask("put", "opportunities/by/erp/1/", {"name": "Initech 2026", "account_id": account}).json()["id"]
    contract = ask("put", "contracts/by/erp/1/", {"name": "Initech 1", "account_id": account}).json()["id"]
    bodies: dict[str, Any] = {
        "leads": LEAD,
        "contact_roles": {"opportunity_id": opportunity, "contact_id": contact, "role": "champion"},
        "invoices": {"contract_id": contract, "number": "1"},
        "activities": {"kind": "call", "happened_at": "2026-03-04T10:00:00Z", "contact_id": contact},
        "tasks": {"text": "Call", "contact_id": contact},
        "enquiries": {"channel": "support", "text": "Call me", "email": "p.gibbons@initech.example"},
        "users": {"email": "erp@plumb.example", "role": "sdr", "first_name": "E"},
    }
    for name, body in bodies.items():
        made = ask("put", f"{name}/by/erp/1/", body)
        assert made.status_code == 201, (name, made.content)
    late = ask("put", "enquiries/by/erp/1/", bodies["enquiries"], if_match='"1.99"')
    assert (late.status_code, late.json()["code"]) == (412, "stale")
    for name, view in followed().items():
        again = ask("put", f"{name}/by/erp/1/", bodies.get(name, {}))
        assert (again.status_code, again.json()["id"]) == (
            200,
            ExternalId.objects.get(object=view.model._meta.model_name, system="erp", value="1").record_id,
        ), (name, again.content)


@pytest.mark.django_db(transaction=True)
def test_of_twenty_at_once_under_a_new_id_one_makes_the_record(mona: User) -> None:
    keys = [make_key(mona) for _ in range(20)]
    # They all wait for the batch that holds the system's ids, and then race for this one.
    behind = "SELECT pg_advisory_xact_lock(hashtextextended('upsert:erp:lead', 7))"
    answers = race(*(partial(put, key, {**LEAD, "job_title": f"No {n}"}) for n, key in enumerate(keys)), behind=behind)
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 19}
    assert {answer.json()["id"] for answer in answers} == {Lead.objects.get().pk}
    assert sorted(answer.json()["version"] for answer in answers) == list(range(1, 21))


@pytest.mark.django_db(transaction=True)
def test_no_change_is_lost_with_if_match(mona: User) -> None:
    tag = program(mona)("put", BY, LEAD)["ETag"]
    lead = Lead.objects.get()
    with ThreadPoolExecutor(2) as pool, second_connection() as gate:
        gate.execute("SELECT 1 FROM leads_lead WHERE id = %s FOR UPDATE", [lead.pk])
        keys = [make_key(mona) for _ in range(2)]
        calls = [
            in_thread(pool, partial(put, key, {"job_title": f"No {n}"}, if_match=tag)) for n, key in enumerate(keys)
        ]
        wait_until_blocked(2)
        gate.rollback()
        assert sorted(answer.status_code for answer in outcomes(calls)) == [200, 412]
    lead.refresh_from_db()
    assert lead.version == 2
