"""The addresses of the API, `/api/v1/`: with a slash at the end or without, never a redirect."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from django.urls import URLPattern, URLResolver, include, path, re_path
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from contracts import api_moves as opportunity_moves
from crm.activities.api_suppressions import SuppressionViewSet
from crm.core.api.views import ApiView
from leads import api_moves as lead_moves
from leads.api import LeadViewSet

router = SimpleRouter()
router.trailing_slash = "/?"
for resource in (LeadViewSet, SuppressionViewSet):
    router.register(resource.resource, resource, basename=resource.resource)


class Root(ApiView):
    """What there is."""

    permission_classes = [AllowAny]

    def get(self, request: Any) -> Response:
        """Each resource's address."""
        base = request.build_absolute_uri("/api/v1/")
        return Response({name: f"{base}{name}/" for name, _, _ in router.registry})


class Nothing(ApiView):
    """Every other address under `/api/`: said in the API's shape, never a redirect."""

    permission_classes = [AllowAny]
    authentication_classes = []

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        """Whatever the method."""
        raise Http404


v1: list[URLPattern | URLResolver] = [
    re_path("^$", Root.as_view(), name="root"),
    *lead_moves.addresses,
    *opportunity_moves.addresses,
    path("", include(router.urls)),
]
urlpatterns: list[URLPattern | URLResolver] = [
    re_path("^v1/", include((v1, "api"))),
    re_path("^", Nothing.as_view()),
]
