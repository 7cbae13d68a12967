"""All records of a kind over the API: `GET /api/v1/{resource}/export/`, for who begins a copy or wants all there is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.http import StreamingHttpResponse
from django.urls import URLPattern, re_path
from django.utils import timezone
from rest_framework.request import Request

from crm.core.api.problems import Flaw, Problem, bad_request
from crm.core.api.rendering import Json
from crm.core.api.resources import followed
from crm.core.api.scopes import require_scope
from crm.core.api.views import RecordViewSet
from crm.core.permissions import may
from crm.sync.exporting.description import ExportSchema
from crm.sync.exporting.forms import FORMS, Csv, Ndjson
from crm.sync.exporting.record import Record
from crm.sync.exporting.sending import Busy, Sending
from crm.sync.feed.cursors import make_cursor

FORMAT, FIELDS, OBJECTS = "format", "fields", "objects"
CURSOR = "Plumb-Feed-Cursor"
# Seconds until an export that is sent may have ended.
BUSY_FOR = "15"
# A weight of nothing (RFC 9110, 12.4.2).
REFUSED = re.compile(r"q\s*=\s*0(\.0{0,3})?")


class NdjsonAnswer(Json):
    """What a program that takes NDJSON is told of a problem."""

    media_type, format = Ndjson.media_type, Ndjson.name


class CsvAnswer(Json):
    """What a program that takes CSV is told of a problem."""

    media_type, format = Csv.media_type, Csv.name


class Export(RecordViewSet):
    """All records of one kind; mixed in before the resource's own view."""

    renderer_classes = [Json, NdjsonAnswer, CsvAnswer]
    http_method_names = ["get", "options"]
    schema = ExportSchema()

    def export(self, request: Request) -> StreamingHttpResponse:
        """Every record that passes the filters, in no order, as it was at one moment.

        As NDJSON, each line is a record as its own address answers it, and the last line is
        `{"_end": true, "count": …, "cursor": …}`. As CSV, a line of names comes first, null is an empty cell, an empty
        text is `""`, and the last row has `_end` as its id, the count as its version and the cursor in the third
        column, if there is one. Values are exact: a cell that begins as a formula does is left so.

        An answer without that last line is not whole, however it ended: ask again. The cursor is where the feed of
        changes goes on from: what the export has already may be told there once more, and its version says so.
        """
        self.see()
        params, reading = request.query_params, self.reading
        own = {FORMAT, FIELDS, OBJECTS}
        reading.refuse_unknown(params, {*reading.filterset.base_filters, *own})
        form = self.form(params.get(FORMAT, ""))
        names = reading.chosen(params)
        objects = self.objects(params.get(OBJECTS, ""))
        filters = {name: params[name] for name in params if name not in own}
        try:
            sending = Sending(form(type(self), names), *self.found(filters), clock=timezone.now)
        except Busy as busy:
            said = "As many exports are being sent as may be at once. Nothing was sent: try again."
            raise Problem(503, "exports_busy", said, headers={"Retry-After": BUSY_FOR}) from busy
        try:
            return self.answer_with(sending, make_cursor(sending.place, objects), names, filters)
        except BaseException:
            sending.close()
            raise

    def answer_with(
        self, sending: Sending, cursor: str, names: Sequence[str], filters: Mapping[str, str]
    ) -> StreamingHttpResponse:
        """Put it on record, and send it."""
        form = sending.form
        record = Record(
            self.model,
            by=self.actor,
            key=str(self.request.auth),
            at=self.at,
            form=form.name,
            columns=names,
            filters="&".join(f"{name}={value}" for name, value in filters.items()),
        )
        zipped = takes_gzip(self.request.headers.get("Accept-Encoding", ""))
        sending.start(record, cursor, zipped=zipped, socket=self.request.META.get("gunicorn.socket"))
        answer = StreamingHttpResponse(sending, content_type=f"{form.media_type}; charset=utf-8")
        answer.headers[CURSOR] = cursor
        answer.headers["Cache-Control"] = "no-store"
        answer.headers["Vary"] = "Accept, Accept-Encoding"
        name = f"{self.resource}-{self.at:%Y-%m-%d}.{form.name}"
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        if zipped:
            answer.headers["Content-Encoding"] = "gzip"
        return answer

    def form(self, asked: str) -> type[Ndjson]:
        """The form that was asked for, by name or by what the program takes.

        Raises:
            Problem: 400 `invalid_format`.
        """
        found = FORMS.get(asked or self.request.accepted_renderer.format, None if asked else Ndjson)
        if found is None:
            said = f"“{asked}” is none of: {', '.join(FORMS)}."
            raise bad_request("invalid_format", said, [Flaw(FORMAT, "invalid_format", said)])
        return found

    def objects(self, text: str) -> list[str]:
        """The resources that the cursor is to be of: this one, and those that are named.

        Raises:
            Problem: 400 `unknown_object`; 403 for one that the key or its user may not read.
        """
        known = followed()
        names = dict.fromkeys([self.resource, *(name.strip() for name in text.split(",") if name.strip())])
        for name in names:
            if name not in known:
                said = f"“{name}” is nothing that is followed: {', '.join(known)}."
                raise bad_request("unknown_object", said, [Flaw(OBJECTS, "unknown_object", said)])
            require_scope(self.request, f"{name}:read")
            if not may(self.actor, "view", known[name].model):
                raise Problem(403, "forbidden", f"This key's user may see no {name}.")
        return [*names]

    def found(self, filters: Mapping[str, str]) -> tuple[str, Sequence[Any]]:
        """FROM and WHERE of the records that pass the filters, as `r`, and its parameters."""
        table = f'FROM "{self.model._meta.db_table}" r'
        rows = self.reading.narrowed(self.rows(), filters)
        if rows.query.is_empty():
            return f"{table} WHERE false", ()
        if not rows.query.where:
            return table, ()
        sql, params = rows.order_by().values("pk").query.sql_with_params()
        return f"{table} WHERE r.id IN ({sql})", params


def takes_gzip(header: str) -> bool:
    """Whether an Accept-Encoding names gzip, and does not refuse it."""
    for part in header.lower().split(","):
        name, *rest = (one.strip() for one in part.split(";"))
        if name in ("gzip", "x-gzip"):
            return not any(REFUSED.fullmatch(one) for one in rest)
    return False


def export_addresses(views: Iterable[type[RecordViewSet]]) -> list[URLPattern]:
    """The address of every followed resource; before those of single records."""
    return [
        re_path(f"^{view.resource}/export/?$", _of(view).as_view({"get": "export"}), name=f"{view.resource}-export")
        for view in views
        if view.followed
    ]


def _of(view: type[RecordViewSet]) -> Any:
    own = {
        "schema": ExportSchema(),
        "scopes": {**view.scopes, "export": "read"},
        "renderer_classes": Export.renderer_classes,
        "http_method_names": Export.http_method_names,
    }
    return type(f"{view.__name__}Export", (Export, view), own)
