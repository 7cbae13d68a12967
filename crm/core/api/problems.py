"""Every error of the API has one shape (RFC 9457), whatever went wrong and wherever: `application/problem+json`.

`code` and each `errors[].code` are stable and for programs; `detail` and `message` are the sentences people read at the
other doors. `errors` names each wrong field with a JSON pointer (RFC 6901), or the query parameter.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from http import HTTPStatus
from typing import Any

import orjson
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.core.exceptions import ValidationError as ModelError
from django.core.signals import got_request_exception
from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, OperationalError, models
from django.http import Http404, HttpResponse, UnreadablePostError
from django.http.request import RawPostDataException
from django.utils.log import log_response
from rest_framework import exceptions
from rest_framework.response import Response

from crm.core.api.database import constraint_problem
from crm.core.errors import Refused
from crm.core.forwarding import where_went
from crm.core.request_ids import request_id

MEDIA_TYPE = "application/problem+json"
log = logging.getLogger(__name__)
# What a refusal of a domain call is over HTTP; every other code is a conflict with what is stored.
STATUS_OF = {"forbidden": 403, "not_found": 404, "unknown_verb": 404, "stale": 412}
CODE_OF = {
    400: "invalid",
    401: "not_authenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    413: "too_large",
    415: "unsupported_media_type",
    429: "throttled",
    500: "error",
    503: "unavailable",
}


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing that is wrong: the field (empty: none in particular), a code for programs, a sentence for people."""

    field: str
    code: str
    message: str
    pointer: str = ""

    def as_json(self) -> dict[str, str]:
        """As it stands in `errors`."""
        return {**asdict(self), "pointer": self.pointer or (pointer_to(self.field) if self.field else "")}


def pointer_to(*path: str | int) -> str:
    """A JSON pointer (RFC 6901) to a place in the body."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def type_of(code: str) -> str:
    """What `type` says: the page that explains the code, on whatever server it is asked for (RFC 9457, 3.1.1)."""
    return f"/api/problems/{code}/"


@dataclass(eq=False)
class Problem(Exception):
    """An answer that is an error."""

    status: int
    code: str
    detail: str
    errors: Sequence[Flaw] = ()
    headers: dict[str, str] = field(default_factory=dict)
    # Members beside the standard ones (RFC 9457, 3.2).
    more: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The body."""
        return {
            "type": type_of(self.code),
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "errors": [flaw.as_json() for flaw in self.errors],
            "request_id": request_id(),
            **self.more,
        }


def not_there(kind: type[models.Model], pk: int) -> Exception:
    """404; of a record that was merged 410 with the one that it is now, in words and as `survivor`."""
    went = where_went(kind, pk)
    if went is None:
        return Http404()
    from crm.core.api.resources import resource_of  # it knows the views, which know this module

    survivor = {"object": resource_of(went.object), "id": went.pk}
    return Problem(410, "merged", went.sentence, more={"survivor": survivor})


def bad_request(code: str, detail: str, errors: Iterable[Flaw] = ()) -> Problem:
    """400: the request itself will not do."""
    return Problem(400, code, detail, list(errors))


def invalid(errors: Iterable[Flaw]) -> Problem:
    """400: some fields of the body will not do; each is named."""
    found = list(errors)
    return bad_request("invalid", " ".join(dict.fromkeys(flaw.message for flaw in found)), found)


def of_refusal(refused: Refused) -> Problem:
    """What a refused domain call answers: 403, 404, 412 when somebody was quicker, else 409 with what is missing."""
    errors = [Flaw(item.field, item.code, item.message) for item in refused.missing]
    return Problem(STATUS_OF.get(refused.code, 409), refused.code, refused.message, errors)


def problem_of(error: Exception) -> Problem | None:
    """The problem that an exception means; None when it is a fault of ours."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, Refused):
        return of_refusal(error)
    if isinstance(error, Http404):
        return Problem(404, "not_found", "There is nothing at this address, or there is no such record any more.")
    if isinstance(error, PermissionDenied):
        return Problem(403, "forbidden", str(error) or "This key may not do that.")
    if isinstance(error, ModelError):
        return invalid(_model_flaws(error))
    if isinstance(error, exceptions.APIException):
        return _framework_problem(error)
    if isinstance(error, RawPostDataException | UnreadablePostError):
        return bad_request("incomplete", "The request's body could not be read to its end.")
    if isinstance(error, SuspiciousOperation):
        return bad_request("invalid", "The request will not do.")
    if isinstance(error, DatabaseError | InterfaceError):
        return _database_problem(error)
    return None


def fault() -> Problem:
    """500: a fault of ours, without its insides."""
    return Problem(500, "error", "Something went wrong here, and has been logged. Nothing of the request was stored.")


def handle(error: Exception, context: dict[str, Any]) -> Response:
    """Django REST framework's exception handler; a fault is logged as Django does it, and answered in shape."""
    found = problem_of(error)
    if found is not None and isinstance(error, Refused | ModelError | IntegrityError):
        _name_as_sent(found, context.get("view"))
    problem = found or fault()
    answer = Response(problem.as_json(), status=problem.status, headers=problem.headers, content_type=MEDIA_TYPE)
    if found is None:
        request = getattr(context.get("request"), "_request", None)
        got_request_exception.send(sender=None, request=request)
        path = getattr(request, "path", "")
        log_response("%s: %s", "Internal Server Error", path, response=answer, request=request, exception=error)
    return answer


def _name_as_sent(problem: Problem, view: Any) -> None:
    """What the model calls a field is called in an answer as the view's resource calls it."""
    serializer = getattr(view, "serializer_class", None)
    if name_of := getattr(serializer, "name_of", None):
        problem.errors = [replace(flaw, field=name_of(flaw.field)) if flaw.field else flaw for flaw in problem.errors]


def plain_answer(problem: Problem) -> HttpResponse:
    """The same where no view of the API answers: an error before one, or a fault outside."""
    body = orjson.dumps(problem.as_json())
    return HttpResponse(body, status=problem.status, headers=problem.headers, content_type=MEDIA_TYPE)


def _framework_problem(error: exceptions.APIException) -> Problem:
    code = CODE_OF.get(error.status_code, "invalid")
    headers: dict[str, str] = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if (wait := getattr(error, "wait", None)) is not None:
        headers["Retry-After"] = str(max(1, int(-(-wait // 1))))
    headers |= getattr(error, "headers", None) or {}
    if isinstance(error, exceptions.ValidationError):
        return invalid(_serializer_flaws(error.detail))
    detail = error.detail
    given = getattr(detail, "code", code)
    words = str(detail) if not isinstance(detail, dict | list) else "The request will not do."
    if wait := headers.get("Retry-After"):
        words = f"These were too many requests in one minute: ask again in {wait} second{'s' if wait != '1' else ''}."
    if isinstance(error, exceptions.ParseError) and given == "parse_error":
        given = "malformed"
    known = given if error.status_code in (400, 401, 403, 409, 412) else code
    return Problem(error.status_code, {"permission_denied": "forbidden"}.get(known, known), words, (), headers)


def _serializer_flaws(detail: Any, path: tuple[str | int, ...] = ()) -> list[Flaw]:
    if isinstance(detail, dict):
        return [flaw for name, inner in detail.items() for flaw in _serializer_flaws(inner, (*path, name))]
    if isinstance(detail, list):
        return [
            flaw
            for place, inner in enumerate(detail)
            for flaw in _serializer_flaws(inner, path if not isinstance(inner, dict) else (*path, place))
        ]
    about = [part for part in path if part != "non_field_errors"]
    name = ".".join(str(part) for part in about)
    return [Flaw(name, getattr(detail, "code", "invalid"), str(detail), pointer_to(*about))]


def _model_flaws(error: ModelError) -> list[Flaw]:
    if not hasattr(error, "error_dict"):
        return [Flaw("", one.code or "invalid", text) for one in error.error_list for text in one.messages]
    return [
        Flaw("" if name == "__all__" else name, one.code or "invalid", text)
        for name, errors in error.error_dict.items()
        for one in errors
        for text in one.messages
    ]


def _database_problem(error: Exception) -> Problem | None:
    if isinstance(error, IntegrityError):
        name, words, status = constraint_problem(error)
        flaw = [Flaw(name, "constraint", words)] if name else []
        return Problem(status, "constraint" if status == 400 else "conflict", words, flaw)
    if isinstance(error, DataError):
        return bad_request("invalid", "A value is outside of what can be stored. Nothing was written.")
    if isinstance(error, OperationalError | InterfaceError):
        log.warning("The database did not answer a request of the API", exc_info=error)
        words = "The database did not answer in time. Nothing was written: try again."
        return Problem(503, "unavailable", words, headers={"Retry-After": "5"})
    return None
