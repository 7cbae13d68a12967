"""Records by the ids that other systems know them by: `/api/v1/{resource}/by/{system}/{external_id}/`.

Every followed resource has this address. It answers as the record's own address does, of which it is another name: the
same fields, ETag and scopes. What is written here is in `upserting`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import models
from django.http import Http404
from django.urls import URLPattern, re_path
from rest_framework.request import Request
from rest_framework.response import Response

from crm.core.api.problems import Flaw, invalid
from crm.core.api.schema import RecordSchema
from crm.core.api.views import RecordViewSet
from crm.core.text import tidy
from crm.sync.models import ExternalId

# What is asked for as part of an address: the column that it is compared with.
PARTS = {"system": "system", "external_id": "value"}
ACTIONS = {"get": "retrieve"}


class ByIdSchema(RecordSchema):
    """Described as the record's own address, by a name of its own."""

    def get_operation_id(self) -> str:
        """Its resource and action, and that it goes by another system's id."""
        return f"{super().get_operation_id()}_by_id"


class ByIdElsewhere(RecordViewSet):
    """One record by another system's id; mixed in before a resource's own view."""

    schema = ByIdSchema()

    def retrieve(self, request: Request, system: str, external_id: str) -> Response:  # type: ignore[override]
        """The record that this system calls so; 304 when the reader has this version already."""
        self.see()
        return super().retrieve(request, str(self.found(system, external_id)))

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


def by_id_addresses(views: Iterable[type[RecordViewSet]]) -> list[URLPattern]:
    """The address of every followed resource, before all its others: a system may be called `moves`.

    An id may have slashes in it (`%2F`); the one at the end is the address's.
    """
    return [
        re_path(
            f"^{view.resource}/by/(?P<system>[^/]+)/(?P<external_id>.+?)/?$",
            _of(view).as_view(ACTIONS),
            name=f"{view.resource}-by-id",
        )
        for view in views
        if view.followed
    ]


def _of(view: type[RecordViewSet]) -> Any:
    return type(f"{view.__name__}ByIdElsewhere", (ByIdElsewhere, view), {"schema": ByIdSchema()})
