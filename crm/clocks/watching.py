"""Whether the clocks are looked at: how long ago they last were, and for how long a due one has waited.

A beat or a worker that has stopped, a worker by another handbook, a broker that is away: each shows here, whatever the
cause, within three minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from prometheus_client.core import GaugeMetricFamily

from crm.clocks.waking import SWEPT
from crm.jobs.heartbeats import OK
from crm.jobs.metrics import measures
from crm.jobs.readiness import reports
from crm.jobs.schedule import SWEEP_SECONDS

PATIENCE = timedelta(seconds=3 * SWEEP_SECONDS)
NONE = timedelta()
LOOK = """
    SELECT statement_timestamp(),
           (SELECT min(next_at) FROM clocks_clock WHERE next_at IS NOT NULL AND next_at <= statement_timestamp()),
           (SELECT at FROM jobs_heartbeat WHERE part = %s)
"""


@dataclass(frozen=True, slots=True)
class Watch:
    """How long the clock that has waited longest is overdue, and how long ago a sweep ended; None for never."""

    behind: timedelta
    silent: timedelta | None
    since: datetime | None

    @property
    def is_well(self) -> bool:
        """Whether nobody has to be told. A new installation that never swept is well until a clock is due."""
        return self.behind <= PATIENCE and (self.silent is None or self.silent <= PATIENCE)

    @property
    def is_silent(self) -> bool:
        """Whether no sweep ended for too long."""
        return self.silent is None or self.silent > PATIENCE

    @property
    def waits(self) -> str:
        """For how long the clock that waits longest is overdue, in words; empty for less than a minute."""
        minutes = int(self.behind.total_seconds() // 60)
        for size, unit in ((24 * 60, "day"), (60, "hour"), (1, "minute")):
            if minutes >= 2 * size or (minutes and size == 1):
                return f"{minutes // size} {unit}{'' if minutes // size == 1 else 's'}"
        return ""

    @property
    def word(self) -> str:
        """In a few words, without names or addresses."""
        if self.behind > PATIENCE:
            return f"behind by {self.behind.total_seconds():.0f} s"
        if self.silent is None:
            return "never ran"
        return OK if self.silent <= PATIENCE else f"silent for {self.silent.total_seconds():.0f} s"


def watch() -> Watch:
    """How it stands now: one short query, whatever the number of clocks."""
    with connection.cursor() as cursor:
        cursor.execute(LOOK, [SWEPT])
        now, oldest, swept = cursor.fetchone()
    return Watch(now - oldest if oldest else NONE, max(now - swept, NONE) if swept else None, swept)


@reports(SWEPT)
def check_sweep() -> str:
    """What /readyz says of the sweep."""
    return watch().word


@measures
def figures() -> Iterator[GaugeMetricFamily]:
    """What Prometheus is told: `plumb_silent_seconds{part="sweep"}` comes with the other signs of life."""
    behind = watch().behind.total_seconds()
    yield GaugeMetricFamily("plumb_sweep_behind_seconds", "How long the clock that waits longest is overdue.", behind)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM clocks_clock WHERE next_at <= statement_timestamp()")
        yield GaugeMetricFamily("plumb_clocks_due", "Clocks with a step that is due.", cursor.fetchone()[0])
