"""What was promised last time, and what became of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import OuterRef, Q, Subquery
from django.utils import timezone
from django.utils.formats import date_format

from contracts.models import NextStep
from crm import handbook
from crm.reviews.huddle.scopes import last_held
from crm.reviews.models import Item

GOOD, BAD = "good", "bad"
WORDS = {"kept": "kept", "late": "kept late", "rewritten": "rewritten", "dropped": "dropped"}


@dataclass(frozen=True, slots=True)
class Promised:
    """One promise as it is told at a moment: its outcome in a word, and whether that is good, bad or neither."""

    step: NextStep
    outcome: str
    tone: str

    @property
    def sentence(self) -> str:
        """All of it in one line, for minutes."""
        return f"{promise_words(self.step)}: {self.outcome}"


def standing_at(ids: Collection[int], moment: datetime) -> dict[int, NextStep]:
    """The promise of each of these opportunities that stood at a moment, in one query.

    `next_due` is by when what followed it was promised.
    """
    stood = Q(ended_at=None) | Q(ended_at__gt=moment)
    after = NextStep.objects.filter(opportunity=OuterRef("opportunity"), made_at__gte=OuterRef("ended_at"))
    following = Subquery(after.exclude(pk=OuterRef("pk")).order_by("made_at", "pk").values("due_on")[:1])
    steps = NextStep.objects.filter(stood, opportunity__in=ids, made_at__lte=moment).annotate(next_due=following)
    steps = steps.order_by("made_at", "pk")
    return {one.opportunity_id: one for one in steps}


def told(step: NextStep, *, today: date, until: datetime) -> Promised:
    """What had become of a promise by a moment, `today` being its day."""
    ended = step.ended_at is not None and step.ended_at <= until
    if ended:
        tone = GOOD if step.outcome == NextStep.Outcome.KEPT else BAD
        later = getattr(step, "next_due", None)
        put_off = step.outcome == NextStep.Outcome.REWRITTEN and step.due_on and later and later > step.due_on
        return Promised(step, "postponed" if put_off else WORDS.get(step.outcome, step.outcome), tone)
    if step.due_on is not None and step.due_on < today:
        return Promised(step, "past due", BAD)
    return Promised(step, "still to be done", "")


def told_of_items(items: Sequence[Item]) -> dict[int, list[str]]:
    """What minutes say of the items of one meeting: the promise of last time and its outcome, and what stands now.

    Of a meeting that was held, as it was when it ended.
    """
    if not items:
        return {}
    meeting, ids = items[0].meeting, [one.record_id for one in items]
    until = meeting.ended_at or timezone.now()
    last = last_held(meeting.scope, before=meeting.started_at)
    then = standing_at(ids, last.ended_at) if last and last.ended_at else {}
    now, today = standing_at(ids, until), handbook.current().today(until)
    found: dict[int, list[str]] = {}
    for one in items:
        lines = []
        if before := then.get(one.record_id):
            lines.append(f"Promised last time: {told(before, today=today, until=until).sentence}")
        stands = now.get(one.record_id)
        if stands is not None and stands != before:
            lines.append(f"Next step: {promise_words(stands)}")
        found[one.pk] = lines
    return found


def promise_words(step: NextStep) -> str:
    """What, and by when."""
    due = f", due {date_format(step.due_on, 'DATE_FORMAT')}" if step.due_on else ""
    return f"“{step.text}”{due}"
