"""Beat: Celery's own scheduler, which also notes that it works."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from celery.beat import PersistentScheduler
from celery.schedules import schedule
from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from crm.jobs import heartbeats


class Scheduler(PersistentScheduler):  # type: ignore[misc]
    """Sends what is due. When it last did is kept in a file, so that a restart makes up for what it missed."""

    def setup_schedule(self) -> None:
        Path(self.schedule_filename).parent.mkdir(parents=True, exist_ok=True)
        super().setup_schedule()
        # What runs every so many seconds runs at once the first time: a new installation shows life when it starts.
        for entry in self.schedule.values():
            if entry.total_run_count == 0 and type(entry.schedule) is schedule:
                entry.last_run_at -= entry.schedule.run_every

    def apply_async(self, entry: Any, *args: Any, **kwargs: Any) -> Any:
        """Send it; a heartbeat that the broker has taken is a sign of life."""
        sent = super().apply_async(entry, *args, **kwargs)
        if entry.task == heartbeats.TASK:
            # Beat lives for weeks and has no requests or tasks, between which Django would renew its connection.
            close_old_connections()
            try:
                heartbeats.note("beat", at=timezone.now())
            except DatabaseError:
                self.logger.warning("The heartbeat was sent but could not be noted.", exc_info=True)
        return sent
