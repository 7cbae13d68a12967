"""What every group was shown, joined: one finding for what is wrong, however many people are shown it so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from crm.checkups.rules import Look, Outcome


def outcomes(rows: Iterable[Mapping[str, Any]], look: Look, whole: bool) -> list[Outcome]:
    """One outcome for each rule of the slices that these rows are the output of; `whole`: all groups were looked at."""
    return []
