"""The bell: how much waits, the list, and putting one or all of it aside. It is no tab: everybody has it."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from crm.core.admin import moment, user_of
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.notifications.models import Delivery, Muted, Notification
from crm.notifications.preferences import choices, choose_notices
from crm.notifications.rules import label_of, sends_email
from crm.notifications.services import put_all_aside, put_aside
from crm.notifications.troubles import troubles
from crm.site import site

SHOWN = 100
MOST = 99  # a larger number says no more


@require_safe
def bell(request: HttpRequest) -> HttpResponse:
    """How much waits for the reader; the top bar of every page asks for it by itself, once a minute."""
    waiting = Notification.objects.unread().filter(to=user_of(request))[: MOST + 1].count()
    words = f"{MOST}+" if waiting > MOST else str(waiting)
    return TemplateResponse(request, "notifications/bell_count.html", {"waiting": waiting, "words": words})


@require_safe
def notifications(request: HttpRequest) -> HttpResponse:
    """What the reader was told: what waits first, then what was put aside lately."""
    if not may(user_of(request), "view", Notification):
        raise PermissionDenied
    mine = Notification.objects.filter(to=user_of(request))
    waiting = list(mine.unread()[:SHOWN])
    runs_setup = may(user_of(request), "view", Delivery)
    context = {
        **site.each_context(request),
        "title": "Notifications",
        "waiting": [(one, kind_words(one)) for one in waiting],
        "runs_setup": runs_setup,
        "troubles": troubles(at=moment(request)) if runs_setup else [],
        "sends_email": sends_email(),
        "read": list(mine.filter(read_at__isnull=False)[:20]),
    }
    return TemplateResponse(request, "notifications/list.html", context)


def kind_words(one: Notification) -> str:
    """The kind of a notice, unless its title begins with it."""
    label = label_of(one.kind)
    return "" if one.title.startswith(label) else label


@require_POST
def aside(request: HttpRequest, pk: int) -> HttpResponse:
    """Put one aside, and go to what it is about if that was asked for."""
    notification = get_object_or_404(Notification, pk=pk)
    try:
        put_aside(notification, actor=user_of(request), at=moment(request))
    except Refused as refused:
        raise PermissionDenied(refused.message) from refused
    wanted = notification.address if "open" in request.POST else ""
    if wanted and url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure()):
        return HttpResponseRedirect(wanted)
    return HttpResponseRedirect(reverse("admin:notifications"))


@require_POST
def all_aside(request: HttpRequest) -> HttpResponse:
    """Put everything aside."""
    if not may(user_of(request), "change", Notification):
        raise PermissionDenied
    count = put_all_aside(actor=user_of(request), at=moment(request))
    messages.success(request, f"{count} put aside." if count else "Nothing was waiting.")
    return HttpResponseRedirect(reverse("admin:notifications"))


@require_POST
def preferences(request: HttpRequest) -> HttpResponse:
    """Choose what one is told of: what is not ticked is off."""
    user = user_of(request)
    if not may(user, "change", Muted):
        raise PermissionDenied
    on = set(request.POST.getlist("on"))
    off = {(kind, way) for kind, way in choices() if f"{kind}:{way}" not in on}
    try:
        choose_notices(user, off=off, actor=user)
    except Refused as refused:
        raise PermissionDenied(refused.message) from refused
    messages.success(request, "What you are told of is saved.")
    return HttpResponseRedirect(f"{reverse('admin:profile')}#notices")


site.page("notifications/", "notifications")(notifications)
site.page("notifications/bell/", "notifications_bell")(bell)
site.page("notifications/<int:pk>/aside/", "notification_aside")(aside)
site.page("notifications/aside/", "notifications_all_aside")(all_aside)
site.page("notifications/preferences/", "notifications_preferences")(preferences)
