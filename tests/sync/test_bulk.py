"""Many records in one request: judged, stored and answered as if each had been sent alone."""

from __future__ import annotations

import io
import json
from datetime import datetime
from typing import Any

import pytest
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from crm.core.api.problems import Problem
from crm.core.api.resources import followed
from crm.people.models import User
from crm.sync.bulk.engine import RowResult, Unreadable, write_rows
from crm.sync.bulk.parsing import RowsNdjson
from crm.sync.scopes import scopes
from leads.models import Lead
from tests.keys import Program, program

pytestmark = pytest.mark.django_db
REJECTED = [("rejected", "constraint"), *[("created", "")] * 7]


def write(
    resource: str, rows: list[Any], operation: str, *, actor: User, at: datetime, system: str = "erp", **more: Any
) -> list[RowResult]:
    """A batch through the engine, with all scopes unless said."""
    more.setdefault("scopes", scopes())
    return write_rows(followed()[resource], rows, operation=operation, system=system, actor=actor, at=at, **more)


def told(results: list[RowResult]) -> list[tuple[str, str]]:
    """The outcome and code of each row."""
    return [(one.outcome, one.code) for one in results]


def lead(n: int) -> dict[str, Any]:
    """A new lead."""
    return {"last_name": f"L{n}", "email": f"l{n}@initech.example"}


def test_each_row_of_a_batch_ends_in_one_outcome(mona: User, now: datetime) -> None:
    rows = [
        {"external_id": "1", "last_name": "One", "email": "one@initech.example"},
        {"external_id": "2", "last_name": "Nobody"},
        {"external_id": "1", "last_name": "Again", "email": "two@initech.example"},
        Unreadable("malformed", "The line is no JSON."),
        {"last_name": "Nameless", "email": "x@initech.example"},
        {"external_id": "3", "last_name": "Three", "email": "three@initech.example", "colour": "red"},
        {"external_id": 4, "last_name": "Three", "email": "three@initech.example"},
    ]
    first = write("leads", rows, "upsert", actor=mona, at=now)
    assert told(first) == [
        ("created", ""),
        ("rejected", "constraint"),
        ("rejected", "duplicate_key"),
        ("rejected", "malformed"),
        ("rejected", "invalid"),
        ("rejected", "invalid"),
        ("rejected", "invalid"),
    ]
    assert [one.index for one in first] == list(range(7))
    assert [error["code"] for error in first[5].errors] == ["unknown_field"]
    lead = Lead.objects.get()
    assert (first[0].id, first[0].version, lead.version) == (lead.pk, 1, 1)
    changed = [{"external_id": "1", "last_name": "Changed", "if_version": 1}]
    again = write("leads", changed, "upsert", actor=mona, at=now)
    assert told(again) == [("updated", "")]
    assert again[0].version == 2
    assert told(write("leads", changed, "upsert", actor=mona, at=now)) == [("rejected", "stale")]
    same = [{"id": lead.pk, "last_name": "Changed"}]
    assert told(write("leads", same, "update", actor=mona, at=now)) == [("unchanged", "")]
    gone = write("leads", [{"external_id": "1"}, {"external_id": "9"}], "delete", actor=mona, at=now)
    assert told(gone) == [("deleted", ""), ("rejected", "not_found")]
    new = write("leads", rows[:1], "upsert", actor=mona, at=now)
    assert told(new) == [("created", "")]
    assert new[0].id != lead.pk


def test_rows_that_break_a_check_do_not_have_the_others_stored_again_and_again(mona: User, now: datetime) -> None:
    write("leads", [lead(n) | {"external_id": str(n)} for n in range(12)], "upsert", actor=mona, at=now)
    rows = [lead(n) | {"external_id": str(n)} for n in range(48)]
    for row in rows[::8]:
        row["email"] = ""
    with CaptureQueriesContext(connection) as asked:
        found = write("leads", rows, "upsert", actor=mona, at=now)
    expected = [("rejected", "constraint"), *[("unchanged", "")] * 7, ("rejected", "constraint")]
    assert told(found) == [*expected, *[("unchanged", "")] * 3, *[("created", "")] * 4, *([*REJECTED] * 4)]
    assert [one.version for one in found[1:8]] == [1] * 7
    assert Lead.objects.get(last_name="L0").email == "l0@initech.example"
    # Once with them, once without, and each that is rejected alone.
    written = [one["sql"] for one in asked.captured_queries if one["sql"].startswith('INSERT INTO "leads_lead"')]
    stored = [one["sql"] for one in asked.captured_queries if one["sql"].startswith("INSERT INTO leads_lead")]
    assert (len(written), len(stored)) == (4, 2)


def test_all_or_nothing_leaves_nothing(mona: User, now: datetime) -> None:
    rows = [{"last_name": "One", "email": "one@initech.example"}, {"last_name": "Nobody"}]
    found = write("leads", rows, "create", actor=mona, at=now, all_or_nothing=True, first_index=10)
    assert told(found) == [("unprocessed", "not_stored"), ("rejected", "constraint")]
    assert [one.index for one in found] == [10, 11]
    assert not Lead.objects.exists()


def ndjson(*lines: Any) -> bytes:
    """Lines as they are sent; what is bytes stays as it is."""
    return b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)


def post(ask: Program, path: str, body: Any, kind: str = "application/json", **headers: str) -> Any:
    """A batch over HTTP."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"Authorization": f"Bearer {ask.key}"} | {name.replace("_", "-"): text for name, text in headers.items()}
    return ask.client.generic("POST", f"/api/v1/{path}", data, content_type=kind, headers=sent)


def test_a_batch_comes_as_an_array_or_as_lines_and_is_done_once_for_a_key(mona: User) -> None:
    ask = program(mona)
    rows = [{"external_id": "1", "last_name": "One", "email": "one@initech.example"}, {"external_id": "2"}]
    path = "leads/bulk/?operation=upsert&system=erp"
    first = post(ask, path, rows, idempotency_key="batch-1")
    assert first.status_code == 200, first.content
    body = first.json()
    assert [one["outcome"] for one in body["results"]] == ["created", "rejected"]
    assert (body["created"], body["rejected"], body["stored"]) == (1, 1, True)
    again = post(ask, path, rows, idempotency_key="batch-1")
    assert (again.content, again["Idempotent-Replayed"]) == (first.content, "true")
    lines = ndjson(rows[0], b"", b'{"external_id": "3", ', b"\xff", b"[1]", b'{"id": 1, "id": 2}', rows[0])
    sent = post(ask, path, lines, "application/x-ndjson", idempotency_key="lines")
    codes = [(one["outcome"], one["code"]) for one in sent.json()["results"]]
    assert codes == [
        ("unchanged", ""),
        ("rejected", "malformed"),
        ("rejected", "malformed"),
        ("rejected", "not_an_object"),
        ("rejected", "invalid"),
        ("rejected", "duplicate_key"),
    ]
    other = post(ask, path, lines.replace(b"\xff", b"\xfe"), "application/x-ndjson", idempotency_key="lines")
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    assert Lead.objects.count() == 1


def test_a_batch_that_cannot_be_told_stores_nothing(mona: User, settings: Any) -> None:
    ask, row = program(mona), {"last_name": "One", "email": "one@initech.example"}
    bulk = "leads/bulk/?operation="
    settings.API_MOST_BULK_BYTES = 3000
    for path, body, kind, code in [
        (f"{bulk}create", b"[" + json.dumps(row).encode(), "application/json", "malformed"),
        (f"{bulk}create", {"rows": [row]}, "application/json", "not_an_array"),
        (f"{bulk}create", b"[]", "application/json", "no_rows"),
        (f"{bulk}create", b"\n \n", "application/x-ndjson", "no_rows"),
        (f"{bulk}create", b"", "application/x-ndjson", "no_rows"),
        (f"{bulk}create", b"", "application/json", "no_rows"),
        (f"{bulk}create", ndjson(*[row] * 100), "application/x-ndjson", "too_large"),
        (f"{bulk}create", ndjson(row), "text/csv", "unsupported_media_type"),
        (f"{bulk}make", [row], "application/json", "invalid"),
        ("leads/bulk/", [row], "application/json", "invalid"),
        (f"{bulk}create&system=", [row], "application/json", "invalid"),
        (f"{bulk}create&system=a/b", [row], "application/json", "invalid"),
        ("leads/jobs/", {"operation": "create", "system": "a/b"}, "application/json", "invalid"),
        (f"{bulk}create&all_or_nothing=maybe", [row], "application/json", "invalid"),
        (f"{bulk}create&colour=red", [row], "application/json", "unknown_parameter"),
    ]:
        answer = post(ask, path, body, kind)
        assert (answer.status_code >= 400, answer.json()["code"]) == (True, code), (path, answer.content)
    settings.API_MOST_BULK_BYTES = 10**6
    many = post(ask, f"{bulk}create", ndjson(*[b"{}"] * 10_001), "application/x-ndjson")
    assert many.json()["code"] == "too_many_rows"
    asked = RequestFactory().post("/", b"{}\n", content_type="application/x-ndjson")
    asked.META["CONTENT_LENGTH"] = "100"
    with pytest.raises(Problem) as cut:
        RowsNdjson().parse(io.BytesIO(b"{}\n"), parser_context={"request": asked})
    assert cut.value.code == "incomplete"
    reader = program(mona, "leads:read", "leads:write")
    assert post(reader, f"{bulk}delete", [{"id": 1}]).json()["code"] == "missing_scope"
    assert not Lead.objects.exists()
