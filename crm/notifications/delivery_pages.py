"""Trying dead ends again: one from its page, or all of them from the list."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST

from crm.core.asking import moment, user_of
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.notifications.dead_ends import try_again
from crm.notifications.models import Delivery

MOST = 10_000  # at once


@require_POST
def try_one_again(request: HttpRequest, pk: int) -> HttpResponse:
    """Try this one again."""
    if not may(user_of(request), "change", Delivery):
        raise PermissionDenied
    delivery = get_object_or_404(Delivery, pk=pk)
    _tell(request, [delivery.pk], "It is tried again now.")
    return HttpResponseRedirect(reverse("admin:notifications_delivery_change", args=[pk]))


@require_POST
def try_all_again(request: HttpRequest) -> HttpResponse:
    """Try everything again that was given up."""
    if not may(user_of(request), "change", Delivery):
        raise PermissionDenied
    dead = list(Delivery.objects.given_up().order_by("pk").values_list("pk", flat=True)[:MOST])
    _tell(request, dead, "{count} tried again now.")
    return HttpResponseRedirect(reverse("admin:notifications_delivery_changelist"))


def _tell(request: HttpRequest, ids: list[int], said: str) -> None:
    try:
        count = try_again(ids, actor=user_of(request), at=moment(request))
    except Refused as refusal:
        raise PermissionDenied(refusal.message) from refusal
    if count:
        messages.success(request, said.format(count=f"{count:,}"))
    else:
        messages.info(request, "Nothing was given up.")
