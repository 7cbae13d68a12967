"""Runs that are killed with kill -9 between any two statements: another worker goes on, and the next run is right.

The long form (`make soak`) kills at every statement.
"""

from __future__ import annotations

import os
from datetime import timedelta

import pytest
from django.db.models import Count
from django.db.models.functions import Now
from django.utils import timezone

from crm.checkups.models import Finding, Run, Step
from crm.checkups.running import BROKEN_OFF, mark_stopped, start_run
from crm.jobs.models import Job
from crm.jobs.work import work_here, work_jobs
from crm.people.models import User
from leads.models import Lead
from tests.children import run
from tests.factories import make_contact, make_lead

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.crash]
RULES = ("data.lead_without_owner", "data.contact_without_account")
STRIDE = 1 if os.environ.get("CRM_SOAK") else 19
# The command kills itself before its n-th statement, for growing n until a run gets through.
KILLS = """
import io, os, signal, sys
import django; django.setup()
from django.core.management import call_command
from django.db import connection
from crm.checkups.models import Finding, Result
from crm.jobs.models import JobSlice

class Killer:
    def __init__(self, number):
        self.left = number
    def __call__(self, execute, sql, params, many, context):
        self.left -= 1
        if self.left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return execute(sql, params, many, context)

words = [word for rule in sys.argv[2:] for word in ("--rule", rule)]
kills = 0
for number in range(1, 1000, int(sys.argv[1])):
    connection.close()
    pid = os.fork()
    if pid == 0:
        with connection.execute_wrapper(Killer(number)):
            call_command("checkup", *words, stdout=io.StringIO())
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    if os.WIFEXITED(status):
        break
    kills += 1
    done = JobSlice.objects.filter(output__isnull=False).count()
    assert Result.objects.count() == done, ("half a slice", number)
print("kills", kills)
"""


@pytest.fixture
def wrong(alice: User) -> int:
    """How much there is to find: leads that nobody has owned for days, and contacts without an account."""
    make_lead(owner=alice)
    leads = [make_lead(owner=None) for _ in range(3)]
    Lead._base_manager.update(created_at=timezone.now() - timedelta(days=3))
    return len([*leads, *(make_contact(account=None) for _ in range(2))])


def test_a_run_that_is_killed_is_taken_up_or_marked_and_the_next_is_right(wrong: int) -> None:
    done = run("-c", KILLS, str(STRIDE), *RULES, DJANGO_SETTINGS_MODULE="crm.settings")
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) >= 5, done.stdout
    broken = Run.objects.filter(state=Run.State.RUNNING)
    assert broken.count() >= 3, "none was killed in the middle: this proves nothing"
    assert Finding.objects.open().count() == wrong, "the last one got through"
    # Half of them nobody ever takes up, the rest another worker does, who waits until the leases are over.
    lost, taken_up = list(broken.order_by("pk")[::2]), list(broken.order_by("pk")[1::2])
    Job.objects.filter(checkup_run__in=lost).update(leased_until=timezone.now() - timedelta(minutes=11))
    mark_stopped(at=timezone.now())
    for one in lost:
        one.refresh_from_db()
        assert (one.state, one.note) == (Run.State.KILLED, BROKEN_OFF)
    Job.objects.filter(checkup_run__in=taken_up).update(leased_until=Now())
    work_jobs(until=timezone.now() + timedelta(seconds=30))
    ended = Run.objects.filter(pk__in=[one.pk for one in taken_up])
    assert set(ended.values_list("state", flat=True)) == {Run.State.DONE}
    assert set(ended.annotate(many=Count("results")).values_list("many", flat=True)) == {len(RULES)}
    # What each of them saw was the same.
    assert Finding.objects.open().count() == Step.objects.filter(kind="found").count() == wrong
    assert not Step.objects.exclude(kind="found").exists()
    following = start_run(why=Run.Why.ASKED, by=User.objects.system(), at=timezone.now(), rules=RULES, woken=False)
    assert following.job is not None
    work_here(following.job, via="test")
    figures = following.results.values_list("rule", "open", "new", "gone").order_by("rule")
    assert list(figures) == [(RULES[1], 2, 0, 0), (RULES[0], wrong - 2, 0, 0)]
