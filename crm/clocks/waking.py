"""Waking the sweep."""

from __future__ import annotations

from crm.jobs import wake

TASK = "crm.clocks.tasks.sweep"
SWEPT = "sweep"  # the part whose signs of life these are


def wake_sweep() -> None:
    """Have the clocks looked at once this transaction is committed; beat does it within the minute anyway."""
    wake.on_commit(TASK)
