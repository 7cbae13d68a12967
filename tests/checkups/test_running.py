"""Runs: each occasion starts once, whoever works them and however they are broken off, and their DRI is told."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from crm import handbook
from crm.checkups import presentation, rules
from crm.checkups.due import moment_of, start_due
from crm.checkups.models import Area, Finding, Result, Run, Severity
from crm.checkups.rules import Rule
from crm.checkups.running import mark_stopped, start_run
from crm.checkups.tidying import tidy_checkups
from crm.core.errors import Refused
from crm.handbook.models import HandbookVersion
from crm.jobs.models import Job
from crm.jobs.services import cancel_job, resume_job
from crm.jobs.work import claim, step, work_here, work_jobs
from crm.notifications.models import Notification
from crm.people.models import User
from tests.checkups.made import Made, make_rule, with_checkups
from tests.races import race
from tests.samples import make_finding

pytestmark = pytest.mark.django_db
State = Run.State


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Made:
    """Of all rules there are these two."""
    monkeypatch.setattr(rules, "_rules", {})
    make_rule(monkeypatch, "process.second", sees=["x"])
    return make_rule(monkeypatch, sees=["a", "b"])


def here(run: Run) -> Run:
    """Work it to its end."""
    assert run.job is not None
    Job.objects.update(leased_until=None)
    work_here(run.job, via="test")
    return Run.objects.get(pk=run.pk)


def ask(by: User, **fields: object) -> Run:
    """A run that somebody asked for."""
    return start_run(why=Run.Why.ASKED, by=by, at=timezone.now(), woken=False, **fields)  # type: ignore[arg-type]


def test_a_whole_run_tells_its_dri_once_with_its_figures_and_a_link(made: Made, mona: User, root: User) -> None:
    gone = make_finding(root, rule="process.left_the_program", subject="page:account")
    run = here(ask(mona))
    assert (run.state, run.finished_at is not None) == (State.DONE, True)
    assert list(run.results.order_by("rule").values_list("rule", "total", "new")) == [
        ("process.made", 2, 2),
        ("process.second", 1, 1),
    ]
    told = Notification.objects.get(kind="checkup_done")
    assert (told.to, told.title) == (root, "On demand checkup: 3 to put right")
    assert told.text == "2 rules looked. Open errors: 3. New: 3. Gone: 0.\nOpen by area: Process 3."
    assert told.address == reverse("admin:checkups_run_change", args=[run.pk])
    gone.refresh_from_db()
    assert gone.state == Finding.State.FIXED, "nobody looks for it any more"
    made.does = lambda: 1 / 0
    with handbook.use(with_checkups(off=("process.second",))):
        assert here(ask(mona)).state == State.DONE
    text = Notification.objects.filter(kind="checkup_done").order_by("-pk")[0].text
    assert text.endswith("Crashed, so nobody knows: Nothing is made up.\nSwitched off: Nothing is made up.")
    here(ask(mona, rules=["process.made"]))
    assert Notification.objects.filter(kind="checkup_done").count() == 2, "a part is nothing to tell of"


def test_only_managers_run_checkups(made: Made, alice: User, mona: User, robot: User) -> None:
    for person in (alice, robot):
        with pytest.raises(Refused, match="by managers"):
            ask(person)
    with pytest.raises(Refused, match=r"no rule process\.none"):
        ask(mona, rules=["process.none"])
    with pytest.raises(Refused, match="shown nothing"):
        ask(mona, person=robot)
    run = ask(mona)
    User.objects.filter(pk=mona.pk).update(role="sdr")
    run = here(run)
    assert (run.state, "may not run checkups any more" in run.note) == (State.FAILED, True)


def test_it_is_cancelled_resumed_and_broken_off_with_its_job(made: Made, mona: User) -> None:
    run = ask(mona)
    assert run.job is not None
    job = claim(run.job)
    assert job is not None
    step(job, clock=timezone.now)
    cancel_job(job, by=mona, at=timezone.now())
    run.refresh_from_db()
    assert (run.state, run.note, run.results.count()) == (State.CANCELLED, f"Cancelled by {mona}.", 1)
    resume_job(job, by=mona, at=timezone.now())
    assert here(run).state == State.DONE
    assert run.results.count() == 2, "what was done is not done again"
    # Killed: nobody gives the lease back.
    broken = ask(mona)
    assert broken.job is not None
    claim(broken.job)
    later = timezone.now() + timedelta(minutes=11)
    assert mark_stopped(at=later) == 0, "its lease ran until a moment ago"
    assert mark_stopped(at=later + timedelta(seconds=90)) == 1
    broken.refresh_from_db()
    assert (broken.state, broken.finished_at is not None) == (State.KILLED, True)
    following = here(ask(mona))
    assert [following.results.get(rule="process.made").open, made.states()] == [2, {"a": "open", "b": "open"}]
    assert here(broken).state == State.DONE, "a worker that comes back goes on with it"
    lost = ask(mona)
    Job.objects.filter(checkup_run=lost).delete()
    assert mark_stopped(at=timezone.now()) == 1
    lost.refresh_from_db()
    assert lost.state == State.KILLED


def test_a_run_whose_slice_always_fails_says_so(made: Made, mona: User) -> None:
    run = ask(mona)
    # Not the rule, which would be a finding: the storing of what it saw.
    Result.objects.create(run=run, rule="process.made", area="process", severity="error", state="done")
    for _ in range(3):
        here(run)
    run.refresh_from_db()
    assert (run.state, "failed 3 times" in run.note) == (State.FAILED, True)


def test_when_a_group_cannot_be_looked_at_no_rule_about_pages_has_passed(
    made: Made, mona: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Rule("accounts.top", "Accounts begin so", "C2", Area.ACCOUNTS, Severity.WARNING, made, scope="page:account")
    monkeypatch.setitem(rules._rules, page.id, page)
    monkeypatch.setattr(presentation, "slices", lambda rules, person: [{"group": "sdr", "rows": 1}] if rules else [])
    monkeypatch.setattr(presentation, "look_at_group", lambda input, look: 1 / 0)
    run = here(ask(mona))
    result = run.results.get(rule="accounts.top")
    assert (run.state, result.state, result.open) == (State.DONE, "crashed", 1)
    assert "ZeroDivisionError" in Finding.objects.get(rule="accounts.top").found
    with handbook.use(with_checkups(off=("accounts.top",))):
        assert here(ask(mona)).results.get(rule="accounts.top").state == "off"


def installed(at: datetime) -> None:
    """Plumb is here since then."""
    HandbookVersion.objects.update(applied_at=at)


def test_each_occasion_starts_once_and_late_when_nobody_asked_in_time(made: Made) -> None:
    zone = handbook.current().zone
    installed(datetime(2026, 12, 1, 3, tzinfo=zone))
    assert start_due(at=datetime(2026, 12, 1, 23, tzinfo=zone)) == [], "what was due before is not made up for"
    before = datetime(2026, 12, 2, 1, 59, tzinfo=zone)
    assert start_due(at=before) == []
    (night,) = start_due(at=before + timedelta(minutes=1))
    assert (night.occasion, night.rules, night.by) == (
        "nightly 2026-12-02",
        ["process.made", "process.second"],
        User.objects.system(),
    )
    assert start_due(at=before + timedelta(hours=20)) == []
    # Beat was down over the new year.
    (month,) = start_due(at=datetime(2027, 1, 9, 12, tzinfo=zone))
    assert (month.occasion, month.why, month.rules) == ("monthly 2027-01", "monthly", [])
    assert start_due(at=datetime(2027, 1, 9, 13, tzinfo=zone)) == [], "the whole one looked at what is stored as well"
    assert [run.occasion for run in start_due(at=datetime(2027, 1, 10, 2, tzinfo=zone))] == ["nightly 2027-01-10"]
    assert [run.occasion for run in start_due(at=datetime(2027, 2, 1, 2, tzinfo=zone))] == ["monthly 2027-02"]
    other = with_checkups(day=3)
    other._text = "another"
    with handbook.use(other):
        assert start_due(at=datetime(2027, 5, 5, tzinfo=zone)) == [], "another handbook is in force"


@pytest.mark.parametrize(
    ("day", "hour", "moment"),
    [
        (date(2026, 3, 8), 2, datetime(2026, 3, 8, 10, tzinfo=UTC)),  # there is no 2:00 in Los Angeles: 3:00
        (date(2026, 11, 1), 1, datetime(2026, 11, 1, 8, tzinfo=UTC)),  # 1:00 comes twice: the first
        (date(2026, 11, 21), 0, datetime(2026, 11, 21, 8, tzinfo=UTC)),
    ],
)
def test_it_is_due_once_in_the_nights_when_the_clocks_change(
    made: Made, day: date, hour: int, moment: datetime
) -> None:
    installed(datetime(2020, 1, 1, tzinfo=UTC))
    with handbook.use(with_checkups(hour=hour)) as book:
        assert moment_of(day, book) == moment
        start_due(at=moment - timedelta(minutes=1))
        begun = [run for minute in range(0, 200, 20) for run in start_due(at=moment + timedelta(minutes=minute))]
        assert [run.started_at for run in begun] == [moment]


@pytest.mark.django_db(transaction=True)
def test_an_occasion_starts_once_however_many_ask_at_once(made: Made, root: User) -> None:
    installed(datetime(2020, 1, 1, tzinfo=UTC))
    at = datetime(2026, 12, 1, 12, tzinfo=UTC)
    lock = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 7))"
    answers = race(*[lambda: start_due(at=at)] * 3, behind=lock, values=("checkup:monthly 2026-12",))
    assert sorted(len(one) for one in answers) == [0, 0, 1]
    # A worker does it like any other job, and nobody is told twice.
    Job.objects.update(leased_until=Now())
    assert work_jobs(until=timezone.now() + timedelta(seconds=30)) is False
    assert (Run.objects.get().state, Notification.objects.filter(kind="checkup_done", to=root).count()) == ("done", 1)


def test_old_nightly_figures_and_findings_long_gone_are_let_go(made: Made, mona: User) -> None:
    at = timezone.now()
    night = start_run(why=Run.Why.NIGHTLY, by=User.objects.system(), at=at, occasion="nightly 1", woken=False)
    whole = ask(mona)
    here(night)
    here(whole)
    made.sees = ["a"]
    here(ask(mona))
    assert tidy_checkups(at=at + timedelta(days=89)) == (0, 0)
    assert tidy_checkups(at=at + timedelta(days=91)) == (1, 0)
    assert not Job.objects.filter(title="Nightly checkup").exists()
    assert Result.objects.filter(run=whole).count() == 2
    assert tidy_checkups(at=at + timedelta(days=366)) == (0, 1)
    assert made.states() == {"a": "open"}
