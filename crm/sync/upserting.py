"""Writing by another system's id: `PUT`, `PATCH` and `DELETE` of `/api/v1/{resource}/by/{system}/{external_id}/`.

PUT makes the record or changes the fields that are sent, and of many PUTs at once under a new id one makes it and the
others change it. An id goes with a merged record to its survivor; that of a deleted one is free for a new record.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import connection
from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response

from crm.core.acting import acting, retry_deadlocks
from crm.core.api.etags import Condition, condition, etag
from crm.core.api.problems import Problem, not_there
from crm.core.api.views import RecordViewSet
from crm.core.api.writes import VIA
from crm.core.door import stale_since
from crm.core.errors import Stale
from crm.core.locks import hold, hold_shared
from crm.sync.models import ExternalId

NOT_HERE = "There is no record that this system calls so: not at this version either."


class WritesById(RecordViewSet):
    """What a resource's view does at the address of an id elsewhere, beside reading."""

    def parts(self, system: str, external_id: str) -> tuple[str, str]:
        """The two parts of the address as they are stored."""
        raise NotImplementedError

    def found(self, system: str, external_id: str) -> int:
        """Our id of the record. Raises 404 where the system has told us of none."""
        raise NotImplementedError

    def upsert(self, request: Request, system: str, external_id: str) -> Response:
        """Make the record (201), or change the fields that are sent (200); `If-None-Match: *` only makes it."""
        self.no_query()
        named, body = self.parts(system, external_id), self.body()
        known, absent = condition(request, "If-Match"), condition(request, "If-None-Match")
        try:
            pk, new = self.make_or_change(named, body, known=known, absent=absent)
        except Stale as stale:
            raise self.stale(stale) from stale
        return self.answer(pk, status=201 if new else 200)

    def partial_update(self, request: Request, system: str, external_id: str) -> Response:  # type: ignore[override]
        """Change the named fields of the record; 404 where the system has told us of none."""
        return super().partial_update(request, self.ours(system, external_id))

    def destroy(self, request: Request, system: str, external_id: str) -> Response:  # type: ignore[override]
        """Delete the record: the id may then name a new one."""
        return super().destroy(request, self.ours(system, external_id))

    def ours(self, system: str, external_id: str) -> str:
        """The record's own id, as in its own address."""
        pk = str(self.found(system, external_id))
        self.kwargs["pk"] = pk
        return pk

    def answer(self, pk: int, status: int = 200) -> Response:
        """As at the record's own address, which is where a new one is."""
        answer = super().answer(pk, status)
        if status == 201:
            answer.headers["Location"] = f"/api/v1/{self.resource}/{pk}/"
        return answer

    @retry_deadlocks
    def make_or_change(
        self, named: tuple[str, str], body: Mapping[str, Any], *, known: Condition | None, absent: Condition | None
    ) -> tuple[int, bool]:
        """The record's id, and whether it is new.

        Raises:
            Problem: 410 for one that was merged into another kind of record; 412 `exists`.
            Stale: it is at none of the versions in `known`, or is not there at all.
        """
        with acting(actor=self.actor, via=VIA, at=self.at):
            self.hold_for([body])
            hold_id(self.model, *named)
            record = living(self.model, *named)
            if record is None:
                if known is not None:
                    raise Problem(412, "stale", NOT_HERE)
                pk, new = self.bring_in(body, known_as=named)
                claim_ids(self.model, named[0], {named[1]: pk})
                return pk, new
            self.kwargs["pk"] = str(record.pk)
            if absent is not None and (absent.any or absent.knows(etag(record.pk, record.version))):
                raise Problem(412, "exists", f"This system has told us of this id: it is {record.pk} here.")
            if "patch" in self.http_method_names:
                self.change(record.pk, body, known)
            # What somebody asked is what they asked; sent again it says nothing new.
            elif known is not None and not known.allows(record.pk, record.version):
                raise stale_since(record, known.version_of(record.pk) or record.version)
            return record.pk, False


def hold_id(kind: type[Any], system: str, value: str) -> None:
    """One at a time under one id; batches of the same system, which hold all of its ids, come before or after."""
    batch = f"{system}:{kind._meta.model_name}"
    hold_shared(("upsert", batch))
    hold(("upsert_id", f"{batch}:{value}"))


def living(kind: type[Any], system: str, value: str) -> Any:
    """The record that a system calls so, locked; None where it is not here, or not any more.

    Raises:
        Problem: 410 where it was merged into another kind of record.
    """
    known = ExternalId.objects.filter(object=kind._meta.model_name, system=system, value=value)
    pk = known.values_list("record_id", flat=True).first()
    if pk is None:
        return None
    record = kind._base_manager.select_for_update(of=("self",)).filter(pk=pk).first()
    if record is None:
        refuse_merged(kind, pk)
    return record


def refuse_merged(kind: type[Any], pk: int) -> None:
    """Raises 410 of a record that is part of another now: its id elsewhere makes no second one."""
    gone = not_there(kind, pk)
    if not isinstance(gone, Http404):
        raise gone


def claim_ids(kind: type[Any], system: str, ids: Mapping[str, int]) -> None:
    """Know records by their ids elsewhere; an id that outlived its record names the new one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO sync_externalid (object, system, value, record_id, seen)"
            " SELECT %s, %s, u.value, u.id, '{}' FROM unnest(%s::text[], %s::bigint[]) u (value, id)"
            " ON CONFLICT (object, system, value) DO UPDATE SET record_id = excluded.record_id, seen = excluded.seen",
            [kind._meta.model_name, system, list(ids), list(ids.values())],
        )
