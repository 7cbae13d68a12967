"""One ritual as a page shows it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse

from crm import handbook
from crm.people.models import User
from crm.reviews.rituals.opening import opens_words
from crm.reviews.rituals.standing import Standing, Time
from crm.reviews.rituals.words import day_words, due_words, frequency, streak_words

DONE, SKIP, TAKE_BACK = "done", "skip", "take_back"


@dataclass(frozen=True, slots=True)
class Row:
    """A ritual with its words, where it is worked, and where it is answered for; empty for who may not."""

    standing: Standing
    verdict: str
    often: str
    said: str
    streak: str
    opens: str
    opens_address: str
    done_address: str
    skip_address: str
    whose: str


def row_of(standing: Standing, user: User, *, address: str, may_answer: bool) -> Row:
    """How a ritual stands, for this person."""
    asked = standing.open_time
    may_be_done = may_answer and asked is not None
    return Row(
        standing,
        verdict_of(standing),
        frequency(standing.ritual),
        said_of(standing),
        streak_words(standing),
        opens_words(standing.ritual, handbook.current()),
        address,
        answer_address(standing, asked, DONE) if may_be_done and not standing.ritual.done_by else "",
        answer_address(standing, asked, SKIP) if may_be_done and asked and asked.due_on else "",
        "You" if standing.dris == [user] else ", ".join(str(one) for one in standing.dris) or "Nobody",
    )


def verdict_of(standing: Standing) -> str:
    """In a word: due, missed (nothing of it is due now), done, or later."""
    if standing.due:
        return "due"
    if standing.is_missed:
        return "missed"
    asked = [one for one in standing.now if one.due_on is not None]
    return "done" if asked and all(one.answer for one in asked) else "later"


def said_of(standing: Standing) -> str:
    """What is to be known of it now, in a sentence."""
    if standing.due:
        words = due_words(standing.due[0])
        return words if len(standing.due) == 1 else f"{words}, {len(standing.due)} times"
    return f"Next: {day_words(standing.next_on)}" if standing.next_on else "Not due within sight"


def answer_address(standing: Standing, time: Time | None, verb: str) -> str:
    """The dialog in which a time of a ritual is answered for."""
    if time is None:
        return ""
    asked = urlencode({"period": time.period.first.isoformat(), "number": time.number})
    return f"{reverse('admin:ritual_do', args=[standing.ritual.key, verb])}?{asked}"
