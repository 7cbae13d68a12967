"""The way in for programs: `Authorization: Bearer plumb_PREFIX_SECRET`.

The key is found by its prefix, and its secret compared in constant time with the stored hash, and with that of the
secret before it while that still works. The hash is one round of SHA-256: a secret of 256 random bits cannot be guessed
however fast guesses are checked, so a slow hash, which protects what people think up, would only make every request
slow.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from django.db import connection, models
from django.db.models import Q
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from crm.core.proxies import client_address
from crm.sync.models import ApiKey
from crm.sync.throttle import KeyRate, count_failure, minute_of

if TYPE_CHECKING:
    from crm.people.models import User

SHAPE = re.compile(r"plumb_([0-9a-f]{8})_([0-9a-f]{64})")
CHALLENGE = 'Bearer realm="Plumb"'
# One answer whatever was wrong: it says nothing of which keys there are.
NO_KEY = "Send a key that is in use: Authorization: Bearer plumb_…"
# Of a key that has no old secret; nothing hashes to it.
NO_HASH = "-" * 64
# How old the note of the last use may be: it is for people, and not worth a write with every request.
NOTED = timedelta(minutes=1)


def hash_of(secret: str) -> str:
    """What is stored of a key's secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


class ApiKeyAuthentication(BaseAuthentication):
    """Makes the key `request.auth` and its user `request.user`; counts the request in the same query."""

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        """Who asks; None without the header.

        Raises:
            AuthenticationFailed: 401, for whatever is no usable key.
            Throttled: 429, for more requests than the key may make, or too many failing attempts.
        """
        given = request.META.get("HTTP_AUTHORIZATION")
        if given is None:
            return None
        at = timezone.now()
        key = self.find(given, at)
        if key is None:
            count_failure(client_address(request._request), at=at)
            raise AuthenticationFailed(NO_KEY, code="not_authenticated")
        rate = KeyRate(key.per_minute, key.uses, at)  # type: ignore[attr-defined]
        request._request.answer_rate = rate  # type: ignore[attr-defined]
        rate.refuse_more()
        self.note_use(key, at)
        return key.user, key

    def authenticate_header(self, request: Request) -> str:
        """What a 401 says about how to come in."""
        return CHALLENGE

    def find(self, given: str, at: datetime) -> ApiKey | None:
        """The usable key in a header, with how often it was used in this minute; None if it is none."""
        scheme, _, sent = given.strip().partition(" ")
        shape = SHAPE.fullmatch(sent.strip())
        if scheme.lower() != "bearer" or shape is None:
            return None
        prefix, secret = shape.groups()
        hashed = hash_of(secret)
        with connection.cursor() as cursor:
            cursor.execute(_find(), [hashed, hashed, at, minute_of(at), prefix])
            row = cursor.fetchone()
        if row is None:
            return None
        key, user = _read(row)
        key.user, key.uses = user, row[-1]  # type: ignore[attr-defined]
        # Both are compared, whichever fits: how long it takes says nothing.
        newest, old = hmac.compare_digest(key.hash, hashed), hmac.compare_digest(key.old_hash or NO_HASH, hashed)
        key.by_old_secret = not newest and old and key.old_until is not None and key.old_until > at
        return key if (newest or key.by_old_secret) and key.state(at) == "active" else None

    def again(self, key: ApiKey, at: datetime) -> ApiKey:
        """The key as it is now, of a request that took its time: nothing is counted.

        Raises:
            AuthenticationFailed: 401 where it is of no use any more.
        """
        now = ApiKey.objects.select_related("user").filter(pk=key.pk).first()
        ended = key.by_old_secret and (now is None or now.old_until is None or now.old_until <= at)
        if now is None or ended or now.state(at) != "active":
            raise AuthenticationFailed(NO_KEY, code="not_authenticated")
        now.by_old_secret = key.by_old_secret
        return now

    def note_use(self, key: ApiKey, at: datetime) -> None:
        """Note when it was last used, once a minute at most; that makes no version and no entry in the change log."""
        if key.last_used_at is None or at - key.last_used_at >= NOTED:
            stale = Q(last_used_at=None) | Q(last_used_at__lt=at)
            ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=at)


# The one query that every request asks. Django takes longer to write it than PostgreSQL to answer it, so it is written
# once; values in JSON are left to be fetched by who wants them.
def _columns(kind: type[models.Model]) -> list[models.Field[Any, Any]]:
    return [field for field in kind._meta.concrete_fields if not isinstance(field, models.JSONField)]


@cache
def _find() -> str:
    """A key by its prefix with its user, and how often it was used in this minute.

    The use is counted for who has the secret only: a prefix is no secret, and must not use up somebody's requests.
    """
    user = ApiKey._meta.get_field("user").related_model
    keys, users = ApiKey._meta.db_table, user._meta.db_table  # type: ignore[union-attr]
    listed = [f'k."{field.column}"' for field in _columns(ApiKey)]
    listed += [f'u."{field.column}"' for field in _columns(user)]  # type: ignore[arg-type]
    known = "k.hash = %s OR k.old_hash = %s AND k.old_until > %s"
    counted = f"CASE WHEN {known} THEN sync_count_use('key:' || k.id, %s) ELSE 0 END"
    return f"SELECT {', '.join(listed)}, {counted} FROM {keys} k JOIN {users} u ON u.id = k.user_id WHERE k.prefix = %s"


def _read(row: Sequence[Any]) -> tuple[ApiKey, User]:
    """The key and its user of one row of `_find`."""
    user: Any = ApiKey._meta.get_field("user").related_model
    names = [[str(field.attname) for field in _columns(kind)] for kind in (ApiKey, user)]
    size = len(names[0])
    return ApiKey.from_db("default", names[0], row[:size]), user.from_db("default", names[1], row[size:-1])
