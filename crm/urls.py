"""Every address Plumb answers, except the probes `/healthz`, `/readyz` and `/metrics` (crm.jobs.middleware)."""

from __future__ import annotations

from django.urls import include, path
from django.views.generic import RedirectView

from crm.enquiries.form_views import enquire, received
from crm.site import site

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", site.urls),
    path("api/", include("crm.api")),
    path("hooks/", include("crm.enquiries.hooks.urls")),
    path("enquire/", enquire, name="enquire"),
    # A redirect to the slash would lose what a form of somebody's own page posts.
    path("enquire", enquire),
    path("enquire/received/", received, name="enquire_received"),
]
handler400 = "crm.api.answer_bad_request"
handler500 = "crm.api.answer_fault"
