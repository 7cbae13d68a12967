"""Many moves with facts of their own, and many merges, in one request: the verdicts that each would have alone."""

from __future__ import annotations

import pytest

from crm.history.models import Move, Transaction
from crm.people.models import User
from leads.models import Lead
from leads.statuses import Status
from tests.factories import make_lead
from tests.keys import program

pytestmark = pytest.mark.django_db


def test_each_row_of_many_moves_has_its_own_facts_reason_and_time(mona: User, robot: User) -> None:
    ask = program(mona)
    leads = [make_lead(owner=mona, status=Status.WORKING_TO_ENGAGE) for _ in range(4)]
    ask("put", "leads/by/erp/L-4/", {"last_name": "Four", "email": "four@globex.example", "owner_id": mona.pk})
    four = Lead.objects.get(email="four@globex.example")
    reason = next(iter(Lead._meta.get_field("nurture_reason").flatchoices))[0]  # type: ignore[union-attr]
    rows = [
        {"id": leads[1].pk, "facts": {"nurture_reason": reason, "come_back_on": "2030-01-01"}, "reason": "Later"},
        {"id": leads[0].pk, "facts": {"nurture_reason": "no such"}},
        {"external_id": "L-4", "facts": {"nurture_reason": reason, "come_back_on": "2031-01-01"}},
        {"external_id": "L-5"},
        {"id": leads[1].pk, "facts": {}},
        {"id": leads[2].pk, "if_version": 99, "facts": {"nurture_reason": reason, "come_back_on": "2030-01-01"}},
        {"id": leads[3].pk, "colour": "red"},
        {"id": leads[3].pk, "at": "2020-01-01T00:00:00Z"},
        {"id": 10**15},
        {},
    ]
    answer = ask("post", "leads/moves/", {"verb": "nurture", "rows": rows, "system": "erp"})
    assert answer.status_code == 200, answer.content
    found = answer.json()["results"]
    assert [row["index"] for row in found] == list(range(10))
    codes = ["", "missing_facts", "", "not_found", "duplicate", "stale", "invalid", "invalid", "not_found", "invalid"]
    assert [row.get("code", "") for row in found] == codes
    assert [row["id"] for row in found[:4]] == [leads[1].pk, leads[0].pk, four.pk, None]
    assert {(move.record_id, move.reason) for move in Move.objects.filter(verb="nurture")} == {
        (leads[1].pk, "Later"),
        (four.pk, ""),
    }
    assert Move.objects.filter(verb="nurture").values("transaction").distinct().count() == 1
    placed = {
        "verb": "place",
        "rows": [{"id": leads[3].pk, "facts": {"status": "engaged"}, "at": "2025-06-01T10:00:00Z"}],
    }
    assert ask("post", "leads/moves/", placed).json()["results"][0]["code"] == "forbidden"
    done = program(robot, "leads:place")("post", "leads/moves/", placed).json()
    assert done["moved"] == 1
    assert Lead.objects.get(pk=leads[3].pk).status_since.year == 2025
    wrongs: list[dict[str, object]] = [
        {"rows": []},
        {"rows": [1]},
        {"rows": "x"},
        {"rows": rows, "ids": [1]},
        {"rows": rows, "facts": {}},
    ]
    for wrong in wrongs:
        assert ask("post", "leads/moves/", {"verb": "work", **wrong}).status_code == 400, wrong


def test_many_merges_have_a_verdict_each_and_are_undone_one_by_one(mona: User) -> None:
    ask = program(mona)
    leads = [make_lead(owner=mona, last_name="Same") for _ in range(6)]
    rows = [
        {"id": leads[0].pk, "others": [leads[1].pk], "reason": "The same"},
        {"id": leads[2].pk, "others": [leads[1].pk]},
        {"id": leads[2].pk, "others": [leads[3].pk], "versions": {f"lead:{leads[3].pk}": 9}},
        {"id": leads[2].pk, "others": [leads[2].pk]},
        {"id": leads[4].pk, "others": [leads[5].pk]},
        {"id": "x", "others": [1]},
        {"id": leads[2].pk, "others": [leads[3].pk], "preview": True},
    ]
    answer = ask("post", "leads/merges/", {"rows": rows}, idempotency_key="merge-1")
    assert answer.status_code == 200, answer.content
    found = answer.json()
    assert [row["outcome"] for row in found["results"]] == ["merged", *["refused"] * 3, "merged", *["refused"] * 2]
    codes = [row.get("code", "") for row in found["results"]]
    assert (codes[1], codes[2], codes[5], codes[6]) == ("merged", "stale", "invalid", "invalid")
    assert codes[3]
    numbers = {row["transaction_id"] for row in found["results"] if row["outcome"] == "merged"}
    assert Transaction.objects.filter(pk__in=numbers).count() == 2
    assert Lead.objects.filter(last_name="Same").count() == 4
    again = ask("post", "leads/merges/", {"rows": rows}, idempotency_key="merge-1")
    assert again.content == answer.content
    assert program(mona, "leads:write")("post", "leads/merges/", {"rows": rows}).json()["code"] == "missing_scope"
