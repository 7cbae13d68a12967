"""A job runs in slices: each is done once, whoever does it and however often they are interrupted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import Account
from crm.core.errors import Refused
from crm.history.models import Change, Transaction
from crm.jobs import work
from crm.jobs.models import Heartbeat, Job, JobSlice
from crm.jobs.services import cancel_job, confirm_job, resume_job, start_job
from crm.jobs.slices import slices_of_ids
from crm.jobs.work import claim, step, work_here, work_jobs
from crm.people.models import User
from tests.children import kill_group, running, wait_for
from tests.conftest import NOW
from tests.factories import make_account
from tests.jobs.kinds_of_tests import RENAME
from tests.races import in_thread, race

FAR = datetime(2100, 1, 1, tzinfo=UTC)
State = Job.State
# A worker that knows the kinds of these tests; nothing but jobs is on its mind.
WORKER = (
    "-c",
    "import django; django.setup(); import tests.jobs.kinds_of_tests as k; from datetime import *;"
    " from crm.jobs.work import work_jobs; work_jobs(until=datetime.now(UTC) + timedelta(seconds=30))",
)


def make_job(by: User, accounts: list[Account], *, size: int = 2, preview: bool = False, **input: Any) -> Job:
    ids = Account.objects.filter(pk__in=[account.pk for account in accounts])
    return start_job(
        RENAME.name,
        title="Mark the names",
        by=by,
        at=NOW,
        input=input,
        slices=slices_of_ids(ids, size),
        preview=preview,
        woken=False,
    )


def run_all(clock: Callable[[], datetime] = timezone.now) -> bool:
    """As many turns as it takes, without the pauses after failures."""
    Job.objects.update(leased_until=None)
    return work_jobs(until=clock() + timedelta(seconds=30), clock=clock)


@pytest.fixture
def accounts(alice: User) -> list[Account]:
    return [make_account(name=f"Company {n}", owner=alice) for n in range(5)]


def names() -> list[str]:
    return sorted(Account.objects.values_list("name", flat=True))


def marked_once() -> list[str]:
    return [f"Company {n}!" for n in range(5)]


@pytest.mark.django_db
def test_it_does_every_slice_and_says_what_became_of_each_row(alice: User, accounts: list[Account]) -> None:
    job = make_job(alice, accounts)
    assert (job.total, job.slices.count()) == (5, 3)
    assert not run_all()
    job.refresh_from_db()
    assert (job.state, job.done, job.message) == (State.DONE, 5, "All names have their mark.")
    assert job.counts["outcomes"] == {"changed": 5}
    assert names() == marked_once()
    assert [row["label"] for part in job.slices.all() for row in part.output or []] == marked_once()


@pytest.mark.django_db
def test_its_changes_are_those_of_who_asked_and_are_found_by_the_job(alice: User, accounts: list[Account]) -> None:
    job = make_job(alice, accounts)
    before = Transaction.objects.count()
    run_all()
    mine = Transaction.objects.filter(request=job.request_id)
    assert mine.count() == Transaction.objects.count() - before == (3 if before else mine.count())
    assert {(one.actor_id, one.via) for one in mine} == {(alice.pk, "task")}
    assert Change.objects.filter(transaction__in=mine, object="account", op="U").count() == 5


@pytest.mark.django_db
def test_it_counts_first_and_waits_to_be_confirmed(alice: User, accounts: list[Account]) -> None:
    job = make_job(alice, accounts, preview=True)
    run_all()
    job.refresh_from_db()
    assert job.state == State.READY
    assert job.preview["outcomes"] == {"allowed": 3, "refused": 2}
    assert job.preview["reasons"] == [["odd", "Its turn is never.", 2]]
    assert names() == [f"Company {n}" for n in range(5)], "counting writes nothing"
    assert not run_all(), "nobody works what was not confirmed"
    confirm_job(job, by=alice, at=NOW)
    again = confirm_job(job, by=alice, at=NOW)
    assert again.state == State.WAITING, "a double click confirms once"
    run_all()
    assert names() == marked_once()
    assert confirm_job(job, by=alice, at=NOW).state == State.DONE


@pytest.mark.django_db
def test_it_refuses_to_confirm_what_still_counts_and_strangers(alice: User, charlie: User, mona: User) -> None:
    job = make_job(alice, [make_account()], preview=True)
    with pytest.raises(Refused) as early:
        confirm_job(job, by=alice, at=NOW)
    assert early.value.code == "not_ready"
    for call in (confirm_job, cancel_job, resume_job):
        with pytest.raises(Refused) as stranger:
            call(job, by=charlie, at=NOW)
        assert stranger.value.code == "forbidden"
    assert cancel_job(job, by=mona, at=NOW).state == State.CANCELLED


@pytest.mark.django_db
def test_cancelling_takes_effect_between_slices_and_resuming_goes_on_where_it_stopped(
    alice: User, accounts: list[Account]
) -> None:
    job = make_job(alice, accounts)
    mine = claim()
    assert mine is not None
    assert step(mine, clock=timezone.now)
    cancel_job(job, by=alice, at=NOW)
    assert not step(mine, clock=timezone.now)
    assert sum(name.endswith("!") for name in names()) == 2
    with pytest.raises(Refused):
        confirm_job(job, by=alice, at=NOW)
    resume_job(job, by=alice, at=NOW)
    run_all()
    job.refresh_from_db()
    assert (job.state, job.done, names()) == (State.DONE, 5, marked_once())
    with pytest.raises(Refused) as over:
        cancel_job(job, by=alice, at=NOW)
    assert over.value.code == "finished"


@pytest.mark.django_db
def test_a_slice_that_fails_is_rolled_back_and_after_three_times_the_job_fails_and_can_be_resumed(
    alice: User, accounts: list[Account]
) -> None:
    job = make_job(alice, accounts, fail=2)
    run_all()
    job.refresh_from_db()
    assert (job.state, job.failures) == (State.RUNNING, 1)
    assert claim() is None, "it is tried again a little later, not at once"
    run_all()
    run_all()
    job.refresh_from_db()
    assert job.state == State.FAILED
    assert job.message == "Part 2 failed 3 times (ZeroDivisionError). What was done before it is kept."
    assert sum(name.endswith("!") for name in names()) == 2, "nothing of the slice that failed is left"
    Job.objects.update(input={})
    resume_job(job, by=alice, at=NOW)
    run_all()
    job.refresh_from_db()
    assert (job.state, job.failures, names()) == (State.DONE, 0, marked_once())


@pytest.mark.django_db
def test_a_refusal_ends_the_job_with_its_sentence_at_once(alice: User, accounts: list[Account]) -> None:
    job = make_job(alice, accounts, refuse=1)
    run_all()
    job.refresh_from_db()
    assert (job.state, job.message) == (State.FAILED, "There is nothing left to write with.")


@pytest.mark.django_db
def test_it_stops_for_who_was_deactivated_or_lost_their_rights(alice: User, bob: User, accounts: list[Account]) -> None:
    gone, lost = make_job(alice, accounts), make_job(bob, accounts, managers=True)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    run_all()
    gone.refresh_from_db()
    lost.refresh_from_db()
    assert (gone.state, gone.message) == (State.FAILED, f"{alice} asked for this and is no longer active.")
    assert (lost.state, lost.message) == (State.FAILED, "Only a manager may have names marked.")
    assert not any(name.endswith("!") for name in names())


@pytest.mark.django_db
def test_a_kind_that_this_version_does_not_know_fails_in_a_sentence(alice: User, accounts: list[Account]) -> None:
    job = make_job(alice, accounts)
    Job.objects.update(kind="tests.of_tomorrow")
    run_all()
    job.refresh_from_db()
    assert job.state == State.FAILED
    assert "does not know jobs of the kind “tests.of_tomorrow”" in job.message


@pytest.mark.django_db
def test_whoever_waited_longest_is_worked_first(alice: User, accounts: list[Account]) -> None:
    long, short = make_job(alice, accounts, size=1), make_job(alice, accounts[:1])
    first = claim()
    assert first is not None
    assert first.pk == long.pk
    step(first, clock=timezone.now)
    work.give_back(first)
    second = claim()
    assert second is not None
    assert second.pk == short.pk, "a long job lets a short one pass after its turn"


@pytest.mark.django_db
def test_it_stops_at_its_moment_and_says_that_some_is_left(alice: User, accounts: list[Account]) -> None:
    job = make_job(alice, accounts)
    ticks = iter(range(1000))
    left = work_jobs(until=NOW + timedelta(seconds=4), clock=lambda: NOW + timedelta(seconds=next(ticks)))
    job.refresh_from_db()
    assert left
    assert 0 < job.done < 5
    assert (job.state, job.lease) == (State.RUNNING, None)


@pytest.mark.django_db
def test_a_job_of_nothing_is_done_at_once(alice: User) -> None:
    job = make_job(alice, [])
    work_here(job, via="admin")
    job.refresh_from_db()
    assert (job.state, job.total) == (State.DONE, 0)


@pytest.mark.django_db
def test_a_worker_whose_lease_was_taken_writes_nothing(alice: User, accounts: list[Account]) -> None:
    make_job(alice, accounts)
    slow = claim()
    assert slow is not None
    assert claim() is None, "what one works no other claims"
    Job.objects.update(leased_until=Now() - timedelta(seconds=1))
    quick = claim()
    assert quick is not None
    part = work.next_slice(slow)
    assert part is not None
    slow.by = alice
    with pytest.raises(work.LeaseLost):
        work.do(slow, part, RENAME, clock=timezone.now, via="task")
    assert not any(name.endswith("!") for name in names())
    work.work(quick, until=FAR, clock=timezone.now)
    assert names() == marked_once()


@pytest.mark.django_db(transaction=True)
def test_two_workers_that_do_the_same_slice_at_once_write_it_once(alice: User, accounts: list[Account]) -> None:
    """The first one's lease runs out while it works; both stand before the same row when the race begins."""
    make_job(alice, accounts, size=5)
    slow = claim()
    Job.objects.update(leased_until=Now() - timedelta(seconds=1))
    quick = claim()
    assert slow is not None
    assert quick is not None
    part = JobSlice.objects.get()

    def doing(job: Job) -> Callable[[], Any]:
        mine = Job.objects.select_related("by").get(pk=job.pk)
        mine.lease = job.lease
        return lambda: work.do(mine, part, RENAME, clock=timezone.now, via="task")

    first = f"SELECT FROM accounts_account WHERE id = {accounts[0].pk} FOR UPDATE"
    found = race(doing(slow), doing(quick), behind=first)
    assert sorted(type(one).__name__ for one in found) in (["LeaseLost", "NoneType"], ["NoneType", "Stale"])
    for _ in range(2):
        run_all()
    assert names() == marked_once()
    assert Change.objects.filter(object="account", op="U").count() == 5


@pytest.mark.django_db(transaction=True)
def test_two_workers_share_the_jobs_and_do_nothing_twice(alice: User, accounts: list[Account]) -> None:
    from concurrent.futures import ThreadPoolExecutor

    jobs = [make_job(alice, accounts, size=1) for _ in range(4)]
    with ThreadPoolExecutor(2) as pool:
        futures = [in_thread(pool, lambda: work_jobs(until=FAR)) for _ in range(2)]
        for future in futures:
            future.result(timeout=60)
    for _ in range(3):  # what met on a row was put back and is tried again
        run_all()
    assert set(Job.objects.values_list("state", flat=True)) == {State.DONE}
    assert names() == [f"Company {n}{'!' * len(jobs)}" for n in range(5)]


@pytest.mark.crash
@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_in_the_middle_of_a_slice_leaves_it_undone_and_the_next_goes_on(
    alice: User, accounts: list[Account], tmp_path: Path
) -> None:
    job = make_job(alice, accounts, hang=2)
    with running(*WORKER, log=tmp_path / "log", DJANGO_SETTINGS_MODULE="crm.settings") as killed:
        wait_for(lambda: Heartbeat.objects.filter(part="hanging").exists())
        kill_group(killed)
    job.refresh_from_db()
    assert (job.state, job.done) == (State.RUNNING, 2), "the first slice is done, the second is not"
    assert sum(name.endswith("!") for name in names()) == 2
    assert not work_jobs(until=FAR), "its lease is respected as long as it may still live"
    assert Job.objects.filter(pk=job.pk, leased_until__gt=Now()).update(leased_until=F("asked_at")) == 1
    with running(*WORKER, log=tmp_path / "log", DJANGO_SETTINGS_MODULE="crm.settings"):
        wait_for(lambda: Job.objects.get(pk=job.pk).state == State.DONE)
    assert names() == marked_once()
    assert Change.objects.filter(object="account", op="U").count() == 5


@pytest.mark.django_db
def test_a_selection_is_cut_by_the_database_and_frozen(alice: User, accounts: list[Account]) -> None:
    job = make_job(alice, accounts, size=2)
    make_account(name="Too late")
    ids = [account.pk for account in accounts]
    assert [part.input["ids"] for part in job.slices.all()] == [ids[:2], ids[2:4], ids[4:]]
    assert [part.number for part in job.slices.all()] == [1, 2, 3]
    nothing = start_job(
        RENAME.name, title="x", by=alice, at=NOW, input={}, slices=slices_of_ids(Account.objects.none(), 2), woken=False
    )
    assert (nothing.total, nothing.slices.count()) == (0, 0)


@pytest.mark.django_db
def test_a_broker_that_is_away_keeps_nobody_from_asking(
    alice: User, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    from crm.celery import app

    def away(*args: Any, **kwargs: Any) -> None:
        raise ConnectionRefusedError("no broker")

    monkeypatch.setattr(app, "send_task", away)
    with django_capture_on_commit_callbacks(execute=True) as waked:
        job = start_job(RENAME.name, title="x", by=alice, at=NOW, input={}, slices=[{"ids": []}])
    assert len(waked) == 1
    assert job.state == State.WAITING
