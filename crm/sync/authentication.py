"""The way in for programs: `Authorization: Bearer plumb_PREFIX_SECRET`.

The key is found by its prefix, and its secret compared with the stored hash in constant time. The hash is one round of
SHA-256: a secret of 256 random bits cannot be guessed however fast guesses are checked, so a slow hash, which protects
what people think up, would only make every request slow.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import Case, IntegerField, Q, Value, When
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from crm.sync.models import ApiKey
from crm.sync.throttle import KeyRate, count_failure, counted_use

if TYPE_CHECKING:
    from crm.people.models import User

SHAPE = re.compile(r"plumb_([0-9a-f]{8})_([0-9a-f]{64})")
CHALLENGE = 'Bearer realm="Plumb"'
# One answer whatever was wrong: it says nothing of which keys there are.
NO_KEY = "Send a key that is in use: Authorization: Bearer plumb_…"
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
            count_failure(request.META.get("REMOTE_ADDR", ""), at=at)
            raise AuthenticationFailed(NO_KEY, code="not_authenticated")
        rate = KeyRate(key.per_minute, key.uses, at)  # type: ignore[attr-defined]
        request._request.answer_headers = rate.headers()  # type: ignore[attr-defined]
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
        # Counted only for who has the secret: a prefix is no secret, and must not use up somebody's requests.
        uses: Any = Case(When(hash=hashed, then=counted_use(at)), default=Value(0), output_field=IntegerField())
        key = ApiKey.objects.select_related("user").annotate(uses=uses).filter(prefix=prefix).first()
        usable = key is not None and hmac.compare_digest(key.hash, hashed) and key.state(at) == "active"
        return key if usable else None

    def note_use(self, key: ApiKey, at: datetime) -> None:
        """Note when it was last used, once a minute at most; that makes no version and no entry in the change log."""
        if key.last_used_at is None or at - key.last_used_at >= NOTED:
            stale = Q(last_used_at=None) | Q(last_used_at__lt=at)
            ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=at)
