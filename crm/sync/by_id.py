"""Records by the ids that other systems know them by: `/api/v1/{resource}/by/{system}/{external_id}/`.

Every followed resource has this address. It answers as the record's own address does, of which it is another name: the
same fields, ETag and scopes. What is written here is in `upserting`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from django.db import models
from django.http import Http404
from django.urls import URLPattern, re_path
from rest_framework.request import Request
from rest_framework.response import Response

from crm.core.api.elsewhere import finds_ids, tells_ids
from crm.core.api.problems import Flaw, invalid
from crm.core.api.schema import ETAG, RecordSchema
from crm.core.api.schema_words import ANSWERS, LOCATION
from crm.core.api.views import RecordViewSet
from crm.core.text import tidy
from crm.sync.models import ExternalId
from crm.sync.upserting import WritesById

# What is asked for as part of an address: the column that it is compared with.
PARTS = {"system": "system", "external_id": "value"}
IF_MATCH = "The ETag you read: 412 if the record was changed since, or is not there."
IF_NONE = "*: only make it; 412 if the record is there."
ACTIONS = {"get": "retrieve", "put": "upsert", "patch": "partial_update", "delete": "destroy"}


class ByIdSchema(RecordSchema):
    """Described as the record's own address, by a name of its own."""

    def get_operation_id(self) -> str:
        """Its resource and action, and that it goes by another system's id."""
        return f"{super().get_operation_id()}_by_id"

    def get_request_serializer(self) -> Any:
        """What PUT takes is what POST takes."""
        return self._as_create(super().get_request_serializer)

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        """PUT answers with the record, made or changed."""
        operation = super().get_operation(*args, **kwargs)
        if operation is not None and self.method == "PUT":
            answers = operation["responses"]
            answers["200"]["headers"] = dict(ETAG)
            made = {"description": ANSWERS["201"], "headers": {**ETAG, **LOCATION}}
            answers["201"] = {**answers["200"], **made}
        return operation

    def _get_parameters(self) -> list[Any]:
        found = super()._get_parameters()
        if self.method == "PUT":
            schema = {"type": "string"}
            found += [
                {"name": "If-Match", "in": "header", "description": IF_MATCH, "schema": schema},
                {"name": "If-None-Match", "in": "header", "description": IF_NONE, "schema": schema},
            ]
        return found

    def _as_create(self, ask: Any) -> Any:
        view: Any = self.view
        if self.method != "PUT":
            return ask()
        view.action = "create"
        try:
            return ask()
        finally:
            view.action = "upsert"


class ByIdElsewhere(WritesById):
    """One record by another system's id; mixed in before a resource's own view."""

    schema = ByIdSchema()

    def retrieve(self, request: Request, system: str, external_id: str) -> Response:  # type: ignore[override]
        """The record that this system calls so; 304 when the reader has this version already."""
        self.see()
        return super().retrieve(request, str(self.found(system, external_id)))

    def parts(self, system: str, external_id: str) -> tuple[str, str]:
        """The two parts of the address as they are stored."""
        return read_parts(system, external_id)

    def found(self, system: str, external_id: str) -> int:
        """Our id of the record.

        Raises:
            Http404: the system has told us of no such id.
            Problem: 400 where it could be none.
        """
        named = read_parts(system, external_id)
        found = id_of(self.model, *named)
        if found is None:
            raise Http404
        return found


def read_parts(system: str, external_id: str) -> tuple[str, str]:
    """A system and an id of its own as they are stored: trimmed and composed, like all text.

    Raises:
        Problem: 400 for what is empty, too long, or has characters that no text may have.
    """
    flaws, read = [], {}
    for name, text in {"system": system, "external_id": external_id}.items():
        column: Any = ExternalId._meta.get_field(PARTS[name])
        longest = column.max_length
        if "\x00" in text:
            flaws.append(Flaw(name, "null_characters_not_allowed", "Null characters are not allowed."))
        elif not 1 <= len(tidy(text)) <= longest:
            flaws.append(Flaw(name, "invalid_id", f"It is from 1 to {longest} characters long."))
        read[name] = tidy(text)
    if flaws:
        raise invalid(flaws)
    return read["system"], read["external_id"]


def id_of(kind: type[models.Model], system: str, external_id: str) -> int | None:
    """Our id of the record that a system calls so; None where it has told us of none."""
    known = ExternalId.objects.filter(object=kind._meta.model_name, system=system, value=external_id)
    return known.values_list("record_id", flat=True).first()


@tells_ids
def known_as(kind: type[models.Model], ids: Collection[int]) -> dict[int, dict[str, list[str]]]:
    """What each system calls these records; one query."""
    rows = ExternalId.objects.filter(object=kind._meta.model_name, record_id__in=ids).order_by("system", "value")
    found: dict[int, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for pk, system, value in rows.values_list("record_id", "system", "value"):
        found[pk][system].append(value)
    return found


@finds_ids
def ids_of(kind: type[models.Model], system: str, values: Collection[str]) -> dict[str, int]:
    """Our ids of the records that a system calls so; one query."""
    rows = ExternalId.objects.filter(object=kind._meta.model_name, system=system, value__in=values)
    return dict(rows.values_list("value", "record_id"))


def by_id_addresses(views: Iterable[type[RecordViewSet]]) -> list[URLPattern]:
    """The address of every followed resource, before all its others: a system may be called `moves`.

    An id may have slashes in it (`%2F`); the one at the end is the address's.
    """
    return [
        re_path(
            f"^{view.resource}/by/(?P<system>[^/]+)/(?P<external_id>[\\s\\S]+?)/?$",
            _of(view).as_view({method: action for method, action in ACTIONS.items() if method in _methods(view)}),
            name=f"{view.resource}-by-id",
        )
        for view in views
        if view.followed
    ]


def _of(view: type[RecordViewSet]) -> Any:
    own = {"schema": ByIdSchema(), "http_method_names": _methods(view), "scopes": {**view.scopes, "upsert": "write"}}
    return type(f"{view.__name__}ByIdElsewhere", (ByIdElsewhere, view), own)


def _methods(view: type[RecordViewSet]) -> list[str]:
    return [name for name in (*view.http_method_names, "put") if name != "post"]
