"""What nobody reads any more: the figures of nightly runs, and findings that are long gone."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from crm.checkups.models import Finding, Run
from crm.jobs.models import Job

NIGHTLY_DAYS = 90  # the trend before that is drawn from the whole runs
GONE_DAYS = 365
AT_ONCE = 1000


def tidy_checkups(*, at: datetime) -> tuple[int, int]:
    """Remove nightly runs with their figures and jobs, and findings that are gone so long; how many of either."""
    return _remove_runs(at=at), _remove_findings(at=at)


def _remove_runs(*, at: datetime) -> int:
    old = Run.objects.filter(why=Run.Why.NIGHTLY, started_at__lt=at - timedelta(days=NIGHTLY_DAYS))
    with transaction.atomic():
        pairs = list(old.exclude(state=Run.State.RUNNING).order_by("pk").values_list("pk", "job")[:AT_ONCE])
        Run.objects.filter(pk__in=[pk for pk, _ in pairs]).delete()
        Job.objects.filter(pk__in=[job for _, job in pairs if job]).delete()
    return len(pairs)


def _remove_findings(*, at: datetime) -> int:
    gone = Finding.objects.filter(state=Finding.State.FIXED, fixed_at__lt=at - timedelta(days=GONE_DAYS))
    count = 0
    while ids := list(gone.order_by("pk").values_list("pk", flat=True)[:AT_ONCE]):
        # Asked again: what was found once more meanwhile is not gone.
        removed = gone.filter(pk__in=ids).delete()[1].get("checkups.Finding", 0)
        if not removed:
            break
        count += removed
    return count
