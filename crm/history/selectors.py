"""The history of one record in words: who changed what from and to, when, how and why; and its time in each status."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django import forms
from django.db import models

from crm import handbook
from crm.core.display import names_of, plain_text, shown
from crm.core.flow import Stateful, Verb
from crm.core.labels import page_label
from crm.history.models import Change, Move
from crm.history.prior import prior_entries

HOW = {
    "admin": "on a page",
    "api": "through the API",
    "command": "by a command",
    "import": "by an import",
    "webhook": "by a signed message",
    "mail": "by mail",
    "task": "in the background",
    "shell": "in a shell",
    "database": "outside Plumb",
    "": "outside Plumb",
}
REVERT = "revert"
# The column of values that have no column of their own, by name.
KEPT = "kept"
ENTERED = {"place": "Placed", REVERT: "Brought back"}


@dataclass(frozen=True, slots=True)
class Line:
    """One field of one change, or one fact of a move (`before` is then empty)."""

    label: str
    before: str
    after: str


@dataclass(slots=True)
class Entry:
    """One version of a record, or a move: `at` is when it was true, `recorded_at` when it was written down."""

    id: int
    title: str
    who: str
    how: str
    why: str
    at: datetime
    recorded_at: datetime
    moved: bool = False
    lines: list[Line] = field(default_factory=list)
    facts: list[Line] = field(default_factory=list)

    @property
    def told_later(self) -> bool:
        """Whether it was written down noticeably later than it happened."""
        return abs((self.recorded_at - self.at).total_seconds()) > 60


@dataclass(frozen=True, slots=True)
class TimeInState:
    """How long a record has been in a status, all its stays together; `current` is still going on."""

    state: str
    label: str
    since: datetime
    seconds: float
    current: bool


def history_of(record: models.Model, limit: int, *, before: int | None = None) -> list[Entry]:
    """The newest `limit` entries, those older than the entry `before` if it is given.

    What another system recorded before the record came here comes last. One query for changes, one for moves, one for
    each kind of record that foreign keys point at, one for what was before.
    """
    if before is not None and before < 0:
        return prior_entries(record, Words(record, []), limit, before=before)
    changes = Change.objects.of(record).select_related("transaction")
    found = list((changes.filter(pk__lt=before) if before else changes)[:limit])
    words = Words(record, found)
    entries = []
    if found:
        steps = Move.objects.of(record).filter(version__gte=min(one.version for one in found))
        if before:
            steps = steps.filter(version__lte=max(one.version for one in found))
        moves = {step.version: step for step in steps} if isinstance(record, Stateful) else {}
        entries = [words.entry(change, moves.get(change.version)) for change in found]
    if len(entries) < limit and isinstance(record, Stateful):
        entries += prior_entries(record, words, limit - len(entries))
    return entries


class Words:
    """Puts the changes of one record into words; names of foreign keys are read once for all of them."""

    def __init__(self, record: models.Model, changes: list[Change]) -> None:
        self.record = record
        self.columns: dict[str, Any] = {str(one.column): one for one in record._meta.concrete_fields}
        flow = record.FLOW if isinstance(record, Stateful) else ""
        self.of_moves = {flow, f"{flow}_since"} if flow else set()
        self.states = dict(record._meta.get_field(flow).flatchoices) if flow else {}  # type: ignore[union-attr]
        self.kept = {
            own.kept_as or own.key: own.label for own in handbook.current().own_fields_of(str(record._meta.model_name))
        }
        self.met: set[str] = set()
        self.forms: dict[str, forms.Form] = {}
        self.names = names_of(
            (self.columns[column], value)
            for change in changes
            if change.op == "U"
            for column, pair in (change.what or {}).items()
            if column in self.columns
            for value in pair
        )

    def entry(self, change: Change, move: Move | None) -> Entry:
        """One change, told as a move where it was one."""
        log = change.transaction
        entry = Entry(
            change.pk,
            change.get_op_display(),
            log.actor_name or "Somebody outside Plumb",
            HOW.get(log.via, log.via),
            log.reason,
            change.at,
            log.recorded_at,
        )
        entry.lines = self.lines(change, but=self.of_moves if move else ())
        if move:
            self.tell_move(entry, move)
        return entry

    def lines(self, change: Change, *, but: Collection[str] = ()) -> list[Line]:
        """What an update changed, without the columns `but`; of values that are kept by name, those that changed."""
        found = []
        for column, (old, new) in (change.what or {}).items() if change.op == "U" else ():
            if column in but:
                continue
            if column == KEPT and isinstance(old, dict) and isinstance(new, dict):
                names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
                found += [Line(self.kept.get(name, name), *map(plain_text, _of(name, old, new))) for name in names]
            else:
                found.append(self.line(column, old, new))
        return found

    def line(self, column: str, old: Any, new: Any) -> Line:
        """One changed field; a column that is gone from the model keeps its old name."""
        known = self.columns.get(column)
        label = page_label(str(known.verbose_name) if known else column.replace("_", " "), self.met)
        return Line(label, shown(known, old, self.names), shown(known, new, self.names))

    def tell_move(self, entry: Entry, move: Move) -> None:
        """Verb, from and to in labels, with the facts that were given."""
        kind = type(self.record)
        verb: Verb | None = kind.verbs().get(move.verb) if issubclass(kind, Stateful) else None
        came, went = self.state(move.from_state), self.state(move.to_state)
        entry.moved, entry.at, entry.why = True, move.at, move.reason or entry.why
        if not move.from_state:
            entry.title = f"{ENTERED.get(move.verb, 'Created')} in {went}"
        else:
            entry.title = f"{came} → {went}" if came != went else f"Still {went}"
            entry.title += f" ({verb.label})" if verb else " (Undo)" if move.verb == REVERT else ""
        entry.facts = [self.fact(verb, name, value) for name, value in move.facts.items()]

    def state(self, key: str) -> str:
        """The label of a status; one that left the handbook stands as it is."""
        return str(self.states.get(key, key))

    def fact(self, verb: Verb | None, name: str, value: Any) -> Line:
        """One fact under the label its dialog has."""
        if verb and verb.name not in self.forms:
            # Of no record in particular: what its form offers today is not what was offered then.
            self.forms[verb.name] = verb.facts()
        asked = self.forms[verb.name].fields.get(name) if verb else None
        label = page_label(str(asked.label).rstrip("?") if asked and asked.label else name.replace("_", " "), self.met)
        if isinstance(asked, forms.ChoiceField) and not isinstance(asked, forms.ModelChoiceField):
            labels: dict[Any, Any] = dict(asked.choices)  # type: ignore[arg-type]
            chosen = value if isinstance(value, list) else [value]
            value = ", ".join(str(labels.get(one) or _readable(one)) for one in chosen if isinstance(one, str | int))
        return Line(label, "", plain_text(_moment(asked, value)))


def _of(name: str, *kept: dict[str, Any]) -> list[Any]:
    return [values.get(name) for values in kept]


def _readable(key: str | int) -> str:
    """A key that the form offers no longer, as "criteria_agreed", in words."""
    return str(key).replace("_", " ").strip()


def _moment(asked: forms.Field | None, value: Any) -> Any:
    """A date or time as it was before it was stored as text."""
    kind = {forms.DateTimeField: datetime, forms.SplitDateTimeField: datetime, forms.DateField: date}
    for form_field, python in kind.items():
        if isinstance(asked, form_field) and isinstance(value, str):
            try:
                return python.fromisoformat(value)
            except ValueError:
                return value
    return value


def time_in_states(record: Stateful, *, at: datetime) -> list[TimeInState]:
    """Seconds in each status, in the order of first entering, from the moves (L13); the present one ends at `at`.

    A record without an entry move began at its creation, in the status its first move left. The move that placed it
    here goes on with what another system recorded before.
    """
    labels = dict(record._meta.get_field(record.FLOW).flatchoices)  # type: ignore[union-attr]
    moves = list(Move.objects.of(record))
    state = moves[0].from_state if moves else record.current_state
    stays: list[tuple[str, datetime, datetime]] = []
    since: datetime = record.created_at
    for place, move in enumerate(moves):
        if move.verb == REVERT and move.from_state:
            # What was undone took no time: the status goes on from when it was first entered.
            stays = [stay for stay in stays if stay[1] < move.at]
        elif move.from_state or place:
            stays.append((state, since, move.at))
        state, since = move.to_state, move.at
    stays.append((state, since, at))
    first: dict[str, datetime] = {}
    total: dict[str, float] = {}
    for key, start, end in stays:
        first.setdefault(key, start)
        # What was told later may end before it began; no time was spent then.
        total[key] = total.get(key, 0.0) + max(0.0, (end - start).total_seconds())
    return [
        TimeInState(key, str(labels.get(key, key)), first[key], seconds, key == record.current_state)
        for key, seconds in total.items()
    ]
