"""What the pipeline is asked for: whose opportunities, and those that close when; and which of them a number counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from accounts.models import Account
from contracts.stages import stage_choices, stage_keys
from crm import handbook
from crm.core.days import EARLIEST, LATEST
from crm.core.errors import Missing, Refused
from crm.core.text import tidy, whole_number
from crm.enquiries.attainment_asked import LARGEST_ID, NOBODY, midnight, read_day, read_id, read_word

UNTYPED = UNDATED = UNKNOWN = NOBODY
LACKS = ("amount", "rate")
NARROWING = ("owner", "team", "type", "account", "close_since", "close_until")
# A number also says what it is of.
NAMES = (*NARROWING, "stage", "month", "lack", "currency")
MOST_DAYS = 10 * 366
LONGEST_NAME = 255


@dataclass(frozen=True, slots=True)
class Asked:
    """Opportunities that close on the days from `close_since` to `close_until`, both with; without either: all.

    `owner`, `team` (of the owner, as it is now) and `account` are ids, 0 for nobody, None for all; `type` is a key,
    `none` for those without. A number may be of one `stage` (`none`: one that the handbook does not have), of one
    `month` of closing (its first day, or `none` without a close date), or of those that lack something: an `amount`,
    or a `rate` for their `currency`.
    """

    owner: int | None = None
    team: int | None = None
    type: str = ""
    account: int | None = None
    close_since: date | None = None
    close_until: date | None = None
    stage: str = ""
    month: str = ""
    lack: str = ""
    currency: str = ""

    @property
    def narrowed(self) -> Asked:
        """What a page is narrowed to, without what one number is of."""
        return replace(self, stage="", month="", lack="", currency="")

    @property
    def parameters(self) -> dict[str, str]:
        """As it stands in an address."""
        found: dict[str, str] = {}
        for name in NAMES:
            value = getattr(self, name)
            if isinstance(value, date):
                found[name] = value.isoformat()
            elif isinstance(value, int):
                found[name] = str(value) if value else NOBODY
            elif value:
                found[name] = value
        return found

    def conditions(self, named: str = "asked") -> tuple[list[str], dict[str, Any]]:
        """What the rows of `valued` have to fulfil, as SQL about `o`, with its parameters."""
        clauses: list[str] = []
        given: dict[str, Any] = {}

        def ask(clause: str, value: Any = None) -> None:
            name = f"{named}_{len(clauses)}"
            clauses.append(clause.format(f"%({name})s"))
            if value is not None:
                given[name] = value

        if self.owner is not None:
            ask("o.owner_id = {}" if self.owner else "o.owner_id IS NULL", self.owner or None)
        if self.team is not None:
            members = "SELECT FROM people_user u WHERE u.id = o.owner_id AND u.team_id"
            ask(f"EXISTS ({members} = {{}})" if self.team else f"NOT EXISTS ({members} > 0)", self.team or None)
        if self.account is not None:
            ask("o.account_id = {}", self.account)
        if self.type:
            ask("o.type = {}", "" if self.type == UNTYPED else self.type)
        if self.close_since:
            ask("o.close_on >= {}", self.close_since)
        if self.close_until:
            ask("o.close_on <= {}", self.close_until)
        if self.stage == UNKNOWN:
            ask("o.kind = ''")
        elif self.stage:
            ask("o.stage = {}", self.stage)
        if self.month == UNDATED:
            ask("o.close_on IS NULL")
        elif self.month:
            ask("date_trunc('month', o.close_on)::date = {}", date.fromisoformat(self.month))
        if self.lack:
            ask("o.amount IS NULL" if self.lack == "amount" else "o.amount IS NOT NULL AND o.worth IS NULL")
        if self.currency:
            ask("o.currency = {}", self.currency)
        return clauses, given


@dataclass(frozen=True, slots=True)
class Between:
    """The ends of two days of the company's calendar, and what is compared between them."""

    start: date
    end: date
    asked: Asked

    @property
    def moments(self) -> tuple[datetime, datetime]:
        """The last moment of each day."""
        return end_of(self.start), end_of(self.end)

    @property
    def parameters(self) -> dict[str, str]:
        """As it stands in an address."""
        return {"from": self.start.isoformat(), "to": self.end.isoformat(), **self.asked.parameters}


def end_of(day: date) -> datetime:
    """The last moment of a day where the company is."""
    return midnight(day + timedelta(days=1)) - timedelta(microseconds=1)


def read_asked(params: Mapping[str, str]) -> Asked:
    """What an address asks for.

    Raises:
        Refused: `missing_facts`, with a `Missing` for each parameter whose value will not do.
    """
    wrong: list[Missing] = []
    asked = _read(params, wrong)
    _refuse(wrong)
    return asked


def read_between(params: Mapping[str, str], *, at: datetime) -> Between:
    """What a waterfall is asked for: until today, and from a week before the last day, where it names no days.

    Raises:
        Refused: as `read_asked`.
    """
    wrong: list[Missing] = []
    today = handbook.current().today(at)
    end = read_day(params, "to", wrong) or today
    start = read_day(params, "from", wrong) or max(EARLIEST, end - timedelta(days=7))
    if start >= end:
        wrong.append(Missing("invalid_from", "From: a day before the last one.", "from"))
    elif (end - start).days > MOST_DAYS:
        wrong.append(Missing("invalid_from", "From: ten years at most before the last day.", "from"))
    if end > today:
        wrong.append(Missing("invalid_to", "To: today at the latest; what is to come is not in the records.", "to"))
    asked = _read(params, wrong)
    _refuse(wrong)
    return Between(start, end, asked)


def _read(params: Mapping[str, str], wrong: list[Missing]) -> Asked:
    book = handbook.current()
    asked = Asked(
        owner=read_id(params, "owner", wrong),
        team=read_id(params, "team", wrong),
        type=read_word(params, "type", [*(key for key, _ in book.choices("opportunity.types")), UNTYPED], wrong),
        account=_account(params, wrong),
        close_since=read_day(params, "close_since", wrong),
        close_until=read_day(params, "close_until", wrong),
        stage=read_word(params, "stage", [*stage_keys("open"), UNKNOWN], wrong),
        month=_month(params, wrong),
        lack=read_word(params, "lack", list(LACKS), wrong),
        currency=_currency(params, wrong),
    )
    if asked.close_since and asked.close_until and asked.close_since > asked.close_until:
        wrong.append(Missing("invalid_close_since", "Closes from: not after the last day.", "close_since"))
    return asked


def _account(params: Mapping[str, str], wrong: list[Missing]) -> int | None:
    """An account by its id, or by its whole name."""
    text = tidy(params.get("account", ""))
    if not text:
        return None
    number = whole_number(text)
    if number is None or number > LARGEST_ID:
        found = list(Account.objects.filter(name__iexact=text[:LONGEST_NAME]).values_list("pk", flat=True)[:2])
        if len(found) != 1:
            said = "several are called so: give its id" if found else "none is called so"
            wrong.append(Missing("invalid_account", f"Account: {said}.", "account"))
            return None
        number = found[0]
    return number or None


def _month(params: Mapping[str, str], wrong: list[Missing]) -> str:
    text = params.get("month", "")
    if not text or text == UNDATED:
        return text
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = LATEST
    if day.day != 1 or not EARLIEST <= day <= LATEST:
        wrong.append(Missing("invalid_month", f"Month: its first day, as 2026-03-01, or “{UNDATED}”.", "month"))
        return ""
    return day.isoformat()


def _currency(params: Mapping[str, str], wrong: list[Missing]) -> str:
    text = params.get("currency", "")
    if text and not (len(text) == 3 and text.isascii() and text.isalpha() and text.isupper()):
        wrong.append(Missing("invalid_currency", "Currency: its three letters, as EUR.", "currency"))
        return ""
    return text


def _refuse(wrong: list[Missing]) -> None:
    if wrong:
        raise Refused("missing_facts", " ".join(item.message for item in wrong), wrong)


def stage_labels() -> dict[str, str]:
    """Stages as the handbook names them; of one that is not known, and one that it does not have, what is said."""
    return {"": "Not on record", **dict(stage_choices())}
