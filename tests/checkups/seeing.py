"""What one rule sees, for tests of single rules."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from crm import handbook
from crm.checkups.looking import look_at
from crm.checkups.rules import Look, rule_of


def seen(rule: str, at: datetime) -> set[tuple[Any, str]]:
    """The records, with the detail of each, that a rule finds at a moment."""
    found = rule_of(rule)
    assert found is not None, rule
    outcome = look_at(found, Look(at, handbook.current()))
    assert not outcome.crash, outcome.crash
    assert len(outcome.sights) == outcome.total
    return {(sight.record, sight.detail) for sight in outcome.sights}
