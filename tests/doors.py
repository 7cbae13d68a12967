"""Every door through which a record with a flow can be moved, for the matrices that compare them.

A door that is added later joins by registering here: `attempt` asks for one move as that door's users do, and returns
the codes of the refusal, or nothing when the move was made.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.messages.storage.fallback import FallbackStorage
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpResponseBase
from django.test import RequestFactory
from django.urls import resolve, reverse

from crm.core.dialogs import REFUSED_HEADER
from crm.core.door import move, move_many
from crm.core.errors import Refused
from crm.core.flow import Stateful
from crm.jobs.models import Job, JobSlice
from crm.people.models import User
from tests.keys import program

Attempt = Callable[[Any, str, User, Mapping[str, Any], datetime], tuple[str, ...]]


@dataclass(frozen=True)
class Door:
    """A way to ask for a move. `people_only`: a program cannot log in there and is refused as `forbidden`."""

    name: str
    attempt: Attempt
    people_only: bool = False


DOORS: list[Door] = []
# Of each kind that the doors could tell apart, one. Who may is decided behind all doors at one place, which the quick
# door asks for every role; a page, a job or a batch for each would take most of the time of all tests.
TYPICAL = ("owner", "administrator", "service", "stranger")
QUICK = ("shell",)


def asks_all(door: Door) -> bool:
    """Whether everything is asked at this door: where that is quick, and everywhere in the long form."""
    return door.name in QUICK or bool(os.environ.get("CRM_SOAK"))


def asked_by(door: Door, roles: Mapping[str, User], *, open_here: bool = True) -> dict[str, User]:
    """The roles that ask at this door: all of them where that is quick, and everywhere in the long form.

    A move that does not leave from here (`open_here`) is asked for at a slow door by the owner alone, who may make
    any move that is there, and by the stranger, who may make none.
    """
    if asks_all(door):
        return dict(roles)
    return {role: user for role, user in roles.items() if role in (TYPICAL if open_here else ("owner", "stranger"))}


def door(name: str, *, people_only: bool = False) -> Callable[[Attempt], Attempt]:
    """Register a door."""

    def register(attempt: Attempt) -> Attempt:
        DOORS.append(Door(name, attempt, people_only))
        return attempt

    return register


def page_of(record: models.Model) -> str:
    """How the admin names the pages of such records."""
    return f"{record._meta.app_label}_{record._meta.model_name}"


def resource_of(record: models.Model) -> str:
    """What the API calls such records."""
    return str(record._meta.verbose_name_plural)


def reason_in(facts: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The reason, which is no fact of the verb, and the facts."""
    return str(facts.get("reason", "")), {name: value for name, value in facts.items() if name != "reason"}


@door("shell")
def shell(record: Stateful, verb: str, actor: User, facts: Mapping[str, Any], at: datetime) -> tuple[str, ...]:
    """`move()`, as tasks, commands and a Python shell call it."""
    reason, rest = reason_in(facts)
    try:
        move(record, verb, actor=actor, at=at, via="shell", reason=reason, **rest)
    except Refused as refused:
        return refused.codes
    return ()


@door("many at once")
def many(record: Stateful, verb: str, actor: User, facts: Mapping[str, Any], at: datetime) -> tuple[str, ...]:
    """`move_many()`, as bulk actions call it."""
    reason, rest = reason_in(facts)
    (outcome,) = move_many(type(record), [record.pk], verb, actor=actor, at=at, via="bulk", reason=reason, facts=rest)
    return outcome.refusal.codes if outcome.refusal else ()


def as_entered(value: Any) -> Any:
    """A fact as a browser sends it."""
    if isinstance(value, models.Model):
        return str(value.pk)
    if isinstance(value, list):
        return ",".join(value)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def post(url: str, actor: User, sent: dict[str, Any]) -> HttpResponseBase:
    """Post to an address of the admin as this user, through its check of who may log in; nothing is rendered."""
    request: Any = RequestFactory().post(url, sent)
    url = url.partition("?")[0]
    request.user, request.htmx, request.session = actor, True, {}
    request._messages = FallbackStorage(request)
    request._dont_enforce_csrf_checks = True  # that a token is asked for has a test of its own
    view: Callable[..., HttpResponseBase]
    view, args, kwargs = resolve(url)
    return view(request, *args, **kwargs)


def turned_away(request_for_login: HttpResponseBase) -> bool:
    """Whether the admin asks to log in first."""
    return getattr(request_for_login, "url", "").startswith(reverse("admin:login"))


def ask_dialog(record: Stateful, verb: str, actor: User, sent: dict[str, Any]) -> tuple[str, ...]:
    """Post to the dialog of a move; the codes that it refuses with stand in a header."""
    try:
        answer = post(reverse(f"admin:{page_of(record)}_move", args=[record.pk, verb]), actor, sent)
    except PermissionDenied:
        return ("forbidden",)
    if turned_away(answer):
        return ("forbidden",)
    return tuple(filter(None, answer.headers.get(REFUSED_HEADER, "").split(",")))


@door("dialog", people_only=True)
def dialog(record: Stateful, verb: str, actor: User, facts: Mapping[str, Any], at: datetime) -> tuple[str, ...]:
    """The dialog of a move on the record's page."""
    return ask_dialog(record, verb, actor, {name: as_entered(value) for name, value in facts.items()})


@door("forged post", people_only=True)
def forged(record: Stateful, verb: str, actor: User, facts: Mapping[str, Any], at: datetime) -> tuple[str, ...]:
    """The same address, posted to without its page: with the version that is stored and fields that no dialog has."""
    extra = {"version": str(record.version), "actor": "1", "via": "import", "is_superuser": "1", "at": "2020-01-01"}
    if verb != "place":
        extra["status"] = "sao_converted"
    return ask_dialog(record, verb, actor, extra | {name: as_entered(value) for name, value in facts.items()})


@door("bulk action", people_only=True)
def bulk(record: Stateful, verb: str, actor: User, facts: Mapping[str, Any], at: datetime) -> tuple[str, ...]:
    """The move chosen for a selection of the list."""
    sent = {name: as_entered(value) for name, value in facts.items()}
    address = reverse(f"admin:{page_of(record)}_bulk", args=["move"])
    try:
        answer: Any = post(f"{address}?ids={record.pk}&verb={verb}", actor, sent)
    except PermissionDenied:
        return ("forbidden",)
    if turned_away(answer):
        return ("forbidden",)
    if answer.status_code == 403:
        refusal: Refused = answer.context_data["refusal"]
        return refusal.codes
    job = Job.objects.get(by=actor, slices__input__ids=[record.pk], state=Job.State.READY)
    post(reverse("admin:job_answer", args=[job.pk]), actor, {"answer": "confirm"})
    (row,) = JobSlice.objects.get(job=job).output or []
    return tuple(filter(None, row["code"].split(",")))


def as_json(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts as a program sends them."""

    def plain(value: Any) -> Any:
        if isinstance(value, models.Model):
            return value.pk
        return value.isoformat() if hasattr(value, "isoformat") else value

    return {name: plain(value) for name, value in facts.items()}


def told(status: int, body: Mapping[str, Any]) -> tuple[str, ...]:
    """The codes in an answer of the API; a key of somebody who is deactivated is no key."""
    if status == 401:
        return ("forbidden",)
    assert status in (200, 403, 404, 409), body
    return tuple(error["code"] for error in body["errors"]) or (body["code"],) if status != 200 else ()


@door("API, one")
def api_one(record: Stateful, verb: str, actor: User, facts: Mapping[str, Any], at: datetime) -> tuple[str, ...]:
    """`POST /api/v1/{resource}/{id}/moves/{verb}/` with a key of this user, person or service."""
    reason, rest = reason_in(facts)
    body = {"reason": reason, "facts": as_json(rest)}
    answer = program(actor)("POST", f"{resource_of(record)}/{record.pk}/moves/{verb}/", body)
    return told(answer.status_code, json.loads(answer.content))


@door("API, many")
def api_many(record: Stateful, verb: str, actor: User, facts: Mapping[str, Any], at: datetime) -> tuple[str, ...]:
    """`POST /api/v1/{resource}/moves/` with a list of one."""
    reason, rest = reason_in(facts)
    body = {"verb": verb, "ids": [record.pk], "reason": reason, "facts": as_json(rest)}
    answer = program(actor)("POST", f"{resource_of(record)}/moves/", body)
    found = json.loads(answer.content)
    if answer.status_code != 200:
        return told(answer.status_code, found)
    (row,) = found["results"]
    return () if row["outcome"] == "moved" else told(409, row)
