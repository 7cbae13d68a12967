"""What a forecast is asked for: a fiscal quarter, whose opportunities, and which of them a number counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from django.utils.dateparse import parse_date

from crm import handbook
from crm.core.days import EARLIEST, LATEST
from crm.core.errors import Missing, Refused
from crm.enquiries.attainment_asked import NOBODY, read_id, read_word
from crm.reviews import periods

OPEN_PARTS = ("commit", "best_case", "pipeline", "omitted")
# What an opportunity counts as. Past due are also those that count in a category while the quarter runs; the last two
# are in no forecast: their close date has passed before the quarter, or there is none.
LATE = "past_due"
PARTS = ("won", *OPEN_PARTS, LATE, "earlier", "undated")
# Numbers that count several parts.
SEVERAL = {"open": OPEN_PARTS, "counted": ("won", *OPEN_PARTS)}
LACKS = ("amount", "rate")


@dataclass(frozen=True, slots=True)
class Asked:
    """The quarter that begins on `quarter`; `owner` and `team` (the owner's now) are ids, 0 for nobody, None for all.

    A number also has its `part` (of PARTS or SEVERAL), and `lack` where it counts those without an amount or without a
    rate for it.
    """

    quarter: date
    owner: int | None = None
    team: int | None = None
    part: str = ""
    lack: str = ""

    @property
    def first(self) -> date:
        """The first day of the quarter."""
        return self.quarter

    @property
    def last(self) -> date:
        """Its last day."""
        return periods.quarter_of(self.quarter, start_month())[1]

    @property
    def label(self) -> str:
        """What the quarter is called."""
        return periods.label(self.quarter, start_month())

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts that are counted; none named: all."""
        return SEVERAL.get(self.part, (self.part,)) if self.part else PARTS

    @property
    def parameters(self) -> dict[str, str]:
        """As it stands in an address."""
        found = {"quarter": self.quarter.isoformat()}
        for name in ("owner", "team"):
            value = getattr(self, name)
            if value is not None:
                found[name] = str(value) if value else NOBODY
        return found | {name: value for name in ("part", "lack") if (value := getattr(self, name))}


PARAMETERS = ("quarter", "owner", "team")
NAMES = (*PARAMETERS, "part", "lack")


def start_month() -> int:
    """The month in which the company's fiscal year begins."""
    return handbook.current().company.fiscal_year_start


def quarter_now(at: datetime) -> date:
    """The first day of the fiscal quarter it is."""
    return periods.quarter_of(handbook.current().today(at), start_month())[0]


def read_asked(params: Mapping[str, str], *, at: datetime) -> Asked:
    """What an address asks for; the present quarter where it names none, else the one that its day lies in.

    Raises:
        Refused: `missing_facts`, with a `Missing` for each parameter whose value will not do.
    """
    wrong: list[Missing] = []
    asked = Asked(
        _quarter(params, wrong) or quarter_now(at),
        owner=read_id(params, "owner", wrong),
        team=read_id(params, "team", wrong),
        part=read_word(params, "part", [*PARTS, *SEVERAL], wrong),
        lack=read_word(params, "lack", list(LACKS), wrong),
    )
    if wrong:
        raise Refused("missing_facts", " ".join(item.message for item in wrong), wrong)
    return asked


def _quarter(params: Mapping[str, str], wrong: list[Missing]) -> date | None:
    text = params.get("quarter", "")
    if not text:
        return None
    try:
        found = parse_date(text)
    except ValueError:
        found = None
    if found is None or not EARLIEST <= found <= LATEST:
        said = f"Quarter: a day in it between {EARLIEST.year} and {LATEST.year}, as 2026-01-01."
        wrong.append(Missing("invalid_quarter", said, "quarter"))
        return None
    return periods.quarter_of(found, start_month())[0]
