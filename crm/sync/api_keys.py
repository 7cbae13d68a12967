"""What a program may ask about its own key: `GET /api/v1/keys/self/` says who it is, `PUT .../self/secret/` gives it
another secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from django.urls import URLPattern, re_path
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from crm.core.api.problems import Flaw, invalid
from crm.core.api.scopes import declare_right, declare_scopes
from crm.core.api.views import ApiView
from crm.core.api.writes import VIA
from crm.core.salted import MOST_HOURS, OVERLAP_HOURS
from crm.sync.authentication import NO_KEY
from crm.sync.models import ApiKey
from crm.sync.rotation import rotate_api_key

RESOURCE = "keys"
declare_scopes(RESOURCE, rotate="Give itself another secret")
declare_right("keys:rotate", lambda user: bool(user.rights))

TEXT = {"type": "string"}
TIME = {"type": ["string", "null"], "format": "date-time"}
KEY = {
    "type": "object",
    "required": ["id", "name", "begins_with", "user", "scopes", "requests_per_minute", "expires_at"],
    "properties": {
        "id": {"type": "integer"},
        "name": TEXT,
        "begins_with": {"type": "string", "description": "How the key begins: enough to tell which one it is."},
        "user": {
            "type": "object",
            "description": "As whom it acts: what it does, they do.",
            "required": ["id", "name", "email", "role"],
            "properties": {"id": {"type": "integer"}, "name": TEXT, "email": TEXT, "role": TEXT},
        },
        "scopes": {"type": "array", "items": TEXT},
        "requests_per_minute": {"type": "integer"},
        "expires_at": {**TIME, "description": "Null: it works until it is revoked."},
        "old_secret_until": {**TIME, "description": "When the secret before this one ends; null where there is none."},
        "with_old_secret": {"type": "boolean", "description": "This request came with the secret before this one."},
    },
}
MADE = {
    "type": "object",
    "required": ["key", "old_secret_until"],
    "properties": {
        "key": {"type": "string", "description": "The key with its new secret: told this once, and kept nowhere."},
        "old_secret_until": {"type": "string", "format": "date-time"},
    },
}
BODY = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "hours": {
            "type": "integer",
            "minimum": 0,
            "maximum": MOST_HOURS,
            "default": OVERLAP_HOURS,
            "description": "How long the secret of now works beside the new one.",
        }
    },
}


class AnyKey(BasePermission):
    """Whatever its scopes, a key may know what it is."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Raises what a request without a key is answered."""
        if not isinstance(request.auth, ApiKey):
            raise NotAuthenticated(NO_KEY)
        return True


class OwnKey(ApiView):
    """The key of the request."""

    resource = RESOURCE
    permission_classes = [AnyKey]

    @extend_schema(operation_id="keys_self", description="The key that asks.", responses={200: KEY})
    def get(self, request: Request) -> Response:
        """What it is, and may do."""
        self.no_query()
        # What lets a request in leaves out what not every request needs.
        key = ApiKey.objects.select_related("user").get(pk=cast("ApiKey", request.auth).pk)
        old = key.old_until if key.old_until is not None and key.old_until > self.at and key.old_hash else None
        return Response(
            {
                "id": key.pk,
                "name": key.name,
                "begins_with": key.start,
                "user": {"id": key.user_id, "name": str(key.user), "email": key.user.email, "role": key.user.role},
                "scopes": key.scopes,
                "requests_per_minute": key.per_minute,
                "expires_at": key.expires_at,
                "old_secret_until": old,
                "with_old_secret": cast("ApiKey", request.auth).by_old_secret,
            }
        )


class OwnSecret(ApiView):
    """The secret of the key of the request. No POST: an answer with a secret is not kept to be given again."""

    resource = RESOURCE
    scopes: ClassVar[Mapping[str, str]] = {"rotate": "rotate"}
    action_of_method: ClassVar[Mapping[str, str]] = {"PUT": "rotate"}

    @extend_schema(
        operation_id="keys_self_rotate",
        description=(
            "Give the key that asks another secret. The one it has works beside it for `hours`, so that nothing is"
            " refused while it is exchanged. Was the answer lost, ask again: with the secret that you have."
        ),
        request={"application/json": BODY},
        responses={200: MADE},
    )
    def put(self, request: Request) -> Response:
        """Another secret, told this once."""
        self.no_query()
        hours = self.hours()
        own = cast("ApiKey", request.auth)
        key, told = rotate_api_key(own, actor=self.actor, at=self.at, via=VIA, hours=hours, sent=own)
        answer = {"key": told, "old_secret_until": key.old_until}
        return Response(answer, headers={"Cache-Control": "no-store"})

    def hours(self) -> int:
        """How long the old one works.

        Raises:
            Problem: 400 for anything that is no number of hours, and for unknown names.
        """
        return hours_of(self.fields("hours"))


def hours_of(body: Mapping[str, Any]) -> int:
    """How long an old secret works on.

    Raises:
        Problem: 400 for anything that is no number of hours.
    """
    hours = body.get("hours", OVERLAP_HOURS)
    if type(hours) is not int or not 0 <= hours <= MOST_HOURS:
        raise invalid([Flaw("hours", "invalid_hours", f"A whole number from 0 to {MOST_HOURS}.")])
    return hours


addresses: list[URLPattern] = [
    re_path("^keys/self/?$", OwnKey.as_view(), name="keys_self"),
    re_path("^keys/self/secret/?$", OwnSecret.as_view(), name="keys_self_secret"),
]
