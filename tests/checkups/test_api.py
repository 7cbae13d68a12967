"""Findings as programs read them: who sees which, by what they are found, and who polls them."""

from __future__ import annotations

import pytest

from crm.checkups.models import Finding
from crm.people.models import User
from tests.factories import make_lead
from tests.keys import program
from tests.samples import make_finding

pytestmark = pytest.mark.django_db


def test_a_manager_reads_all_of_them_and_others_what_concerns_them(
    alice: User, bob: User, charlie: User, mona: User, robot: User
) -> None:
    hers = make_finding(alice)
    elsewhere = make_finding(mona, subject="page:account", rule="accounts.top_fields", label="Account page")
    boss = program(mona, "findings:read")
    page = boss("GET", "findings/?limit=1&ordering=id")
    assert [row["id"] for row in page.json()["results"]] == [hers.pk]
    rest = boss("GET", f"findings/?limit=1&ordering=id&cursor={page.json()['next_cursor']}").json()
    assert ([row["id"] for row in rest["results"]], rest["next"]) == ([elsewhere.pk], None)
    for who, wanted in ((alice, [hers.pk]), (bob, [hers.pk]), (charlie, [])):
        ask = program(who, "findings:read")
        assert [row["id"] for row in ask("GET", "findings/").json()["results"]] == wanted, who
        assert ask("GET", f"findings/{elsewhere.pk}/").status_code == 404
    assert program(robot, "findings:read")("GET", "findings/").json()["code"] == "forbidden"
    assert program(mona, "leads:read")("GET", "findings/").json()["code"] == "missing_scope"
    assert boss("POST", "findings/", {"rule": "x"}).status_code == 405


def test_they_are_found_by_rule_state_person_and_record_and_polled(alice: User, mona: User) -> None:
    ask, one = program(mona, "findings:read", "users:read"), make_finding(alice)
    gone = make_finding(alice, state="fixed", fixed_at=one.first_seen)
    make_finding(mona, subject="page:lead", rule="leads.top_fields", label="Lead page")
    for query, wanted in {
        "rule=data.lead_without_owner": {one.pk, gone.pk},
        "state=fixed": {gone.pk},
        f"assignee_id={alice.pk}&state=open": {one.pk},
        f"about=lead:{one.record_id}": {one.pk},
        f"about=lead:{gone.record_id}": set(),
        "about=account:1": set(),
    }.items():
        found = {row["id"] for row in ask("GET", f"findings/?{query}").json()["results"]}
        assert found == wanted, query
    for wrong in ("about=17", "about=lead:x", "about=:1", "state=closed", "rule=x", "ordering=updated_at", "area=data"):
        assert ask("GET", f"findings/?{wrong}").status_code == 400, wrong
    plain = ask("GET", f"findings/{one.pk}/")
    assert (plain.json()["found"], plain.json()["evidence"]) == ("Nobody owns it", [])
    assert ask("GET", f"findings/{one.pk}/", if_none_match=plain["ETag"]).status_code == 304
    told = ask("GET", f"findings/{one.pk}/?expand=computed,assignee&fields=rule")
    assert set(told.json()) == {"id", "rule", "title", "on", "assignee"}
    assert told.json()["assignee"]["id"] == alice.pk
    assert told.json()["title"] != one.rule
    Finding.objects.filter(pk=one.pk).update(times_back=1)
    assert ask("GET", f"findings/{one.pk}/", if_none_match=plain["ETag"]).status_code == 200
    make_lead()
