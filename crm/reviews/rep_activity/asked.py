"""What figures of rep activity are asked for: days of the company's calendar, whose, and which records of a figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from crm import handbook
from crm.core.errors import Missing, Refused
from crm.core.text import whole_number
from crm.enquiries.attainment_asked import LARGEST_ID, MOST_DAYS, NOBODY, midnight, read_day, read_id, read_word

DEFAULT_DAYS = 30
# What a number counts: touches, promises by what became of them, or what became of conversions.
TOUCHES = ("touches", "outreach", "reached", "excess", "window", "not_held")
PROMISES = ("kept", "late", "rewritten", "dropped", "past_due", "open", "decided", "broken")
CONVERSIONS = ("converted", "returned")
WHATS = (*TOUCHES, *PROMISES, *CONVERSIONS)
PARAMETERS = ("since", "until", "owner", "team", "account")
# A number says also what it counts, of which kind, and with whom; `touch` is the last one of a window.
NAMES = (*PARAMETERS, "what", "kind", "person", "touch")
PEOPLE = ("contact", "lead")


@dataclass(frozen=True, slots=True)
class Asked:
    """The days from `since` to `until`, both with, of the company's calendar.

    `owner`, `team`, `account`: an id, 0 for nobody's, None for all. `team` is the one that the owner is in now; of
    answers, the one at the verdict. `person`: “contact-12” or “lead-7”, whom touches were with.
    """

    since: date
    until: date
    owner: int | None = None
    team: int | None = None
    account: int | None = None
    what: str = ""
    kind: str = ""
    person: str = ""
    touch: int | None = None

    @classmethod
    def days(cls, count: int, at: datetime) -> Asked:
        """The last so many days of the company's calendar, today with them."""
        today = handbook.current().today(at)
        return cls(today - timedelta(days=count - 1), today)

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        """From when, and before when: midnights of the company's zone."""
        return midnight(self.since), midnight(self.until + timedelta(days=1))

    @property
    def who(self) -> tuple[str, int] | None:
        """Whom touches were with: “contact” or “lead”, and the id."""
        kind, _, number = self.person.partition("-")
        return (kind, int(number)) if number else None

    @property
    def page(self) -> Asked:
        """The same without what one number of the page says more."""
        return replace(self, what="", kind="", person="", touch=None)

    @property
    def parameters(self) -> dict[str, str]:
        """As it stands in an address."""
        found = {"since": self.since.isoformat(), "until": self.until.isoformat()}
        for name in ("owner", "team", "account", "touch"):
            value = getattr(self, name)
            if value is not None:
                found[name] = str(value) if value else NOBODY
        for name in ("what", "kind", "person"):
            if value := getattr(self, name):
                found[name] = value
        return found


def read_asked(params: Mapping[str, str], *, at: datetime) -> Asked:
    """What an address asks for; the last 30 days where it names none.

    Raises:
        Refused: `missing_facts`, with a `Missing` for each parameter whose value will not do.
    """
    wrong: list[Missing] = []
    until = read_day(params, "until", wrong) or handbook.current().today(at)
    since = read_day(params, "since", wrong) or until - timedelta(days=DEFAULT_DAYS - 1)
    if since > until:
        wrong.append(Missing("invalid_since", "Since: not after the last day.", "since"))
    elif (until - since).days > MOST_DAYS:
        wrong.append(Missing("invalid_since", "Since: three years at most before the last day.", "since"))
    asked = Asked(
        since,
        until,
        owner=read_id(params, "owner", wrong),
        team=read_id(params, "team", wrong),
        account=read_id(params, "account", wrong),
        what=read_word(params, "what", list(WHATS), wrong),
        # A kind that left the handbook has touches all the same.
        kind=params.get("kind", "")[:50].replace("\0", ""),
        person=_person(params, wrong),
        touch=read_id(params, "touch", wrong),
    )
    if wrong:
        raise Refused("missing_facts", " ".join(item.message for item in wrong), wrong)
    return asked


def _person(params: Mapping[str, str], wrong: list[Missing]) -> str:
    text = params.get("person", "")
    kind, _, given = text.partition("-")
    number = whole_number(given)
    if not text:
        return ""
    if kind not in PEOPLE or number is None or number > LARGEST_ID:
        wrong.append(Missing("invalid_person", "Person: as contact-12 or lead-7.", "person"))
        return ""
    return f"{kind}-{number}"
