"""Storing many touches or tasks at once: outreach, which the gate is asked about, is stored one by one."""

from __future__ import annotations

from crm.activities.models import Activity
from crm.core.api.many import Candidate, Many


class ManyActivities(Many):
    """Touches; of one that went out, the people it is with are held, and a violation is told of."""

    def is_alone(self, candidate: Candidate) -> bool:
        """Whether it is outreach."""
        return candidate.new and candidate.record.direction == Activity.Direction.OUTBOUND


class ManyTasks(Many):
    """Tasks; of planned outreach the gate is asked."""

    def is_alone(self, candidate: Candidate) -> bool:
        """Whether it is, was, or will be outreach that is still to be done."""
        record, changed = candidate.record, set(candidate.changed)
        return bool(record.kind or "kind" in changed)
