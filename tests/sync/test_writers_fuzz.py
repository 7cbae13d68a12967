"""Every address that writes is sent what a program sends, and what none should: never a fault, nothing half-written.

What is refused leaves all tables as they were; in the end every record's version is the number of its changes, and
every status is the one that its last move led to. Longer with CRM_SOAK.
"""

from __future__ import annotations

import os
import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from crm.core.api.resources import followed, object_of
from crm.core.flow import Stateful
from crm.people.models import User
from tests.enquiries.asking import ask
from tests.factories import START, make_account, make_contact, make_lead, make_opportunity
from tests.keys import make_key
from tests.samples import make_contact_role, make_invoice, make_task, make_touch
from tests.sync.copies import versions_wrong
from tests.sync.hostile import BROKEN, HEADERS, IDS, as_bytes, fields, value

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.crash]
LONG = bool(os.environ.get("CRM_SOAK"))
ROUNDS = 20 if LONG else 2
# Written whatever is answered: how often somebody asks, and what was answered under a key.
BESIDE = {
    "sync_idempotencykey",
    "sync_keyuse",
    "sync_keyday",
    "sync_apikey",
    "sync_usecount",
    "django_session",
    "history_transaction",
}
NAMED = re.compile(r"{(\w+)}")


@dataclass(frozen=True)
class Operation:
    """One address and method that writes, and the schema of its body."""

    method: str
    path: str
    body: Mapping[str, Any]

    @property
    def is_bulk(self) -> bool:
        """Whether it takes many rows."""
        return "/bulk" in self.path


@pytest.fixture(scope="module")
def operations() -> list[Operation]:
    """Every one that is described."""
    said: Any = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]

    def found() -> Iterator[Operation]:
        for path, methods in said["paths"].items():
            for method, one in methods.items():
                if method in ("post", "put", "patch", "delete") and path.startswith("/api/v1/"):
                    kinds = one.get("requestBody", {}).get("content", {})
                    schema: Mapping[str, Any] = next((kind.get("schema", {}) for kind in kinds.values()), {})
                    yield Operation(method.upper(), path, resolve(schema, said))

    return list(found())


def resolve(schema: Mapping[str, Any], said: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema itself, of one that refers to another; of a list that of its items."""
    while True:
        if "$ref" in schema:
            schema = said["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        elif "oneOf" in schema or "anyOf" in schema or "allOf" in schema:
            schema = next(iter(schema.get("oneOf") or schema.get("anyOf") or schema["allOf"]))
        elif schema.get("type") == "array":
            schema = schema.get("items", {})
        else:
            return schema


@pytest.fixture
def ids(root: User, alice: User, now: datetime) -> dict[str, list[int]]:
    """Some records of every kind, by the resource."""
    for _ in range(4):
        make_lead(owner=alice)
        make_contact(account=make_account(owner=alice))
        make_opportunity(owner=alice)
        ask(now, received_at=START)
    for make in (make_contact_role, make_invoice, make_task, make_touch):
        make(alice)
    return {name: list(view.model._base_manager.values_list("pk", flat=True)) for name, view in followed().items()}


def address(operation: Operation, ids: Mapping[str, Sequence[int]], draw: random.Random) -> str:
    """The operation's path with something for each of its parts."""
    resource = operation.path.split("/")[3]

    def part(found: re.Match[str]) -> str:
        name = found[1]
        if name in ("id", "pk") and draw.random() < 0.8:
            return str(draw.choice(ids.get(resource) or [1]))
        if name == "system":
            return draw.choice(["hubspot", "x", "%00"])
        if name == "external_id":
            return quote(draw.choice(["A-1", "A-2", "ä/ö", " ", "x" * 300]), safe="")
        if name == "verb":
            return draw.choice(["work", "qualify", "nurture", "convert", "advance", "win", "sign", "fly"])
        return draw.choice(IDS)

    query = ""
    if operation.is_bulk:
        query = f"?operation={draw.choice(['create', 'update', 'upsert', 'delete', 'fly'])}"
        query += draw.choice(["", "&system=hubspot", "&all_or_nothing=true", "&system=hubspot&all_or_nothing=true"])
    elif draw.random() < 0.05:
        query = "?fly=%00"
    return NAMED.sub(part, operation.path) + query


def content(operation: Operation, ids: Mapping[str, Sequence[int]], draw: random.Random) -> bytes:
    """A body: what is described with mistakes in it, or what is none."""
    known = [pk for pks in ids.values() for pk in pks[:2]]
    if draw.random() < 0.15:
        return draw.choice(BROKEN)
    if not operation.is_bulk:
        if operation.method == "DELETE" and draw.random() < 0.7:
            return b""
        return as_bytes(fields(operation.body, draw, known))
    resource = operation.path.split("/")[3]
    rows: list[Any] = []
    for _ in range(draw.randrange(6)):
        row = fields(operation.body, draw, known)
        row |= draw.choice(
            [{}, {"id": draw.choice(ids.get(resource) or [1])}, {"external_id": f"A-{draw.randrange(4)}"}]
        )
        row |= {"if_version": value(draw, [1, 2])} if draw.random() < 0.1 else {}
        rows.append(row if draw.random() < 0.9 else value(draw, known))
    if draw.random() < 0.3:
        return b"\n".join(as_bytes(row) for row in rows)
    return as_bytes(rows)


def sizes() -> dict[str, int]:
    """How many rows each table has, and how many changes of rows there were."""
    with connection.cursor() as cursor:
        names = [one for one in connection.introspection.table_names(cursor) if one not in BESIDE]
        counts = " UNION ALL ".join(f"SELECT '{name}', count(*) FROM \"{name}\"" for name in names)
        cursor.execute(counts)
        return dict(cursor.fetchall())


def test_no_writer_meets_a_fault_and_nothing_is_half_written(
    operations: list[Operation], ids: dict[str, list[int]], root: User
) -> None:
    draw = random.Random() if LONG else random.Random(11)
    browser, key = Client(raise_request_exception=False), make_key(root)
    seen: Counter[int] = Counter()
    through: Counter[str] = Counter()
    before = sizes()
    for turn in range(ROUNDS * len(operations)):
        operation = operations[turn % len(operations)]
        path, body = address(operation, ids, draw), content(operation, ids, draw)
        more = dict(draw.choice(HEADERS)) if draw.random() < 0.25 else {}
        kind = more.pop("Content-Type", "application/json")
        sent = {"Authorization": f"Bearer {key}", **more}
        answer = browser.generic(operation.method, path, body, content_type=kind, headers=sent)
        told = (operation.method, path, kind, more, body[:2000], answer.status_code, answer.content[:2000])
        assert answer.status_code < 500, told
        seen[answer.status_code] += 1
        through[operation.method] += answer.status_code < 300
        if answer.status_code >= 400:
            after = sizes()
            assert after == before, (told, {name: (before[name], n) for name, n in after.items() if n != before[name]})
        elif answer.status_code < 300:
            before = sizes()
    assert versions_wrong() == []
    assert states_wrong() == []
    # It got in, and it got through.
    assert seen[401] == 0
    assert min(seen[200], seen[201], seen[400], seen[404]) >= 5, seen
    assert {method for method, count in through.items() if count} >= {"POST", "PUT", "PATCH", "DELETE"}, through


def states_wrong() -> list[tuple[Any, ...]]:
    """Records that stand elsewhere than their last move led."""
    found: list[tuple[Any, ...]] = []
    with connection.cursor() as cursor:
        for view in followed().values():
            if issubclass(view.model, Stateful):
                cursor.execute(
                    f"""
                    SELECT %s, r.id, r.{view.model.FLOW}, m.to_state FROM {view.model._meta.db_table} r
                    CROSS JOIN LATERAL (SELECT to_state FROM history_move m WHERE m.object = %s AND m.record_id = r.id
                                        ORDER BY m.version DESC LIMIT 1) m
                    WHERE m.to_state <> r.{view.model.FLOW}
                    """,
                    [object_of(view)] * 2,
                )
                found += cursor.fetchall()
    return found
