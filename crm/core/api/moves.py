"""Moves over the API, for any kind of record with a flow: why and why not, one move, many moves.

The door decides and words every answer; here its verdicts become JSON. A refused move is 409 with the codes that every
other door has; many moves have a verdict for each row, in the order in which they were sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

from django.urls import URLPattern, re_path
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from crm.core.api import move_schemas as schemas
from crm.core.api.etags import condition, etag
from crm.core.api.facts import fact_schema, facts_from, instant
from crm.core.api.move_rows import find_ids, read_row, read_rows
from crm.core.api.problems import Flaw, Problem, invalid, not_there, of_refusal, pointer_to
from crm.core.api.scopes import has_scope, require_scope
from crm.core.api.views import ApiView, record_id
from crm.core.api.writes import VIA, stale_problem
from crm.core.door import Outcome, Verdict, find_verb, move, move_many, verdict_of, verdicts
from crm.core.door_rows import Asked, move_each
from crm.core.errors import Missing, Refused, Stale
from crm.core.flow import Ask, Stateful, Verb
from crm.core.offers import state_label, target_of
from crm.core.permissions import may
from crm.core.text import tidy

MOST = 1000
PLACE = "place"


class MovesView(ApiView):
    """What every address about moves shares. `kind` is what is moved, `resource` its name in scopes."""

    kind: ClassVar[type[Stateful]]
    status_name: ClassVar[str] = "status"

    @property
    def reads(self) -> bool:
        """Whether the key may be told what the record is now."""
        return has_scope(self.request, f"{self.resource}:read") and may(self.actor, "view", self.kind)

    def record(self, pk: str) -> Any:
        """The record of an address.

        Raises:
            Http404: there is none.
        """
        number = record_id(pk)
        found = self.kind._base_manager.filter(pk=number).first()
        if found is None:
            raise not_there(self.kind, number)
        return found

    def read_body(self, *names: str) -> dict[str, Any]:
        """The body, which has these names and no other; `facts` is an object and `reason` a text.

        Raises:
            Problem: 400 with everything else.
        """
        body = self.body()
        flaws = [
            Flaw(name, "unknown_field", f"“{name}” is no field: {', '.join(names)}.", pointer_to(name))
            for name in body
            if name not in names
        ]
        if not isinstance(body.get("facts"), dict | None):
            flaws.append(Flaw("facts", "type", "Send an object: each fact by its name."))
        if not isinstance(body.get("reason"), str | None):
            flaws.append(Flaw("reason", "type", "Send a text."))
        if flaws:
            raise invalid(flaws)
        return body

    def described(self, step: Any) -> dict[str, Any]:
        """A move that was made; to a key that may not read, only which record is at which version now."""
        found = {"id": step.record_id, "version": step.version, "verb": step.verb}
        if not self.reads:
            return found
        return found | {
            "from": step.from_state,
            "to": step.to_state,
            "at": step.at,
            "via": step.via,
            "actor_id": step.actor_id,
            "reason": step.reason,
            "facts": step.facts,
        }


class Moves(MovesView):
    """`GET {resource}/{id}/moves/`: every move away from the present status: allowed, or why not and who may."""

    action_of_method: ClassVar[Mapping[str, str]] = {"GET": "retrieve", "HEAD": "retrieve"}

    @extend_schema(request=None, responses={200: schemas.MOVES})
    def get(self, request: Request, pk: str) -> Response:
        """Each verb with its verdict, and the facts it asks for as JSON Schema."""
        self.no_query()
        record = self.record(pk)
        if not may(self.actor, "view", record):
            raise Problem(403, "forbidden", "This key's user may not see this record.")
        answers = verdicts(record, actor=self.actor, at=self.at, via=VIA)
        answers += [
            verdict_of(record, info, Ask(self.actor, self.at, VIA))
            for info in self.kind.verbs().values()
            if not info.listed
        ]
        body = {
            "id": record.pk,
            "version": record.version,
            self.status_name: record.current_state,
            "moves": [self.offered(record, answer) for answer in answers],
        }
        return Response(body, headers={"ETag": etag(record.pk, record.version)})

    def offered(self, record: Any, answer: Verdict) -> dict[str, Any]:
        """One verb: whether it is possible, what is missing, and what it asks for."""
        info = answer.verb
        form = info.facts(record=record, at=self.at)
        target = target_of(record, info, Ask(self.actor, self.at, VIA))
        facts = {name: fact_schema(field) for name, field in form.fields.items()}
        return {
            "verb": info.name,
            "label": info.label,
            "to": target or None,
            "to_label": state_label(self.kind, target) if target else None,
            "allowed": answer.allowed,
            "code": answer.code,
            "message": answer.message,
            "missing": [_told(item) for item in answer.missing],
            "asks": [_told(item) for item in answer.asks],
            "who": info.who,
            "facts": {"type": "object", "properties": facts, "additionalProperties": False},
        }


class OneMove(MovesView):
    """`POST {resource}/{id}/moves/{verb}/`: make one move."""

    action_of_method: ClassVar[Mapping[str, str]] = {"POST": "move"}
    verb: ClassVar[str] = ""

    def scope_for(self, action: str | None) -> str:
        """Placing a record in a status as a fact of another system has a scope of its own."""
        if action is None:
            return ""
        return f"{self.resource}:{PLACE if self.named() == PLACE else 'move'}"

    def named(self) -> str:
        """The verb that the address names."""
        return str(self.kwargs.get("verb") or self.verb)

    @extend_schema(request=schemas.MOVE_BODY, responses={200: schemas.MOVE})
    def post(self, request: Request, pk: str, verb: str = "") -> Response:
        """Make the move, with `If-Match` only if the record is at that version: 409 with what is missing, else 412."""
        self.no_query()
        info = find_verb(self.kind, self.named())
        number, known = record_id(pk), condition(request, "If-Match")
        names = ("facts", "reason", "at") if info.name == PLACE else ("facts", "reason")
        body = self.read_body(*names)
        at = self.own_time(body)
        record = self.record(str(number))
        version = None if known is None or known.any else known.version_of(number)
        if known is not None and not known.any and version is None:
            raise self.stale(Stale("None of the ETags in If-Match is of this record."))
        try:
            step = move(
                record,
                info.name,
                facts_from(info, body.get("facts") or {}),
                actor=self.actor,
                at=at,
                via=VIA,
                reason=body.get("reason") or "",
                version=version,
            )
        except Stale as stale:
            raise self.stale(stale) from stale
        except Refused as refused:
            raise _placed_in_body(refused) from refused
        return Response(self.answered(step), headers={"ETag": etag(step.record_id, step.version)})

    def answered(self, step: Any) -> dict[str, Any]:
        """The body of the answer."""
        return self.described(step)

    def own_time(self, body: Mapping[str, Any]) -> datetime:
        """When it was true: now; of a placed record, when the other system says, which has passed.

        Raises:
            Problem: 400 for a time that cannot be read or lies in the future.
        """
        if body.get("at") is None:
            return self.at
        found = instant(body["at"])
        if found is None:
            raise invalid([Flaw("at", "type", "Send a time with its offset, as 2026-03-04T18:00:00Z.")])
        if found > self.at or found.year < 1990:
            raise invalid([Flaw("at", "not_in_past", "It was placed there at a time that has passed, after 1990.")])
        return found

    def stale(self, stale: Stale) -> Problem:
        """412 with what happened meanwhile, as far as this key may know."""
        return stale_problem(stale, self.kind, self.name_of, tell=self.reads)

    def name_of(self, column: str) -> str:
        """The API's name of a column."""
        return self.status_name if column == self.kind.FLOW else column


class ManyMoves(MovesView):
    """`POST {resource}/moves/`: the same move for up to a thousand records, a verdict for each."""

    action_of_method: ClassVar[Mapping[str, str]] = {"POST": "move"}

    def scope_for(self, action: str | None) -> str:
        """Which of the two it takes is known with the body: one of them is needed to have it read."""
        placer = has_scope(self.request, f"{self.resource}:{PLACE}") and not has_scope(
            self.request, f"{self.resource}:move"
        )
        return f"{self.resource}:{PLACE if placer else 'move'}" if action else ""

    @extend_schema(request=schemas.MANY_BODY, responses={200: schemas.MANY})
    def post(self, request: Request) -> Response:
        """Rows that are allowed are stored together; each other one says why not. An id counts once."""
        self.no_query()
        several = "rows" in self.body()
        body = self.read_body(*(("verb", "rows", "system") if several else ("verb", "ids", "facts", "reason")))
        ids = [] if several else self.read_ids(body.get("ids"))
        name = body.get("verb")
        if not isinstance(name, str):
            raise invalid([Flaw("verb", "required", "Name the move as `verb`.")])
        info = find_verb(self.kind, name)
        require_scope(request, f"{self.resource}:{PLACE if name == PLACE else 'move'}")
        if several:
            return self.told(self.moved_rows(info, read_rows(body["rows"], most=MOST), body.get("system") or ""))
        outcomes = move_many(
            self.kind,
            ids,
            name,
            actor=self.actor,
            at=self.at,
            via=VIA,
            reason=body.get("reason") or "",
            facts=facts_from(info, body.get("facts") or {}),
        )
        by_id = {outcome.record_id: outcome for outcome in outcomes}
        seen: set[int] = set()
        rows = []
        for place, pk in enumerate(ids):
            rows.append(self.row(place, by_id[pk]) if pk not in seen else self.twice(place, pk))
            seen.add(pk)
        return self.told(rows)

    def told(self, rows: list[dict[str, Any]]) -> Response:
        """How many were moved, and every row."""
        moved = sum(1 for row in rows if row["outcome"] == "moved")
        return Response({"moved": moved, "refused": len(rows) - moved, "results": rows})

    def moved_rows(self, info: Verb, sent: list[Mapping[str, Any]], system: Any) -> list[dict[str, Any]]:
        """Each row with facts and a reason of its own, by our id or by the one that `system` has."""
        if not isinstance(system, str) or "\x00" in system:
            raise invalid([Flaw("system", "type", "Send a text.")])
        ids = find_ids(self.kind, sent, tidy(system))
        rows: dict[int, dict[str, Any]] = {}
        asked: dict[int, Asked] = {}
        seen: set[int] = set()
        for place, (row, pk) in enumerate(zip(sent, ids, strict=True)):
            found = read_row(row, pk, info, now=self.at, places=info.name == PLACE)
            if isinstance(found, Refused):
                rows[place] = _refused(place, pk, found)
            elif found.record_id in seen:
                rows[place] = self.twice(place, found.record_id)
            else:
                asked[place] = found
                seen.add(found.record_id)
        done = move_each(self.kind, list(asked.values()), info.name, actor=self.actor, at=self.at, via=VIA)
        rows |= {place: self.row(place, outcome) for place, outcome in zip(asked, done, strict=True)}
        return [rows[place] for place in range(len(sent))]

    def read_ids(self, sent: Any) -> list[int]:
        """The ids of the body.

        Raises:
            Problem: 400 for what is no list of one to a thousand ids.
        """
        if not isinstance(sent, list) or not 1 <= len(sent) <= MOST:
            raise invalid([Flaw("ids", "invalid_ids", f"Send a list of 1 to {MOST:,} ids.")])
        flaws = [
            Flaw(f"ids.{place}", "type", "Send the id of a record, a whole number.", pointer_to("ids", place))
            for place, one in enumerate(sent)
            if isinstance(one, bool) or not isinstance(one, int) or not 0 < one < 2**63
        ]
        if flaws:
            raise invalid(flaws)
        return list(sent)

    def row(self, place: int, outcome: Outcome) -> dict[str, Any]:
        """The verdict of one row."""
        if outcome.move is not None:
            tag = etag(outcome.record_id, outcome.move.version)
            return {
                "index": place,
                "id": outcome.record_id,
                "outcome": "moved",
                "etag": tag,
                "move": self.described(outcome.move),
            }
        refused = outcome.refusal or Refused("not_found", "There is no such record.")
        return _refused(place, outcome.record_id, refused)

    def twice(self, place: int, pk: int) -> dict[str, Any]:
        """A row whose id came before."""
        return _refused(
            place, pk, Refused("duplicate", "This id came before in the list: its first row says what became of it.")
        )


def _placed_in_body(refused: Refused) -> Problem:
    """The refusal, with where in the body each missing fact belongs."""
    problem = of_refusal(refused)
    problem.errors = [
        replace(flaw, pointer=pointer_to(*(() if flaw.field == "reason" else ("facts",)), flaw.field))
        if flaw.field
        else flaw
        for flaw in problem.errors
    ]
    return problem


def _refused(place: int, pk: int | None, refused: Refused) -> dict[str, Any]:
    return {
        "index": place,
        "id": pk,
        "outcome": "refused",
        "code": refused.code,
        "message": refused.message,
        "errors": [_told(item) for item in refused.missing],
    }


def _told(item: Missing) -> dict[str, str]:
    return {"field": item.field, "code": item.code, "message": item.message}


def move_addresses(resource: str, views: Mapping[str, type[MovesView]]) -> list[URLPattern]:
    """The addresses of a kind's moves, before those of its records: `many`, `moves` and `move`."""
    return [
        re_path(f"^{resource}/moves/?$", views["many"].as_view(), name=f"{resource}-move-many"),
        re_path(f"^{resource}/(?P<pk>[^/]+)/moves/?$", views["moves"].as_view(), name=f"{resource}-moves"),
        re_path(
            f"^{resource}/(?P<pk>[^/]+)/moves/(?P<verb>[^/]+)/?$", views["move"].as_view(), name=f"{resource}-move"
        ),
    ]
