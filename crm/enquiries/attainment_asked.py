"""What figures of response times are asked for: a period in the company's calendar, and of which enquiries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from django.utils.dateparse import parse_date

from crm import handbook
from crm.core.days import EARLIEST, LATEST
from crm.core.errors import Missing, Refused
from crm.core.text import whole_number

WEEK = timedelta(weeks=1)
DEFAULT_WEEKS = 13
MOST_DAYS = 3 * 366
NOBODY = "none"
LARGEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Asked:
    """The days from `since` to `until`, both with, of the company's calendar, by when an enquiry was received.

    `owner` and `team` are those at the verdict (see `attainment`), `voider` is who voided: an id, 0 for nobody, None
    for all.
    """

    since: date
    until: date
    channel: str = ""
    policy: str = ""
    owner: int | None = None
    team: int | None = None
    standing: str = ""
    voider: int | None = None

    @classmethod
    def weeks(cls, count: int, at: datetime) -> Asked:
        """The last so many weeks of the company's calendar, from a Monday until today."""
        today = handbook.current().today(at)
        return cls(monday_of(today) - WEEK * (count - 1), today)

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        """From when, and before when: midnights of the company's zone, whatever the clocks did in between."""
        return midnight(self.since), midnight(self.until + timedelta(days=1))

    @property
    def mondays(self) -> Iterator[date]:
        """The Monday of each week that the period touches."""
        day = monday_of(self.since)
        while day <= self.until:
            yield day
            day += WEEK

    def of_week(self, monday: date) -> Asked:
        """The same, of one week as far as it is in the period."""
        return replace(self, since=max(self.since, monday), until=min(self.until, monday + timedelta(days=6)))

    @property
    def parameters(self) -> dict[str, str]:
        """As it stands in an address."""
        found = {"since": self.since.isoformat(), "until": self.until.isoformat()}
        for name in ("channel", "policy", "standing"):
            if value := getattr(self, name):
                found[name] = value
        for name in ("owner", "team", "voider"):
            value = getattr(self, name)
            if value is not None:
                found[name] = str(value) if value else NOBODY
        return found


PARAMETERS = ("since", "until", "channel", "owner", "team", "policy")
# A number of the page says also what became of the promise, and who voided.
NAMES = (*PARAMETERS, "standing", "voider")
STANDINGS = ("met", "breached", "open", "voided", "no_promise", "barred")


def read_asked(params: Mapping[str, str], *, at: datetime) -> Asked:
    """What an address asks for; the last 13 weeks where it names no days.

    Raises:
        Refused: `missing_facts`, with a `Missing` for each parameter whose value will not do.
    """
    wrong: list[Missing] = []
    usual = Asked.weeks(DEFAULT_WEEKS, at)
    until = read_day(params, "until", wrong) or usual.until
    since = read_day(params, "since", wrong)
    if since is None:
        since = min(usual.since, monday_of(until))
        if params.get("until"):
            since = monday_of(until) - WEEK * (DEFAULT_WEEKS - 1)
    if since > until:
        wrong.append(Missing("invalid_since", "Since: not after the last day.", "since"))
    elif (until - since).days > MOST_DAYS:
        wrong.append(Missing("invalid_since", "Since: three years at most before the last day.", "since"))
    book = handbook.current()
    asked = Asked(
        since,
        until,
        channel=read_word(params, "channel", [key for key, _ in book.choices("enquiry.channels")], wrong),
        policy=read_word(params, "policy", [one.key for one in book.policies], wrong),
        owner=read_id(params, "owner", wrong),
        team=read_id(params, "team", wrong),
        standing=read_word(params, "standing", list(STANDINGS), wrong),
        voider=read_id(params, "voider", wrong),
    )
    if wrong:
        raise Refused("missing_facts", " ".join(item.message for item in wrong), wrong)
    return asked


def monday_of(day: date) -> date:
    """The first day of its week."""
    return day - timedelta(days=day.weekday())


def midnight(day: date) -> datetime:
    """When a day begins where the company is."""
    return datetime.combine(day, time(), tzinfo=handbook.current().zone)


def read_day(params: Mapping[str, str], name: str, wrong: list[Missing]) -> date | None:
    """A day of an address; what will not do is added to `wrong`."""
    text = params.get(name, "")
    if not text:
        return None
    try:
        found = parse_date(text)
    except ValueError:
        found = None
    if found is None or not EARLIEST <= found <= LATEST:
        wrong.append(Missing(f"invalid_{name}", f"{name.capitalize().replace('_', ' ')}: a day, as 2026-03-04.", name))
        return None
    return found


def read_word(params: Mapping[str, str], name: str, known: list[str], wrong: list[Missing]) -> str:
    """One of the known words of an address; what will not do is added to `wrong`."""
    text = params.get(name, "")
    if text and text not in known:
        wrong.append(Missing(f"invalid_{name}", f"{name.capitalize()}: one of {', '.join(known)}.", name))
        return ""
    return text


def read_id(params: Mapping[str, str], name: str, wrong: list[Missing]) -> int | None:
    """An id of an address, 0 for nobody; what will not do is added to `wrong`."""
    text = params.get(name, "")
    if not text:
        return None
    number = 0 if text == NOBODY else whole_number(text)
    if number is None or number > LARGEST_ID:
        wrong.append(Missing(f"invalid_{name}", f"{name.capitalize()}: an id, or “{NOBODY}” for nobody.", name))
        return None
    return number
