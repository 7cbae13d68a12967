"""Views of the API: who asks and when, which scope it takes, strict queries, one domain call, one shape of errors.

`ApiView` is for anything; `RecordViewSet` gives a resource its list, read, create, patch and delete. Reading makes no
instances. Every answer holds the stored columns by the same names, and what else was asked for (`expand`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, cast

import django_filters
from django.db import models
from django.http import Http404
from django.utils import timezone
from django.utils.functional import cached_property
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSetMixin

from crm.core.acting import acting, retry_deadlocks
from crm.core.api.cursors import after, fingerprint, make_cursor, read_cursor
from crm.core.api.deprecation import Deprecation
from crm.core.api.etags import Hashed, condition, etag, versioned
from crm.core.api.expanding import Expansion, expandable
from crm.core.api.many import Many
from crm.core.api.once import once
from crm.core.api.parsing import body_of
from crm.core.api.problems import Flaw, Problem, bad_request, invalid, not_there
from crm.core.api.queries import EXPAND, LARGEST_ID, Reading, RecordFilters
from crm.core.api.schema import RecordSchema
from crm.core.api.scopes import STANDARD, has_scope, require_scope
from crm.core.api.selecting import Selection
from crm.core.api.serializers import RecordSerializer
from crm.core.api.writes import VIA, change_record, create_record, delete_record, refuse_future, stale_problem
from crm.core.errors import Stale
from crm.core.permissions import may
from crm.core.text import whole_number

if TYPE_CHECKING:
    from crm.people.models import User


def tell_counts(request: Any, answer: Any) -> Any:
    """Add the headers of whoever counts requests: `answer_rate` of a key, as it is now, or `answer_headers`."""
    plain = getattr(request, "_request", request)
    rate = getattr(plain, "answer_rate", None)
    told = rate.headers(timezone.now()) if rate is not None else getattr(plain, "answer_headers", {})
    for name, value in told.items():
        answer.headers[name] = value
    return answer


class ApiView(APIView):
    """One address of the API. `resource` and `scopes` (action to the scope it takes) say what a key needs for it.

    An action without a scope is denied. A view without `ViewSet` actions names its methods in `action_of_method`.
    """

    resource: ClassVar[str] = ""
    scopes: ClassVar[Mapping[str, str]] = {}
    action_of_method: ClassVar[Mapping[str, str]] = {}
    schema = RecordSchema()
    # What is to go, by action or method: it says so in its answers and in the description.
    deprecated: ClassVar[Mapping[str, Deprecation]] = {}
    # Nothing is answered without a key that its class sees to; OPTIONS says nothing that the description does not.
    metadata_class = None

    def scope_for(self, action: str | None) -> str:
        """The scope (`leads:read`) that an action takes; empty for one that nobody declared."""
        word = {**STANDARD, **self.scopes}.get(action or "", "")
        return f"{self.resource}:{word}" if word and self.resource and ":" not in word else word

    @property
    def actor(self) -> User:
        """Whose key it is: what it does, they do."""
        return cast("User", self.request.user)

    @cached_property
    def at(self) -> datetime:
        """The request's one "now"."""
        return timezone.now()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Who asks, and whether the key may: after that, a POST is done once for each Idempotency-Key."""
        super().initial(request, *args, **kwargs)
        if request.method == "POST" and (handler := getattr(self, "post", None)) is not None:
            self.post = once(self, handler)

    def body(self) -> dict[str, Any]:
        """The request's body, one JSON object."""
        return body_of(self.request)

    def fields(self, *names: str) -> dict[str, Any]:
        """The request's body, which has these names and no others.

        Raises:
            Problem: 400 that names each other one.
        """
        body = self.body()
        if flaws := [Flaw(name, "unknown_field", f"“{name}” is no field here.") for name in body if name not in names]:
            raise invalid(flaws)
        return body

    def no_query(self) -> None:
        """Refuse parameters where there are none."""
        if self.request.query_params:
            names = ", ".join(f"“{name}”" for name in self.request.query_params)
            raise bad_request("unknown_parameter", f"There are no parameters here: {names}.")

    def next_address(self, cursor: str | None) -> str | None:
        """Where the next page is."""
        if cursor is None:
            return None
        params = self.request.query_params.copy()
        params["cursor"] = cursor
        return self.request.build_absolute_uri(f"{self.request.path}?{params.urlencode()}")

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Nothing of it is kept by caches in between; what is left to the key is told with whatever is answered."""
        answer = super().finalize_response(request, response, *args, **kwargs)
        answer.headers.setdefault("Cache-Control", "private, no-cache")
        if (going := self.deprecated.get(getattr(self, "action", None) or request.method or "")) is not None:
            for name, value in going.headers().items():
                answer.headers[name] = value
        return tell_counts(request, answer)


def record_id(text: str) -> int:
    """The id in an address.

    Raises:
        Http404: for anything that can be none.
    """
    number = whole_number(text)
    if number is None or number > LARGEST_ID:
        raise Http404
    return number


class RecordViewSet(ViewSetMixin, ApiView):
    """List, read, create, patch and delete of one kind of record."""

    model: ClassVar[type[models.Model]]
    serializer_class: ClassVar[type[RecordSerializer]]
    filterset_class: ClassVar[type[django_filters.FilterSet]] = RecordFilters
    orderings: ClassVar[Mapping[str, Sequence[str]]] = {}
    lookup_value_regex = "[^/]+"
    # Whether a copy of its records can be kept: they are in the feed, in exports and in bulk.
    followed: ClassVar[bool] = False
    # How many of them are stored by statements over sets; None: one by one.
    many: ClassVar[type[Many] | None] = None
    # What `expand=computed` adds to each record, as JSON Schema; `compute` fills it in.
    computed: ClassVar[Mapping[str, Any]] = {}

    # --- reading ------------------------------------------------------------------------------------------------------

    @property
    def reading(self) -> Reading:
        """How the resource may be listed."""
        kind = type(self)
        if "_reading" not in kind.__dict__:
            kind._reading = Reading(  # type: ignore[attr-defined]
                self.serializer_class.columns(), self.filterset_class, self.orderings, expandable=expandable(kind)
            )
        found: Reading = kind.__dict__["_reading"]
        return found

    def rows(self) -> models.QuerySet[Any]:
        """The records there are."""
        return self.model._default_manager.all()

    def compute(self, rows: list[dict[str, Any]]) -> None:
        """Add what is computed for a page of records: it changes without their versions, so no ETag vouches for it."""

    def one(self, pk: int, names: Sequence[str] | None = None) -> dict[str, Any]:
        """One record by the names of its fields.

        Raises:
            Http404: there is none; 410 where it was merged.
        """
        found = self.read(self.rows().filter(pk=pk), names)
        if not found:
            raise not_there(self.model, pk)
        return found[0]

    def by_ids(self, ids: Collection[int]) -> dict[int, dict[str, Any]]:
        """Those of these records that there are, by id."""
        return {row["id"]: row for row in self.read(self.rows().filter(pk__in=ids))} if ids else {}

    def read(self, rows: models.QuerySet[Any], names: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Records by the names of their fields, all of them without `names`."""
        selection = Selection(self.serializer_class, list(self.reading.columns) if names is None else names)
        return selection.told(selection.read(rows))

    def list(self, request: Request) -> Response:
        """A page, and the cursor of the next one."""
        self.see()
        reading = self.reading
        query = reading.query(request.query_params)
        order = reading.orderings[query.ordering]
        bound_to = fingerprint(self.resource, query.ordering, query.filters)
        rows = reading.narrowed(self.rows(), query.filters)
        if query.cursor:
            rows = after(rows, order, read_cursor(query.cursor, bound_to))
        ordered_by = [column.removeprefix("-") for column in order]
        expansion = Expansion(self, query.expand)
        selection = Selection(self.serializer_class, expansion.needed(query.fields), besides=ordered_by)
        found = selection.read(rows.order_by(*order)[: query.limit + 1])
        following = None
        if len(found) > query.limit:
            found.pop()
            last = dict(zip(selection.wanted, found[-1], strict=True))
            following = make_cursor(bound_to, [last[column] for column in ordered_by])
        page = selection.told(found)
        expansion.add(page, query.fields)
        body = {"results": page, "next": self.next_address(following), "next_cursor": following}
        return Response(body) if query.expand else Hashed(request, body)

    def retrieve(self, request: Request, pk: str) -> Response:
        """One record; 304 when the reader has this version already."""
        self.see()
        params, reading = request.query_params, self.reading
        reading.refuse_unknown(params, {"fields", *([EXPAND] if reading.expandable else [])})
        expansion, fields = Expansion(self, reading.expanded(params)), reading.chosen(params)
        row = self.one(record_id(pk), expansion.needed(fields))
        expansion.add([row], fields)
        if expansion.names:
            return Response(row)
        return versioned(request, row) if "version" in row else Hashed(request, row)

    def see(self) -> None:
        """Refuse who may not see such records."""
        if not may(self.actor, "view", self.model):
            raise Problem(403, "forbidden", f"This key's user may see no {self.model._meta.verbose_name_plural}.")

    def answer(self, pk: int, status: int = 200) -> Response:
        """What was stored; to a key that may not read, its id and version."""
        readable = has_scope(self.request, f"{self.resource}:read") and may(self.actor, "view", self.model)
        row = self.one(pk, None if readable else ["id", "version"])
        headers = {"ETag": etag(row["id"], row["version"])}
        if status == 201:
            headers["Location"] = f"{self.request.path.rstrip('/')}/{pk}/"
        return Response(row, status=status, headers=headers)

    # --- writing ------------------------------------------------------------------------------------------------------

    def serializer(self, instance: Any = None) -> RecordSerializer:
        """What reads a body."""
        return self.serializer_class(instance, context={"view": self, "request": self.request, "at": self.at})

    def create(self, request: Request) -> Response:
        """Store a new record: 201 with its address, ETag and body."""
        self.no_query()
        pk, new = self.bring_in(self.body())
        return self.answer(pk, status=201 if new else 200)

    def bring_in(self, body: Mapping[str, Any], *, known_as: tuple[str, str] | None = None) -> tuple[int, bool]:
        """Store a new record from a body: its id, and whether it was not here before.

        `known_as` is the system that calls it something, and what, where one does.
        """
        serializer = self.serializer()
        if not may(self.actor, "add", self.model):
            raise Problem(403, "forbidden", f"This key's user may add no {self.model._meta.verbose_name_plural}.")
        return self.store(serializer.read(body)), True

    def hold_for(self, bodies: Sequence[Mapping[str, Any]]) -> None:
        """Take the holds that come before the locks of rows, for writes of these bodies in one transaction."""

    @retry_deadlocks
    def store(self, values: dict[str, Any]) -> int:
        """Store a new record with these values; returns its id. Placing it in a status takes the scope `place`."""
        kind, values = cast("Any", self.model), dict(values)
        flow = getattr(kind, "FLOW", "")
        state, at = values.pop(flow, None) if flow else None, values.pop(f"{flow}_since", None) if flow else None
        if flow and (at is not None or state not in {None, *kind.entry_states()}):
            require_scope(self.request, f"{self.resource}:place")
            refuse_future(kind, at, now=self.at, name_of=self.serializer_class.name_of)
        # Since when it is in its status is a fact; it was made here now.
        with nullcontext() if at is None else acting(actor=self.actor, via=VIA, at=self.at):
            return int(self.keep(self.make(values), at=at or self.at, state=state).pk)

    def make(self, values: dict[str, Any]) -> Any:
        """The unsaved record."""
        return self.model(**values)

    def keep(self, record: Any, *, at: datetime, state: str | None) -> Any:
        """The domain call that stores a new record."""
        return create_record(record, actor=self.actor, at=at, state=state)

    def partial_update(self, request: Request, pk: str) -> Response:
        """Change the named fields; with `If-Match` only if the record is at that version, else 412."""
        self.no_query()
        number, body = record_id(pk), self.body()
        known = condition(self.request, "If-Match")
        try:
            self.change(number, body, known)
        except Stale as stale:
            raise self.stale(stale) from stale
        return self.answer(number)

    def change(self, pk: int, body: Mapping[str, Any], known: Any) -> None:
        """The domain call that changes a record."""
        change_record(
            self.model,
            pk,
            lambda record: self.serializer(record).read(body),
            actor=self.actor,
            at=self.at,
            condition=known,
        )

    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a record that nothing holds: 204."""
        self.no_query()
        known = condition(self.request, "If-Match")
        self.fields()
        try:
            self.remove(record_id(pk), known)
        except Stale as stale:
            raise self.stale(stale) from stale
        return Response(status=204)

    def remove(self, pk: int, known: Any) -> None:
        """The domain call that deletes a record."""
        delete_record(self.model, pk, actor=self.actor, at=self.at, condition=known)

    def stale(self, stale: Stale) -> Problem:
        """412 with what happened meanwhile, as far as this key may know."""
        tell = has_scope(self.request, f"{self.resource}:read")
        return stale_problem(stale, self.model, self.serializer_class.name_of, tell=tell)
