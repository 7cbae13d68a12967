"""What a touch can be: nothing that is still to come, and an outcome that its kind can have."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from crm import handbook
from crm.core.errors import Missing

# A clock that runs a little ahead of the server's is no reason to refuse what has just happened.
CLOCK_DRIFT = timedelta(minutes=2)


def wrong_with_touch(*, kind: str, outcome: str, happened_at: datetime | None, at: datetime) -> Iterable[Missing]:
    """Each thing that does not fit, with the field it is about; what is empty is let be."""
    if happened_at is not None and happened_at > at + CLOCK_DRIFT:
        yield Missing("not_yet", "That has not happened yet: plan it as the next touch.", "happened_at")
    book = handbook.current()
    if kind and outcome and outcome not in {one.key for one in book.outcomes_of(kind)}:
        possible = ", ".join(one.label.lower() for one in book.outcomes_of(kind))
        label = book.label("touch.kinds", kind).lower()
        yield Missing("other_kind", f"What can come of this kind of touch ({label}): {possible}.", "outcome")
