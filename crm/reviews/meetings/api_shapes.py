"""What the API of meetings answers, for its description."""

from __future__ import annotations

from typing import Any

from crm.reviews.models import Item, Meeting

TEXT = {"type": "string"}
COUNT = {"type": "integer", "minimum": 0}
TIME = {"type": "string", "format": "date-time"}
MAYBE_TIME = {"type": ["string", "null"], "format": "date-time"}
MAYBE_ID = {"type": ["integer", "null"]}
TEXTS = {"type": "array", "items": TEXT}


def shape(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An object with exactly these."""
    found = {"type": "object", "required": list(properties), "properties": properties, "additionalProperties": False}
    return {**found, **more}


def many(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A list of these."""
    return {"type": "array", "items": shape(properties), **more}


COUNTS = shape({"total": COUNT, **dict.fromkeys(Item.State.values, COUNT)})
COMPUTED: dict[str, Any] = {
    "label": TEXT,
    "scope_words": TEXT,
    "duration_seconds": {**COUNT, "description": "Of one that runs, so far."},
    "counts": {**COUNTS, "description": "The items of its agenda, by their state."},
}
ROW: dict[str, Any] = {
    "id": COUNT,
    "version": {**COUNT, "description": "Rises with everything that is written in it."},
    "kind": {"type": "string", "enum": [*Meeting.Kind.values]},
    "scope": {"type": "object", "description": "What narrows it, by name; nothing: everything."},
    "state": {"type": "string", "enum": [*Meeting.State.values]},
    "started_at": TIME,
    "started_by_id": COUNT,
    "ended_at": MAYBE_TIME,
    "ended_by_id": MAYBE_ID,
    "holder_id": {**MAYBE_ID, "description": "Who holds the minutes; null: nobody, or it is over."},
    "minutes_sent_at": MAYBE_TIME,
    **COMPUTED,
}
WORDS = many({"code": TEXT, "label": TEXT})
ITEM: dict[str, Any] = {
    "position": {**COUNT, "description": "Its place on the agenda."},
    "record_id": {**COUNT, "description": "An opportunity's in a huddle, a lead's in a lead pipeline review."},
    "name": {**TEXT, "description": "As it was called when the meeting began."},
    "owner_id": {**MAYBE_ID, "description": "Whose it was then; null: nobody's."},
    "owner_name": TEXT,
    "reasons": {**WORDS, "description": "Why it is where it is, the heaviest first."},
    "state": {"type": "string", "enum": [*Item.State.values]},
    "answers": {**WORDS, "description": "What was done, in its order."},
    "promised": {**TEXTS, "description": "What was promised last time and became of it, and what is promised now."},
    "changes": many({"field": TEXT, "before": TEXT, "after": TEXT}, description="While it was held, in words."),
    "decision": TEXT,
    "skip_reason": {**TEXT, "description": "Why it was skipped, or is gone."},
    "note": TEXT,
    "answered_by_id": MAYBE_ID,
    "answered_at": MAYBE_TIME,
}
TOTALS = {
    "type": ["object", "null"],
    "description": "By the names of its kind; null: no such figures were kept.",
}
RITUAL = shape(
    {"key": TEXT, "period": {"type": "string", "format": "date"}, "number": COUNT},
    type=["object", "null"],
    description="The time of a ritual that it was; null: none.",
)
ONE = shape(
    {
        **ROW,
        "attendees": many({"user_id": COUNT, "name": TEXT, "since": TIME}),
        "figures": many(
            {"label": TEXT, "start": TEXT, "end": TEXT},
            description="In words, as the minutes have them: at its start, and at its end or, while it runs, now.",
        ),
        "totals_at_start": TOTALS,
        "totals_at_end": {**TOTALS, "description": "The same at its end; null: it runs, or was called off."},
        "decisions": {**TEXTS, "description": "Of the whole; those of a record stand with its item."},
        "notes": TEXT,
        "ritual": RITUAL,
        "items": many(ITEM, description="In the order of the minutes: answered, skipped, gone, to be answered."),
        "next_page": {**MAYBE_ID, "minimum": 0},
    }
)
