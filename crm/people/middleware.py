"""Pages show times where their reader is."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from crm import handbook


class UserZoneMiddleware:
    """Activates the user's time zone for the request, or the company's."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        name = getattr(request.user, "zone", "") or handbook.current().company.zone
        try:
            zone = zoneinfo.ZoneInfo(name)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError):
            zone = zoneinfo.ZoneInfo(handbook.current().company.zone)
        with timezone.override(zone):
            return self.get_response(request)
