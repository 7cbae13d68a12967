"""How a Salesforce object is described: what each column of its file becomes here, and what a row cannot do without."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from crm.core.records import Record
from crm.handbook.document import Handbook, SalesforceMap
from crm.imports.salesforce.states import Cell, Placing, Times
from leads.models import LINKEDIN_PROFILE

if TYPE_CHECKING:
    from crm.imports.report import Report
    from crm.imports.salesforce.columns import Layout

# The standard objects have no column for it; these are the names that people give the one they add.
LINKEDIN = re.compile(
    r"(?:\w+__)?linked_?in(?:_?(?:profile|company|page|member))*(?:_?(?:url|link|address))?(?:__c)?", re.IGNORECASE
)
# Told in one sentence a file: an export without its users has one in every row.
NOBODY = "nobody_known"
TWICE = "there_already"


@dataclass(frozen=True, slots=True)
class Link:
    """A column that holds another record's id. `required`: a new record cannot be stored without it.

    `prefixes`: a column that may lead to several objects leads to this one when the id begins so. `through`: the
    object and its column that lead to the record as well, as a contract does to its account. `else_importer`: a user
    who is not known here is replaced by whoever imports.
    """

    source: str
    column: str
    object: str
    required: bool = False
    prefixes: tuple[str, ...] = ()
    through: tuple[str, str] | None = None
    else_importer: bool = False


@dataclass(frozen=True, slots=True)
class Need:
    """Columns of which one must be filled: what the database asks of every record.

    `profile` is the one among them that counts only if it names a person on LinkedIn.
    """

    columns: tuple[str, ...]
    code: str
    message: str
    profile: str = ""

    def lacks(self, column: str, value: str) -> str:
        """SQL: whether this value of the column is not enough."""
        return f"linkedin_key({value}) !~ '{LINKEDIN_PROFILE}'" if column == self.profile else f"{value} = ''"


@dataclass(frozen=True, slots=True)
class Words:
    """A picklist: the column it becomes, the handbook's map from their words, and the list ours are labelled in."""

    column: str
    map: SalesforceMap
    labels: str


@dataclass(frozen=True, slots=True)
class Around:
    """What a row is read against: its times, the handbook, the time of the import, and names from files beside it."""

    times: Times
    book: Handbook
    at: datetime
    names: Mapping[str, str]
    known: dict[tuple[str, str], str | None]

    def ours(self, name: SalesforceMap, word: str) -> str | None:
        """Our key for their word; None if the handbook has none. A file says the same few words a million times."""
        if (name, word) not in self.known:
            found = self.book.from_salesforce(name, word)
            # A free text column in a picklist's place must not fill the memory.
            if len(self.known) > 10_000:
                return found
            self.known[name, word] = found
        return self.known[name, word]

    def label(self, place: str, key: str) -> str:
        """What people read for one of our keys; remembered, because it is asked for with every row."""
        if (place, key) not in self.known:
            self.known[place, key] = self.book.label(place, key)
        return self.known[place, key] or key


@dataclass(slots=True)
class Reading:
    """What several columns of a row say together: values of fields, what is kept, flags, and why it must be held."""

    values: dict[str, str] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    flags: list[tuple[str, str]] = field(default_factory=list)
    hold: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Derived:
    """Fields that several columns say together. `sources` are the file's columns that `read` takes; `beside` are
    staged with the fields and stored nowhere, with their SQL types; `holds` are its reasons to hold.

    `columns` has each field with the sets of the file's columns that say it. A file that has none of these sets whole
    gives the field to new records, and leaves it as it is in those that are here: what it lacks says nothing.
    """

    columns: Mapping[str, tuple[frozenset[str], ...]]
    sources: tuple[str, ...]
    read: Callable[[Cell, Around], Reading]
    beside: Mapping[str, str] = field(default_factory=dict)
    holds: tuple[str, ...] = ()


def any_of(*names: str, beside: tuple[str, ...] = ()) -> tuple[frozenset[str], ...]:
    """The sets of which each has one of these columns, and all those that it says nothing without."""
    return tuple(frozenset({name, *beside}) for name in names)


@dataclass(frozen=True, slots=True)
class Past:
    """A file of what was changed in records: `field` is theirs of the status, `map` the handbook's for its words."""

    field: str
    map: SalesforceMap


@dataclass(frozen=True, slots=True)
class Kind:
    """One Salesforce object: `name` is also that of its file. `flow` says how its status is placed."""

    name: str
    model: type[Record]
    required: tuple[str, ...]
    fields: dict[str, str]
    words: dict[str, Words]
    links: tuple[Link, ...]
    needs: tuple[Need, ...]
    flow: Placing | None = None
    # Statuses that no file moves a record out of, and those that come with columns of their own.
    protected: tuple[str, ...] = ()
    come_with: dict[str, tuple[str, ...]] = field(default_factory=dict)
    came_from: bool = False
    derived: Derived | None = None
    # Links of which one must lead somewhere, and columns that no two records share.
    together: tuple[str, ...] = ()
    unique: tuple[str, ...] = ()
    # Two dates of which the second comes after the first.
    in_order: tuple[str, str] | None = None
    # A file of changes: `model` is that of the records that were changed.
    past: Past | None = None
    # Told what was stored, while it is still staged.
    after: Callable[[Any, Layout, str, Report], None] | None = None

    @property
    def object(self) -> str:
        """Our name of it, as external ids and the change log have it."""
        return str(self.model._meta.model_name)

    @property
    def key(self) -> str:
        """Its name in our spelling (`campaign_member`): held rows have it, because several files become touches."""
        return snake(self.name)

    @property
    def needed_links(self) -> tuple[Link, ...]:
        """The links that a record cannot be stored without (a lead: once it is converted)."""
        return tuple(link for link in self.links if link.required)

    @property
    def holds(self) -> set[str]:
        """Every code for which a row of it is held until a person mends it."""
        found = {*(need.code for need in self.needs), *(f"{link.object}_not_found" for link in self.needed_links)}
        found |= {NOBODY} if self.together else set()
        found |= {TWICE} if self.unique else set()
        return found | set(self.derived.holds if self.derived else ())

    def may_be_held(self, state: str) -> bool:
        """Whether a row in this status waits for a person when what it needs is not found."""
        if self.together or self.unique or self.past:
            return True
        return any(not self.come_with or link.column in self.come_with.get(state, ()) for link in self.needed_links)


def snake(name: str) -> str:
    """`CampaignMember` as `campaign_member`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


OWNER = Link("OwnerId", "owner_id", "user")
