"""Pages about keys that are no record's form: the one time a key is shown, its other secret, and revoking it."""

from __future__ import annotations

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
from crm.site import site
from crm.sync.forms import RevokeForm, RotateForm
from crm.sync.models import ApiKey
from crm.sync.rotation import rotate_api_key
from crm.sync.services import revoke_api_key


def page_of(key: ApiKey) -> str:
    """The page of a key."""
    return reverse("admin:sync_apikey_change", args=[key.pk])


def show_once(request: HttpRequest, key: ApiKey, secret: str, *, rotated: bool = False) -> HttpResponse:
    """The answer to making a key, and the only page that ever has it: it is kept nowhere, not even in the session."""
    readable = next((scope.partition(":")[0] for scope in key.scopes if scope.endswith(":read")), "")
    address = request.build_absolute_uri(f"/api/v1/{f'{readable}/?limit=5' if readable else ''}")
    context = {
        "title": "The new secret" if rotated else "Your new key",
        "key": key,
        "rotated": rotated,
        "old_until": key.old_until if key.old_hash else None,
        "secret": secret,
        "curl": f'curl -H "Authorization: Bearer {secret}" "{address}"',
        "page": page_of(key),
    }
    answer = TemplateResponse(request, "admin/sync/apikey/made.html", {**site.each_context(request), **context})
    answer.headers["Cache-Control"] = "no-store"
    return answer


@require_http_methods(["GET", "HEAD", "POST"])
def rotate(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask how long the old secret works, then make another and show it."""
    key = get_object_or_404(ApiKey.objects.select_related("user"), pk=pk)
    if not may(user_of(request), "change", key):
        raise PermissionDenied
    form = RotateForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        sent: dict[str, Any] = {
            "hours": form.cleaned_data["hours"],
            "reason": form.cleaned_data["reason"],
            "version": whole_number(request.POST.get("version", "")),
        }
        try:
            rotated, secret = rotate_api_key(key, actor=user_of(request), at=moment(request), via="admin", **sent)
        except Refused as error:
            form.add_error(None, refusal_words(error))
        else:
            return show_once(request, rotated, secret, rotated=True)
    state = key.state(moment(request))
    context = {
        "title": f"Another secret for {key}",
        "form": form,
        "key": key,
        "back": page_of(key),
        "ended": state if state in ("revoked", "expired") else "",
    }
    return TemplateResponse(request, "admin/sync/apikey/rotate.html", {**site.each_context(request), **context})


@require_http_methods(["GET", "HEAD", "POST"])
def revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask, then stop the key for good."""
    key = get_object_or_404(ApiKey.objects.select_related("user"), pk=pk)
    if not may(user_of(request), "change", key):
        raise PermissionDenied
    form = RevokeForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        sent: dict[str, Any] = {
            "reason": form.cleaned_data["reason"],
            "version": whole_number(request.POST.get("version", "")),
        }
        try:
            revoke_api_key(key, actor=user_of(request), at=moment(request), via="admin", **sent)
        except Refused as error:
            form.add_error(None, refusal_words(error))
        else:
            messages.success(request, f"{key} is revoked: its next request is refused.")
            return HttpResponseRedirect(page_of(key))
    context = {
        "title": f"Revoke {key}",
        "form": form,
        "key": key,
        "back": page_of(key),
        "revoked": key.revoked_at is not None,
    }
    return TemplateResponse(request, "admin/sync/apikey/revoke.html", {**site.each_context(request), **context})
