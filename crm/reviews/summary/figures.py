"""What the summary of a week says, of everything or of a team: each line with the page that has its records.

Every number is another page's: this module asks their functions and puts the answers into words. The week is the seven
days before today, of the company's calendar; change is since the day before them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from urllib.parse import urlencode

from django.urls import reverse

from contracts.stages import stage_choices
from crm import handbook
from crm.checkups.words import counted as counted_words
from crm.enquiries.attainment_words import day_words, percent
from crm.people.models import Team
from crm.reviews.forecast.asked import Asked as ForecastAsked
from crm.reviews.forecast.asked import quarter_now
from crm.reviews.forecast.figures import Sum, forecast
from crm.reviews.forecast.words import apart_words
from crm.reviews.forecast.words import list_address as forecast_list
from crm.reviews.huddle.agenda import places
from crm.reviews.huddle.list_filter import BROKEN
from crm.reviews.huddle.list_filter import counted as of_agenda
from crm.reviews.huddle.list_filter import list_address as huddle_list
from crm.reviews.lead_review.asked import Asked as LeadsAsked
from crm.reviews.lead_review.asked import of_days
from crm.reviews.lead_review.figures import standing
from crm.reviews.lead_review.words import list_address as leads_list
from crm.reviews.pipeline.asked import UNKNOWN, end_of
from crm.reviews.pipeline.asked import Asked as PipelineAsked
from crm.reviews.pipeline.figures import Figures as PipelineFigures
from crm.reviews.pipeline.figures import pipeline
from crm.reviews.pipeline.words import list_address as pipeline_list
from crm.reviews.pipeline.words import money
from crm.reviews.rep_activity.asked import Asked as RepAsked
from crm.reviews.rep_activity.figures import count_of, rep_activity
from crm.reviews.rep_activity.words import address_of
from crm.reviews.rituals.standing import standings

DAYS = timedelta(days=7)
LEADS = (
    ("over", "over the limit of their status"),
    ("breached", "with a response clock that was breached"),
    ("at_risk", "with a response clock at risk"),
    ("unowned", "that nobody owns"),
    ("no_next", "without a next touch"),
)
BAD = ("over", "breached")


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its words, the page of what it counts, and whether it asks for somebody."""

    words: str
    address: str
    is_bad: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """Lines about one thing, with its page."""

    title: str
    address: str
    lines: Sequence[Line]


@dataclass(frozen=True, slots=True)
class Summary:
    """The summary of a week. `headline` is what is said where there is room for one sentence only."""

    week: date
    team: Team | None
    at: datetime
    headline: str
    sections: Sequence[Section]

    @property
    def title(self) -> str:
        """What it is called: “Week of 2 Mar 2026, North”."""
        return f"Week of {day_words(self.week)}" + (f", {self.team}" if self.team else "")

    @property
    def address(self) -> str:
        """Its page."""
        return reverse("admin:review_summary") + (f"?team={self.team.pk}" if self.team else "")

    @property
    def lines(self) -> list[tuple[str, str]]:
        """As messages carry it: words and path, headings without one."""
        return [
            row
            for section in self.sections
            for row in ((section.title, ""), *((line.words, line.address) for line in section.lines))
        ]


def summary_of(week: date, team: Team | None, *, at: datetime) -> Summary:
    """The summary as it is known at a moment, of a team or of everything."""
    pk = team.pk if team else None
    today = handbook.current().today(at)
    first, last = today - DAYS, today - timedelta(days=1)
    now, then = (PipelineAsked(team=pk), end_of(first - timedelta(days=1)))
    pipe, before = pipeline(now, at=at), pipeline(now, at=then, was=True)
    broken = len(of_agenda(places({"team": pk} if pk else {}, at=at), {"reason": BROKEN}))
    leads = standing(replace(of_days(first, last), team=pk), at=at)
    change = pipe.total.amount - before.total.amount
    currency = handbook.current().company.currency
    headline = (
        f"{_opportunities(pipe.total.count, 'open ')}, {_worth(pipe.total)}"
        f" ({_signed(change)} {currency}). {counted_words(broken, 'promise')} not kept,"
        f" {counted_words(leads.total.over, 'lead')} over the limit, {leads.total.breached:,} breached."
    )
    sections = [
        Section(
            f"Pipeline, change since {day_words(first - timedelta(days=1))}",
            f"{reverse('admin:pipeline')}{_query(team=pk)}",
            list(_pipeline(now, pipe.total, before.total, pipe.stage, before.stage, first, today, pipe.unknown)),
        ),
        _forecast(pk, at),
        Section(
            "Promises",
            f"{reverse('admin:huddle')}{_query(team=pk)}",
            list(_promises(pk, broken, first, last, at)),
        ),
        Section("Leads", f"{reverse('admin:lead_review')}{_query(team=pk)}", list(_leads(leads.asked, leads.total))),
        Section("Meetings", reverse("admin:rituals"), list(_meetings(pk, first, last, at))),
    ]
    return Summary(week, team, at, headline, sections)


def _pipeline(
    asked: PipelineAsked,
    total: PipelineFigures,
    before: PipelineFigures,
    stages: dict[str, PipelineFigures],
    was: dict[str, PipelineFigures],
    first: date,
    today: date,
    unknown: int,
) -> Iterator[Line]:
    """The whole, what changed, and each stage that has or had an opportunity; `unknown`: how many are in none."""
    yield Line(f"Open: {total.count:,}, {_worth(total)}, {_change(total, before)}", pipeline_list(asked))
    days = {"from": (first - timedelta(days=1)).isoformat(), "to": today.isoformat()}
    changes = f"{reverse('admin:pipeline_waterfall')}?{urlencode({**days, **asked.parameters})}"
    yield Line("What changed, one by one", changes)
    if total.without:
        without = replace(asked, lack="amount")
        yield Line(f"{_opportunities(total.without)} without an amount", pipeline_list(without))
    for currency, (amount, count) in sorted(total.apart.items()):
        apart = replace(asked, lack="rate", currency=currency)
        yield Line(f"Without a rate: {money(amount)} {currency}, {count:,}", pipeline_list(apart))
    if unknown:
        words = f"Counted nowhere: {unknown:,} in a stage that the handbook does not have"
        yield Line(words, pipeline_list(replace(asked, stage=UNKNOWN)), is_bad=True)
    labels = dict(stage_choices())
    for key in {**stages, **was}:
        now, then = stages.get(key, PipelineFigures()), was.get(key, PipelineFigures())
        if now.count or then.count:
            words = f"{labels.get(key, key) or 'In a stage of another system'}: {now.count:,}, {_worth(now)}"
            yield Line(f"{words}, {_change(now, then)}", pipeline_list(replace(asked, stage=key or UNKNOWN)))


def _forecast(team: int | None, at: datetime) -> Section:
    """The quarter against its quota."""
    asked, page = ForecastAsked(quarter_now(at), team=team), f"{reverse('admin:forecast')}{_query(team=team)}"
    total, currency = forecast(asked, at=at).total, handbook.current().company.currency

    def line(words: str, one: Sum, part: str, more: str = "") -> Line:
        apart = "".join(f", and {told} without a rate" for told in apart_words(one.apart))
        return Line(f"{words}: {money(one.worth)} {currency}{apart}{more}", forecast_list(asked, part))

    quota = ", nobody has a quota"
    if total.quota is not None:
        attained = f" ({total.attained}%)" if total.attained is not None else ""
        quota = f" of a quota of {money(total.quota)} {currency}{attained}"
    lines = [
        line("Won", total["won"], "won", quota),
        line("Commit", total["commit"], "commit", f", {money(total.closing)} with what is won"),
        line("Best case", total["best_case"], "best_case", f", {money(total.best)} with won and commit"),
        line("Weighted", total.weighted, "open", f", {money(total.expected)} with what is won"),
    ]
    for name, amount in sorted(total.quota_apart.items()):
        lines.append(Line(f"Quota without a rate: {money(amount)} {name}", page))
    return Section(f"Forecast of {asked.label}", page, lines)


def _promises(team: int | None, broken: int, first: date, last: date, at: datetime) -> Iterator[Line]:
    """What the huddle begins with, and what became of the promises of the week."""
    scope = {"team": team} if team else {}
    words = f"{_opportunities(broken, 'open ')} whose promise was not kept"
    yield Line(words, huddle_list(scope, reason=BROKEN), bool(broken))
    asked = RepAsked(first, last, team=team)
    found = rep_activity(asked, at=at, answers=False).total
    missed = found.decided - found.kept
    said = (
        f"{found.kept:,} of {found.decided:,} kept ({percent(found.keeping)}), {missed:,} not kept"
        if found.decided
        else "none"
    )
    yield Line(f"Next steps due in the week: {said}", address_of(asked, "broken"), bool(missed))


def _leads(asked: LeadsAsked, total: object) -> Iterator[Line]:
    """What leads need."""
    for what, words in LEADS:
        count: int = getattr(total, what)
        yield Line(
            f"{counted_words(count, 'lead')} {words}", leads_list(replace(asked, what=what)), what in BAD and count > 0
        )


def _meetings(team: int | None, first: date, last: date, at: datetime) -> Iterator[Line]:
    """What was not held: meetings with customers, of the team, and rituals, which are the company's."""
    asked = RepAsked(first, last, team=team, what="not_held")
    count = count_of(asked, at=at)
    yield Line(
        f"{counted_words(count, 'meeting')} with customers not held: no-show, rescheduled or cancelled",
        address_of(asked, "not_held"),
        bool(count),
    )
    for one in standings(handbook.current(), at=at):
        missed = [time for time in one.missed if first <= time.period.last <= last]
        if missed:
            times = counted_words(len(missed), "time")
            yield Line(
                f"{one.ritual.label}: missed {times}", reverse("admin:ritual", args=[one.ritual.key]), is_bad=True
            )


def _opportunities(count: int, what: str = "") -> str:
    return f"{count:,} {what}{'opportunity' if count == 1 else 'opportunities'}"


def _worth(one: PipelineFigures) -> str:
    currency = handbook.current().company.currency
    return f"{money(one.amount)} {currency}, weighted {money(one.weighted)}"


def _change(now: PipelineFigures, then: PipelineFigures) -> str:
    """How many more or fewer, and by how much."""
    if (now.count, now.amount, now.weighted) == (then.count, then.amount, then.weighted):
        return "unchanged"
    parts = (now.count - then.count, now.amount - then.amount, now.weighted - then.weighted)
    count, amount, weighted = parts
    return f"change {_signed(Decimal(count))}, {_signed(amount)}, weighted {_signed(weighted)}"


def _signed(amount: Decimal) -> str:
    return f"+{money(amount)}" if amount > 0 else money(amount) if amount else "±0"


def _query(**values: int | None) -> str:
    found = {name: value for name, value in values.items() if value is not None}
    return f"?{urlencode(found)}" if found else ""
