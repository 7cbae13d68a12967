"""One request to edit one record: the version it was opened with, and what stands in the way of saving it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from django.http import HttpRequest

from crm.core.text import whole_number

MINE, THEIRS = "mine", "theirs"


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """One field that somebody else changed while this form was open."""

    name: str
    label: str
    before: str
    theirs: str
    yours: str
    who: str
    at: datetime | None
    collides: bool


@dataclass(slots=True)
class Edit:
    """One request to edit one record: what it was opened with, and what stands in the way of saving it."""

    version: int | None = None
    choices: dict[str, str] = field(default_factory=dict)
    meanwhile: list[Meanwhile] = field(default_factory=list)
    undecided: list[Meanwhile] = field(default_factory=list)
    refusals: list[tuple[str, str]] = field(default_factory=list)


def edit_of(request: HttpRequest) -> Edit:
    """The edit this request is part of; read once, so that a second attempt finds what stopped the first."""
    if not hasattr(request, "record_edit"):
        edit = Edit()
        if request.method == "POST":
            edit.version = whole_number(request.POST.get("version", ""))
            edit.choices = {name: request.POST.get(f"keep_{name}", "") for name in request.POST.getlist("collided")}
        request.record_edit = edit  # type: ignore[attr-defined]
    found: Edit = request.record_edit  # type: ignore[attr-defined]
    return found
