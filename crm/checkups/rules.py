"""The registry of rules. An app registers its own in its module `checkups`, which is found when Plumb starts.

    @checkup("opportunities.next_step", title="Open opportunities have a next step", row="K4", severity="error")
    def next_step(look: Look) -> Iterator[Rows]:
        yield Rows(Opportunity.objects.open(), Q(next_step=""), expected="A next step", found=lambda deal: "None", ...)

What should be is in the handbook file (`look.book.checkups`, its lists, limits and layouts), not in the rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Any, TypeVar

from django.db.models import Model, Q, QuerySet

from crm.checkups.models import Area, Severity
from crm.handbook.document import Handbook

Text = str | Callable[[Any], str]


@dataclass(frozen=True)
class Look:
    """One look of a rule: the moment it is true for, and the handbook it is held against."""

    at: datetime
    book: Handbook

    @cached_property
    def today(self) -> date:
        """The company's day."""
        return self.book.today(self.at)


@dataclass(frozen=True, slots=True)
class Sight:
    """Something that is not as it should be. Rule, subject and detail are its identity; the rest may change.

    `subject`: "page:account"; for a record give `record` instead. `detail`: what of it, as a key. `evidence`: what else
    is to be said, as pairs of a label and a text. No rule writes a person's details into them: erasing a person blanks
    what their records hold.
    """

    expected: str
    found: str
    subject: str = ""
    label: str = ""
    detail: str = ""
    record: Model | None = None
    evidence: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Rows:
    """What a rule finds among stored records: in SQL, and in plain Python for who has only one of them.

    `among`: the records that it looks at; `wrong`: which of them are not as they should be, or a function that narrows
    the queryset. `applies` and `means` are the same two in plain Python, over a record with its related records:
    checkups of a file that was never imported ask them, and a test holds both equal. `related` is read along with the
    records that are kept, and so is `prefetch`, where a rule's words need more than one row of another table.
    """

    among: QuerySet[Any]
    wrong: Q | Callable[[QuerySet[Any]], QuerySet[Any]]
    expected: Text
    found: Text
    detail: str = ""
    related: tuple[str, ...] = ()
    prefetch: tuple[str, ...] = ()
    applies: Callable[[Any], bool] | None = None
    means: Callable[[Any], bool] | None = None
    evidence: Callable[[Any], Sequence[tuple[str, str]]] | None = None

    @property
    def found_rows(self) -> QuerySet[Any]:
        """The records that are not as they should be."""
        return self.among.filter(self.wrong) if isinstance(self.wrong, Q) else self.wrong(self.among)

    @property
    def rows(self) -> QuerySet[Any]:
        """The same, with everything that is said of them."""
        rows = self.found_rows.prefetch_related(*self.prefetch)
        return rows.select_related(*self.related) if self.related else rows


@dataclass(frozen=True, slots=True)
class Looked:
    """What a rule that is not about records found: at how many things it looked, and what was wrong with them.

    `note` is said in the run beside the figures, as what was left out and why. `off`: it is not to look, as the
    handbook has it, so that what it found before stays as it is.
    """

    at: int
    sights: Sequence[Sight] = ()
    note: str = ""
    off: bool = False


# What a rule about stored things answers; a rule about pages gets a rendered page (crm.checkups.presentation).
Answer = Looked | Iterable[Rows]


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the written process that is looked after."""

    id: str
    title: str
    row: str
    area: Area
    severity: Severity
    function: Callable[..., Any]
    # "stored", or what is rendered for it: "tabs", "list:account", "page:account".
    scope: str = "stored"
    # The bullet of the handbook page's list 1-5 that it is, as "2.4"; the printed report follows it.
    line: str = ""
    # The key of what puts a finding right (crm.checkups.fixes).
    fix: str = ""
    why: str = ""

    @property
    def is_presentation(self) -> bool:
        """Whether it looks at rendered pages."""
        return self.scope != "stored"

    def severity_by(self, book: Handbook) -> Severity:
        """How much it matters: as the handbook has it, else as the rule was made."""
        own = next((one.severity for one in book.checkups.severities if one.rule == self.id), None)
        return Severity(own) if own else self.severity

    def owner_by(self, book: Handbook) -> str:
        """Who answers for it: an email or the key of a role."""
        return next((one.dri for one in book.checkups.owners if one.area == self.area.value), book.checkups.dri)


F = TypeVar("F", bound=Callable[..., Any])
_rules: dict[str, Rule] = {}


def checkup(
    id: str,
    *,
    title: str,
    row: str,
    severity: str = "warning",
    area: str = "",
    scope: str = "stored",
    line: str = "",
    fix: str = "",
    why: str = "",
) -> Callable[[F], F]:
    """Register a rule. Its area is the first part of its id unless it is said; `row` is its row of the handbook (K4).

    Raises:
        ValueError: when another rule has that id.
    """

    def register(function: F) -> F:
        if id in _rules and _rules[id].function is not function:
            raise ValueError(f"there is a rule {id!r} already")
        found = Area(area or id.partition(".")[0])
        _rules[id] = Rule(id, title, row, found, Severity(severity), function, scope, line, fix, why)
        return function

    return register


def all_rules() -> list[Rule]:
    """Every rule: by area in the page's own order, within an area by line, then by id."""
    order = {area: n for n, area in enumerate(Area)}
    return sorted(_rules.values(), key=lambda rule: (order[rule.area], rule.line or "9", rule.id))


def rule_of(id: str) -> Rule | None:
    """The rule of this id; None for one that this version no longer has."""
    return _rules.get(id)


def known_ids() -> Mapping[str, Rule]:
    """Every rule by its id."""
    return dict(_rules)


@dataclass
class Outcome:
    """What one look of one rule came to, before it is stored."""

    rule: Rule
    seen_at: datetime
    looked_at: int = 0
    total: int = 0
    sights: list[Sight] = field(default_factory=list)
    # Whether whatever is not among the sights is truly gone: false where only a part was looked at, or nothing was.
    # `still` names what is there beside the sights, where more was found than is kept.
    covers: bool = True
    still: set[tuple[str, str]] = field(default_factory=set)
    note: str = ""
    crash: str = ""
    off: bool = False
    milliseconds: int = 0
