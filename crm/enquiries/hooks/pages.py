"""Pages about sources that are no record's form: the one time a secret is shown, changing it, and stopping."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from crm.core.admin import moment, refusal_words, user_of
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.core.text import whole_number
from crm.enquiries.hooks.forms import RotateForm, StopForm
from crm.enquiries.hooks.sources import rotate_secret, stop_source
from crm.enquiries.models import Source
from crm.site import site

EXAMPLES = {
    Source.Kind.CHAT: {
        "type": "chat.message",
        "timestamp": "$NOW",
        "data": {
            "conversation": "test-1",
            "text": "Do you support Windows?",
            "visitor": {"name": "Nia Park", "email": "nia@example.com"},
        },
    },
    Source.Kind.CALENDAR: {
        "type": "meeting.booked",
        "timestamp": "$NOW",
        "data": {
            "booking": "test-1",
            "sequence": 0,
            "start": "$START",
            "attendee": {"name": "Nia Park", "email": "nia@example.com"},
            "host": {"email": "$HOST"},
        },
    },
}


def page_of(source: Source) -> str:
    """The page of a source."""
    return reverse("admin:enquiries_source_change", args=[source.pk])


def address_of(request: HttpRequest, source: Source) -> str:
    """Where it sends."""
    return request.build_absolute_uri(f"/hooks/{source.kind}/{source.pk}/")


def example_of(address: str, source: Source, secret: str, host: str) -> str:
    """A message that a shell signs and sends; the secret is 32 bytes in base64 after `whsec_`."""
    body = json.dumps(EXAMPLES[Source.Kind(source.kind)]).replace('"', '\\"').replace("$HOST", host)
    lines = [
        f"SECRET='{secret}'",
        'ID="msg_$(date +%s%N)"; AT="$(date +%s)"; NOW="$(date -u +%Y-%m-%dT%H:%M:%SZ)"',
    ]
    if source.kind == Source.Kind.CALENDAR:
        lines.append('START="$(date -u -d +2days +%Y-%m-%dT%H:00:00Z)"')
    lines += [
        f'BODY="{body}"',
        'KEY="$(printf %s "${SECRET#whsec_}" | base64 -d | od -An -vtx1 | tr -d \' \\n\')"',
        'SIGNATURE="$(printf %s "$ID.$AT.$BODY" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$KEY" -binary'
        ' | base64)"',
        f"curl -X POST '{address}' -H 'Content-Type: application/json' -H \"webhook-id: $ID\""
        ' -H "webhook-timestamp: $AT" -H "webhook-signature: v1,$SIGNATURE" --data-binary "$BODY"',
    ]
    return "\n".join(lines)


def show_once(request: HttpRequest, source: Source, secret: str, *, rotated: bool = False) -> HttpResponse:
    """The answer to making a secret, and the only page that ever has it."""
    address = address_of(request, source)
    context = {
        "title": "The new secret" if rotated else "Your new source",
        "source": source,
        "rotated": rotated,
        "secret": secret,
        "address": address,
        "example": example_of(address, source, secret, user_of(request).email),
        "page": page_of(source),
    }
    answer = TemplateResponse(request, "admin/enquiries/source/made.html", {**site.each_context(request), **context})
    answer.headers["Cache-Control"] = "no-store"
    return answer


@require_http_methods(["GET", "HEAD", "POST"])
def rotate(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask, then give the source another secret and show it."""
    source = _source(request, pk)
    form = RotateForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            made, secret = rotate_secret(source, hours=form.cleaned_data["hours"], **_sent(request))
        except Refused as error:
            form.add_error(None, refusal_words(error))
        else:
            return show_once(request, made, secret, rotated=True)
    return _ask(request, source, form, "rotate", f"Another secret for {source}")


@require_http_methods(["GET", "HEAD", "POST"])
def stop(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask, then stop the source for good."""
    source = _source(request, pk)
    form = StopForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            stop_source(source, reason=form.cleaned_data["reason"], **_sent(request))
        except Refused as error:
            form.add_error(None, refusal_words(error))
        else:
            messages.success(request, f"{source} is stopped: its next message is refused.")
            return HttpResponseRedirect(page_of(source))
    return _ask(request, source, form, "stop", f"Stop {source}")


def _source(request: HttpRequest, pk: int) -> Source:
    source = get_object_or_404(Source.objects.select_related("user"), pk=pk)
    if not may(user_of(request), "change", source):
        raise PermissionDenied
    return source


def _sent(request: HttpRequest) -> dict[str, Any]:
    version = whole_number(request.POST.get("version", ""))
    return {"actor": user_of(request), "at": moment(request), "via": "admin", "version": version}


def _ask(request: HttpRequest, source: Source, form: Any, what: str, title: str) -> HttpResponse:
    context = {"title": title, "form": form, "source": source, "what": what, "back": page_of(source)}
    return TemplateResponse(request, "admin/enquiries/source/ask.html", {**site.each_context(request), **context})
