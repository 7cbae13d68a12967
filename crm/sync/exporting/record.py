"""What left over the API is on record as what left in files (L16): a job says who, when, what, by which filter, how
many.

It is there before the first byte leaves. Nobody has to do it: while it is sent it says how far it is, as a worker does
by its lease, and one whose process died is found by the workers and noted as broken off.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import structlog
from django.db import InterfaceError, OperationalError, connection, models
from django.db.models.functions import Now

from crm.core.errors import Refused
from crm.jobs.kinds import JobKind, Row, register
from crm.jobs.models import Job, JobSlice
from crm.jobs.work import LEASE

if TYPE_CHECKING:
    from crm.people.models import User

log = structlog.get_logger(__name__)
KIND = "api.export"
BROKEN = "It broke off. An export over the API is not gone on with: the program asks again."


class Record:
    """The job that one export is on record as."""

    def __init__(
        self,
        model: type[models.Model],
        *,
        by: User,
        key: str,
        at: datetime,
        form: str,
        columns: Sequence[str],
        filters: str,
    ) -> None:
        plural = str(model._meta.verbose_name_plural)
        self.pk = Job.objects.create(
            kind=KIND,
            title=f"Export over the API: {plural}, with the key “{key}”"[:255],
            by=by,
            asked_at=at,
            confirmed_at=at,
            started_at=at,
            state=Job.State.RUNNING,
            lease=uuid.uuid4(),
            leased_until=Now() + LEASE,
            input={
                "model": model._meta.label_lower,
                "plural": plural,
                "filter": filters,
                "columns": list(columns),
                "form": form,
                "key": key,
            },
        ).pk
        self.by, self.label = by.pk, model._meta.label

    def go_on(self, count: int) -> None:
        """So many were sent by now."""
        self._note(done=count, leased_until=Now() + LEASE)

    def end(self, count: int, *, at: datetime) -> None:
        """All of them were sent."""
        log.info("exported", job=self.pk, by=self.by, object=self.label, rows=count)
        # Also of one that was thought broken off: the message is of that.
        self._note(
            done=count, total=count, message="", state=Job.State.DONE, finished_at=at, lease=None, leased_until=None
        )

    def break_off(self, count: int, why: str, *, at: datetime) -> None:
        """Some left, and no more will."""
        log.warning("export_broken_off", job=self.pk, by=self.by, object=self.label, rows=count, why=why)
        self._note(
            done=count, message=why[:1000], state=Job.State.FAILED, finished_at=at, lease=None, leased_until=None
        )

    def _note(self, **values: Any) -> None:
        try:
            Job.objects.filter(pk=self.pk).update(**values)
        except (InterfaceError, OperationalError):
            # Idle for as long as the export took: whatever lies between may have closed it.
            if connection.in_atomic_block:
                raise
            connection.close()
            Job.objects.filter(pk=self.pk).update(**values)


def _refuse(job: Job) -> None:
    raise Refused("broken_off", BROKEN)


def _never(job: Job, part: JobSlice, at: datetime) -> list[Row]:
    raise Refused("broken_off", BROKEN)


register(JobKind(KIND, run=_never, allow=_refuse))
