"""The banner that tells managers when nobody looks at the clocks; every page asks for it by itself, once a minute."""

from __future__ import annotations

import time

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from crm.clocks.watching import Watch, watch
from crm.core.admin import user_of
from crm.site import site

BELIEVED_SECONDS = 20  # how long an answer serves every manager whose pages ask this process
_last: list[tuple[float, Watch]] = []


@require_safe
def banner(request: HttpRequest) -> HttpResponse:
    """Nothing while all is well."""
    if not user_of(request).is_manager:
        raise PermissionDenied
    if not _last or time.monotonic() - _last[0][0] > BELIEVED_SECONDS:
        _last[:] = [(time.monotonic(), watch())]
    return TemplateResponse(request, "clocks/banner.html", {"watch": _last[0][1]})


site.page("clocks/banner/", "clocks_banner")(banner)
