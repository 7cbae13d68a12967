"""The addresses of the API, `/api/v1/`: with a slash at the end or without, never a redirect."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import Http404
from django.http.response import HttpResponseBase
from django.urls import URLPattern, URLResolver, include, re_path
from django.views.defaults import bad_request as refuse_request
from django.views.defaults import server_error
from drf_spectacular.renderers import OpenApiJsonRenderer
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from accounts.api import ContactViewSet
from accounts.public import PublicAccounts
from contracts import api_moves as opportunity_moves
from contracts import api_steps as opportunity_steps
from contracts.api import ContactRoleViewSet, OpportunityViewSet
from contracts.api_accounts import AccountViewSet
from contracts.api_contracts import ContractViewSet, InvoiceViewSet
from crm.activities.api import ActivityViewSet
from crm.activities.api_suppressions import SuppressionViewSet
from crm.activities.api_tasks import TaskViewSet
from crm.checkups.api import FindingViewSet
from crm.clocks import api as clocks
from crm.core.api.problems import bad_request, fault, plain_answer
from crm.core.api.resources import publish
from crm.core.api.views import ApiView, RecordViewSet, tell_counts
from crm.duplicates import api as duplicates
from crm.duplicates import api_merge as merging
from crm.enquiries.api import EnquiryViewSet
from crm.enquiries.api_response_times import ResponseTimes
from crm.people.api import UserViewSet
from crm.reviews.forecast.api import ForecastBacktest, ForecastFigures, ForecastSnapshots
from crm.reviews.huddle.api import HuddleView
from crm.reviews.lead_review.api import LeadReview
from crm.reviews.meetings import api as meetings
from crm.reviews.pipeline.api import PipelineView, WaterfallView
from crm.reviews.rep_activity.api import RepActivity
from crm.reviews.rituals import api as rituals
from crm.sync import api_keys as keys
from crm.sync import pages
from crm.sync.bulk.api import bulk_addresses
from crm.sync.by_id import by_id_addresses
from crm.sync.exporting.api import export_addresses
from crm.sync.feed.api import Changes
from crm.sync.jobs.api import job_addresses
from crm.sync.webhooks import api_acts as webhooks
from crm.sync.webhooks.api import WebhookViewSet
from crm.workspace.api import ListViewViewSet
from leads import api_moves as lead_moves
from leads.api import LeadViewSet

router = SimpleRouter()
router.trailing_slash = "/?"
RESOURCES: tuple[type[RecordViewSet], ...] = (
    LeadViewSet,
    AccountViewSet,
    ContactViewSet,
    OpportunityViewSet,
    ContactRoleViewSet,
    ContractViewSet,
    InvoiceViewSet,
    ActivityViewSet,
    TaskViewSet,
    UserViewSet,
    SuppressionViewSet,
    duplicates.PairViewSet,
    clocks.ClockViewSet,
    EnquiryViewSet,
    FindingViewSet,
    ListViewViewSet,
    meetings.MeetingViewSet,
    WebhookViewSet,
)
publish(RESOURCES)
for resource in RESOURCES:
    router.register(resource.resource, resource, basename=resource.resource)


def answer_fault(request: Any) -> HttpResponseBase:
    """Django's handler of a fault: of one outside the API's views it says the same as of one within."""
    return plain_answer(fault()) if request.path.startswith("/api/") else server_error(request)


def answer_bad_request(request: Any, exception: Exception) -> HttpResponseBase:
    """Django's handler of a request that it refuses itself, as one for a host that is not ours."""
    if request.path.startswith("/api/"):
        return plain_answer(bad_request("invalid", "The request will not do."))
    return refuse_request(request, exception)


class DescriptionJson(OpenApiJsonRenderer):
    """The description, also to who asks for plain JSON."""

    media_type = "application/json"


class Root(ApiView):
    """What there is."""

    permission_classes = [AllowAny]

    def get(self, request: Any) -> Response:
        """Each resource's address."""
        self.no_query()
        base = request.build_absolute_uri("/api/v1/")
        return Response({name: f"{base}{name}/" for name, _, _ in router.registry})


class Nothing(ApiView):
    """Every other address under `/api/`: said in the API's shape, never a redirect."""

    permission_classes = [AllowAny]
    authentication_classes = []
    schema = None  # type: ignore[assignment]  # it is no address

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        """Whatever the method."""
        raise Http404


class Description(SpectacularJSONAPIView):
    """The description of the API (OpenAPI 3.1): for a key, or for who reads it on the page."""

    authentication_classes = [*ApiView.authentication_classes, SessionAuthentication]
    permission_classes = [IsAuthenticated]
    renderer_classes = [DescriptionJson]

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        """With what is left to the key, which this counts for too."""
        return tell_counts(request, super().finalize_response(request, response, *args, **kwargs))


class TryIt(LoginRequiredMixin, SpectacularSwaggerSplitView):
    """A page to read the description and try it, with a key of one's own."""

    authentication_classes = []
    permission_classes = [AllowAny]
    template_name = "api/try.html"
    title = "Plumb API"
    url_name = "schema"
    schema = None  # it is a page

    def get(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """The page, or its script."""
        answer: Response = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]
        return answer


# What is asked for most is found before all else.
lists = [one for one in router.urls if str(getattr(one, "name", "")).endswith("-list")]
v1: list[URLPattern | URLResolver] = [
    *lists,
    re_path("^$", Root.as_view(), name="root"),
    re_path("^changes/?$", Changes.as_view(), name="changes"),
    re_path("^public-accounts/?$", PublicAccounts.as_view(), name="public_accounts"),
    re_path("^response-times/?$", ResponseTimes.as_view(), name="response_times"),
    re_path("^huddle/?$", HuddleView.as_view(), name="huddle"),
    re_path("^lead-review/?$", LeadReview.as_view(), name="lead_review"),
    re_path("^rep-activity/?$", RepActivity.as_view(), name="rep_activity"),
    re_path("^forecast/?$", ForecastFigures.as_view(), name="forecast"),
    re_path("^forecast/snapshots/?$", ForecastSnapshots.as_view(), name="forecast_snapshots"),
    re_path("^forecast/backtest/?$", ForecastBacktest.as_view(), name="forecast_backtest"),
    re_path("^pipeline/?$", PipelineView.as_view(), name="pipeline"),
    re_path("^pipeline/waterfall/?$", WaterfallView.as_view(), name="pipeline_waterfall"),
    *by_id_addresses(RESOURCES),
    *export_addresses(RESOURCES),
    *bulk_addresses(RESOURCES),
    *job_addresses(RESOURCES),
    *lead_moves.addresses,
    *opportunity_moves.addresses,
    *opportunity_steps.addresses,
    *duplicates.addresses,
    *merging.addresses,
    *clocks.addresses,
    *meetings.addresses,
    *rituals.addresses,
    *keys.addresses,
    *webhooks.addresses,
    *(one for one in router.urls if one not in lists),
]
urlpatterns: list[URLPattern | URLResolver] = [
    re_path("^v1$", Root.as_view(schema=None)),  # one operation in the description
    re_path("^v1/", include((v1, "api"))),
    re_path("^schema/?$", Description.as_view(), name="schema"),
    *pages.addresses,
    re_path("^(?:docs/?)?$", TryIt.as_view(), name="api_docs"),
    re_path("^", Nothing.as_view()),
]
