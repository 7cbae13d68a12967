"""The timeline of a record in words: touches, tasks, changes, moves and conversions, newest first, page by page.

What belongs to the record is in it as well (crm.activities.timeline_rows). A page costs a fixed number of queries,
however many records it is about: one for its rows, one for each source that is among them, one for each kind of record
that is named.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db import models
from django.db.models import Q
from django.utils.text import capfirst

from crm.activities.models import ABOUT, Activity, Task
from crm.activities.timeline_rows import (
    KINDS,
    PARTS,
    Place,
    Source,
    add_source,
    narrowed,
    rows_of,
    stopped_at,
    without,
)
from crm.core.flow import Stateful
from crm.core.permissions import may
from crm.history.models import Change, Move, PriorChange
from crm.history.selectors import Line, Words
from crm.history.words import address_of, kind_of
from crm.people.models import User

PAGE = 20
ICONS = {
    "call": "call",
    "email": "mail",
    "linkedin_message": "forum",
    "chat": "chat",
    "text_message": "sms",
    "meeting": "groups",
    "note": "sticky_note_2",
}


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a timeline. `on` is the record it is about, where that is not the one whose timeline it is."""

    at: datetime
    kind: str
    icon: str
    title: str
    who: str
    text: str = ""
    details: tuple[Line, ...] = ()
    on: str = ""
    on_address: str = ""
    address: str = ""
    link: str = ""
    link_text: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a timeline; `following` is where the next one goes on, None at the end."""

    events: list[Event]
    following: Place | None


@dataclass(slots=True)
class Reading:
    """What is read once for all entries of a page: the records that they are about, by kind and id."""

    record: models.Model
    user: User
    here: dict[tuple[str, int], models.Model] = field(default_factory=dict)

    def on(self, name: str, pk: int) -> dict[str, Any]:
        """The record an entry is about and its page; nothing where it is the timeline's own."""
        if (name, pk) == (self.record._meta.model_name, self.record.pk):
            return {}
        about = self.here.get((name, pk))
        return {"on": str(about), "on_address": address_of(about)} if about is not None else {}


def kinds_of(record: models.Model) -> list[str]:
    """What a timeline of this kind of record may be narrowed to."""
    name = record._meta.model_name
    flows = isinstance(record, Stateful) or any(
        _is_stateful(kind) for kind, _, _ in PARTS.get(str(name), ()) if kind != "lead"
    )
    left_out = {"conversions": name not in ("account", "contact", "opportunity"), "moves": not flows, **without(name)}
    return [kind for kind in KINDS if not left_out.get(kind, False)]


def timeline(
    record: models.Model, *, user: User, only: str = "", after: Place | None = None, limit: int = PAGE
) -> Page:
    """The newest entries of a record's timeline, of one of the `KINDS` or of all, as far as this person may see them.

    `after` is where the page before stopped.
    """
    seen = parts_seen(record, user)
    wanted = narrowed(only) if only else [one for kind in KINDS for one in KINDS[kind]]
    sources = [one for one in wanted if _may_see(one, user)]
    rows = rows_of(record, sources, kinds=seen, after=after or {}, most=limit + 1)
    shown = rows[:limit]
    told: dict[tuple[str, int], Event] = {}
    by_source: dict[str, list[int]] = defaultdict(list)
    for row in shown:
        by_source[row.source].append(row.id)
    reading = Reading(record, user)
    for source, ids in by_source.items():
        told |= {(source, pk): event for pk, event in TELL[source](ids, reading).items()}
    events = [told[row.source, row.id] for row in shown if (row.source, row.id) in told]
    return Page(events, stopped_at(shown, after or {}) if len(rows) > limit else None)


def parts_seen(record: models.Model, user: User) -> set[str]:
    """The kinds of records that belong to this one and that the person may see."""
    parts = PARTS.get(str(record._meta.model_name), ())
    return {kind for kind, _, _ in parts if (model := kind_of(kind)) is not None and may(user, "view", model)}


def _may_see(source: str, user: User) -> bool:
    """Who sees a record sees what became of it; touches, tasks and receipts are records of their own."""
    kinds = {"touch": Activity, "task": Task}
    if source == "conversion":
        return may(user, "view", apps.get_model("leads", "Conversion"))
    return source not in kinds or may(user, "view", kinds[source])


def _is_stateful(name: str) -> bool:
    kind = kind_of(name)
    return kind is not None and issubclass(kind, Stateful)


# --- touches and tasks ------------------------------------------------------------------------------------------------


def _touches(ids: list[int], reading: Reading) -> dict[int, Event]:
    found = Activity.objects.filter(pk__in=ids).select_related("by", *ABOUT)
    return {
        touch.pk: Event(
            touch.happened_at,
            "touch",
            ICONS.get(touch.kind, "bolt"),
            f"{touch}: {touch.title}" if touch.title else str(touch),
            str(touch.by),
            touch.text,
            tuple(_said_of(touch)),
            address=address_of(touch) if may(reading.user, "change", touch) else "",
            link=touch.notes_url if touch.notes_url.startswith(("https://", "http://")) else "",
            link_text="Meeting notes" if touch.kind == "meeting" else "Notes",
            **_with(touch, reading),
        )
        for touch in found
        if may(reading.user, "view", touch)
    }


def _said_of(touch: Activity) -> Iterable[Line]:
    """Which way it went, where that was not ours; and that it should not have been made."""
    if touch.direction == Activity.Direction.INBOUND:
        yield Line("", "", "They reached out")
    if touch.violation_of_id:
        yield Line("", "", "They were not to be contacted")


def _with(one: Any, reading: Reading) -> dict[str, Any]:
    """Whom a touch or task is with beside the record of the timeline: the nearest, a person first."""
    own = (reading.record._meta.model_name, reading.record.pk)
    for name in ABOUT:
        pk = getattr(one, f"{name}_id")
        if pk is not None and (name, pk) != own and may(reading.user, "view", getattr(one, name)):
            # The company of the person or sale whose page it is goes without saying.
            if name == "account" and own[0] != "account" and getattr(one, f"{own[0]}_id", None) == own[1]:
                continue
            return {"on": str(getattr(one, name)), "on_address": address_of(getattr(one, name))}
    return {}


def _tasks(ids: list[int], reading: Reading) -> dict[int, Event]:
    found = Task.objects.filter(pk__in=ids).select_related("owner", "done_by", *ABOUT)
    return {
        task.pk: Event(
            task.done_at,
            "task",
            "task_alt",
            f"Done: {task.text}",
            str(task.done_by),
            address=address_of(task) if may(reading.user, "change", task) else "",
            **_with(task, reading),
        )
        for task in found
        if task.done_at is not None and may(reading.user, "view", task)
    }


# --- the change log ---------------------------------------------------------------------------------------------------


def _read_about(pairs: Iterable[tuple[str, int]], reading: Reading) -> None:
    """Fetch the records that entries are about, each kind once."""
    ids: dict[str, set[int]] = defaultdict(set)
    for name, pk in pairs:
        if (name, pk) not in reading.here:
            ids[name].add(pk)
    own = str(reading.record._meta.model_name)
    reading.here[own, reading.record.pk] = reading.record
    ids[own].discard(reading.record.pk)
    for name, wanted in ids.items():
        if wanted and (kind := kind_of(name)) is not None:
            for pk, record in kind._base_manager.in_bulk(wanted).items():
                reading.here[name, pk] = record


def _changes(ids: list[int], reading: Reading) -> dict[int, Event]:
    found = list(Change.objects.filter(pk__in=ids).select_related("transaction"))
    _read_about(((change.object, change.record_id) for change in found), reading)
    told = {}
    for name, changes in _by_object(found).items():
        words = _words(name, changes, reading)
        if words is None:
            continue
        for change in changes:
            lines = words.lines(change, but=words.of_moves)
            if change.op == "U" and not lines:
                continue
            entry = words.entry(change, None)
            told[change.pk] = Event(
                change.at,
                "change",
                "add_circle" if change.op == "I" else "edit",
                entry.title,
                f"{entry.who}, {entry.how}",
                entry.why,
                tuple(lines),
                **reading.on(name, change.record_id),
            )
    return told


def _changes_with(moves: Iterable[Move]) -> dict[tuple[str, int, int], Change]:
    """The changes that are the moves' own: what else became of the record by them."""
    same = Q(pk__in=[])
    for move in moves:
        same |= Q(object=move.object, record_id=move.record_id, version=move.version, op="U")
    return {(change.object, change.record_id, change.version): change for change in Change.objects.filter(same)}


def _words(name: str, changes: list[Change], reading: Reading) -> Words | None:
    """The words for changes of one kind of record; None once all of them are gone."""
    first = next((record for (kind, _), record in reading.here.items() if kind == name), None)
    return Words(first, changes) if first is not None else None


def _by_object(found: Iterable[Any]) -> dict[str, list[Any]]:
    sorted_out: dict[str, list[Any]] = defaultdict(list)
    for one in found:
        sorted_out[one.object].append(one)
    return sorted_out


def _prior(ids: list[int], reading: Reading) -> dict[int, Event]:
    found = list(PriorChange.objects.filter(pk__in=ids))
    _read_about(((change.object, change.record_id) for change in found), reading)
    return {
        change.pk: Event(
            change.at,
            "change",
            "history",
            "Changed",
            f"{change.actor_name or 'Somebody'}, in {change.system.capitalize()}",
            "",
            (Line(change.field, change.old, change.new),) if change.field else (),
            **reading.on(change.object, change.record_id),
        )
        for change in found
    }


def _moves(ids: list[int], reading: Reading) -> dict[int, Event]:
    found = list(Move.objects.filter(pk__in=ids))
    _read_about(((move.object, move.record_id) for move in found), reading)
    own = _changes_with(found)
    told = {}
    for name, moves in _by_object(found).items():
        words = _words(name, [change for change in own.values() if change.object == name], reading)
        if words is None:
            continue
        verbs = type(words.record).verbs() if isinstance(words.record, Stateful) else {}
        for move in moves:
            change = own.get((name, move.record_id, move.version))
            given = {column for column in (change.what or {}) if _is_given(column, move)} if change else set()
            told[move.pk] = Event(
                move.at,
                "move",
                "arrow_forward",
                _move_title(move, words, verbs),
                move.actor_name,
                move.reason,
                (
                    *(words.fact(verbs.get(move.verb), fact, value) for fact, value in move.facts.items()),
                    *(words.lines(change, but=words.of_moves | given) if change else ()),
                ),
                **reading.on(name, move.record_id),
            )
    return told


def _is_given(column: str, move: Move) -> bool:
    """Whether a column took over what was given with the move, and is told as its fact."""
    return any(column == fact or column.startswith(f"{fact}_") for fact in move.facts)


def _move_title(move: Move, words: Words, verbs: Mapping[str, Any]) -> str:
    verb = verbs[move.verb].label if move.verb in verbs else capfirst(move.verb)
    to = words.state(move.to_state)
    if not move.from_state:
        return f"{'Placed' if move.verb == 'place' else 'Began'} in {to}"
    if move.from_state == move.to_state:
        return f"{verb}: still {to}"
    return f"{verb}: {words.state(move.from_state)} → {to}"


def _conversions(ids: list[int], reading: Reading) -> dict[int, Event]:
    kind: Any = apps.get_model("leads", "Conversion")
    found = kind.objects.filter(pk__in=ids).select_related("lead", "by")
    return {
        one.pk: Event(
            one.at,
            "conversion",
            "conversion_path",
            "Converted from a lead",
            str(one.by),
            one.note,
            on=str(one.lead),
            on_address=address_of(one.lead),
        )
        for one in found
        if may(reading.user, "view", one)
    }


Tell = Callable[[list[int], Reading], dict[int, Event]]
TELL: dict[str, Tell] = {
    "touch": _touches,
    "task": _tasks,
    "change": _changes,
    "with_move": _changes,
    "prior": _prior,
    "move": _moves,
    "conversion": _conversions,
}


def tell_more(source: Source, tell: Tell, *, under: str) -> None:
    """Have timelines show entries of another app, each in its words."""
    add_source(source, under=under)
    TELL[source.name] = tell
