"""The addresses that other systems send signed messages to: `/hooks/chat/17/` and `/hooks/calendar/18/`.

No login, no cookie, no key: the signature is the way in. Whatever is wrong before it is known to be right is answered
alike, so that nobody learns which sources there are.
"""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.http import HttpResponseBase
from django.utils import timezone
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from crm.core.api.problems import MEDIA_TYPE, Problem
from crm.core.proxies import client_address
from crm.core.text import whole_number
from crm.enquiries.hooks.receiving import ICS, JSON, receive_once
from crm.enquiries.hooks.signing import Unsigned, check
from crm.enquiries.models import Source
from crm.sync.throttle import KeyRate, count_failure, minute_of

MOST_BYTES = 256 * 1024
PER_MINUTE = 600


class OneForm(BaseContentNegotiation):
    """JSON, whatever the sender says it accepts: what it sent is not refused over that."""

    def select_parser(self, request: Any, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(self, request: Any, renderers: Any, format_suffix: Any = None) -> Any:
        return renderers[0], renderers[0].media_type


class Hook(APIView):
    """One address, for every source."""

    content_negotiation_class = OneForm
    authentication_classes = []
    permission_classes = [AllowAny]
    metadata_class = None
    schema = None  # type: ignore[assignment]  # not of the API's description
    http_method_names = ["post"]

    def post(self, request: Request, kind: str, source: str) -> HttpResponseBase:
        """Take one message."""
        at = timezone.now()
        plain = request._request
        if (whole_number(plain.META.get("CONTENT_LENGTH") or "0") or 0) > MOST_BYTES:
            raise too_large()
        body = plain.body
        if len(body) > MOST_BYTES:
            raise too_large()
        try:
            signed = check(find_source(kind, source), plain.headers, body, at=at)
        except Unsigned as unsigned:
            count_failure(client_address(plain), at=at)
            raise Problem(401, "not_authenticated", str(unsigned), headers={"WWW-Authenticate": "Webhook"}) from None
        found = signed.source
        rate = count_use(found, at)
        plain.answer_headers = rate.headers()  # type: ignore[attr-defined]
        rate.refuse_more()
        media_type = (plain.content_type or "").lower()
        if media_type not in ((JSON, ICS) if found.kind == Source.Kind.CALENDAR else (JSON,)):
            wanted = f"{JSON} or {ICS}" if found.kind == Source.Kind.CALENDAR else JSON
            raise Problem(415, "unsupported_media_type", f"Send {wanted}.")
        answer = receive_once(signed, body, media_type, at=at)
        content_type = MEDIA_TYPE if answer.refused else JSON
        return Response(answer.body, status=answer.status, headers=rate.headers(), content_type=content_type)


def find_source(kind: str, number: str) -> Source | None:
    """The source that works at an address; None for whatever else is asked for."""
    pk = whole_number(number)
    rows = Source.objects.select_related("user").filter(pk=pk or 0, kind=kind, stopped_at=None, user__is_active=True)
    return rows.first()


def count_use(source: Source, at: Any) -> KeyRate:
    """How often it sent in this minute, this message included."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT sync_count_use(%s, %s)", [f"source:{source.pk}", minute_of(at)])
        (count,) = cursor.fetchone()
    return KeyRate(PER_MINUTE, count, at)


def too_large() -> Problem:
    """413."""
    said = f"The message is larger than {MOST_BYTES // 1024} KB: send less at once."
    return Problem(413, "too_large", said, headers={"Connection": "close"})
