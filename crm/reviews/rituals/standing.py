"""How each ritual stands: what is due, what was done and by whom, what was missed, and how long it was kept (P4).

Worked out of the handbook, of what people answered, and of the runs of checkups, whenever it is asked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from crm.checkups.models import Run
from crm.handbook.document import Handbook
from crm.handbook.promise_rules import WEEK
from crm.handbook.rituals import Ritual
from crm.people.models import User
from crm.reviews.models import Occasion
from crm.reviews.rituals.began import began_on
from crm.reviews.rituals.dris import Dris
from crm.reviews.rituals.rhythm import Days, Period, Rhythm, due_days, period_of, periods, starts_at

LOOK_BACK = timedelta(days=366)
AHEAD = 40  # periods that are looked through for the next one: a year of weeks that are closed is a mistake
DONE, SKIPPED = Occasion.State.DONE, Occasion.State.SKIPPED
OF_RUNS = (Run.Why.MONTHLY, Run.Why.ASKED)


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said of an occasion: by a person, or by a run of checkups, whose page has what came of it."""

    state: str
    by: User
    at: datetime
    came_of: str
    occasion: Occasion | None = None
    run: Run | None = None


@dataclass(frozen=True, slots=True)
class Time:
    """One of the times that a ritual is held within a period. `due_on` is None for one that is welcome, never due."""

    period: Period
    number: int
    due_on: date | None
    answer: Answer | None
    today: date

    @property
    def verdict(self) -> str:
        """In a word: done, skipped, missed, due, coming or welcome."""
        if self.answer is not None:
            return self.answer.state
        if self.due_on is None:
            return "welcome"
        if self.period.last < self.today:
            return "missed"
        return "due" if self.due_on <= self.today else "coming"


@dataclass(slots=True)
class Standing:
    """How one ritual stands. `times`: the periods that are over and the one that runs, the oldest first."""

    ritual: Ritual
    rhythm: Rhythm
    dris: list[User]
    began: date | None
    times: list[list[Time]] = field(default_factory=list)
    next_on: date | None = None

    @property
    def now(self) -> list[Time]:
        """The times of the period that runs; none of them may be due."""
        return [one for one in (self.times[-1] if self.times else []) if one.period.last >= one.today]

    @property
    def due(self) -> list[Time]:
        """What is due now and was not answered."""
        return [one for one in self.now if one.verdict == "due"]

    @property
    def missed(self) -> list[Time]:
        """What was missed within a year and nobody answered since, the newest first."""
        return [one for period in reversed(self.times) for one in reversed(period) if one.verdict == "missed"]

    @property
    def open_time(self) -> Time | None:
        """What an answer would be about: what is due, else the next of this period."""
        return next((one for one in self.now if one.answer is None), None)

    @property
    def last_done(self) -> Answer | None:
        """The last time it was done."""
        done = [one.answer for period in self.times for one in period if one.answer and one.answer.state == DONE]
        return max(done, key=lambda one: one.at, default=None)

    @property
    def decided(self) -> list[bool]:
        """Of each period that is over, or done already, whether it was kept; one that was all skipped says nothing."""
        found = []
        for period in self.times:
            asked = [one.verdict for one in period if one.due_on is not None]
            if "missed" in asked:
                found.append(False)
            elif asked and not {"due", "coming"} & set(asked) and DONE in asked:
                found.append(True)
        return found

    @property
    def streak(self) -> int:
        """How many periods in a row it was kept, up to now."""
        kept = self.decided
        return next((n for n, one in enumerate(reversed(kept)) if not one), len(kept))

    @property
    def is_missed(self) -> bool:
        """Whether it was missed the last time that is decided."""
        return self.decided[-1:] == [False]

    @property
    def history(self) -> list[Time]:
        """Every time of a year that is decided, the newest first."""
        past = ("done", "skipped", "missed")
        return [one for period in reversed(self.times) for one in reversed(period) if one.verdict in past]


def standings(book: Handbook, *, at: datetime, keys: Collection[str] | None = None) -> list[Standing]:
    """How every ritual that is on stands, in the order of the handbook; with `keys`, these."""
    rituals = [one for one in book.rituals if one.on and (keys is None or one.key in keys)]
    if not rituals:
        return []
    today, days, dris = book.today(at), days_of(book), Dris(at)
    since = today - LOOK_BACK
    began = began_on(book)
    given = _answers(rituals, book, since=since)
    found = []
    for ritual in rituals:
        one = Standing(ritual, rhythm_of(ritual, book), dris.of(ritual), began.get(ritual.key))
        if one.began is not None and one.began <= today:
            begins = max(one.began, since)
            one.times = [
                times
                for period in periods(one.rhythm, begins, today)
                if (times := _times(one, period, days, given[ritual.key], today))
            ]
        one.next_on = _next(one, days, today)
        found.append(one)
    return found


def standing_of(book: Handbook, key: str, *, at: datetime) -> Standing | None:
    """How one ritual stands; None for one that the handbook does not have, or has switched off."""
    return next(iter(standings(book, at=at, keys=[key])), None)


def rhythm_of(ritual: Ritual, book: Handbook) -> Rhythm:
    """How often a ritual is held, in numbers."""
    return Rhythm(
        per=ritual.per,
        times=ritual.times,
        every=ritual.every,
        anchor=ritual.since,
        weekdays=tuple(WEEK.index(day) for day in ritual.days),
        month_day=ritual.month_day,
        on_holidays=ritual.on_holidays,
        year_starts=book.company.fiscal_year_start,
    )


def days_of(book: Handbook) -> Days:
    """The company's working days, holidays and closures, as the handbook has them."""
    calendar = book.calendar()

    def closed(day: date) -> bool:
        return not calendar.special[day] if day in calendar.special else bool(calendar.holiday(day))

    return Days(frozenset(day for day, windows in calendar.weekly.items() if windows), closed)


def _times(
    one: Standing, period: Period, days: Days, given: Mapping[date, Sequence[Answer]], today: date
) -> list[Time]:
    """The times of a period, each with its answer: the nth that is due has the nth answer."""
    due = due_days(one.rhythm, period, days, one.began or date.min)
    answers = {a.occasion.number: a for a in given.get(period.first, ()) if a.occasion is not None}
    runs = sorted((a for a in given.get(period.first, ()) if a.occasion is None), key=lambda a: a.at)
    for run in runs:
        free = next((n for n in range(1, len(due) + 1) if n not in answers), None)
        if free is None:
            break
        answers[free] = run
    most = max(len(due), (one.ritual.most_times or 0) if due else 0, *answers, 0)
    wanted = [*due, *[None] * (most - len(due))]
    return [Time(period, n, on, answers.get(n), today) for n, on in enumerate(wanted, 1)]


def _answers(rituals: Iterable[Ritual], book: Handbook, *, since: date) -> dict[str, dict[date, list[Answer]]]:
    """What was answered, by ritual and first day of the period: one query, and one where runs of checkups answer."""
    found: dict[str, dict[date, list[Answer]]] = defaultdict(lambda: defaultdict(list))
    keys = [one.key for one in rituals]
    # A period that began before may still run.
    rows = Occasion.objects.standing().filter(ritual__in=keys, period__gte=since - LOOK_BACK).select_related("by")
    for row in rows.order_by("number"):
        found[row.ritual][row.period].append(Answer(row.state, row.by, row.at, row.came_of, occasion=row))
    by_runs = [one for one in rituals if one.done_by == "checkup"]
    if by_runs:
        runs = Run.objects.whole().filter(why__in=OF_RUNS, finished_at__gte=starts_at(since, book.zone))
        for run in runs.select_related("by"):
            if run.finished_at is None:
                continue
            for ritual in by_runs:
                first = period_of(rhythm_of(ritual, book), book.today(run.finished_at)).first
                found[ritual.key][first].append(Answer(DONE, run.by, run.finished_at, "", run=run))
    return found


def _next(one: Standing, days: Days, today: date) -> date | None:
    """The next day on which it falls due, after today, that was not answered already."""
    answered = {time.due_on for period in one.times for time in period if time.answer}
    period = period_of(one.rhythm, today)
    for _ in range(AHEAD):
        for day in due_days(one.rhythm, period, days, one.began or today):
            if day > today and day not in answered:
                return day
        period = period_of(one.rhythm, period.last + timedelta(days=1))
    return None
