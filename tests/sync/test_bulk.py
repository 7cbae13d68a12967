"""Many records in one request: judged, stored and answered as if each had been sent alone."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from crm.core.api.resources import followed
from crm.people.models import User
from crm.sync.bulk.engine import RowResult, Unreadable, write_rows
from crm.sync.scopes import scopes
from leads.models import Lead

pytestmark = pytest.mark.django_db


def write(
    resource: str, rows: list[Any], operation: str, *, actor: User, at: datetime, system: str = "erp", **more: Any
) -> list[RowResult]:
    """A batch through the engine, with all scopes unless said."""
    more.setdefault("scopes", scopes())
    return write_rows(followed()[resource], rows, operation=operation, system=system, actor=actor, at=at, **more)


def told(results: list[RowResult]) -> list[tuple[str, str]]:
    """The outcome and code of each row."""
    return [(one.outcome, one.code) for one in results]


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


def test_all_or_nothing_leaves_nothing(mona: User, now: datetime) -> None:
    rows = [{"last_name": "One", "email": "one@initech.example"}, {"last_name": "Nobody"}]
    found = write("leads", rows, "create", actor=mona, at=now, all_or_nothing=True, first_index=10)
    assert told(found) == [("unprocessed", "not_stored"), ("rejected", "constraint")]
    assert [one.index for one in found] == [10, 11]
    assert not Lead.objects.exists()
