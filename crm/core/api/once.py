"""Doing what is asked once, however often it is sent. Who keeps answers is above this package: it registers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.http.response import HttpResponseBase

if TYPE_CHECKING:
    from crm.core.api.views import ApiView

HEADER = "Idempotency-Key"
Handler = Callable[..., HttpResponseBase]
# Given the view of a request that may be made, and what would do it: what does it instead.
Keeper = Callable[["ApiView", Handler], Handler]
_keepers: list[Keeper] = []


def keeps_answers(keeper: Keeper) -> Keeper:
    """Let this function stand before every POST of the API from now on."""
    _keepers.append(keeper)
    return keeper


def once(view: ApiView, handler: Handler) -> Handler:
    """What does what is asked, once for each key of its sender's."""
    for keeper in _keepers:
        handler = keeper(view, handler)
    return handler


def header_parameter() -> dict[str, Any]:
    """The header, as the description has it."""
    said = (
        "What you call this request, of your own making (a UUID). Sent again with the same key within a week, it is"
        " not done again: the answer is the first one's, byte for byte, with `Idempotent-Replayed: true`. The key"
        " belongs to your API key and this address. 422: the key was sent with another request; 409"
        " `still_running`: the first one is not done yet."
    )
    schema = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!#-~]+$"}
    return {"name": HEADER, "in": "header", "description": said, "schema": schema}
