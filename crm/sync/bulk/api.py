"""`POST /api/v1/{resource}/bulk/`: up to ten thousand rows, stored at once, each with its own outcome."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, cast

from django.urls import URLPattern, re_path
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from crm.core.api.schema import RecordSchema
from crm.core.api.views import ApiView, RecordViewSet
from crm.sync.bulk.engine import write_rows
from crm.sync.bulk.options import read_options, scope_of
from crm.sync.bulk.parsing import RowsJson, RowsNdjson, SentRows, counted
from crm.sync.bulk.rows import RowResult
from crm.sync.bulk.said import ANSWER, BODY, PARAMETERS

OUTCOMES = ("created", "updated", "unchanged", "deleted", "rejected", "unprocessed")


class BulkSchema(RecordSchema):
    """Describes the options of a batch."""

    def get_operation_id(self) -> str:
        """One for each resource."""
        return f"{self.get_tags()[0]}_bulk"

    def _get_parameters(self) -> list[Any]:
        return [*super()._get_parameters(), *PARAMETERS]


class BulkView(ApiView):
    """Many records of one resource in one request."""

    of: ClassVar[type[RecordViewSet]]
    action_of_method: ClassVar[Mapping[str, str]] = {"POST": "bulk"}
    parser_classes = [RowsJson, RowsNdjson]
    schema = BulkSchema()

    def scope_for(self, action: str | None) -> str:
        """What the operation takes of a single request; deleting has a scope of its own."""
        return scope_of(self.of, self.request.query_params.get("operation", "")) if action else ""

    @extend_schema(request=BODY, responses={200: ANSWER})
    def post(self, request: Request) -> Response:
        """Store the rows that will do, and say of each what became of it, in the order in which they were sent."""
        options = read_options(request.query_params)
        results = write_rows(
            self.of,
            # Of no body at all no parser is asked, and there is nothing to count.
            counted(cast("SentRows", request.data or SentRows())),
            operation=options.operation,
            system=options.system,
            all_or_nothing=options.all_or_nothing,
            actor=self.actor,
            scopes=getattr(request.auth, "scopes", ()),
            at=self.at,
        )
        return Response(answer_of(results))


def answer_of(results: Iterable[RowResult]) -> dict[str, Any]:
    """The answer: how many of each outcome, whether anything was stored, and every row's."""
    rows = [result.as_json() for result in results]
    counts = Counter(row["outcome"] for row in rows)
    stored = not counts["unprocessed"] and counts["rejected"] < len(rows)
    return {**{name: counts[name] for name in OUTCOMES}, "stored": stored, "results": rows}


def bulk_addresses(views: Iterable[type[RecordViewSet]]) -> list[URLPattern]:
    """The address of every followed resource, before those of its records."""
    return [
        re_path(f"^{view.resource}/bulk/?$", _of(view).as_view(), name=f"{view.resource}-bulk")
        for view in views
        if view.followed
    ]


def _of(view: type[RecordViewSet]) -> Any:
    return type(f"{view.__name__}Bulk", (BulkView,), {"of": view, "resource": view.resource, "schema": BulkSchema()})
