"""The description of the API (OpenAPI): each operation with its parameters, bodies, and every answer it can give."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.types import OpenApiTypes

from crm.core.api.expanding import expandable, expanded_schema
from crm.core.api.once import header_parameter
from crm.core.api.schema_words import LOCATION, filter_schema, say_all, summary_of

PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "What went wrong (RFC 9457).",
    "required": ["type", "title", "status", "detail", "code", "errors", "request_id"],
    "properties": {
        "type": {"type": "string", "description": "The address of the page that explains the code."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "The sentence people read at the other doors."},
        "code": {"type": "string", "description": "Stable, for programs."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "pointer", "code", "message"],
                "properties": {
                    "field": {"type": "string", "description": "The field or parameter; empty: none in particular."},
                    "pointer": {"type": "string", "description": "Where it is in the body (RFC 6901)."},
                    "code": {"type": "string", "description": "Stable, for programs."},
                    "message": {"type": "string"},
                },
            },
        },
        "request_id": {"type": "string", "description": "What the log here knows the request by."},
        "survivor": {
            "type": "object",
            "description": "Of a merged record: the one that it is now.",
            "required": ["object", "id"],
            "properties": {"object": {"type": "string"}, "id": {"type": "integer"}},
        },
        "resync": {
            "type": "object",
            "description": "Of a cursor that leads nowhere any more: where to load anew.",
            "required": ["exports"],
            "properties": {"exports": {"type": "array", "items": {"type": "string"}}},
        },
    },
}
WORDS = {
    400: "The request will not do: each wrong field, parameter or header is named.",
    401: "No key, or none that may be used any more.",
    403: "The key lacks a scope, or its user may not.",
    404: "There is no such record.",
    405: "This address has no such method.",
    406: "There is no answer of a kind that Accept names.",
    409: "It conflicts with what is stored.",
    410: "It was merged: `survivor` has the record that it is now. Of a POST that is sent again: whom it was about was"
    " erased since, and the first answer is not kept.",
    412: "Somebody changed the record since the version in If-Match; their changes are named.",
    413: "The body is too large.",
    415: "A body of this Content-Type is not taken here, nor one with a Content-Encoding.",
    422: "The Idempotency-Key was sent with another request.",
    429: "Too many requests: Retry-After says how many seconds to wait.",
    503: "The database did not answer in time; nothing was written.",
}
EVERYWHERE = (400, 401, 403, 404, 405, 406, 429, 503)
WITH_BODY = (409, 412, 413, 415)
ONCE = (410, 422)
MERGED = (410,)
ETAG = {
    "ETag": {
        "schema": {"type": "string"},
        "description": 'The record\'s version, as "17.3": send it in If-Match. A page has a weak one.',
    }
}


def _query(name: str, text: str, schema: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": text, "schema": schema or {"type": "string"}}


def _header(name: str, text: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": text, "schema": {"type": "string"}}


class RecordSchema(AutoSchema):
    """Describes a view of the API by what it declares."""

    def get_tags(self) -> list[str]:
        return [getattr(self.view, "resource", "") or "api"]

    def get_operation_id(self) -> str:
        action = getattr(self.view, "action", None)
        return f"{self.get_tags()[0]}_{action or type(self.view).__name__}"

    def get_summary(self) -> str:
        return super().get_summary() or summary_of(self.view, self.get_description())

    def _is_list_view(self, serializer: Any = None) -> bool:
        return False

    def get_filter_backends(self) -> list[Any]:
        return []

    def _get_parameters(self) -> list[Any]:
        found: list[Any] = super()._get_parameters()
        for one in found:
            if one["in"] == "path" and one["name"] == "id":
                one["schema"] = {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}
        action = getattr(self.view, "action", None)
        if action == "list":
            found += self._list_parameters()
        elif action == "retrieve" and not self._is_whole():
            found += [
                _query("fields", "Only these fields, between commas; id and version always."),
                *self._expand(),
                _header("If-None-Match", "The ETag you have: 304 if it is still the record's."),
            ]
        elif action in ("partial_update", "destroy"):
            found.append(_header("If-Match", "The ETag you read: 412 if the record was changed since."))
        if self.method == "POST":
            found.append(header_parameter())
        return found

    def _is_whole(self) -> bool:
        """Whether one record is told whole or not at all, and has no version."""
        return bool(getattr(self.view, "whole", False)) and getattr(self.view, "action", None) == "retrieve"

    def _expand(self) -> list[dict[str, Any]]:
        names = self._expandable()
        if not names:
            return []
        text = "What to add, between commas: a link adds the record that it refers to. With any of it there is no ETag."
        schema = {"type": "array", "items": {"type": "string", "enum": names}}
        return [{**_query("expand", text, schema), "style": "form", "explode": False}]

    def _expandable(self) -> list[str]:
        return expandable(type(self.view)) if hasattr(self.view, "serializer_class") else []  # type: ignore[arg-type]

    def _list_parameters(self) -> list[Any]:
        reading = self.view.reading  # type: ignore[attr-defined]
        filters = reading.filterset.base_filters
        return [
            *(
                {**_query(name, str(one.extra.get("help_text") or one.label or "")), **filter_schema(one)}
                for name, one in filters.items()
            ),
            _query(
                "ordering", "By id, the newest first unless said.", {"type": "string", "enum": [*reading.orderings]}
            ),
            _query("fields", "Only these fields, between commas; id and version always."),
            *self._expand(),
            _query("limit", "How many on a page.", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}),
            _query("cursor", "next_cursor of the page before; for the same filters and ordering."),
            _header("If-None-Match", "The ETag of the page you have: 304 if it is still the same."),
        ]

    def get_response_serializers(self) -> Any:
        return getattr(self.view, "serializer_class", None)

    def get_request_serializer(self) -> Any:
        action = getattr(self.view, "action", None)
        return getattr(self.view, "serializer_class", None) if action in ("create", "partial_update") else None

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        operation = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        self.registry_problem()
        action, answers = getattr(self.view, "action", None), operation["responses"]
        if action in ("list", "retrieve") and self._expandable():
            self._add_expanded(answers["200"])
        if action == "list":
            answers["200"] = self._page(answers.get("200", {}))
        elif action == "destroy" and not answers.get("204"):
            answers.pop("200", None)
            answers["204"] = {"description": "Deleted."}
        if action == "list" or (action == "retrieve" and not self._is_whole()):
            answers["304"] = {"description": "You have this already.", "headers": ETAG}
        for code in ("200", "201"):
            if code in answers and action in ("list", "create", "retrieve", "partial_update") and not self._is_whole():
                answers[code]["headers"] = {**ETAG, **(LOCATION if code == "201" else {})}
        codes = (*EVERYWHERE, *(WITH_BODY if self.method in ("POST", "PUT", "PATCH", "DELETE") else ()))
        codes += ONCE if self.method == "POST" else ()
        codes += MERGED if "{id}" in self.path else ()
        if (action or self.method) in getattr(self.view, "deprecated", {}):
            operation["deprecated"] = True
        problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
        for number in sorted(codes):
            answers[str(number)] = {"description": WORDS[number], "content": problem}
        say_all(operation)
        return operation

    def _add_expanded(self, answer: dict[str, Any]) -> None:
        more = {"type": "object", "properties": expanded_schema(type(self.view))}  # type: ignore[arg-type]
        for content in answer["content"].values():
            content["schema"] = {"allOf": [content["schema"], more]}

    def _page(self, answer: dict[str, Any]) -> dict[str, Any]:
        item = answer.get("content", {}).get("application/json", {}).get("schema", {"type": "object"})
        page = {
            "type": "object",
            "required": ["results", "next", "next_cursor"],
            "properties": {
                "results": {"type": "array", "items": item},
                "next": {"type": ["string", "null"], "description": "Where the next page is; null on the last."},
                "next_cursor": {"type": ["string", "null"]},
            },
        }
        return {"description": "A page.", "content": {"application/json": {"schema": page}}}

    def registry_problem(self) -> None:
        """Name the one shape of errors once."""
        component = ResolvedComponent(  # type: ignore[no-untyped-call]
            name="Problem", type=ResolvedComponent.SCHEMA, schema=PROBLEM, object=OpenApiTypes.OBJECT
        )
        if component not in self.registry:
            self.registry.register(component)


class ColumnSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """A column's JSON type; the words of a list are named for writing only, as old ones may still be stored."""

    target_class = "crm.core.api.fields.Column"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        """As JSON Schema."""
        found = dict(column_schema(self.target.column, direction))
        if self.target.column.null and not self.target.allow_null:
            found["type"] = [found["type"], "null"]  # the generator says it only of what may be sent
        return found


def column_schema(column: Any, direction: str) -> dict[str, Any]:
    """What a column holds when it is not null, as JSON Schema."""
    found: dict[str, Any]
    if isinstance(column, models.ForeignKey):
        found = {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}
    elif isinstance(column, models.JSONField | ArrayField):
        found = {"type": "array", "items": {"type": "string"}}
    elif isinstance(column, models.BooleanField):
        found = {"type": "boolean"}
    elif isinstance(column, models.DecimalField):
        found = {"type": "string", "pattern": r"^-?\d{1,12}(\.\d{1,2})?$"}
    elif isinstance(column, models.IntegerField):
        found = {"type": "integer"}
    elif isinstance(column, models.DateField):
        found = {"type": "string", "format": "date-time" if isinstance(column, models.DateTimeField) else "date"}
    else:
        found = {"type": "string"}
        if column.max_length and direction == "request":
            found["maxLength"] = column.max_length
        if column.flatchoices and direction == "request":
            found["enum"] = [*([""] if column.blank else []), *(key for key, _ in column.flatchoices if key)]
    return found


class KeySchema(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """A key, in the Authorization header."""

    target_class = "crm.sync.authentication.ApiKeyAuthentication"
    name = "key"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """As OpenAPI says it."""
        return {"type": "http", "scheme": "bearer", "description": "An API key: an administrator makes one."}
