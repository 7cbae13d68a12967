"""Bulk jobs over the API: `/api/v1/{resource}/jobs/`, their parts, what is done with them, and their results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, cast

from django.db import models
from django.http import Http404, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, re_path
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from crm.core.api.cursors import fingerprint, make_cursor, read_cursor
from crm.core.api.problems import Flaw, Problem, bad_request, invalid, pointer_to
from crm.core.api.queries import DEFAULT_PAGE, LARGEST_PAGE, Reading, RecordFilters
from crm.core.api.rendering import Json
from crm.core.api.scopes import has_scope, require_scope
from crm.core.api.views import ApiView, RecordViewSet, record_id
from crm.core.errors import Refused
from crm.core.text import whole_number
from crm.sync.bulk.options import NO_SLASH, scope_of
from crm.sync.jobs import said
from crm.sync.jobs.digests import Digests
from crm.sync.jobs.results import as_csv, as_ndjson, find_results, in_chunks
from crm.sync.jobs.services import cancel_bulk, resume_bulk, start_bulk
from crm.sync.jobs.states import GIVEN_UP, OPEN, OUTCOMES, STATES, described
from crm.sync.jobs.uploading import MOST_PARTS, length_of, open_job, store_part
from crm.sync.models import ApiKey, BulkJob, BulkPart

LONGEST = {"system": 50, "label": 200}
TEXTS, CHOICES = ("system", "label"), {"operation": BulkJob.Operation.values, "format": BulkJob.Form.values}


class JobView(ApiView):
    """What every address of the bulk jobs of one resource shares."""

    of: ClassVar[type[RecordViewSet]]
    about: ClassVar[str] = ""

    def scope_for(self, action: str | None) -> str:
        """One of the two that its jobs may take; which of them, the job says."""
        writes, deletes = scope_of(self.of, "upsert"), scope_of(self.of, "delete")
        return (deletes if has_scope(self.request, deletes) else writes) if action else ""

    @property
    def key(self) -> ApiKey:
        """The key that asks."""
        return cast("ApiKey", self.request.auth)

    def bulk(self, pk: str) -> BulkJob:
        """The job of an address, for a key of the same user that has its scope.

        Raises:
            Http404: there is none, or it is somebody else's.
            Problem: 403 `missing_scope`.
        """
        rows = BulkJob.objects.select_related("api_key__user", "job")
        found = rows.filter(pk=record_id(pk), resource=self.of.resource, api_key__user=self.actor.pk).first()
        if found is None:
            raise Http404
        require_scope(self.request, scope_of(self.of, found.operation))
        return found

    def params(self, *known: str) -> Mapping[str, str]:
        """The parameters of the address, each known and there once."""
        Reading({}, RecordFilters).refuse_unknown(self.request.query_params, set(known))
        return self.request.query_params

    def answer(self, bulk: BulkJob, status: int = 200) -> Response:
        """A job with its parts."""
        found = BulkJob.objects.select_related("job").get(pk=bulk.pk)
        return Response({**described(found), "parts": [told(part) for part in found.parts.order_by("number")]}, status)


def told(part: BulkPart) -> dict[str, Any]:
    """A part as it is answered."""
    return {"part": part.number, "bytes": part.size, "sha256": part.sha256, "at": part.at}


def one_of(params: Mapping[str, str], name: str, known: Iterable[str]) -> str:
    """A parameter that is one of some words, or empty.

    Raises:
        Problem: 400 `invalid_choice`.
    """
    value = params.get(name, "")
    if name in params and value not in known:
        message = f"“{value[:80]}” is none of: {', '.join(known)}."
        raise bad_request("invalid_choice", message, [Flaw(name, "invalid_choice", message)])
    return value


class Jobs(JobView):
    """Opening a job, and the jobs of a key."""

    about = "jobs"
    action_of_method: ClassVar[Mapping[str, str]] = {"GET": "jobs", "HEAD": "jobs", "POST": "open"}

    @extend_schema(responses={200: said.JOBS})
    def get(self, request: Request) -> Response:
        """The jobs of this key, the newest first."""
        params = self.params("state", "limit", "cursor")
        state = one_of(params, "state", STATES)
        limit = whole_number(params.get("limit", str(DEFAULT_PAGE)))
        if limit is None or not 1 <= limit <= LARGEST_PAGE:
            message = f"A page has from 1 to {LARGEST_PAGE:,} jobs."
            raise bad_request("invalid_limit", message, [Flaw("limit", "invalid_limit", message)])
        bound_to = fingerprint(f"{self.of.resource}/jobs", str(self.key.pk), {"state": state})
        rows = BulkJob.objects.filter(api_key=self.key, resource=self.of.resource).filter(_so_far(state))
        if cursor := params.get("cursor", ""):
            rows = rows.filter(pk__lt=read_cursor(cursor, bound_to)[0])
        found = list(rows.select_related("job").order_by("-pk")[: limit + 1])
        following = make_cursor(bound_to, [found[limit - 1].pk]) if len(found) > limit else None
        page = [described(bulk) for bulk in found[:limit]]
        return Response({"results": page, "next": self.next_address(following), "next_cursor": following})

    @extend_schema(request={"application/json": said.OPENING}, responses={201: said.ONE_JOB})
    def post(self, request: Request) -> Response:
        """Open a job: it takes parts from now on, until it is started. For up to 1 GB of NDJSON or CSV."""
        self.no_query()
        given = read_opening(self.body())
        require_scope(request, scope_of(self.of, given["operation"]))
        bulk = open_job(api_key=self.key, resource=self.of.resource, at=self.at, **given)
        answer = self.answer(bulk, 201)
        answer["Location"] = f"{request.path.rstrip('/')}/{bulk.pk}/"
        return answer


def _so_far(state: str) -> models.Q:
    if state in (OPEN, GIVEN_UP):
        return models.Q(job=None, closed_at__isnull=state == OPEN)
    return models.Q(job__state=state) if state else models.Q()


def read_opening(body: Mapping[str, Any]) -> dict[str, Any]:
    """What a job is opened with.

    Raises:
        Problem: 400 with everything that will not do.
    """
    names = (*CHOICES, "all_or_nothing", *TEXTS)
    flaws = [
        Flaw(name, "unknown_field", f"“{name}” is no field: {', '.join(names)}.", pointer_to(name))
        for name in body
        if name not in names
    ]
    given = {"format": BulkJob.Form.NDJSON, "all_or_nothing": False, "system": "", "label": "", **body}
    for name, known in CHOICES.items():
        if given.get(name) not in known:
            flaws.append(Flaw(name, "invalid_choice", f"Say which: {', '.join(known)}."))
    for name in TEXTS:
        value = given[name]
        if not isinstance(value, str):
            flaws.append(Flaw(name, "type", "Send a text."))
        elif "\x00" in value:
            flaws.append(Flaw(name, "null_characters_not_allowed", "Null characters are not allowed."))
        elif name == "system" and "/" in value:
            flaws.append(Flaw(name, "invalid_system", NO_SLASH))
        elif len(value) > LONGEST[name]:
            flaws.append(Flaw(name, "max_length", f"{LONGEST[name]} characters at most."))
    if not isinstance(given["all_or_nothing"], bool):
        flaws.append(Flaw("all_or_nothing", "type", "Send true or false."))
    if flaws:
        raise invalid(flaws)
    return {("form" if name == "format" else name): given[name] for name in names}


class OneJob(JobView):
    """How far a job is."""

    about = "job"
    action_of_method: ClassVar[Mapping[str, str]] = {"GET": "job", "HEAD": "job"}

    @extend_schema(responses={200: said.ONE_JOB})
    def get(self, request: Request, pk: str) -> Response:
        """How far it is: its parts, the rows and bytes that are done, how many rows had each outcome, and times."""
        self.no_query()
        return self.answer(self.bulk(pk))


class Part(JobView):
    """One part of the upload."""

    about = "job_part"
    action_of_method: ClassVar[Mapping[str, str]] = {"PUT": "upload"}

    @extend_schema(request=said.BYTES, responses={200: said.PART, 201: said.PART})
    def put(self, request: Request, pk: str, number: str) -> Response:
        """Store a part: parts are one stream of bytes in the order of their numbers, cut wherever you like.

        The same bytes again are the same part (200): a part whose answer was lost is sent again.
        """
        self.no_query()
        bulk, place = self.bulk(pk), record_id(number)
        if not 1 <= place <= MOST_PARTS:
            message = f"Parts are numbered from 1 to {MOST_PARTS:,}."
            raise bad_request("invalid_part", message, [Flaw("number", "invalid_part", message)])
        if request.headers.get("Content-Encoding", "identity") != "identity":
            raise Problem(415, "unsupported_media_type", "Bodies are sent as they are: no Content-Encoding is taken.")
        digests, plain = Digests(request), request._request
        said_length = length_of(plain.META)
        part, new = store_part(bulk, place, plain.read, said=said_length, digests=digests, at=self.at)
        return Response(told(part), 201 if new else 200)


class Start(JobView):
    """Closing the upload."""

    about = "job_start"
    action_of_method: ClassVar[Mapping[str, str]] = {"POST": "start"}

    @extend_schema(request=None, responses={200: said.ONE_JOB})
    def post(self, request: Request, pk: str) -> Response:
        """Let it be done: 409 while parts are missing in between, or the CSV's first line names what is no field."""
        self.no_query()
        self.fields()
        return self.answer(start_bulk(self.bulk(pk), at=self.at))


class Cancel(JobView):
    """Stopping it."""

    about = "job_cancel"
    action_of_method: ClassVar[Mapping[str, str]] = {"POST": "cancel"}

    @extend_schema(request=None, responses={200: said.ONE_JOB})
    def post(self, request: Request, pk: str) -> Response:
        """Stop it within half a minute: what is stored stays, the rows after it are unprocessed until it is resumed."""
        self.no_query()
        self.fields()
        return self.answer(cancel_bulk(self.bulk(pk), at=self.at))


class Resume(JobView):
    """Going on with it."""

    about = "job_resume"
    action_of_method: ClassVar[Mapping[str, str]] = {"POST": "resume"}

    @extend_schema(request=None, responses={200: said.ONE_JOB})
    def post(self, request: Request, pk: str) -> Response:
        """Go on where it stopped, when it was cancelled or has failed; from now on with this key."""
        self.no_query()
        self.fields()
        return self.answer(resume_bulk(self.bulk(pk), api_key=self.key, at=self.at))


class Ndjson(Json):
    """Lets a client say that it accepts NDJSON; errors are JSON in any case."""

    media_type = "application/x-ndjson"
    format = "ndjson"


class Csv(Json):
    """Lets a client say that it accepts CSV."""

    media_type = "text/csv"
    format = "csv"


class Results(JobView):
    """What became of each row."""

    about = "job_results"
    action_of_method: ClassVar[Mapping[str, str]] = {"GET": "results", "HEAD": "results"}
    renderer_classes = [Json, Ndjson, Csv]

    @extend_schema(responses=said.FILE)
    def get(self, request: Request, pk: str) -> HttpResponseBase:
        """Every row with its index, outcome, id and reasons, in the order in which they were sent.

        The last line is `{"_end": true, "count": …, "state": …}` (CSV: `_end`, the count, the state): a file without
        it was cut off. While a job runs, these are the rows done so far.
        """
        params = self.params("outcome", "format")
        outcome, form = one_of(params, "outcome", OUTCOMES), one_of(params, "format", said.FORMS)
        try:
            found = find_results(self.bulk(pk), outcome)
        except Refused as refused:
            if refused.code == "gone":
                raise Problem(410, refused.code, refused.message) from refused
            raise
        lines, kind = (as_csv(found), "text/csv; charset=utf-8") if form == "csv" else (as_ndjson(found), NDJSON)
        name = f"job-{pk}-results.{form or 'ndjson'}"
        disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
        return StreamingHttpResponse(in_chunks(lines), content_type=kind, headers=disposition)


NDJSON = "application/x-ndjson"
ADDRESSES: tuple[tuple[str, type[JobView]], ...] = (
    ("jobs", Jobs),
    ("jobs/(?P<pk>[^/]+)", OneJob),
    ("jobs/(?P<pk>[^/]+)/parts/(?P<number>[^/]+)", Part),
    ("jobs/(?P<pk>[^/]+)/start", Start),
    ("jobs/(?P<pk>[^/]+)/cancel", Cancel),
    ("jobs/(?P<pk>[^/]+)/resume", Resume),
    ("jobs/(?P<pk>[^/]+)/results", Results),
)


def job_addresses(views: Iterable[type[RecordViewSet]]) -> list[URLPattern]:
    """The addresses of every followed resource, before those of its records."""
    return [
        re_path(f"^{view.resource}/{where}/?$", _of(kind, view).as_view(), name=f"{view.resource}-{kind.about}")
        for view in views
        if view.followed
        for where, kind in ADDRESSES
    ]


def _of(kind: type[JobView], view: type[RecordViewSet]) -> Any:
    given = {"of": view, "resource": view.resource, "schema": said.JobSchema()}
    return type(f"{view.__name__}{kind.__name__}", (kind,), given)
