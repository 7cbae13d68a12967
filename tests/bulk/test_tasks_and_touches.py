"""Many tasks and touches at once: done, put off, given away, deleted; by the services and rights of one."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from crm.activities.models import Activity, Task
from crm.activities.planning import finish_task, plan_task
from crm.history.models import Change
from crm.people.models import User
from tests.bulk.pages import address, answer, ask, rows
from tests.factories import make_account
from tests.leads.pages import browse, text_of
from tests.samples import make_touch

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _files(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


def make_task(owner: User, at: datetime, text: str = "Send the deck") -> Task:
    """Something that Owner has to do about an account."""
    return plan_task({"account": make_account()}, text=text, actor=owner, at=at, via="test")


def test_many_tasks_are_done_at_once_as_one_is(alice: User, bob: User, now: datetime) -> None:
    mine, done, theirs = (make_task(who, now) for who in (alice, alice, bob))
    finish_task(done, actor=alice, at=now, via="test")
    client = browse(alice)
    job = ask(client, address(Task, "finish", [mine.pk, done.pk, theirs.pk]))
    answer(client, job, "confirm")
    assert rows(job) == {
        mine.pk: ("done", ""),
        done.pk: ("refused", "done_already"),
        theirs.pk: ("refused", "forbidden"),
    }
    assert Task.objects.get(pk=mine.pk).done_by == alice
    assert Task.objects.get(pk=theirs.pk).done_at is None
    assert Change.objects.of(mine)[0].transaction.request == job.request_id
    answer(client, job, "undo")
    assert Task.objects.get(pk=mine.pk).done_at is None


def test_many_tasks_get_another_day_or_none(alice: User, now: datetime) -> None:
    day = timezone.localdate() + timedelta(days=30)
    tasks = [make_task(alice, now) for _ in range(3)]
    client = browse(alice)
    job = ask(client, address(Task, "due", all="1", state="open"), due_on=str(day))
    answer(client, job, "confirm")
    assert set(Task.objects.values_list("due_on", flat=True)) == {day}
    job = ask(client, address(Task, "due", [tasks[0].pk]), due_on="")
    answer(client, job, "confirm")
    assert Task.objects.get(pk=tasks[0].pk).due_on is None
    wrong = client.post(address(Task, "due", [tasks[0].pk]), {"due_on": "someday"})
    assert (wrong.status_code, Task.objects.filter(due_on=None).count()) == (400, 1)


def test_many_tasks_are_given_to_somebody(alice: User, bob: User, now: datetime) -> None:
    mine, theirs = make_task(alice, now), make_task(bob, now)
    client = browse(alice)
    job = ask(client, address(Task, "reassign", [mine.pk, theirs.pk]), owner=str(bob.pk))
    answer(client, job, "confirm")
    assert rows(job)[mine.pk] == ("reassigned", "")
    assert Task.objects.get(pk=mine.pk).owner == bob


def test_touches_that_never_happened_are_deleted_ones_own(alice: User, bob: User) -> None:
    mine, theirs = make_touch(alice), make_touch(bob)
    client = browse(alice)
    job = ask(client, address(Activity, "delete", [mine.pk, theirs.pk]))
    answer(client, job, "confirm", typed="1")
    assert rows(job) == {mine.pk: ("deleted", ""), theirs.pk: ("refused", "forbidden")}
    assert list(Activity.objects.values_list("pk", flat=True)) == [theirs.pk]


def test_the_lists_offer_them(alice: User, now: datetime) -> None:
    make_task(alice, now)
    make_touch(alice)
    page = text_of(browse(alice).get("/admin/activities/task/"))
    for words in ("Mark as done", "Set due date…", "Reassign…", "Delete…"):
        assert words in page
    assert "bulk_delete" in text_of(browse(alice).get("/admin/activities/activity/"))
    assert browse(alice).get(address(Task, "move", all="1")).status_code == 404
