"""What was done with an opportunity, as codes: read off the change log, the moves and the promises, never claimed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime

from contracts.models import NextStep, Opportunity
from crm.core.later import Later, by_column
from crm.history.models import Change, Move

ANSWERS: Mapping[str, str] = {
    "step_kept": "Next step done",
    "step_late": "Next step done, late",
    "step_open": "Next step not done yet",
    "step_postponed": "Next step postponed",
    "step_set": "Next step set",
    "step_dropped": "Next step dropped",
    "advanced": "Advanced",
    "stepped_back": "Stepped back",
    "won": "Won",
    "lost": "Closed lost",
    "reopened": "Reopened",
    "moved": "Stage changed",
    "close_pushed": "Close date moved to a later day",
    "close_pulled": "Close date moved to an earlier day",
    "close_set": "Close date set",
    "close_cleared": "Close date taken out",
    "forecast": "Forecast category stated",
    "confidence": "Confidence stated",
    "amount": "Amount changed",
    "owner": "Given to another owner",
    "edited": "Changed",
}
VERBS = {"advance": "advanced", "step_back": "stepped_back", "win": "won", "lose": "lost", "reopen": "reopened"}
PLAIN = {
    "stated_forecast": "forecast",
    "confidence": "confidence",
    "amount": "amount",
    "currency": "amount",
    "owner_id": "owner",
}
STEPS = ("next_step", "next_step_due")
# What moves and next steps tell by themselves.
TOLD = {*STEPS, "stage", "stage_since"}
OUTCOMES = {"kept": "step_kept", "late": "step_late", "dropped": "step_dropped"}


def done_after(record: Opportunity, *, version: int, since: datetime) -> list[str]:
    """The codes of what made later versions than this one; promises that ended at this moment or later belong to it."""
    changes = list(Change.objects.of(record).after_version(version).order_by("id"))
    moves = list(Move.objects.of(record).filter(version__gt=version))
    return list(dict.fromkeys(_codes(record, changes, moves, since, inclusive=True)))


def done_between(record: Opportunity, *, since: datetime) -> list[str]:
    """The codes of what was done after this moment, whoever did it and by whichever door."""
    changes = list(Change.objects.of(record).filter(at__gt=since).order_by("id"))
    moves = list(Move.objects.of(record).filter(at__gt=since))
    return list(dict.fromkeys(_codes(record, changes, moves, since, inclusive=False)))


def _codes(
    record: Opportunity, changes: Sequence[Change], moves: Sequence[Move], since: datetime, *, inclusive: bool
) -> Iterator[str]:
    closing = any(one.verb in ("win", "lose") for one in moves)
    everything = by_column(changes)
    if everything.keys() & set(STEPS):
        for code in _steps(record, since, inclusive=inclusive):
            if code != "step_dropped" or not closing:
                yield code
    for one in moves:
        yield VERBS.get(one.verb, "moved")
    # What a move changes beside the stage is the move's: winning takes the contract's close date over.
    of_moves = {one.version for one in moves}
    columns = by_column(one for one in changes if one.version not in of_moves)
    differ = {name: one for name, one in columns.items() if one.before != one.after and name not in TOLD}
    if "close_on" in differ:
        yield _close_date(differ.pop("close_on"))
    for name in PLAIN:
        if differ.pop(name, None) is not None:
            yield PLAIN[name]
    if differ:
        yield "edited"


def _steps(record: Opportunity, since: datetime, *, inclusive: bool) -> Iterator[str]:
    """What became of the promises that ended, and whether a new one stands."""
    steps = list(record.next_steps.order_by("made_at", "pk"))
    ended = [one for one in steps if one.ended_at and (one.ended_at > since or (inclusive and one.ended_at == since))]
    made = [one for one in steps if one.made_at > since or (inclusive and one.made_at == since)]
    for one in ended:
        if one.outcome in OUTCOMES:
            yield OUTCOMES[one.outcome]
    standing = next((one for one in made if one.outcome == NextStep.Outcome.STANDING), None)
    if standing is None:
        return
    first = ended[0] if ended else None
    # The same promise for a later day is the old one put off.
    put_off = first is not None and first.outcome == NextStep.Outcome.REWRITTEN and first.text == standing.text
    later = put_off and first is not None and first.due_on and standing.due_on and standing.due_on > first.due_on
    yield "step_postponed" if later else "step_set"


def _close_date(change: Later) -> str:
    before, after = (date.fromisoformat(one) if one else None for one in (change.before, change.after))
    if after is None:
        return "close_cleared"
    if before is None:
        return "close_set"
    return "close_pushed" if after > before else "close_pulled"
