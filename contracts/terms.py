"""Rules about the dates and the term of a contract (C1), in plain Python.

The effective date is the first day of service, the subscription end date the last one, the close date the day the last
party signed, an invoice date the day an invoice was sent. A contract that is terminated is served until the day before
the one it is terminated on.

What cannot be is refused, with a sentence that names both dates; what is odd and possible is warned about, never
refused: paper is signed late, and somebody agreed on eleven years.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

LONGEST_MONTHS = 240
ODD_MONTHS = 120  # a term of ten years or longer is a slip of the finger more often than an agreement
DAY = timedelta(days=1)
CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Said:
    """Something to say about a contract's dates: a stable code, a sentence, and the field it is about."""

    code: str
    message: str
    field: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """One invoice as far as its dates go."""

    number: str = ""
    sent_on: date | None = None
    paid_on: date | None = None

    def __str__(self) -> str:
        return f"invoice {self.number}" if self.number else "an invoice"


@dataclass(frozen=True, slots=True)
class Dates:
    """The dates of a contract, as far as they are known. `term_months` is the term agreed on."""

    effective_date: date | None = None
    close_date: date | None = None
    end_date: date | None = None
    terminated_on: date | None = None
    term_months: int | None = None
    notice_days: int | None = None
    invoices: Sequence[Sent] = ()


def add_months(day: date, months: int) -> date:
    """The same day of the month so many months on; the month's last day where it has no such day.

    Raises:
        OverflowError: beyond the calendar, which ends with the year 9999.
    """
    count = day.year * 12 + day.month - 1 + months
    year, month = divmod(count, 12)
    if not date.min.year <= year <= date.max.year:
        raise OverflowError(f"{months} months from {day} is beyond the calendar")
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def end_of_term(effective_date: date, months: int) -> date:
    """The last day of a term of so many months: the day before it would begin again.

    Raises:
        ValueError: for a term shorter than a month.
        OverflowError: as `add_months`.
    """
    if months < 1:
        raise ValueError("A term has a month at least")
    return add_months(effective_date, months) - DAY


def months_of_term(effective_date: date, end_date: date) -> int | None:
    """How many months from the first to the last day; None when they make no whole number of months."""
    try:
        day_after = end_date + DAY
    except OverflowError:
        return None
    months = (day_after.year - effective_date.year) * 12 + day_after.month - effective_date.month
    return months if months >= 1 and add_months(effective_date, months) == day_after else None


def completed(effective_date: date | None, end_date: date | None, months: int | None) -> tuple[date | None, int | None]:
    """End date and term, the one that is missing worked out from the other where it can be."""
    if effective_date is None:
        return end_date, months
    if end_date is None and months is not None and months >= 1:
        try:
            return end_of_term(effective_date, months), months
        except OverflowError:
            return None, months
    if end_date is not None and months is None:
        found = months_of_term(effective_date, end_date)
        return end_date, found if found is None or found <= LONGEST_MONTHS else None
    return end_date, months


def ends_too_early(start: date | None, end: date | None) -> str:
    """What is said of an end that is none, with both dates; empty while one is unknown."""
    if not start or not end:
        return ""
    return f"The subscription end date ({end}) does not lie after the effective date ({start})."


def impossible(dates: Dates) -> Iterator[Said]:
    """What cannot be, as sentences that name both dates."""
    start, end, stop = dates.effective_date, dates.end_date, dates.terminated_on
    if start and end and end <= start:
        yield Said(
            "end_before_effective",
            ends_too_early(start, end),
            "end_date",
        )
    if start and stop and stop < start:
        yield Said(
            "terminated_before_effective",
            f"It is terminated on {stop}, before its effective date ({start}).",
            "terminated_on",
        )
    if end and stop and stop > end + DAY:
        yield Said(
            "terminated_after_end",
            f"It is terminated on {stop}, after its subscription end date ({end}): it ended by itself.",
            "terminated_on",
        )
    if dates.close_date and stop and stop < dates.close_date:
        yield Said(
            "terminated_before_close",
            f"It is terminated on {stop}, before its close date ({dates.close_date}).",
            "terminated_on",
        )
    for invoice in dates.invoices:
        if invoice.sent_on and invoice.paid_on and invoice.paid_on < invoice.sent_on:
            yield Said(
                "paid_before_sent",
                f"The payment of {invoice} was received on {invoice.paid_on}, before it was sent ({invoice.sent_on}).",
                "paid_on",
            )


def odd(dates: Dates) -> Iterator[Said]:
    """What is possible and worth a second look."""
    start, end, closed = dates.effective_date, dates.end_date, dates.close_date
    if start and closed and closed > start:
        yield Said(
            "signed_after_start",
            f"It was signed on {closed}, after the service started ({start}).",
            "close_date",
        )
    sent = min((one for one in dates.invoices if one.sent_on), key=lambda one: one.sent_on or date.max, default=None)
    if sent and closed and sent.sent_on and sent.sent_on < closed:
        yield Said(
            "invoice_before_signature",
            f"Its first invoice was sent on {sent.sent_on}, before the last party signed ({closed}).",
            "invoice_date",
        )
    if start and end and dates.term_months and end > start and end_date_of(start, dates.term_months) != end:
        made = months_of_term(start, end)
        span = _months(made) if made else f"{(end - start).days + 1:,} days"
        yield Said(
            "term_differs",
            f"The term is {_months(dates.term_months)}, and from {start} to {end} are {span}.",
            "term_months",
        )
    yield from _odd_length(dates)


def _odd_length(dates: Dates) -> Iterator[Said]:
    start, end = dates.effective_date, dates.end_date
    days = (end - start).days + 1 if start and end and end > start else None
    long_term = dates.term_months is not None and dates.term_months >= ODD_MONTHS
    long_dates = start is not None and end is not None and _reaches(start, end)
    if long_term or long_dates:
        yield Said("long_term", "The term is ten years or longer.", "term_months" if long_term else "end_date")
    if days is None and dates.term_months:
        days = dates.term_months * 30
    if dates.notice_days and days is not None and dates.notice_days > days:
        yield Said(
            "notice_longer_than_term",
            f"The notice of {dates.notice_days:,} days is longer than the term ({days:,} days).",
            "notice_days",
        )


def _reaches(start: date, end: date) -> bool:
    """Whether service lasts for ten years or longer."""
    ten_years = end_date_of(start, ODD_MONTHS)
    return ten_years is not None and end >= ten_years


def end_date_of(start: date, months: int) -> date | None:
    """As `end_of_term`; None beyond the calendar."""
    try:
        return end_of_term(start, months)
    except OverflowError:
        return None


def _months(count: int) -> str:
    return f"{count} month" if count == 1 else f"{count} months"


def days_served(effective_date: date, end_date: date, terminated_on: date) -> tuple[int, int]:
    """Days of service until the termination, and days that were agreed."""
    agreed = (end_date - effective_date).days + 1
    return max(0, min((terminated_on - effective_date).days, agreed)), agreed


def amount_served(amount: Decimal, effective_date: date, end_date: date, terminated_on: date) -> Decimal:
    """What of the amount a terminated contract counts for: pro rata for the days it was served, to the cent."""
    served, agreed = days_served(effective_date, end_date, terminated_on)
    return (amount * served / agreed).quantize(CENT, ROUND_HALF_UP)


def sentences(found: Iterable[Said]) -> list[str]:
    """The sentences alone."""
    return [one.message for one in found]
