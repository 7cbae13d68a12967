"""What somebody says of a pair: that the two are not the same."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from crm.core.acting import acting, retry_deadlocks
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.duplicates.carrying import pair_of
from crm.duplicates.evidence import keys_of
from crm.duplicates.kinds import kind_of
from crm.duplicates.models import Pair
from crm.duplicates.values import ref
from crm.people.models import User

State = Pair.State


@retry_deadlocks
def dismiss(pair: Pair, *, actor: User, at: datetime, via: str) -> Pair:
    """These two are not the same: not shown again until something else speaks for it. Said twice, it is said once.

    Raises:
        Refused: `forbidden`; `not_found` for a pair that is gone; `merged` for one that was merged meanwhile.
    """
    if not may(actor, "dismiss", pair):
        raise Refused("forbidden", "You may not answer this.")
    with acting(actor=actor, via=via, at=at):
        locked = Pair.objects.select_for_update(of=("self",)).filter(pk=pair.pk).first()
        if locked is None:
            raise Refused("not_found", "There is no such pair any more.")
        if locked.state == State.MERGED:
            raise Refused("merged", f"They were merged by {locked.answered_by} already.")
        if locked.state != State.DISMISSED:
            locked.state, locked.dismissed_why = State.DISMISSED, locked.why
            locked.answered_at, locked.answered_by = at, actor
            locked.save(update_fields=["state", "dismissed_why", "answered_at", "answered_by"])
    return locked


def shared(one: Any, other: Any) -> dict[str, list[str]]:
    """The keys that two records share, by what they are."""
    mine, theirs = (keys_of(kind_of(str(record._meta.model_name)), record) for record in (one, other))
    both = {by: sorted({*keys} & {*theirs.get(by, ())}) for by, keys in mine.items()}
    return {by: keys for by, keys in both.items() if keys}


@retry_deadlocks
def dismiss_all(records: list[Any], *, actor: User, at: datetime, via: str) -> int:
    """None of these records is the same as another: each pair of them, found by night or not, is dismissed.

    Raises:
        Refused: as `dismiss`.
    """
    with acting(actor=actor, via=via, at=at):
        pairs = []
        for place, one in enumerate(records):
            for other in records[place + 1 :]:
                object, lower, higher = pair_of(ref(one), ref(other))
                why = shared(one, other)
                pair, _ = Pair.objects.get_or_create(
                    object=object,
                    lower_id=lower,
                    higher_id=higher,
                    defaults={"why": why, "exact": bool(why), "found_at": at},
                )
                pairs.append(pair)
        for pair in sorted(pairs, key=lambda one: one.pk):
            dismiss(pair, actor=actor, at=at, via=via)
    return len(pairs)
