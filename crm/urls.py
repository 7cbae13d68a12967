"""Every address Plumb answers."""

from __future__ import annotations

from django.urls import include, path
from django.views.generic import RedirectView

from crm.jobs.views import healthz, readyz
from crm.site import site

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", site.urls),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", include("django_prometheus.urls")),
]
