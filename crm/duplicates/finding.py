"""Who may be the same as a record that is looked at or being entered: asked now, by the indexed keys."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Q

from crm.activities.covering import CONTACTS, LEADS
from crm.duplicates.evidence import MOST_COMMON, WORDS, keys_entered, keys_of
from crm.duplicates.kinds import Mergeable, crossings, kind_of
from crm.duplicates.models import ACROSS, Pair
from crm.history.words import address_of

# Of these the database has an index on everything that names one.
INDEXED = {"lead": LEADS, "contact": CONTACTS}
MOST = 5


@dataclass(frozen=True, slots=True)
class Likely:
    """A record that may be the same: why, and whether that is a key that both have (else only a similar name)."""

    record: Any
    why: tuple[str, ...]
    exact: bool

    @property
    def ref(self) -> str:
        """As addresses name it."""
        return f"{self.record._meta.model_name}:{self.record.pk}"

    @property
    def address(self) -> str:
        """Its page."""
        return address_of(self.record)

    @property
    def kind(self) -> str:
        """What it is."""
        return str(self.record._meta.verbose_name)

    @property
    def company(self) -> str:
        """Of a person, where they work."""
        return str(getattr(self.record, "company", "") or getattr(self.record, "account", None) or "")

    @property
    def words(self) -> str:
        """Why, in words."""
        said = ", ".join(WORDS.get(one, one) for one in self.why)
        return f"{said[:1].upper()}{said[1:]}"


def likely(records: Sequence[Any], *, most: int = MOST) -> dict[int, list[Likely]]:
    """For each of these stored records of one kind who may be the same, without who was said not to be."""
    if not records:
        return {}
    kind = kind_of(str(records[0]._meta.model_name))
    wanted = {record.pk: keys_of(kind, record) for record in records}
    found = _find(kind, wanted)
    dismissed = _dismissed(kind, wanted)
    answers: dict[int, list[Likely]] = {}
    for record in records:
        here = [one for one in found[record.pk] if (record.pk, one.ref) not in dismissed]
        if kind.alike is not None and len(records) == 1:
            known = {one.record.pk for one in here if one.record._meta.model_name == kind.name}
            here += [
                Likely(other, ("name",), False)
                for other in kind.alike(record.name, most)
                if other.pk not in known | {record.pk} and (record.pk, f"{kind.name}:{other.pk}") not in dismissed
            ]
        answers[record.pk] = here[:most]
    return answers


def likely_entered(name: str, entered: Mapping[str, str], *, most: int = MOST) -> list[Likely]:
    """Who may be the same as what is being entered into the form of a kind; its fields by their names."""
    kind = kind_of(name)
    found = _find(kind, {0: keys_entered(kind, entered)})[0]
    if kind.alike is not None and entered.get("name", "").strip():
        known = {one.record.pk for one in found}
        alike = kind.alike(entered["name"], most)
        found += [Likely(other, ("name",), False) for other in alike if other.pk not in known]
    return found[:most]


def _find(kind: Mergeable, wanted: Mapping[int, Mapping[str, Iterable[str]]]) -> dict[int, list[Likely]]:
    """By shared keys, of the same kind and of those that it may become or that may become it."""
    across = [
        c.target if c.origin is kind.model else c.origin for c in crossings() if kind.model in (c.origin, c.target)
    ]
    found: dict[int, list[Likely]] = defaultdict(list)
    by_key: dict[tuple[str, str], set[int]] = defaultdict(set)
    for pk, keys in wanted.items():
        for by, values in keys.items():
            for key in values:
                by_key[by, key].add(pk)
    if not by_key:
        return found
    own: Counter[str] = Counter()
    for other_kind in (kind, *(kind_of(str(model._meta.model_name)) for model in across)):
        others = _sharing(other_kind, by_key)
        sharing = own + Counter(key for other in others for key in set(_all_keys(other_kind, other).get("phone", ())))
        own = own or sharing
        for other in others:
            if other_kind is not kind and getattr(other, "converted_at", None) is not None:
                continue
            why: dict[int, set[str]] = defaultdict(set)
            for by, values in _all_keys(other_kind, other).items():
                for key in values:
                    # As the nightly search has it: a number of the house says nothing.
                    if by == "phone" and sharing[key] > MOST_COMMON:
                        continue
                    for pk in by_key.get((by, key), ()):
                        why[pk].add(by)
            for pk, kinds_of_key in why.items():
                if other_kind is not kind or other.pk != pk:
                    found[pk].append(Likely(other, tuple(sorted(kinds_of_key)), True))
    return found


def _all_keys(kind: Mergeable, record: Any) -> dict[str, list[str]]:
    keys = keys_of(kind, record)
    for by, more in getattr(record, "more_keys", {}).items():
        keys[by] = [*keys.get(by, []), *more]
    return keys


def _sharing(kind: Mergeable, keys: Mapping[tuple[str, str], set[int]]) -> list[Any]:
    """The records of a kind that have one of these keys, the oldest first, a bounded number of them."""
    limit = 20 * max(1, len({pk for pks in keys.values() for pk in pks}))
    related = [name for name in ("owner", "account") if name in {f.name for f in kind.model._meta.concrete_fields}]
    rows: Any = kind.model._base_manager.select_related(*related)
    if kind.name in INDEXED:
        terms = [f"{by}:{key}" for by, key in keys if by in kind.evidence]
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT o.id FROM ({INDEXED[kind.name]}) o ORDER BY o.id LIMIT {limit}", [terms])
            ids = [row[0] for row in cursor.fetchall()]
        return list(rows.filter(pk__in=ids).order_by("pk")) if ids else []
    same = Q(pk__in=[])
    for by, columns in kind.evidence.items():
        values = [key for one, key in keys if one == by]
        for column in columns:
            same |= Q(**{f"{column}__in": values}) if values else Q(pk__in=[])
    found = {row.pk: row for row in rows.filter(same).order_by("pk")[:limit]}
    for by, sql in kind.more_evidence.items():
        values = [key for one, key in keys if one == by]
        if not values:
            continue
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT s.id, s.key FROM ({sql}) s WHERE s.key = ANY(%s)", [values])
            for pk, key in cursor.fetchall():
                if pk not in found:
                    found[pk] = rows.get(pk=pk)
                found[pk].__dict__.setdefault("more_keys", {}).setdefault(by, []).append(key)
    return [found[pk] for pk in sorted(found)]


def _dismissed(kind: Mergeable, ids: Iterable[int]) -> set[tuple[int, str]]:
    """(id, the other) of the pairs of these that somebody said are not the same."""
    wanted, found = set(ids), set()
    for pair in Pair.objects.of(kind.name, wanted).filter(state=Pair.State.DISMISSED):
        one, other = pair.refs
        if one.startswith(f"{kind.name}:") and pair.lower_id in wanted:
            found.add((pair.lower_id, other))
        if other.startswith(f"{kind.name}:") and pair.higher_id in wanted:
            found.add((pair.higher_id, one if pair.object == ACROSS else f"{kind.name}:{pair.lower_id}"))
    return found
