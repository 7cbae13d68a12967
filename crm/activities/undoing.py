"""Suppressions and undoing: a made one is lifted, with its keys kept; a lifted one stays lifted (D5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crm.activities.models import Suppression
from crm.activities.watching import tell_watchers
from crm.history.undoing import CHANGE, REMOVE, Asked, Wanted, bars_undo, instead_of_removing


@bars_undo(Suppression)
def suppressions(wanted: list[Wanted], asked: Asked) -> None:
    """Lifting takes a manager and a reason, by whatever way; what was lifted is not taken up again unasked."""
    for one in wanted:
        if one.action == REMOVE and not (asked.actor.is_manager and asked.reason):
            said = "Undoing a do not contact takes a manager and a reason."
            one.refuse("refused", "needs_manager_and_reason", said)
        elif one.action == CHANGE and "lifted_at" in one.values:
            said = "A lifted do not contact stays lifted: make a new one if they ask."
            one.refuse("refused", "lifted_do_not_contact", said)


@instead_of_removing(Suppression)
def lift(one: Wanted, asked: Asked) -> Mapping[str, Any]:
    """It stays as the record of what was asked, and by whom it was lifted."""
    tell_watchers([one.record_id])
    return {
        "lifted_at": asked.at.isoformat(),
        "lifted_by_id": asked.actor.pk,
        "lifted_reason": asked.reason,
    }
