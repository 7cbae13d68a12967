"""Findings outlive the run that saw them: the same thing seen again is the same finding, and closes by itself."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from crm import handbook
from crm.checkups import looking
from crm.checkups.lapsing import reopen_lapsed
from crm.checkups.models import Finding, Run, Step, Watch
from crm.checkups.rules import rule_of
from crm.checkups.services import accept_finding
from crm.checkups.storing import close_unknown
from crm.checkups.tasks import run_checkups
from crm.notifications.models import Notification
from crm.people.models import User
from crm.privacy.erasing import erase_person
from crm.privacy.everywhere import search
from leads.models import Lead
from tests.checkups.made import LATER, Made, make_rule, with_checkups
from tests.factories import make_lead
from tests.races import in_thread, second_connection, wait_until_blocked

pytestmark = pytest.mark.django_db


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Made:
    return make_rule(monkeypatch)


@pytest.fixture
def ownerless(monkeypatch: pytest.MonkeyPatch) -> Made:
    """A rule about records."""
    rule = rule_of("data.lead_without_owner")
    return Made(rule=rule)


def test_a_finding_stays_the_same_closes_by_itself_and_comes_back(ownerless: Made, alice: User) -> None:
    lead = make_lead(owner=None)
    first = ownerless.run()
    assert (first.total, first.new, first.open, first.looked_at) == (1, 1, 1, 1)
    again = ownerless.run(day=1)
    finding = Finding.objects.get()
    assert (again.new, again.open, finding.subject) == (0, 1, f"lead:{lead.pk}")
    assert (finding.first_seen, finding.last_seen) == (LATER, LATER + timedelta(days=1))
    Lead.objects.filter(pk=lead.pk).update(owner=alice)
    gone = ownerless.run(day=2)
    finding.refresh_from_db()
    assert (gone.total, gone.gone, finding.state) == (0, 1, Finding.State.FIXED)
    Lead.objects.filter(pk=lead.pk).update(owner=None)
    back = ownerless.run(day=3)
    finding.refresh_from_db()
    assert (back.new, back.back, back.open, finding.state, finding.times_back) == (0, 1, 1, Finding.State.OPEN, 1)
    assert [step.kind for step in finding.steps.all()] == ["found", "gone", "back"]
    lead.delete()
    assert ownerless.run(day=4).gone == 1, "of a record that is no more"
    assert Watch.objects.get().ceiling == 0


def test_what_is_accepted_opens_again_after_its_day(made: Made, mona: User) -> None:
    made.run(["a", "b"])
    today = handbook.current().today(LATER)
    for finding in Finding.objects.all():
        accept_finding(finding, until=today + timedelta(days=2), reason="Agreed.", actor=mona, at=LATER, via="test")
    result = made.run(day=2)
    assert (result.total, result.open, set(made.states().values())) == (2, 0, {"accepted"})
    result = made.run(["a"], day=3)
    assert (result.open, result.gone, made.states()) == (1, 1, {"a": "open", "b": "fixed"})
    assert Step.objects.filter(kind="reopened").get().text.endswith(": Agreed.")


def test_what_is_accepted_opens_again_after_its_day_also_when_its_rule_is_not_run(made: Made, mona: User) -> None:
    made.run(["a"])
    until = handbook.current().today(LATER) + timedelta(days=2)
    accept_finding(Finding.objects.get(), until=until, reason="Agreed.", actor=mona, at=LATER, via="test")
    assert reopen_lapsed(at=LATER + timedelta(days=2)) == 0
    passed = timezone.now().date() - timedelta(days=2)
    Finding.objects.update(accepted_until=passed)
    run_checkups()
    finding = Finding.objects.get()
    assert (finding.state, finding.accepted_until, finding.accepted_because) == ("open", None, "")
    step = finding.steps.get(kind="reopened")
    assert (step.by, step.text) == (None, f"It was accepted until {passed:%Y-%m-%d}: Agreed.")
    assert reopen_lapsed(at=LATER + timedelta(days=3)) == 0


def test_beyond_what_is_kept_all_are_counted_and_the_known_stay(made: Made, ownerless: Made) -> None:
    leads = [make_lead(owner=None) for _ in range(13)]
    with handbook.use(with_checkups(most_findings=10)):
        names = [f"{number:02}" for number in range(13)]
        result = made.run(names)
        assert (result.total, result.open, result.new) == (13, 10, 10)
        result = made.run(reversed(names), day=1)
        assert (result.total, result.new, result.gone) == (13, 0, 0), "whatever order they are seen in"
        result = made.run(names[3:], day=2)
        assert (result.total, result.open, result.new, result.gone) == (10, 10, 3, 3), "those left out come in"
        assert (ownerless.run().total, Finding.objects.filter(object="lead").count()) == (13, 10)
        leads[0].delete()
        result = ownerless.run(day=1)
        assert (result.total, result.open, result.new, result.gone) == (12, 10, 1, 1)


def test_a_detail_that_is_too_long_is_still_the_same(made: Made) -> None:
    long = "x" * 200
    assert made.run([f"{long}1", f"{long}2", " spaced "]).new == 3
    result = made.run(day=1)
    assert (result.new, result.open, result.gone) == (0, 3, 0)


def test_a_rule_that_crashes_is_a_finding_and_keeps_the_others(made: Made, ownerless: Made) -> None:
    made.run(["a"])

    def crash() -> None:
        raise ValueError("Zelda Quux of quux@example.com")

    made.does = crash
    for day in (1, 2):
        result = made.run(day=day)
        assert (result.state, result.open, result.gone, result.total) == ("crashed", 2, 0, 0)
    finding = Finding.objects.get(detail="crashed")
    assert (finding.subject, finding.severity, finding.times_back) == ("rule:process.made", "error", 0)
    assert "ValueError, tests/checkups/test_storing.py line" in finding.found
    assert "Zelda" not in finding.found + result.note, "what an error says may name somebody"
    watch = Watch.objects.get()
    assert (watch.ceiling, watch.seen_at is not None) == (1, True)
    # A statement that writes is refused, and what the database refused harms no other rule.
    made.does = lambda: Lead.objects.update(company="Globex")
    assert made.run(day=3).note.startswith("InternalError")
    made.does = list
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('statement_timeout'), current_setting('transaction_read_only')")
        assert cursor.fetchone() == ("0", "off"), "what a look forbids itself, it forbids nobody else"
    assert (made.run(day=4).gone, made.states()) == (1, {"a": "open", "crashed": "fixed"})


def test_a_rule_that_takes_too_long_crashes_however_short_its_statements_are(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "LONGEST_LOOK", 50)
    made.run(["a"])

    def linger() -> None:
        with connection.cursor() as cursor:
            for _ in range(300):
                cursor.execute("SELECT pg_sleep(0.01)")

    made.does = linger
    result = made.run(day=1)
    assert (result.state, result.gone) == ("crashed", 0), "its slice would outlive the lease of its job"
    assert result.note.startswith("OperationalError")
    made.does = list
    assert made.run(day=2).state == "done"


def test_a_rule_that_looked_at_nothing_or_is_off_says_so(made: Made) -> None:
    made.run(["a"])
    with handbook.use(with_checkups(off=("process.made",))):
        result = made.run([], day=1)
        assert (result.state, result.open, result.gone, "handbook" in result.note) == ("off", 1, 0, True)
    made.at = 0
    result = made.run([], day=2)
    assert (result.state, result.gone) == ("empty", 1)


def test_the_ratchet_tells_the_owner_once_when_there_are_more(made: Made, root: User, mona: User) -> None:
    def told() -> list[str]:
        return list(Notification.objects.filter(kind="checkup_rose").order_by("pk").values_list("title", flat=True))

    made.run(["a", "b", "c"])
    made.run(["a"], day=1)
    assert told() == [], "the first run sets it, and it falls without a word"
    partial = made.look(1)
    partial.covers, partial.total = False, 9
    made.store(partial, day=1)
    made.does = lambda: 1 / 0
    made.run(["a", "b", "c", "d"], day=1)
    made.does = list
    assert (told(), Watch.objects.get().ceiling) == ([], 1), "a part or a crash says nothing of all"
    made.run(["a", "b"], day=2)
    accept_finding(
        Finding.objects.get(detail="a"),
        until=(LATER + timedelta(days=30)).date(),
        reason="Agreed.",
        actor=mona,
        at=LATER,
        via="test",
    )
    made.run(["a", "b"], day=3)
    assert told() == ["Nothing is made up: 2 instead of 1"], "accepted ones count, and one notice is enough"
    assert Notification.objects.get(kind="checkup_rose").to == mona, "who answers for processes"
    made.run(["a", "b", "c"], day=4)
    assert len(told()) == 2


def test_a_part_closes_nothing_and_counts_what_was_seen(made: Made) -> None:
    made.run(["a", "b"])
    partial = made.look(1)
    partial.covers, partial.sights = False, partial.sights[:1]
    result = made.store(partial, day=1)
    assert (result.gone, result.open, made.states()) == (0, 1, {"a": "open", "b": "open"})


def test_an_older_look_that_is_stored_later_changes_nothing(made: Made) -> None:
    made.sees = ["a"]
    older = made.look()
    newer = made.run(["b", "c"])
    result = made.store(older)
    assert (newer.new, result.new, result.gone, result.open) == (2, 0, 0, 2)
    assert made.states() == {"b": "open", "c": "open"}
    assert "A later look" in result.note
    assert Watch.objects.get().ceiling == 2


def test_findings_of_a_rule_that_is_no_more_close(made: Made) -> None:
    result = made.run(["a"])
    assert close_unknown({}, run=result.run, at=LATER) == 1
    assert (made.states(), Step.objects.get(kind="gone").text) == ({"a": "fixed"}, "The rule is no more.")


@pytest.mark.django_db(transaction=True)
def test_two_runs_and_an_answer_at_once_do_not_disturb_each_other(made: Made, mona: User) -> None:
    made.run(["a", "b"])
    until = (LATER + timedelta(days=30)).date()
    made.sees, made.found = ["a", "b", "c"], "Something else"
    finding, looks = Finding.objects.get(detail="a"), [made.look(), made.look()]
    calls = [lambda one=one: made.store(one) for one in looks]  # type: ignore[misc]
    with ThreadPoolExecutor(3) as pool, second_connection() as gate:
        gate.execute("SELECT 1 FROM checkups_finding WHERE id = %s FOR UPDATE", [finding.pk])
        answers: list[Future[Any]] = [
            in_thread(
                pool,
                lambda: accept_finding(finding, until=until, reason="Agreed.", actor=mona, at=LATER, via="test"),
            )
        ]
        wait_until_blocked(1)
        answers += [in_thread(pool, call) for call in calls]
        wait_until_blocked(3)
        gate.rollback()
        results = [one.result(timeout=30) for one in answers][1:]
    assert made.states() == {"a": "accepted", "b": "open", "c": "open"}
    assert [one.open for one in results] == [2, 2]
    assert Step.objects.filter(kind="found").count() == 3
    assert set(Finding.objects.values_list("found", flat=True)) == {"Something else"}


def test_nothing_of_a_person_is_found_after_they_were_erased(ownerless: Made, made: Made, root: User) -> None:
    lead = make_lead(owner=None, first_name="Zdenka", last_name="Quillfeather", email="zdenka@quill.example")
    ownerless.run()
    # No rule writes what names a person; if one did, it would be taken out.
    made.run(["zdenka@quill.example"])
    evidence = [["Who", "zdenka@quill.example"]]
    Finding.objects.filter(detail__contains="quill").update(found="It is Zdenka Quillfeather", evidence=evidence)
    erase_person(lead=lead, reason="They asked.", actor=root, at=LATER, via="test")
    assert search(["zdenka@quill.example", "Zdenka Quillfeather", "Quillfeather"]) == []
    assert ownerless.run(day=1).open == 1, "the lead is still nobody's"
    assert made.run([], day=1).gone == 1
    assert Run.objects.exists()
