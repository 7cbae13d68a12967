"""What addresses of figures share: their parameters, read strictly, and how their answers are described."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.request import Request

from crm.core.api.problems import Flaw, bad_request, invalid
from crm.core.api.queries import Reading, RecordFilters
from crm.core.api.views import ApiView
from crm.core.errors import Refused
from crm.core.text import whole_number

Word = TypeVar("Word", bound=str)
BY, PAGE = "by", "page"
MOST_PAGES = 10_000
# What an answer with a tag of its bytes is asked for with, and what is answered to who has them.
KNOWN = OpenApiParameter(
    "If-None-Match", str, OpenApiParameter.HEADER, description="The ETag you have: 304 if it is still the same."
)
UNCHANGED = OpenApiResponse(description="You have this already.")


class FiguresView(ApiView):
    """Figures that are read, each figure with the one definition of its page."""

    http_method_names = ["get", "head", "options"]

    def params(self, request: Request, *known: str) -> dict[str, str]:
        """The parameters of the address.

        Raises:
            Problem: 400 for one that is not known, or is given twice.
        """
        Reading({}, RecordFilters).refuse_unknown(request.query_params, set(known))
        return request.query_params.dict()


def choice(params: dict[str, str], name: str, known: Sequence[Word], default: Word) -> Word:
    """One of the words there are; taken out of the parameters.

    Raises:
        Problem: 400 for anything else.
    """
    text = params.pop(name, "") or default
    for word in known:
        if word == text:
            return word
    message = f"“{text}” is none of: {', '.join(known)}."
    raise bad_request(f"invalid_{name}", message, [Flaw(name, f"invalid_{name}", message)])


def page_of(params: dict[str, str]) -> int:
    """Which page, from 1; taken out of the parameters.

    Raises:
        Problem: 400 for what is no page.
    """
    page = whole_number(params.pop(PAGE, "") or "1")
    if not page or page > MOST_PAGES:
        message = f"Page: a number from 1 to {MOST_PAGES:,}."
        raise bad_request("invalid_page", message, [Flaw(PAGE, "invalid_page", message)])
    return page


@contextmanager
def reading(name: str = "") -> Iterator[None]:
    """Tell what is refused inside as a problem that names each parameter that will not do; `name` where none is said.

    Raises:
        Problem: as `invalid`.
    """
    try:
        yield
    except Refused as refused:
        flaws = [Flaw(one.field, one.code, one.message) for one in refused.missing]
        raise invalid(flaws or [Flaw(name, refused.code, refused.message)]) from refused


def parameter(name: str, text: str, kind: Any = OpenApiTypes.STR, **more: Any) -> OpenApiParameter:
    """A parameter of an address, as it is described."""
    return OpenApiParameter(name, kind, OpenApiParameter.QUERY, description=text, **more)


def shape(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An object that has all of these, and nothing else."""
    every = {"type": "object", "required": list(properties), "properties": properties}
    return {**every, "additionalProperties": False, **more}


def shapes(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A list of such objects."""
    return {"type": "array", "items": shape(properties), **more}
