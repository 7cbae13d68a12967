"""The plain form for people outside: no cookie, no script, no frame; also where a company's own page posts to it."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, UnreadablePostError
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe
from rest_framework.exceptions import Throttled

from crm import handbook
from crm.core.errors import Missing, Refused
from crm.core.proxies import client_address
from crm.core.text import whole_number
from crm.enquiries.public_form import Sent, form_channels, receive_form, sent_from
from crm.sync.throttle import count_use, part_of

MOST_BYTES = 2 * 1024 * 1024
# In a minute: from one part of the network, and from everywhere.
MOST_FROM_ONE, MOST_FROM_ALL = 10, 300
FIELDS = (
    ("name", "Name", "text", "name"),
    ("company", "Company", "text", "organization"),
    ("email", "Email", "email", "email"),
    ("phone", "Phone", "tel", "tel"),
    ("linkedin_url", "LinkedIn profile URL", "url", "off"),
)


class SeeOther(HttpResponseRedirect):
    """The answer is at another address, to be read: nothing is sent again by a reload."""

    status_code = 303


# Nobody is logged in here, so there is nothing that a forged request could use; a token would need a cookie.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def enquire(request: HttpRequest) -> HttpResponse:
    """The form; what it sends is received, and answered alike whether they are known or not."""
    if not form_channels():
        raise Http404
    if request.method == "POST":
        return receive(request)
    return page(request, Sent(channel=asked_channel(request)))


@csrf_exempt
@require_safe
def received(request: HttpRequest) -> HttpResponse:
    """What follows: the same page for everybody."""
    return finished(render(request, "enquiries/received.html", {"company": handbook.current().company.name}))


def receive(request: HttpRequest) -> HttpResponse:
    """Receive what was sent, or show the form again with what is wrong and all that was entered."""
    at = timezone.now()
    if (whole_number(request.META.get("CONTENT_LENGTH") or "0") or 0) > MOST_BYTES:
        said = f"That is more than {MOST_BYTES // 1024 // 1024} MB: send less at once."
        answer = page(request, Sent(channel=asked_channel(request)), [Missing("too_large", said)], status=413)
        answer.headers["Connection"] = "close"
        return answer
    try:
        sent = sent_from(request.POST.dict(), channel=asked_channel(request))
    except UnreadablePostError:
        return page(request, Sent(), [Missing("incomplete", "The connection ended too early: send it again.")], 400)
    try:
        count(client_address(request), at=at)
        receive_form(sent, at=at)
    except Throttled as much:
        seconds = int(getattr(much, "wait", None) or 60)
        said = f"Too many forms were sent at this moment. Send yours again in {seconds} seconds: it is still here."
        answer = page(request, sent, [Missing("throttled", said)], status=429)
        answer.headers["Retry-After"] = str(seconds)
        return answer
    except Refused as refused:
        return page(request, sent, refused.missing or [Missing(refused.code, refused.message)], status=400)
    return finished(SeeOther(reverse("enquire_received")))


def count(address: str, *, at: Any) -> None:
    """Count a form that was sent.

    Raises:
        Throttled: there were too many; what one part of the network sends too much is not counted against all others.
    """
    count_use(f"form:{part_of(address)}", most=MOST_FROM_ONE, at=at)
    count_use("form:all", most=MOST_FROM_ALL, at=at)


def asked_channel(request: HttpRequest) -> str:
    """The channel that the address names, if people outside may choose it."""
    asked = request.GET.get("channel", "")
    return asked if asked in {one.key for one in form_channels()} else ""


def page(request: HttpRequest, sent: Sent, wrong: Any = (), status: int = 200) -> HttpResponse:
    """The form with what was entered, and beside each field what is wrong with it."""
    named = {one.field: one.message for one in wrong}
    asked = asked_channel(request)
    channels = form_channels()
    fixed = next((one for one in channels if one.key == asked), channels[0] if len(channels) == 1 else None)
    context = {
        "company": handbook.current().company.name,
        "channels": channels,
        "fixed": fixed if "channel" not in named else None,
        "sent": sent,
        "wrong": wrong,
        "said": named,
        "fields": [
            {"name": name, "label": label, "type": kind, "autocomplete": hint, "value": getattr(sent, name)}
            | {"error": named.get(name, "")}
            for name, label, kind, hint in FIELDS
        ],
    }
    return finished(render(request, "enquiries/form.html", context, status=status))


def finished(answer: HttpResponse) -> HttpResponse:
    """Kept by nobody in between: it may hold what somebody entered."""
    answer.headers["Cache-Control"] = "no-store"
    return answer
