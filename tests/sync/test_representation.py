"""What is told of a record is the same in the list, in SQL and out of the change log, whatever it holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.db import DatabaseError, connection, models, transaction
from psycopg.types.json import Jsonb

from accounts.domains import write_domains
from accounts.models import Account
from crm.core.api.representation import columns_sql, finish, from_log, image_from_log, record_sql
from crm.core.api.resources import followed, object_of
from crm.handbook import SHIPPED, read, use
from crm.people.models import User
from tests.factories import make_lead
from tests.keys import program
from tests.samples import SAMPLES

pytestmark = pytest.mark.django_db
FOLLOWED = sorted(followed())
NASTY = 'Zoë "says" \\n it\'s {} %s % 漢字 🚀\u2028 \t\r\n\x01\x1f\x7f \\. </x> =1+1'
# By the kind of a column; later rounds take later ones.
VALUES: list[tuple[type[models.Field[Any, Any]], list[Any]]] = [
    (models.ForeignKey, [None]),
    (models.BooleanField, [True, False]),
    (models.DecimalField, [Decimal("0"), Decimal("0.10"), Decimal("999999999999.99"), Decimal("7"), None]),
    (models.IntegerField, [0, 1, 100, None]),
    (
        models.DateTimeField,
        [
            "2026-03-04T18:00:00Z",
            "2026-03-04T18:00:00.12+05:30",
            "0999-07-08T01:02:03.000001Z",
            "9999-12-31T23:59:59.999999Z",
            None,
        ],
    ),
    (models.DateField, ["2026-03-04", "0001-01-01", "9999-12-31", None]),
    (models.JSONField, [Jsonb(['a"b\\', NASTY.replace("\x00", "")]), Jsonb([]), Jsonb({})]),
    (models.Field, [NASTY, "", "1", "12345678901234567890"]),
]
ROUNDS = 4
OWN = "".join(
    f'[[own_fields]]\nobject = "lead"\nkey = "{key}"\nlabel = "{key.title()}"\ntype = "{kind}"\n'
    + (f'kept_as = "{kept}"\n' if kept else "")
    + ('choices = [{ key = "a", label = "A" }]\n' if kind == "choice" else "")
    for key, kind, kept in [
        ("seats", "number", ""),
        ("signed", "date", ""),
        ("agreed", "yes_no", "Agreed? 100% it's \\\\"),
        ("grade", "choice", ""),
        ("motto", "text", ""),
        ("wiki", "link", ""),
    ]
)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[None]:
    """A handbook with a field of a lead of each type."""
    path = tmp_path / "ours.toml"
    path.write_text(SHIPPED.read_text() + OWN)
    with use(read(path)):
        yield


def by_list(ask: Any, resource: str) -> dict[int, Any]:
    """What the list answers, by id."""
    found = ask("get", f"{resource}/?limit=1000")
    assert found.status_code == 200, found.content
    return {one["id"]: one for one in found.json()["results"]}


def by_sql(resource: str) -> dict[int, Any]:
    """What PostgreSQL writes, by id."""
    view = followed()[resource]
    mend = finish(view)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {record_sql(view)}::text FROM {view.model._meta.db_table} r WHERE %s", [True])
        rows = [orjson.loads(text) for (text,) in cursor.fetchall()]
        cursor.execute(f"SELECT {record_sql(view)}::text FROM {view.model._meta.db_table} r")
        assert len(rows) == len(cursor.fetchall()), "with parameters and without them it is the same statement"
    for row in rows:
        if mend is not None:
            mend(row)
    return {row["id"]: row for row in rows}


def logged(resource: str, pk: int) -> list[Any]:
    """What the log has of a record, in order."""
    name = object_of(followed()[resource])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT op, what::text FROM history_change WHERE object = %s AND record_id = %s ORDER BY id", [name, pk]
        )
        return [(op, json.loads(what or "{}", parse_float=Decimal)) for op, what in cursor.fetchall()]


def write(record: models.Model, number: int) -> None:
    """Whatever its columns take."""
    values: dict[str, Any] = {}
    for field in record._meta.concrete_fields:
        if field.primary_key or isinstance(field, models.GeneratedField) or field.name in ("version", "updated_at"):
            continue
        candidates = next(values for kind, values in VALUES if isinstance(field, kind))
        value = next(islice(cycle(candidates), number, None))
        values[str(field.column)] = value[: field.max_length] if isinstance(value, str) and field.max_length else value
    with connection.cursor() as cursor:
        # A writer in another part of the world: the log has its times as it sees them.
        cursor.execute("SET LOCAL TIME ZONE 'Asia/Kolkata'")
        write_some(cursor, record, values)
        cursor.execute("SET LOCAL TIME ZONE 'UTC'")


def write_some(cursor: Any, record: models.Model, values: dict[str, Any]) -> None:
    """All of these columns; where that is refused, each half of them."""
    columns = ", ".join(f'"{column}" = %s' for column in values)
    try:
        with transaction.atomic():
            cursor.execute(f"UPDATE {record._meta.db_table} SET {columns} WHERE id = %s", [*values.values(), record.pk])
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except DatabaseError:
        items = list(values.items())
        half = len(items) // 2
        if half:
            write_some(cursor, record, dict(items[:half]))
            write_some(cursor, record, dict(items[half:]))


def delete(record: models.Model) -> None:
    """Past everything but its triggers, and only for now: who refers to it is not asked."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        cursor.execute(f"DELETE FROM {record._meta.db_table} WHERE id = %s", [record.pk])


@pytest.mark.parametrize("resource", FOLLOWED)
def test_a_record_is_told_the_same_by_the_list_sql_and_the_log(resource: str, root: User) -> None:
    view = followed()[resource]
    record: Any = SAMPLES[view.model._meta.label](root)
    if isinstance(record, Account):
        write_domains(record, "initech.example, xn--mnchen-3ya.example")
    ask = program(root)
    told: dict[str, Any] = {}
    seen = len(logged(resource, record.pk))
    for number in range(ROUNDS):
        write(record, number)
        listed = by_list(ask, resource)
        assert by_sql(resource) == listed
        for _, what in (changes := logged(resource, record.pk))[seen:]:
            for column, (_, new) in what.items():
                told.update(from_log(view, column, new))
        seen = len(changes)
        assert told.items() <= listed[record.pk].items()
    assert len(told) >= 3, "the values were refused: it shows nothing"
    with transaction.atomic():
        delete(record)
        op, what = logged(resource, record.pk)[-1]
        assert op == "D"
        image = image_from_log(view, what)
        transaction.set_rollback(True)
    assert image == listed[record.pk]
    assert list(image) == list(listed[record.pk]) == [name for name, _ in columns_sql(view)]


def test_fields_of_ones_own_are_told_by_their_types(root: User, own: None) -> None:
    kept: list[Any] = [
        {"seats": "40", "signed": "2026-05-31", "Agreed? 100% it's \\": "yes", "grade": "a", "motto": NASTY},
        {"seats": "1.50", "signed": "soon", "Agreed? 100% it's \\": "maybe", "wiki": "https://x.example", "else": "x"},
        {"seats": 1.5, "motto": 2.50, "signed": None, "grade": ""},
        {},
        ["no", "object"],
    ]
    leads = [make_lead(email=f"own{n}@globex.example") for n in range(len(kept))]
    for lead, one in zip(leads, kept, strict=True):
        with connection.cursor() as cursor:
            cursor.execute("UPDATE leads_lead SET kept = %s WHERE id = %s", [json.dumps(one), lead.pk])
    listed = by_list(program(root), "leads")
    assert by_sql("leads") == listed
    assert listed[leads[0].pk]["own"] == {
        "seats": 40,
        "signed": "2026-05-31",
        "agreed": True,
        "grade": "a",
        "motto": listed[leads[0].pk]["own"]["motto"],
        "wiki": None,
    }
    for lead in leads[:3]:
        (_, what) = logged("leads", lead.pk)[-1]
        assert dict(from_log(followed()["leads"], "kept", what["kept"][1])) == {"own": listed[lead.pk]["own"]}
