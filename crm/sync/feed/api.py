"""The feed over the API: `GET /api/v1/changes/`, for who keeps a copy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn, cast

from django.db import models
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from crm.core.api.etags import condition
from crm.core.api.figures import parameter
from crm.core.api.problems import Flaw, Problem, bad_request
from crm.core.api.queries import Reading, RecordFilters
from crm.core.api.resources import followed
from crm.core.api.scopes import has_scope, require_scope
from crm.core.api.views import ApiView
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.core.text import whole_number
from crm.history.feed import latest, number_transactions
from crm.sync.authentication import ApiKeyAuthentication
from crm.sync.feed.cursors import CURSOR, Place, make_cursor, own_told, read_cursor
from crm.sync.feed.description import ANSWER, ChangesSchema
from crm.sync.feed.reading import LIMIT, MOST, Page, read_page
from crm.sync.feed.waiting import LONGEST, wait_for_page

if TYPE_CHECKING:
    from crm.sync.models import ApiKey

NOW = "now"
OBJECTS, HOW_MANY, WAIT = "objects", "limit", "wait"
# What a cursor that leads nowhere any more is called in answers.
CODES = {"gone": "lost_cursor", "expired": "expired_cursor"}


class HasKey(BasePermission):
    """Whoever has a key may ask; which objects it may read is asked for each of them."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Raises NotAuthenticated without a key."""
        if request.auth is None:
            raise NotAuthenticated("Send a key that is in use: Authorization: Bearer plumb_…")
        return True


class Changes(ApiView):
    """What changed, in order."""

    resource = "changes"
    permission_classes = [HasKey]
    http_method_names = ["get", "head", "options"]
    schema = ChangesSchema()

    @extend_schema(
        operation_id="changes",
        responses={200: ANSWER},
        parameters=[
            parameter(
                CURSOR,
                "Where to go on: the cursor of the page before, or of an export; `now` for the present end of the"
                " feed, from which only what happens later is told.",
                required=True,
            ),
            parameter(
                OBJECTS,
                "Which resources, between commas, as `leads,contacts`. With `cursor=now` those to follow (without it"
                " all that the key may read); with a cursor the same that it was made for.",
            ),
            parameter(
                HOW_MANY,
                f"How many changes on a page, {LIMIT:,} unless said.",
                {"type": "integer", "minimum": 1, "maximum": MOST, "default": LIMIT},
            ),
            parameter(
                WAIT,
                "Where there is nothing new, wait up to so many seconds for it. The answer may come sooner without"
                " any change, when many wait.",
                {"type": "integer", "minimum": 0, "maximum": LONGEST, "default": 0},
            ),
            OpenApiParameter(
                "If-None-Match",
                OpenApiTypes.STR,
                OpenApiParameter.HEADER,
                description="The ETag of the last answer without changes: 304 while there are none.",
            ),
        ],
    )
    def get(self, request: Request) -> Response:
        """The changes after a cursor: of every record the key follows, by transaction, none ever left out.

        Keep the cursor of each answer with what you made of it, in one transaction of your own; `more` says that the
        next page can be read at once. A page that is read twice changes nothing: every change has the record's version.
        """
        params = request.query_params
        Reading({}, RecordFilters).refuse_unknown(params, {CURSOR, OBJECTS, HOW_MANY, WAIT})
        limit = self.number(params.get(HOW_MANY), HOW_MANY, 1, MOST, LIMIT)
        wait = self.number(params.get(WAIT), WAIT, 0, LONGEST, 0)
        known = condition(request, "If-None-Match")
        asked = self.asked(params.get(OBJECTS, ""))
        if params.get(CURSOR) == NOW:
            return self.begin(asked)
        place = self.place(params.get(CURSOR, ""), asked)
        page = wait_for_page(lambda before: self.read(place, before, limit), wait)
        if wait:
            self.judge_again(place)
        body = {
            "transactions": page.transactions,
            "cursor": make_cursor(page.cursor, place.objects),
            "more": page.more,
        }
        if page.transactions or page.more:
            # What a page with changes says may be erased one day: no tag vouches for it.
            return Response(body)
        headers = {"ETag": f'"{page.cursor.pos}"'}
        if page.cursor == place.cursor and known is not None and known.knows(headers["ETag"]):
            return Response(None, status=304, headers=headers)
        return Response(body, headers=headers)

    def now(self) -> datetime:
        """The time at which the feed is read; later than the request's own when it waited."""
        return timezone.now()

    def read(self, place: Place, before: Page | None, limit: int) -> Page:
        """The next page.

        Raises:
            Problem: 410 for a cursor that leads nowhere any more, with where to begin anew.
        """
        try:
            return read_page(place.objects, before.cursor if before else place.cursor, limit, at=self.now())
        except Refused as refused:
            self.begin_anew(CODES[refused.code], refused.message, place.objects)

    def begin(self, asked: Sequence[str]) -> Response:
        """The cursor at the present end of the feed."""
        objects = tuple(asked) or self.readable()
        for name in objects:
            self.see_objects(name)
        number_transactions()
        return Response({"transactions": [], "cursor": make_cursor(latest(), objects), "more": False})

    def place(self, text: str, asked: Sequence[str]) -> Place:
        """Where the cursor is.

        Raises:
            Problem: 400 without a cursor, for one that is none, or is of other objects; 403 where the key may not read
                one of its objects any more; 410 for one that was not given out here.
        """
        if not text:
            said = "Begin with an export, whose last line has the cursor, or with cursor=now."
            raise bad_request("needs_cursor", said, [Flaw(CURSOR, "needs_cursor", said)])
        try:
            place = read_cursor(text)
        except Problem as problem:
            if problem.status == 410:
                self.begin_anew(problem.code, problem.detail, asked or self.readable())
            raise
        if asked and tuple(asked) != place.objects:
            said = f"This cursor is of {', '.join(place.objects)}."
            raise bad_request("other_cursor", said, [Flaw(OBJECTS, "other_cursor", said)])
        for name in place.objects:
            self.see_objects(name)
        if place.own != own_told(place.objects):
            said = "Records are told with other fields of the company's own since this cursor: begin anew."
            self.begin_anew("changed_fields", said, place.objects)
        return place

    def judge_again(self, place: Place) -> None:
        """Tell who waited what they may know now, which may be less than when they asked.

        Raises:
            AuthenticationFailed: 401 where the key is of no use any more.
            Problem: 403, as `see_objects`.
        """
        key = ApiKeyAuthentication().again(cast("ApiKey", self.request.auth), self.now())
        self.request.user, self.request.auth = key.user, key
        for name in place.objects:
            self.see_objects(name)

    def asked(self, text: str) -> tuple[str, ...]:
        """The resources that were named, sorted.

        Raises:
            Problem: 400 `unknown_object`.
        """
        names = tuple(sorted({name.strip() for name in text.split(",") if name.strip()}))
        known = followed()
        for name in names:
            if name not in known:
                said = f"“{name}” is nothing that is followed: {', '.join(known)}."
                raise bad_request("unknown_object", said, [Flaw(OBJECTS, "unknown_object", said)])
        return names

    def readable(self) -> tuple[str, ...]:
        """All that this key may read now.

        Raises:
            Problem: 403 `missing_scope` when that is nothing.
        """
        names = [
            name
            for name, view in followed().items()
            if has_scope(self.request, f"{name}:read") and may(self.actor, "view", view.model)
        ]
        if not names:
            raise Problem(403, "missing_scope", "This key lacks every scope to read what is followed, as leads:read.")
        return tuple(sorted(names))

    def see_objects(self, name: str) -> None:
        """Refuse who may not read such records (any more).

        Raises:
            Problem: 403 `missing_scope`, which names it, or `forbidden` when the key's user may not.
        """
        require_scope(self.request, f"{name}:read")
        view = followed().get(name)
        kind: type[models.Model] | None = view.model if view else None
        if kind is None or not may(self.actor, "view", kind):
            raise Problem(403, "forbidden", f"This key's user may see no {name}.")

    def begin_anew(self, code: str, said: str, objects: Sequence[str]) -> NoReturn:
        """Refuse a cursor for good, and say where a new copy begins."""
        addresses = [self.request.build_absolute_uri(f"/api/v1/{name}/export/") for name in objects]
        more: Mapping[str, Any] = {"resync": {"exports": addresses}}
        raise Problem(410, code, said, [Flaw(CURSOR, code, said)], more=dict(more))

    def number(self, text: str | None, name: str, least: int, most: int, default: int) -> int:
        """A whole number within bounds.

        Raises:
            Problem: 400 `invalid_limit` or `invalid_wait`.
        """
        found = default if text in (None, "") else whole_number(text or "")
        if found is None or not least <= found <= most:
            said = f"“{name}” is a whole number from {least} to {most:,}."
            raise bad_request(f"invalid_{name}", said, [Flaw(name, f"invalid_{name}", said)])
        return found
