"""Every filter and ordering that the API offers is served by an index, as the application's own role."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection, models
from django.http import QueryDict

from crm.activities.api_tasks import DayFilter
from crm.api import RESOURCES
from crm.checkups.api import About
from crm.clocks.api import OfVerdict
from crm.core.api.queries import KeyOf, Piece, RecordId, Search, Words, YesNo
from crm.core.api.views import RecordViewSet
from crm.people.models import User

pytestmark = pytest.mark.django_db
# As many as people work here, or are not to be contacted: all of them are looked through in no time.
SMALL = ("users", "suppressions", "list_views", "meetings", "webhooks")
BIG = [view for view in RESOURCES if view.resource not in SMALL]


def value_for(filter_: Any) -> str:
    """Something that a filter finds."""
    if isinstance(filter_, RecordId):
        return "7"
    if isinstance(filter_, Words):
        return next(str(key) for key, _ in filter_.choices() if key)
    if isinstance(filter_, KeyOf):
        return {"linkedin_key": "linkedin.com/in/p7", "domain_key": "globex.example"}.get(
            filter_.function, "p7@globex.example"
        )
    if isinstance(filter_, YesNo):
        return "true"
    if isinstance(filter_, About):
        return "lead:7"
    if isinstance(filter_, DayFilter):
        return "2026-03-04"
    return "initech" if isinstance(filter_, Search | Piece) else "2026-03-04T18:00:00Z"


def nodes(rows: models.QuerySet[Any]) -> list[dict[str, Any]]:
    """What the plan of these rows consists of, where nobody reads a whole table or sorts it."""
    with connection.cursor() as cursor:
        for name in ("seqscan", "sort", "incremental_sort"):
            cursor.execute(f"SET LOCAL enable_{name} = off")
        sql, values = rows.query.sql_with_params()
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", values)
        answer = cursor.fetchone()[0]
    plan = json.loads(answer) if isinstance(answer, str) else answer
    return list(_below(plan[0]["Plan"]))


def finds_by_index(node: dict[str, Any]) -> bool:
    """By its keys, or every row of an index that has those rows alone."""
    return "Index Cond" in node or ("Index" in node["Node Type"] and "Filter" not in node)


def _below(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _below(child)


def asked_by_a_manager(view: type[RecordViewSet]) -> RecordViewSet:
    """The resource, for who sees every record."""
    return view(request=SimpleNamespace(user=User(role="manager")))


def filtered(view: type[RecordViewSet], name: str, value: str) -> models.QuerySet[Any]:
    """What a list with this one filter shows."""
    asked = asked_by_a_manager(view)
    query = asked.reading.query(_query(name, value))
    return asked.reading.narrowed(asked.rows(), query.filters)


def _query(name: str, value: str) -> QueryDict:
    params = QueryDict(mutable=True)
    params[name] = value
    return params


@pytest.mark.parametrize("view", BIG, ids=lambda view: view.resource)
def test_an_index_serves_each_filter(view: type[RecordViewSet]) -> None:
    for name, filter_ in view.filterset_class.base_filters.items():
        # What was kept and what was not lie side by side: a page of either is soon full along the ids.
        if isinstance(filter_, OfVerdict):
            continue
        plan = nodes(filtered(view, name, value_for(filter_)).order_by())
        assert any(finds_by_index(node) for node in plan), (name, plan)


@pytest.mark.parametrize("view", BIG, ids=lambda view: view.resource)
def test_an_index_has_each_ordering(view: type[RecordViewSet]) -> None:
    asked = asked_by_a_manager(view)
    for columns in asked.reading.orderings.values():
        plan = nodes(asked.rows().order_by(*columns)[:100])
        assert any("Index" in node["Node Type"] for node in plan), columns
        assert not any("Sort" in node["Node Type"] for node in plan), columns
