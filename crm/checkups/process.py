"""What checkups look at in what programs write by their API keys (K6): "processes started elsewhere".

The change log says who wrote what, by user; of a user with several keys the one that was used last stands for all. So
many of the newest transactions of each are looked at, which bounds the work whatever a program wrote before.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db import connection, models
from django.db.models import Q
from django.utils import timezone
from django.utils.text import capfirst

from crm.checkups.rhythm import PAUSES, Rhythm, rhythm_of
from crm.checkups.rules import Look, Looked, Sight, checkup
from crm.checkups.words import counted
from crm.core.records import Record
from crm.sync.models import ApiKey

VIA = "api"
NEWEST = 2000
EXAMPLES = 5
NOTE = f"The newest {NEWEST:,} transactions of each key were looked at."
# A word that may be told: a key, and no detail of a person that was written into the wrong field.
KEY = re.compile(r"[a-z][a-z0-9_]{0,39}")

TRANSACTIONS = """
    WITH t AS (SELECT id, recorded_at FROM history_transaction
               WHERE actor_id = %(actor)s AND via = %(via)s ORDER BY id DESC LIMIT %(newest)s)"""
# Of every field the times of its newest changes; a transaction counts once, however many records it changed.
CHANGED = f"""{TRANSACTIONS}
    SELECT object, name, array_agg(recorded_at) FROM (
        SELECT object, name, recorded_at, row_number() OVER (PARTITION BY object, name ORDER BY id DESC) AS n FROM (
            SELECT DISTINCT c.object, k.name, t.id, t.recorded_at
            FROM t JOIN history_change c ON c.transaction_id = t.id
            CROSS JOIN LATERAL jsonb_object_keys(c.what) AS k (name) WHERE c.op = 'U') once) numbered
    WHERE n <= %(times)s GROUP BY object, name"""
CREATED = f"""{TRANSACTIONS}
    SELECT object, record_id, recorded_at FROM (
        SELECT c.object, c.record_id, t.recorded_at, row_number() OVER (PARTITION BY c.object ORDER BY c.id DESC) AS n
        FROM t JOIN history_change c ON c.transaction_id = t.id WHERE c.op = 'I') numbered
    WHERE n <= %(newest)s"""
TOUCHED = f"""{TRANSACTIONS}
    SELECT DISTINCT c.object, c.record_id FROM t JOIN history_change c ON c.transaction_id = t.id
    WHERE c.op = 'I' OR c.op = 'U' AND c.what ?| %(fields)s LIMIT %(most)s"""
# Who wrote a field last: what changed it last, else what made the record.
LAST_WRITERS = """
    SELECT record_id FROM (
        SELECT DISTINCT ON (c.record_id) c.record_id, t.actor_id, t.via
        FROM history_change c JOIN history_transaction t ON t.id = c.transaction_id
        WHERE c.object = %(object)s AND c.record_id = ANY(%(ids)s) AND (c.op = 'I' OR c.op = 'U' AND c.what ? %(field)s)
        ORDER BY c.record_id, c.id DESC) last
    WHERE actor_id = %(actor)s AND via = %(via)s"""
MOST_RECORDS = 100_000


@dataclass(slots=True)
class Writer:
    """A user who writes by keys: the key that was used last, the others' names, and what was written.

    `wrote` has the times of every field of every kind of record; of a new record the fields that are not empty.
    """

    key: ApiKey
    others: list[str]
    wrote: dict[str, dict[str, list[datetime]]] = field(default_factory=dict)

    @property
    def subject(self) -> str:
        """What a finding about it is about."""
        return f"key:{self.key.pk}"

    @property
    def label(self) -> str:
        """How it is called."""
        return f"API key {self.key}"

    @property
    def also(self) -> list[tuple[str, str]]:
        """The other keys that it may have been."""
        return [("Other keys of its user", ", ".join(self.others))] if self.others else []


def writers(at: datetime) -> list[Writer]:
    """Every user who has a key in use, with the one that was used last."""
    usable = ApiKey.objects.select_related("user").filter(revoked_at=None, user__is_active=True, last_used_at__lte=at)
    found: dict[int, Writer] = {}
    for key in usable.exclude(expires_at__lte=at).order_by("-last_used_at", "-pk"):
        known = found.get(key.user_id)
        if known is None:
            found[key.user_id] = Writer(key, [])
        else:
            known.others.append(key.name)
    return list(found.values())


def kinds() -> dict[str, type[models.Model]]:
    """Every kind of record, by the name that the change log has for it."""
    return {str(kind._meta.model_name): kind for kind in apps.get_models() if issubclass(kind, Record)}


def ask(sql: str, writer: Writer, **values: Any) -> list[tuple[Any, ...]]:
    """The rows of one of the statements above for a writer."""
    with connection.cursor() as cursor:
        cursor.execute(sql, {"actor": writer.key.user_id, "via": VIA, "newest": NEWEST, "times": PAUSES + 1, **values})
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


# --- values outside picklists -----------------------------------------------------------------------------------------


@checkup(
    "process.key_values",
    title="Programs write words of the handbook's lists",
    row="K6",
    severity="warning",
    why="A word that is in no list is found by no filter, and counted by no report.",
)
def values_of_keys(look: Look) -> Looked:
    """Of what each key wrote lately: values that stand in no list, where it was the last to write them."""
    sights, looked = [], 0
    known = kinds()
    for writer in writers(look.at):
        wanted = {name: _picked(kind) for name, kind in known.items()}
        fields = sorted({str(one.column) for picked in wanted.values() for one in picked})
        touched: dict[str, list[int]] = defaultdict(list)
        for object_name, pk in ask(TOUCHED, writer, fields=fields, most=MOST_RECORDS):
            touched[object_name].append(pk)
        for object_name, ids in sorted(touched.items()):
            if object_name not in known:
                continue
            looked += len(ids)
            sights += list(_outside(writer, known[object_name], wanted[object_name], ids))
    return Looked(looked, sights, note=NOTE if looked else "")


def _picked(kind: type[models.Model]) -> list[models.Field[Any, Any]]:
    """The columns of a kind of record that hold a word of a list."""
    return [one for one in kind._meta.concrete_fields if one.flatchoices and isinstance(one, models.CharField)]


def _outside(
    writer: Writer, kind: type[models.Model], picked: list[models.Field[Any, Any]], ids: list[int]
) -> Iterator[Sight]:
    """One sight for each field that the key last wrote a word into that is in no list."""
    able = {one.name: {None, "", *(key for key, _ in one.flatchoices)} for one in picked}
    outside = Q(pk__in=[])
    for name, keys in able.items():
        outside |= ~Q(**{f"{name}__in": [key for key in keys if key is not None]})
    rows = list(kind._base_manager.filter(outside, pk__in=ids).values("pk", *able))
    object_name = str(kind._meta.model_name)
    for one in picked:
        words = {row["pk"]: str(row[one.name]) for row in rows if row[one.name] not in able[one.name]}
        if not words:
            continue
        mine = sorted(pk for (pk,) in ask(LAST_WRITERS, writer, object=object_name, ids=list(words), field=one.column))
        if mine:
            yield _told(writer, object_name, one, {pk: words[pk] for pk in mine})


def _told(writer: Writer, object_name: str, picked: models.Field[Any, Any], words: Mapping[int, str]) -> Sight:
    """What is said of the words that a key wrote into one field of so many records."""
    counts = Counter(words.values())
    keys = [word for word, _ in counts.most_common() if KEY.fullmatch(word)][:EXAMPLES]
    examples = ", ".join(f"{object_name}:{pk}" for pk in list(words)[:EXAMPLES])
    return Sight(
        expected=f"Words of the list of {picked.verbose_name}",
        found=f"{len(words):,} with {len(counts):,} other word{'s' if len(counts) != 1 else ''}",
        subject=writer.subject,
        label=writer.label,
        detail=f"{object_name}.{picked.name}",
        evidence=[*([("Words", ", ".join(keys))] if keys else []), ("For example", examples), *writer.also],
    )


# --- fields that are not written any more -----------------------------------------------------------------------------


@checkup(
    "process.key_fields",
    title="Programs go on writing the fields that they wrote",
    row="K6",
    severity="note",
    why="A field that a program filled and left out since: most often somebody renamed a column over there.",
)
def fields_of_keys(look: Look) -> Looked:
    """A field is missed once the key wrote that kind of record long after it wrote the field for the last time."""
    times = look.book.checkups.silent_after
    sights, looked = [], 0
    for writer in writers(look.at):
        read_what_it_wrote(writer)
        for object_name, names in sorted(writer.wrote.items()):
            last = max(max(moments) for moments in names.values())
            for name, moments in sorted(names.items()):
                rhythm = rhythm_of(moments)
                looked += rhythm is not None
                if rhythm is not None and rhythm.is_over(last, times=times):
                    sights.append(_missed(writer, object_name, name, rhythm, last))
    return Looked(looked, sights, note=NOTE if looked else "")


def _missed(writer: Writer, object_name: str, name: str, rhythm: Rhythm, last: datetime) -> Sight:
    kind = kinds().get(object_name)
    column = next((one for one in kind._meta.concrete_fields if one.column == name), None) if kind else None
    label = capfirst(str(column.verbose_name if column else name))
    what = str(kind._meta.verbose_name) if kind else object_name
    return Sight(
        expected=f"{label} of a {what}: written {rhythm.usual}",
        found=f"Written for the last time on {day_of(rhythm.last)}; other fields on {day_of(last)}",
        subject=writer.subject,
        label=writer.label,
        detail=f"{object_name}.{name}",
        evidence=writer.also,
    )


def read_what_it_wrote(writer: Writer) -> None:
    """Read the times of every field that the key wrote lately.

    The change log has no values of a new record: the fields that are not empty now are taken for written then.
    """
    wrote: dict[str, dict[str, list[datetime]]] = defaultdict(lambda: defaultdict(list))
    for object_name, name, moments in ask(CHANGED, writer):
        wrote[object_name][name] += moments
    created: dict[str, dict[int, datetime]] = defaultdict(dict)
    for object_name, pk, at in ask(CREATED, writer):
        created[object_name][pk] = at
    known = kinds()
    for object_name, rows in created.items():
        kind = known.get(object_name)
        for name, moments in (_filled(kind, rows) if kind else {}).items():
            wrote[object_name][name] += moments
    writer.wrote = {name: {one: sorted(moments) for one, moments in of.items()} for name, of in wrote.items()}


def _filled(kind: type[models.Model], rows: Mapping[int, datetime]) -> Mapping[str, list[datetime]]:
    """The fields of new records that hold more than they do by themselves, each with when those were made."""
    able = [one for one in kind._meta.concrete_fields if one.editable and not one.primary_key]
    defaults = [one.get_default() for one in able]
    found: dict[str, list[datetime]] = defaultdict(list)
    stored = kind._base_manager.filter(pk__in=list(rows)).values_list("pk", *(one.attname for one in able))
    for pk, *values in stored.iterator(chunk_size=500):
        for one, default, value in zip(able, defaults, values, strict=True):
            if value not in (None, "", [], {}, False) and value != default:
                found[str(one.column)].append(rows[pk])
    return found


# --- silence ----------------------------------------------------------------------------------------------------------


@checkup(
    "process.key_silent",
    title="Programs that write here go on doing so",
    row="K6",
    severity="warning",
    why="A program that has stopped says nothing of it: what it should have brought is missed weeks later.",
)
def silent_keys(look: Look) -> Looked:
    """Not used for longer than so many times the usual pause between two of its writes."""
    times = look.book.checkups.silent_after
    sights, looked, unknown = [], 0, 0
    sql = f"{TRANSACTIONS} SELECT recorded_at FROM t ORDER BY id DESC LIMIT %(times)s"
    for writer in writers(look.at):
        moments = [at for (at,) in ask(sql, writer)]
        rhythm = rhythm_of(moments)
        if rhythm is None:
            unknown += 1
            continue
        looked += 1
        last = max(rhythm.last, writer.key.last_used_at or rhythm.last)
        if not Rhythm(last, rhythm.pause).is_over(look.at, times=times):
            continue
        read_what_it_wrote(writer)
        newest = sorted(((max(of.values(), key=max)[-1], name) for name, of in writer.wrote.items()), reverse=True)
        wrote = [f"{_plural(name)} ({day_of(at)})" for at, name in newest[:EXAMPLES]]
        sights.append(
            Sight(
                expected=f"Writes {rhythm.usual}",
                found=f"Used for the last time on {day_of(last)}, {counted((look.at - last).days, 'day')} ago",
                subject=writer.subject,
                label=writer.label,
                evidence=[*([("Wrote last", ", ".join(wrote))] if wrote else []), *writer.also],
            )
        )
    note = f"Not looked at: {unknown:,} that wrote too seldom to know their rhythm." if unknown else ""
    return Looked(looked, sights, note=note)


def _plural(object_name: str) -> str:
    kind = kinds().get(object_name)
    return str(kind._meta.verbose_name_plural) if kind else object_name


def day_of(at: datetime) -> str:
    """The day of a moment, as findings write it."""
    return f"{timezone.localtime(at):%Y-%m-%d}"
