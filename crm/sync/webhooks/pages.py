"""Pages about webhooks that are no record's form: the one time a secret is shown, pausing, telling again, stopping."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from crm.core.admin import moment, refusal_words, user_of
from crm.core.display import plain_text
from crm.core.errors import Refused
from crm.core.paging import count_words
from crm.core.permissions import may
from crm.core.text import whole_number
from crm.site import site
from crm.sync.models import Webhook, WebhookMessage
from crm.sync.webhooks.again import preview_replay, redeliver, redeliver_failed, replay, send_test
from crm.sync.webhooks.forms import ReasonForm, ReplayForm, RotateForm
from crm.sync.webhooks.services import pause_webhook, resume_webhook, rotate_secret, stop_webhook

VERIFY = """\
import base64, hmac, time

def is_from_plumb(secret, headers, body):
    # The body's bytes as they came; headers by their small names.
    sent, given = headers["webhook-timestamp"], headers["webhook-signature"]
    signed = f"{headers['webhook-id']}.{sent}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    made = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    right = [hmac.compare_digest(f"v1,{made}", one) for one in given.split()]
    return any(right) and abs(time.time() - int(sent)) < 300
"""
ASKED: dict[str, tuple[str, Callable[..., Webhook], str]] = {
    "pause": ("Pause", pause_webhook, "{} is paused: nothing is sent until it is resumed."),
    "resume": ("Resume", resume_webhook, "{} goes on where it stood."),
    "stop": ("Stop", stop_webhook, "{} is stopped: nothing more is sent."),
}


def page_of(webhook: Webhook) -> str:
    """The page of a webhook."""
    return reverse("admin:sync_webhook_change", args=[webhook.pk])


def show_once(request: HttpRequest, webhook: Webhook, secret: str, *, rotated: bool = False) -> HttpResponse:
    """The answer to making a secret, and the only page that ever has it."""
    context = {
        "title": "The new secret" if rotated else "Your new webhook",
        "webhook": webhook,
        "rotated": rotated,
        "secret": secret,
        "verify": VERIFY,
        "page": page_of(webhook),
    }
    answer = TemplateResponse(request, "admin/sync/webhook/made.html", {**site.each_context(request), **context})
    answer.headers["Cache-Control"] = "no-store"
    return answer


@require_http_methods(["GET", "HEAD", "POST"])
def rotate(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask, then give the webhook another secret and show it."""
    webhook = _webhook(request, pk)
    form = RotateForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            made, secret = rotate_secret(webhook, hours=form.cleaned_data["hours"], **_sent(request))
        except Refused as error:
            form.add_error(None, refusal_words(error))
        else:
            return show_once(request, made, secret, rotated=True)
    return _ask(request, webhook, form, "rotate", f"Another secret for {webhook}")


@require_http_methods(["GET", "HEAD", "POST"])
def ask(request: HttpRequest, pk: int, what: str) -> HttpResponse:
    """Ask, then pause it, resume it, or stop it for good."""
    webhook = _webhook(request, pk)
    word, service, done = ASKED[what]
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            service(webhook, reason=form.cleaned_data["reason"], **_sent(request))
        except Refused as error:
            form.add_error(None, refusal_words(error))
        else:
            messages.success(request, done.format(webhook))
            return HttpResponseRedirect(page_of(webhook))
    return _ask(request, webhook, form, what, f"{word} {webhook}")


@require_http_methods(["GET", "HEAD", "POST"])
def tell_again(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask from when, say how much that is, then tell it again."""
    webhook = _webhook(request, pk)
    form = ReplayForm(request.POST if request.method == "POST" else None)
    preview = None
    if request.method == "POST" and form.is_valid():
        since = form.cleaned_data["since"]
        try:
            if "confirmed" in request.POST:
                replay(webhook, since, **_sent(request))
                messages.success(request, f"{webhook} is told again, from {plain_text(since)} on.")
                return HttpResponseRedirect(page_of(webhook))
            found = preview_replay(webhook, since, actor=user_of(request), at=moment(request))
            preview = {"changes": count_words(found.changes), "count": found.changes, "messages": found.messages}
            preview["more"] = found.more
        except Refused as error:
            form.add_error(None, refusal_words(error))
    return _ask(request, webhook, form, "replay", f"Tell {webhook} again", preview=preview)


@require_POST
def test(request: HttpRequest, pk: int) -> HttpResponse:
    """Send a message that says nothing but that it came."""
    webhook = _webhook(request, pk)
    try:
        message = send_test(webhook, **_sent(request, version=False))
    except Refused as error:
        messages.error(request, refusal_words(error))
        return HttpResponseRedirect(page_of(webhook))
    messages.success(request, "The test message is on its way: this page says what becomes of it.")
    return HttpResponseRedirect(message_page(message))


@require_POST
def send_all_again(request: HttpRequest, pk: int) -> HttpResponse:
    """Send everything again that was given up."""
    webhook = _webhook(request, pk)
    try:
        count = redeliver_failed(webhook, **_sent(request, version=False))
    except Refused as error:
        messages.error(request, refusal_words(error))
    else:
        messages.success(request, f"{count:,} message{'' if count == 1 else 's'} will be sent again.")
    return HttpResponseRedirect(page_of(webhook))


@require_POST
def send_one_again(request: HttpRequest, pk: int) -> HttpResponse:
    """Send one message again."""
    message = get_object_or_404(WebhookMessage.objects.select_related("webhook__user"), pk=pk)
    if not may(user_of(request), "change", message.webhook):
        raise PermissionDenied
    try:
        redeliver(message, **_sent(request, version=False))
    except Refused as error:
        messages.error(request, refusal_words(error))
    else:
        messages.success(request, "It will be sent again, under the same id.")
    return HttpResponseRedirect(message_page(message))


def message_page(message: WebhookMessage) -> str:
    """The page of a message."""
    return reverse("admin:sync_webhookmessage_change", args=[message.pk])


def _webhook(request: HttpRequest, pk: int) -> Webhook:
    webhook = get_object_or_404(Webhook.objects.select_related("user"), pk=pk)
    if not may(user_of(request), "change", webhook):
        raise PermissionDenied
    return webhook


def _sent(request: HttpRequest, *, version: bool = True) -> dict[str, Any]:
    found: dict[str, Any] = {"actor": user_of(request), "at": moment(request), "via": "admin"}
    return {**found, "version": whole_number(request.POST.get("version", ""))} if version else found


def _ask(request: HttpRequest, webhook: Webhook, form: Any, what: str, title: str, **more: Any) -> HttpResponse:
    context = {"title": title, "form": form, "webhook": webhook, "what": what, "back": page_of(webhook), **more}
    return TemplateResponse(request, "admin/sync/webhook/ask.html", {**site.each_context(request), **context})
