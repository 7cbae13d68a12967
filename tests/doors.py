"""Every door through which a record with a flow can be moved, for the matrices that compare them.

A door that is added later joins by registering here: it asks for one move as that door's users do, and returns the
codes of the refusal, or nothing when the move was made; a door that takes many records at once does so for each.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from django.contrib.messages.storage.fallback import FallbackStorage
from django.core.exceptions import PermissionDenied
from django.db import connection, models, transaction
from django.http import HttpResponseBase
from django.test import RequestFactory
from django.urls import resolve, reverse

from crm.core.dialogs import REFUSED_HEADER
from crm.core.door import move, move_many
from crm.core.errors import Refused
from crm.core.flow import Stateful
from crm.jobs.models import Job, JobSlice
from crm.people.models import User
from tests.keys import Program, program

Codes = tuple[str, ...]
Attempt = Callable[[Any, str, User, Mapping[str, Any], datetime], Codes]
Together = Callable[[Sequence[Any], str, User, Mapping[str, Any], datetime], Sequence[Codes]]


@dataclass(frozen=True)
class Door:
    """A way to ask for a move. `people_only`: a program cannot log in there and is refused as `forbidden`.

    `together` asks for the same move of many records, and has the codes of each.
    """

    name: str
    attempt: Attempt
    people_only: bool = False
    together: Together | None = None


@dataclass(frozen=True)
class Question:
    """A move that somebody in this role asks for, and the codes that the answer should have: none when it is made."""

    record: Stateful
    verb: str
    role: str
    actor: User
    facts: Mapping[str, Any]
    wanted: Codes
    with_facts: bool = True

    def __str__(self) -> str:
        return f"{self.verb} from {self.record.current_state} by {self.role}, facts {self.with_facts}"


@dataclass(frozen=True)
class Answer:
    """The codes, the state afterwards, and how many moves of the record were written."""

    codes: Codes
    state: str
    moves: int

    @property
    def made(self) -> bool:
        """Whether the move was made."""
        return bool(self.moves) and not self.codes

    @property
    def word(self) -> str:
        """What became of it."""
        return "made" if self.made else self.codes[0] if self.codes else "nothing"


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


def wide_door(name: str, *, people_only: bool = False) -> Callable[[Together], Together]:
    """Register a door that takes many records at once."""

    def register(together: Together) -> Together:
        def attempt(record: Any, verb: str, actor: User, facts: Mapping[str, Any], at: datetime) -> Codes:
            (codes,) = together([record], verb, actor, facts, at)
            return codes

        DOORS.append(Door(name, attempt, people_only, together))
        return together

    return register


def cases(states: Sequence[str]) -> list[Any]:
    """For `parametrize`: each door with each state, and with all states at once where it takes many records.

    Of doors that are slow every other one asks about every other state; the long form has the rest.
    """
    found = []
    for number, one in enumerate(DOORS):
        if one.together:
            found.append(pytest.param(one, states, id=f"{one.name}-all at once"))
            continue
        for place, state in enumerate(states):
            rest = [] if one.name in QUICK or (number + place) % 2 else [pytest.mark.soak]
            found.append(pytest.param(one, [state], id=f"{one.name}-{state}", marks=rest))
    return found


def ask(one: Door, questions: Sequence[Question], at: datetime) -> Iterator[tuple[Question, Answer]]:
    """Ask each question and undo what it did; where the door takes many, those alike but for the record at once."""
    batches: dict[Any, dict[Any, Question]] = {}
    for question in questions:
        facts = repr(sorted(question.facts.items()))
        alike = (question.verb, question.role, facts)
        itself = (question.record.pk, question.wanted)
        # A verb that asks for no facts is the same question with them and without.
        batches.setdefault(alike if one.together else (*alike, *itself), {}).setdefault(itself, question)
    # Keys are made before the first question: what is made while one is asked is undone with it.
    _programs.update({q.actor.pk: program(q.actor) for q in {q.actor: q for q in questions}.values()})
    try:
        for batch in map(list, map(dict.values, batches.values())):
            yield from zip(batch, _ask_together(one, batch, at), strict=True)
    finally:
        _programs.clear()


def _ask_together(one: Door, batch: Sequence[Question], at: datetime) -> list[Answer]:
    first, kind = batch[0], type(batch[0].record)
    records = [copy.copy(question.record) for question in batch]
    assert len({record.pk for record in records}) == len(records)
    with transaction.atomic():
        if one.together:
            found = one.together(records, first.verb, first.actor, first.facts, at)
        else:
            found = [one.attempt(records[0], first.verb, first.actor, first.facts, at)]
        with connection.cursor() as cursor:
            cursor.execute(
                AFTER.format(table=kind._meta.db_table, state=kind.FLOW),
                [kind._meta.model_name, [record.pk for record in records]],
            )
            after = {pk: (state, version, count) for pk, state, version, count in cursor}
        transaction.set_rollback(True)
    answers = []
    for question, codes in zip(batch, found, strict=True):
        state, version, count = after[question.record.pk]
        assert version == question.record.version + bool(count)
        answers.append(Answer(codes, state, count))
    return answers


AFTER = """
    SELECT r.id, r.{state}, r.version, (
        SELECT count(*) FROM history_move m
        WHERE m.object = %s AND m.record_id = r.id AND m.version = r.version AND r.version > 1)
    FROM {table} r WHERE r.id = ANY(%s)
"""
_programs: dict[int, Program] = {}


def program_of(actor: User) -> Program:
    """The program that was made for these questions, or a new one."""
    return _programs.get(actor.pk) or program(actor)


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
def shell(record: Stateful, verb: str, actor: User, facts: Mapping[str, Any], at: datetime) -> Codes:
    """`move()`, as tasks, commands and a Python shell call it."""
    reason, rest = reason_in(facts)
    try:
        move(record, verb, actor=actor, at=at, via="shell", reason=reason, **rest)
    except Refused as refused:
        return refused.codes
    return ()


@wide_door("many at once")
def many(
    records: Sequence[Stateful], verb: str, actor: User, facts: Mapping[str, Any], at: datetime
) -> Sequence[Codes]:
    """`move_many()`, as bulk actions call it."""
    reason, rest = reason_in(facts)
    kind, ids = type(records[0]), [record.pk for record in records]
    outcomes = move_many(kind, ids, verb, actor=actor, at=at, via="bulk", reason=reason, facts=rest)
    assert [outcome.record_id for outcome in outcomes] == sorted(ids)
    found = {one.record_id: one.refusal.codes if one.refusal else () for one in outcomes}
    return [found[pk] for pk in ids]


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


def ask_dialog(record: Stateful, verb: str, actor: User, sent: dict[str, Any]) -> Codes:
    """Post to the dialog of a move; the codes that it refuses with stand in a header."""
    try:
        answer = post(reverse(f"admin:{page_of(record)}_move", args=[record.pk, verb]), actor, sent)
    except PermissionDenied:
        return ("forbidden",)
    if turned_away(answer):
        return ("forbidden",)
    return tuple(filter(None, answer.headers.get(REFUSED_HEADER, "").split(",")))


@door("dialog", people_only=True)
def dialog(record: Stateful, verb: str, actor: User, facts: Mapping[str, Any], at: datetime) -> Codes:
    """The dialog of a move on the record's page."""
    return ask_dialog(record, verb, actor, {name: as_entered(value) for name, value in facts.items()})


@door("forged post", people_only=True)
def forged(record: Stateful, verb: str, actor: User, facts: Mapping[str, Any], at: datetime) -> Codes:
    """The same address, posted to without its page: with the version that is stored and fields that no dialog has."""
    extra = {"version": str(record.version), "actor": "1", "via": "import", "is_superuser": "1", "at": "2020-01-01"}
    if verb != "place":
        extra["status"] = "sao_converted"
    return ask_dialog(record, verb, actor, extra | {name: as_entered(value) for name, value in facts.items()})


@wide_door("bulk action", people_only=True)
def bulk(
    records: Sequence[Stateful], verb: str, actor: User, facts: Mapping[str, Any], at: datetime
) -> Sequence[Codes]:
    """The move chosen for a selection of the list."""
    sent = {name: as_entered(value) for name, value in facts.items()}
    address, ids = reverse(f"admin:{page_of(records[0])}_bulk", args=["move"]), [record.pk for record in records]
    try:
        answer: Any = post(f"{address}?ids={','.join(map(str, ids))}&verb={verb}", actor, sent)
    except PermissionDenied:
        return [("forbidden",)] * len(ids)
    if turned_away(answer):
        return [("forbidden",)] * len(ids)
    if answer.status_code == 403:
        refusal: Refused = answer.context_data["refusal"]
        return [refusal.codes] * len(ids)
    job = Job.objects.get(by=actor, state=Job.State.READY)
    post(reverse("admin:job_answer", args=[job.pk]), actor, {"answer": "confirm"})
    done = JobSlice.objects.get(job=job)
    rows = dict(zip(done.input["ids"], done.output or [], strict=True))
    return [tuple(filter(None, rows[pk]["code"].split(","))) for pk in ids]


def as_json(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts as a program sends them."""

    def plain(value: Any) -> Any:
        if isinstance(value, models.Model):
            return value.pk
        return value.isoformat() if hasattr(value, "isoformat") else value

    return {name: plain(value) for name, value in facts.items()}


def told(status: int, body: Mapping[str, Any]) -> Codes:
    """The codes in an answer of the API; a key of somebody who is deactivated is no key."""
    if status == 401:
        return ("forbidden",)
    assert status in (200, 403, 404, 409), body
    return tuple(error["code"] for error in body["errors"]) or (body["code"],) if status != 200 else ()


@door("API, one")
def api_one(record: Stateful, verb: str, actor: User, facts: Mapping[str, Any], at: datetime) -> Codes:
    """`POST /api/v1/{resource}/{id}/moves/{verb}/` with a key of this user, person or service."""
    reason, rest = reason_in(facts)
    body = {"reason": reason, "facts": as_json(rest)}
    answer = program_of(actor)("POST", f"{resource_of(record)}/{record.pk}/moves/{verb}/", body)
    return told(answer.status_code, json.loads(answer.content))


@wide_door("API, many")
def api_many(
    records: Sequence[Stateful], verb: str, actor: User, facts: Mapping[str, Any], at: datetime
) -> Sequence[Codes]:
    """`POST /api/v1/{resource}/moves/` with a list."""
    reason, rest = reason_in(facts)
    ids = [record.pk for record in records]
    body = {"verb": verb, "ids": ids, "reason": reason, "facts": as_json(rest)}
    answer = program_of(actor)("POST", f"{resource_of(records[0])}/moves/", body)
    found = json.loads(answer.content)
    if answer.status_code != 200:
        return [told(answer.status_code, found)] * len(ids)
    rows = {row["id"]: () if row["outcome"] == "moved" else told(409, row) for row in found["results"]}
    return [rows[pk] for pk in ids]
