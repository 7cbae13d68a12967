"""The figures of a forecast as its page has them: every amount with the list of the opportunities behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from crm.reviews.forecast.asked import OPEN_PARTS, Asked
from crm.reviews.forecast.figures import Figures, Forecast, Sum
from crm.reviews.forecast.words import LABELS, apart_words, exact, list_address, names, times, whole

SHOWN = ("won", *OPEN_PARTS, "weighted", "past_due")


@dataclass(frozen=True, slots=True)
class Number:
    """An amount, what it is called, and where the opportunities that it counts are; `more` is what it leaves out."""

    part: str
    label: str
    worth: str
    count: int
    address: str
    more: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: whose, the numbers, and the quota with what is missing. A dash stands for nothing known."""

    label: str
    narrow: str
    numbers: Sequence[Number]
    quota: str
    missing: str
    attained: str
    coverage: str
    met: bool


def number(asked: Asked, figures: Figures, part: str) -> Number:
    """What one part comes to."""
    found = figures.weighted if part == "weighted" else figures[part]
    opens = "open" if part == "weighted" else part
    where = list_address(asked, opens) if found.count else ""
    return Number(part, "Weighted" if part == "weighted" else LABELS[part], whole(found.worth), found.count, where,
                  more(asked, found, opens))  # fmt: skip


def more(asked: Asked, found: Sum, part: str) -> list[tuple[str, str]]:
    """What a sum leaves out, each with its list: what has no amount, and what has no rate."""
    rest = []
    if found.without:
        rest.append((f"{found.without:,} without an amount", list_address(asked, part, "amount")))
    if told := apart_words(found.apart):
        rest.append((f"and {', '.join(told)}", list_address(asked, part, "rate")))
    return rest


def line_of(label: str, asked: Asked, figures: Figures, narrow: str = "") -> Row:
    """One line of figures."""
    told = apart_words(figures.quota_apart)
    quota = ", ".join([*([whole(figures.quota)] if figures.quota is not None else []), *told]) or "–"
    return Row(
        label,
        narrow,
        [number(asked, figures, part) for part in SHOWN],
        quota,
        "–" if figures.missing is None else whole(figures.missing),
        "–" if figures.attained is None else f"{figures.attained}%",
        times(figures.coverage),
        figures.missing == 0,
    )


def by_owner(found: Forecast) -> list[Row]:
    """A line for each owner with anything in the quarter by name, what nobody owns last."""
    shown = [key for key, one in found.owners.items() if one.in_quarter]
    keys = sorted(shown, key=lambda key: (key is None, found.names[key].casefold(), key or 0))
    rows = []
    for key in keys:
        asked = replace(found.asked, owner=key or 0)
        rows.append(line_of(found.names[key], asked, found.owners[key], "?" + urlencode(asked.parameters)))
    return rows


def by_team(found: Forecast) -> list[Row]:
    """A line for each team with anything in the quarter by name, those in none last."""
    shown = [key for key, one in found.teams.items() if one.in_quarter]
    keys = sorted(shown, key=lambda key: (key is None, found.team_names[key].casefold(), key or 0))
    rows = []
    for key in keys:
        asked = replace(found.asked, team=key or 0)
        rows.append(line_of(found.team_names[key], asked, found.teams[key], "?" + urlencode(asked.parameters)))
    return rows


def tiles(found: Forecast) -> list[tuple[str, str, Number | None, str]]:
    """What the page says first: name, amount, what it opens, and a remark."""
    total = found.total
    won, commit, best, weighted = (number(found.asked, total, part) for part in (*SHOWN[:3], "weighted"))
    quota = line_of("", found.asked, total)
    if total.missing is None:
        remark = "" if quota.quota == "–" else "No rate for all of it"
    else:
        remark = "Met" if not total.missing else f"{quota.attained} won"
    return [
        ("Won", won.worth, won, f"{won.count:,} closed won"),
        ("Commit", commit.worth, commit, f"{whole(total.closing)} with what is won"),
        ("Best case", best.worth, best, f"{whole(total.best)} with won and commit"),
        ("Weighted", weighted.worth, weighted, f"{whole(total.expected)} with what is won"),
        ("Quota", quota.quota, None, remark or "Nobody has one yet"),
        ("Missing to the quota", quota.missing, None, coverage_words(total)),
    ]


def coverage_words(total: Figures) -> str:
    """How well what is missing is covered, in words."""
    return "" if total.coverage is None else f"Covered {times(total.coverage)} by what is open"


def outside(found: Forecast) -> list[Number]:
    """What is open and in no forecast, of any quarter."""
    over = ["past_due"] if found.over else []
    rows = [number(found.asked, found.total, part) for part in (*over, "earlier", "undated")]
    return [one for one in rows if one.count]


def apart(total: Figures) -> list[tuple[str, str]]:
    """What could not be added for want of a rate: what it is, and how much."""
    sums = [(LABELS[part], total[part].apart) for part in ("won", *OPEN_PARTS)] + [("Quota", total.quota_apart)]
    return [
        (label, exact(amount, currency))
        for label, apart in sums
        for currency, amount in sorted(apart.items())
        if amount
    ]


def name_of(owner: int) -> str:
    """Whose it is narrowed to."""
    return names([owner]).get(owner, "Nobody" if not owner else f"User {owner}")
