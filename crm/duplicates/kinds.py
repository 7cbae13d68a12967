"""What an app says of its records so that they can be merged: in its module `merging`, which is found at the start.

`register(Mergeable(Lead, ...))` for merging within a kind, `register_crossing(Crossing(Lead, Contact, ...))` for what
becomes one of another kind. What points at a merged record is found by walking every foreign key there is
(crm.duplicates.references); only where a key cannot simply be turned does an app say what happens instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import models

from crm.activities.naming import Named
from crm.core.errors import Refused
from crm.core.records import Record

if TYPE_CHECKING:
    from crm.people.models import User


@dataclass(slots=True)
class Merge:
    """One merge under way: the records under their locks, what was chosen, and what follows from it.

    `values` are the survivor's new ones by field; `moved` are fields that a hook has set on the instance already, as a
    status with its move; `carried` is what the tombstone of each merged record keeps to be
    put back; `notes` are said to who merges.
    """

    survivor: Any
    others: list[Any]
    actor: User
    at: datetime
    via: str
    reason: str
    values: dict[str, Any] = field(default_factory=dict)
    moved: list[str] = field(default_factory=list)
    carried: dict[tuple[str, int], dict[str, list[Any]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def records(self) -> list[Any]:
        """The survivor and all others."""
        return [self.survivor, *self.others]

    def carry(self, record: Any, what: str, row: Any) -> None:
        """Keep with a merged record's tombstone what the change log does not have."""
        name = str(record._meta.model_name)
        self.carried.setdefault((name, record.pk), {}).setdefault(what, []).append(row)


Refuse = Callable[[Any, Sequence[Any]], Refused | None]
Hook = Callable[[Merge], None]
# What is done with a row that cannot point at the survivor as well: (what stays, what clashes, the merge).
Clash = Callable[[Any, Any, Merge], None]
# What is done with the rows of one foreign key that has no counterpart where the record goes.
Cross = Callable[[Merge, Any, Any], None]


def nothing(*args: Any) -> None:
    """Nothing to say, or to do."""


def no_keys(records: Sequence[Any]) -> Iterable[tuple[str, str]]:
    """Nothing to hold."""
    return ()


@dataclass(frozen=True, slots=True)
class Mergeable:
    """How records of one kind are merged.

    `evidence` has the key columns by what they are (`{"email": ("email_key",)}`), `more_evidence` SQL for keys in other
    tables (id, key), `no_evidence` keys that say nothing. Names are alike by `name_key` (SQL of the row r) or `stem`, a
    rule of its own; `alike` finds those of a similar name.
    `together` has the fields that are taken whole from one record, by their label; `spare` where another's value goes
    when the survivor has its own and the spare field is empty; `empty` values that say nothing; `aside` fields that are
    no choice. `holds` are the locks around find-or-make of these records, `named` what a suppression of this scope
    would hold on to of a record; `after` runs once everything is turned and the others are gone, before the survivor is
    written.
    """

    model: type[Record]
    evidence: Mapping[str, tuple[str, ...]]
    together: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    spare: Mapping[str, str] = field(default_factory=dict)
    empty: Mapping[str, Any] = field(default_factory=dict)
    aside: frozenset[str] = frozenset()
    more_evidence: Mapping[str, str] = field(default_factory=dict)
    no_evidence: Callable[[], Mapping[str, Iterable[str]]] = dict
    name_key: str = ""
    stem: Callable[[str], str] | None = None
    alike: Callable[[str, int], Iterable[Any]] | None = None
    holds: Callable[[Sequence[Any]], Iterable[tuple[str, str]]] = no_keys
    named: Callable[[Any, str], list[Named]] | None = None
    refuse: Refuse = nothing
    after: Hook = nothing
    clashes: Mapping[str, Clash] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the change log calls it."""
        return str(self.model._meta.model_name)


@dataclass(frozen=True, slots=True)
class Crossing:
    """How a record of one kind becomes one of another: a lead, a contact.

    `fields` has the target's fields by where their value stands in the origin; `links` says of every foreign key to the
    origin (`"activities.Activity.lead"`) which key of the same row points at the target instead, or what is done;
    `only` is SQL (of the row r) for those that are looked for.
    """

    origin: type[Record]
    target: type[Record]
    fields: Mapping[str, str]
    links: Mapping[str, str | Cross]
    only: str = ""
    refuse: Refuse = nothing
    after: Hook = nothing


_kinds: dict[str, Mergeable] = {}
_crossings: dict[tuple[str, str], Crossing] = {}
_clashes: dict[str, Clash] = {}


def register(kind: Mergeable) -> Mergeable:
    """Make known how a kind is merged, and what is done about its constraints."""
    _kinds[kind.name] = kind
    _clashes.update(kind.clashes)
    return kind


def register_crossing(crossing: Crossing) -> Crossing:
    """Make known how records of one kind become records of another."""
    _crossings[str(crossing.origin._meta.model_name), str(crossing.target._meta.model_name)] = crossing
    return crossing


def register_links(origin: type[Record], target: type[Record], links: Mapping[str, str | Cross]) -> None:
    """Say what becomes of further foreign keys to the origin, which a higher layer has."""
    known = crossing_of(origin, target)
    register_crossing(replace(known, links={**known.links, **links}))


def register_clashes(**clashes: Clash) -> None:
    """Say what is done with a row that a unique constraint, named here, forbids to point at the survivor as well."""
    _clashes.update(clashes)


def kinds() -> dict[str, Mergeable]:
    """Every kind that can be merged, by the change log's name."""
    return dict(_kinds)


def crossings() -> list[Crossing]:
    """Every way from one kind into another."""
    return list(_crossings.values())


def clash_of(constraint: str) -> Clash | None:
    """What is done about a constraint."""
    return _clashes.get(constraint)


def kind_of(name: str) -> Mergeable:
    """The kind of that name.

    Raises:
        Refused: `unknown_kind`.
    """
    if name not in _kinds:
        raise Refused("unknown_kind", f"“{name[:40]}” are not merged: {', '.join(_kinds)} are.")
    return _kinds[name]


def crossing_of(origin: type[models.Model], target: type[models.Model]) -> Crossing:
    """The way from one kind into another.

    Raises:
        Refused: `other_kind` where there is none.
    """
    found = _crossings.get((str(origin._meta.model_name), str(target._meta.model_name)))
    if found is None:
        one, other = origin._meta.verbose_name, target._meta.verbose_name
        raise Refused("other_kind", f"A {one} is not merged into a {other}.")
    return found
