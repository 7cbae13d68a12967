"""The pages that managers look at: how every rule stands, its trend, a run and its report, findings of a record."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from crm import handbook
from crm.checkups.looking import look_at
from crm.checkups.models import Finding, Result, Run
from crm.checkups.report import report_of
from crm.checkups.rules import Look, checkup, rule_of
from crm.checkups.rules import _rules as registered
from crm.checkups.running import finish_run, start_run
from crm.checkups.storing import settle
from crm.people.models import User
from leads.models import Lead
from tests.factories import make_lead

pytestmark = pytest.mark.django_db
RULE = "data.lead_without_owner"
LATER = timezone.now() + timedelta(days=3)


def ran(*ids: str, day: int = 0, ended: bool = True) -> Run:
    """A run of these rules that has ended."""
    at = LATER + timedelta(days=day)
    run = start_run(why=Run.Why.ASKED, by=User.objects.system(), at=at, rules=ids, woken=False)
    for id in ids:
        rule = rule_of(id)
        assert rule is not None
        settle(look_at(rule, Look(at, handbook.current())), run=run, at=at)
    if ended:
        finish_run(run, at=at + timedelta(seconds=75))
    return run


@pytest.fixture
def crashing() -> Iterator[str]:
    """A rule that crashes."""

    @checkup("data.crashing", title="It looks", row="K4")
    def crash(look: Look) -> None:
        raise ZeroDivisionError("nothing to divide by")

    yield "data.crashing"
    del registered["data.crashing"]


@pytest.fixture
def mona_in(client: Client, mona: User) -> Client:
    client.force_login(mona)
    return client


def test_the_overview_says_how_every_rule_stands(mona_in: Client, crashing: str) -> None:
    make_lead(owner=None)
    ran(RULE, crashing)
    page = mona_in.get(reverse("admin:checkups"))
    lines = {line.rule.id: line for group in page.context["groups"] for line in group.lines}
    assert (lines[RULE].verdict, lines[RULE].open, lines[RULE].change) == ("found", 1, None)
    assert lines[crashing].verdict == "crashed"
    never = next(line for line in lines.values() if line.last is None)
    assert never.verdict == "never"
    body = page.content.decode()
    assert "Crashed" in body
    assert "Never looked" in body
    Lead.objects.get().delete()
    make_lead(owner=None)
    make_lead(owner=None)
    ran(RULE, day=1)
    lines = {
        line.rule.id: line for group in mona_in.get(reverse("admin:checkups")).context["groups"] for line in group.lines
    }
    assert (lines[RULE].open, lines[RULE].change) == (2, 1)
    assert "Found in the last 2 looks: 1, 2" in mona_in.get(reverse("admin:checkups")).content.decode()


def test_a_new_installation_says_once_that_no_rule_has_looked_yet(mona_in: Client) -> None:
    body = mona_in.get(reverse("admin:checkups")).content.decode()
    assert "No rule has looked yet, which is no pass." in body
    assert "(never looked)" not in body
    ran(RULE)
    assert "rules have never looked, which is no pass." in mona_in.get(reverse("admin:checkups")).content.decode()


def test_a_run_is_called_by_the_readers_own_time() -> None:
    run = ran(RULE)
    with timezone.override("America/Los_Angeles"):
        assert f"{timezone.localtime(run.started_at):%Y-%m-%d %H:%M}" in str(run)


def test_it_costs_the_same_however_much_was_found(mona_in: Client) -> None:
    address = reverse("admin:checkups")
    make_lead(owner=None)
    ran(RULE)
    mona_in.get(address)
    with CaptureQueriesContext(connection) as few:
        mona_in.get(address)
    for _ in range(5):
        make_lead(owner=None)
    ran(RULE, day=1)
    ran(RULE, day=2)
    with CaptureQueriesContext(connection) as many:
        mona_in.get(address)
    assert len(many) == len(few) <= 16


def test_a_rule_shows_what_is_open_and_its_trend(mona_in: Client) -> None:
    lead = make_lead(owner=None)
    ran(RULE)
    ran(RULE, day=1)
    page = mona_in.get(reverse("admin:checkup_rule", args=[RULE]))
    assert [one.name for one in page.context["findings"]] == [str(lead)]
    assert len(page.context["chart"].bars) == 2
    assert "1 found" in page.content.decode()
    assert mona_in.get(reverse("admin:checkup_rule", args=["data.nothing"])).status_code == 404


def test_run_now_starts_one_run_however_often_it_is_clicked(mona_in: Client, mona: User) -> None:
    first = mona_in.post(reverse("admin:checkup_run"))
    second = mona_in.post(reverse("admin:checkup_run"))
    run = Run.objects.get()
    assert (run.by, run.why, run.rules, run.state) == (mona, Run.Why.ASKED, [], Run.State.RUNNING)
    assert first["Location"] == second["Location"] == reverse("admin:checkups_run_change", args=[run.pk])
    page = mona_in.get(first["Location"]).content.decode()
    assert "At work" in page
    assert "hx-get" in page
    assert mona_in.get(reverse("admin:checkup_run")).status_code == 405


def test_run_now_of_one_rule_runs_that_one(mona_in: Client) -> None:
    mona_in.post(reverse("admin:checkup_run"), {"rule": RULE})
    assert Run.objects.get().rules == [RULE]
    refused = mona_in.post(reverse("admin:checkup_run"), {"rule": "data.nothing"}, follow=True)
    assert "There is no rule data.nothing" in refused.content.decode()


def test_an_sdr_has_no_business_there(client: Client, alice: User) -> None:
    client.force_login(alice)
    run = ran(RULE)
    for address in (
        reverse("admin:checkups"),
        reverse("admin:checkup_rule", args=[RULE]),
        reverse("admin:checkup_report", args=[run.pk]),
        reverse("admin:checkups_run_change", args=[run.pk]),
    ):
        assert client.get(address).status_code == 403
    assert client.post(reverse("admin:checkup_run")).status_code == 403


def test_a_report_lists_what_stood_when_its_run_ended(mona_in: Client, alice: User, crashing: str) -> None:
    lead = make_lead(owner=None)
    first = ran(RULE, crashing)
    lead.owner = alice
    lead.save(update_fields=["owner"])
    second = ran(RULE, day=1)
    (part,) = report_of(first)
    then = {entry.rule.id: entry for entry in part.entries}
    assert [one.name for one in then[RULE].found] == [str(lead)]
    assert then[crashing].result.state == Result.State.CRASHED
    (part,) = report_of(second)
    assert (part.entries[0].is_fine, list(part.entries[0].found)) == (True, [])
    body = mona_in.get(reverse("admin:checkup_report", args=[first.pk])).content.decode()
    assert str(lead) in body
    assert "As it should be" in mona_in.get(reverse("admin:checkup_report", args=[second.pk])).content.decode()


def test_a_report_prints_fifty_findings_of_a_rule_and_counts_all(alice: User) -> None:
    for _ in range(52):
        make_lead(owner=None)
    (part,) = report_of(ran(RULE))
    assert (len(part.entries[0].found), part.entries[0].left_out, part.total) == (50, 2, 52)


def test_a_run_that_has_not_ended_has_no_report_yet(mona_in: Client) -> None:
    run = ran(RULE, ended=False)
    answer = mona_in.get(reverse("admin:checkup_report", args=[run.pk]))
    assert answer["Location"] == reverse("admin:checkups_run_change", args=[run.pk])


def test_a_records_page_shows_its_findings_to_who_may_put_them_right(
    client: Client, alice: User, charlie: User, mona: User
) -> None:
    lead = make_lead(owner=alice)
    Finding.objects.create(
        rule=RULE, area="data", severity="warning", subject=f"lead:{lead.pk}", object="lead", record_id=lead.pk,
        expected="A next touch", found="None is planned", first_seen=LATER, last_seen=LATER,
    )  # fmt: skip
    address = reverse("admin:leads_lead_change", args=[lead.pk])
    shown = {}
    for person in (alice, mona, charlie):
        client.force_login(person)
        shown[person] = "None is planned" in client.get(address).content.decode()
    assert shown == {alice: True, mona: True, charlie: False}
    # The weightiest comes first, whichever was found first.
    client.force_login(alice)
    for severity in ("note", "error"):
        Finding.objects.create(
            rule=RULE, area="data", severity=severity, subject=f"lead:{lead.pk}", object="lead", record_id=lead.pk,
            detail=severity, expected="A thing", found=f"Is of {severity}", first_seen=LATER, last_seen=LATER,
        )  # fmt: skip
    page = client.get(address).content.decode()
    assert page.index("Is of error") < page.index("None is planned") < page.index("Is of note")
    Finding.objects.update(state="fixed", fixed_at=LATER)
    assert "None is planned" not in client.get(address).content.decode()
