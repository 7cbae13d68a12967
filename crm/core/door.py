"""The one door: every change of a status, by whatever hand, goes through `move` or `move_many`.

A move locks the row, asks the state machine, `may` and the guard, changes the record and writes a `Move` row, all in
one transaction. The database refuses a changed status without its `Move` (crm.history.triggers), so there is no way
round this file.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from django.apps import apps
from django.db import connection, models, transaction

from crm.core.acting import acting, retry_deadlocks
from crm.core.errors import Missing, Refused, Stale, Unreadable
from crm.core.flow import Ask, Stateful, Verb
from crm.core.later import by_column, changes_after, who_made
from crm.core.permissions import may
from crm.core.phones import renew_keys
from crm.core.text import tidy

if TYPE_CHECKING:
    from crm.history.models import Move
    from crm.people.models import User

R = TypeVar("R", bound=Stateful)
LONGEST_REASON = 10_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """The door's answer for one verb on one record: allowed, or why not.

    `asks` are missing facts that the verb's own dialog asks for; `missing` are those that it cannot supply.
    """

    verb: Verb
    code: str
    message: str
    missing: tuple[Missing, ...] = ()
    asks: tuple[Missing, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether the move can be made now, with the facts its dialog asks for."""
        return not self.code


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one row of `move_many`: the move, or the refusal."""

    record_id: int
    move: Move | None
    refusal: Refused | None


def find_verb(kind: type[Stateful], name: str) -> Verb:
    """The verb of that name. Raises `Refused("unknown_verb")` that lists the known ones."""
    verbs = kind.verbs()
    if name not in verbs:
        raise Refused("unknown_verb", f"{name!r} is not a move of a {kind._meta.verbose_name}: {', '.join(verbs)}.")
    return verbs[name]


def verdicts(record: Stateful, *, actor: User, at: datetime, via: str) -> list[Verdict]:
    """Why, or why not, for each verb that leaves the record's present status."""
    type(record).prepare_moves([record])
    return [
        verdict_of(record, info, Ask(actor, at, via))
        for info in type(record).verbs().values()
        if info.listed and getattr(type(record), info.name)._django_fsm.has_transition(record.current_state)
    ]


def verdict_of(record: Stateful, info: Verb, ask: Ask) -> Verdict:
    """Why, or why not, for one verb of a record that `prepare_moves` was given."""
    refusal = decide(record, info, ask)
    if refusal is None:
        return Verdict(info, "", "")
    form_fields = {*info.facts(record=record, at=ask.at).fields, "reason"}
    askable = tuple(item for item in refusal.missing if item.field in form_fields)
    rest = tuple(item for item in refusal.missing if item.field not in form_fields)
    blocked = bool(rest) or refusal.code != "missing_facts"
    return Verdict(info, refusal.code if blocked else "", refusal.message if blocked else "", rest, askable)


def decide(record: Stateful, info: Verb, ask: Ask) -> Refused | None:
    """Ask the state machine, then `may`, then the guard. None means yes."""
    refusal = bar(record, info, ask.actor)
    if refusal is not None:
        return refusal
    record.ask = ask
    missing = tuple(info.guard(record, ask))
    if missing:
        return Refused("missing_facts", " ".join(item.message for item in missing), missing)
    return None


def bar(record: Stateful, info: Verb, actor: User) -> Refused | None:
    """What no fact can help against: the status, then who asks.

    Who may not even see the record learns nothing of its status.
    """
    kind = type(record)
    if not may(actor, "view", record):
        return Refused("forbidden", "You may not see this record.")
    if not getattr(kind, info.name)._django_fsm.has_transition(record.current_state):
        flow_field: Any = kind._meta.get_field(kind.FLOW)
        label = dict(flow_field.flatchoices).get(record.current_state, record.current_state)
        return Refused("not_from_here", f"“{info.label}” is not possible from {label}.")
    if not may(actor, info.name, record):
        return Refused("forbidden", f"“{info.label}” may be done by: {info.who}.")
    return None


def read_facts(
    record: Stateful, info: Verb, facts: Mapping[str, Any], at: datetime
) -> tuple[dict[str, Any], list[Missing]]:
    """Check and convert the given facts by the verb's own form.

    Returns those that will do, and for each other an `unknown_fact` or `invalid_<name>`.
    """
    unreadable = {key: value for key, value in facts.items() if isinstance(value, Unreadable)}
    given = {key: value for key, value in facts.items() if value is not None and key not in unreadable}
    form = info.facts(data=given, record=record, at=at)
    wrong = [
        Missing("unknown_fact", f"“{name}” is not asked for: {', '.join(form.fields) or 'nothing is'}.", name)
        for name in facts
        if name not in form.fields
    ]
    wrong += [
        Missing(f"invalid_{name}", f"{form.fields[name].label or name}: {wanted}", name)
        for name, wanted in unreadable.items()
        if name in form.fields
    ]
    if not form.is_valid():
        for name, errors in form.errors.items():
            said = " ".join(str(error) for error in errors)
            wrong.append(Missing(f"invalid_{name}", f"{form.fields[name].label or name}: {said}", name))
    return form.cleaned_data, wrong


@retry_deadlocks
def move(
    record: R,
    verb: str,
    given: Mapping[str, Any] | None = None,
    /,
    *,
    actor: User,
    at: datetime,
    via: str,
    reason: str = "",
    version: int | None = None,
    **facts: Any,
) -> Move:
    """Make one move, or say why not and leave everything as it was.

    `at` is when it was true; `version` is the version the caller looked at, if it looked. `given` are facts by names
    that somebody else chose, which may be any. The given instance is brought up to date.

    Raises:
        Refused: with every missing fact at once; `not_found` when the record is gone.
        Stale: the record is no longer at `version`; it names who changed it, and what.
    """
    info = find_verb(type(record), verb)
    with acting(actor=actor, via=via, at=at, reason=reason):
        ask = Ask(actor, at, via, tidy(reason), {**facts, **(given or {})})
        type(record).take_holds([record.pk], info, ask)
        locked = type(record)._base_manager.select_for_update(of=("self",)).filter(pk=record.pk).first()
        if locked is None:
            raise _gone()
        if version is not None and locked.version != version:
            raise stale_since(locked, version)
        if barred := bar(locked, info, actor):
            raise barred
        type(record).prepare_moves([locked])
        made = _make(locked, info, ask)
        if isinstance(made, Refused):
            raise made
        step, extra, changed = made
        step.save(force_insert=True)
        locked._through_door = True
        locked.save(update_fields=changed)
        _store(extra)
        type(record).after_moves([locked], info, ask)
        # Still under the lock: a moment later somebody may have changed or deleted it.
        record.refresh_from_db()
    return step


@retry_deadlocks
def move_many(
    kind: type[R],
    ids: Iterable[int],
    verb: str,
    *,
    actor: User,
    at: datetime,
    via: str,
    reason: str = "",
    facts: Mapping[str, Any] | None = None,
) -> list[Outcome]:
    """Make the same move on many records: each row has its own verdict, those allowed are stored together.

    Rows are locked in id order; guards run over what `prepare_moves` fetched once; one statement stores the moves
    and one the records.
    """
    info = find_verb(kind, verb)
    wanted = sorted(set(ids))
    outcomes: list[Outcome] = []
    with acting(actor=actor, via=via, at=at, reason=reason):
        ask = Ask(actor, at, via, tidy(reason), facts or {})
        if too_many := kind.refuse_batch(len(wanted), info, ask):
            return [Outcome(pk, None, too_many) for pk in wanted]
        kind.take_holds(wanted, info, ask)
        found = list(kind._base_manager.select_for_update(of=("self",)).filter(pk__in=wanted).order_by("pk"))
        kind.prepare_moves(found)
        steps: list[Move] = []
        extras: list[models.Model] = []
        changed: set[str] = set()
        moved: list[R] = []
        for record in found:
            made = _make_apart(record, info, ask)
            if isinstance(made, Refused):
                outcomes.append(Outcome(record.pk, None, made))
                continue
            step, extra, fields = made
            steps.append(step)
            extras.extend(extra)
            changed.update(fields)
            moved.append(record)
            outcomes.append(Outcome(record.pk, step, None))
        if moved:
            type(steps[0]).objects.bulk_create(steps)
            kind._base_manager.bulk_update(moved, sorted(changed), batch_size=1000)
            _store(extras)
            kind.after_moves(moved, info, ask)
    outcomes.extend(Outcome(pk, None, _gone()) for pk in set(wanted) - {record.pk for record in found})
    return sorted(outcomes, key=lambda outcome: outcome.record_id)


@retry_deadlocks
def create(
    record: R,
    *,
    actor: User,
    at: datetime,
    via: str,
    reason: str = "",
    state: str | None = None,
) -> R:
    """Store a new record: in its first status, or placed in another as a fact of another system (verb `place`).

    A guard judges moves, not records: what it would have asked and is missing is no reason to refuse here.

    Raises:
        Refused: `forbidden`, also for placing without the permission to import.
    """
    kind = type(record)
    target = state or record.current_state
    placing = target not in kind.entry_states()
    if not may(actor, "place" if placing else "add", kind):
        raise Refused("forbidden", f"A {kind._meta.verbose_name} is placed in a status by imports only.")
    with acting(actor=actor, via=via, at=at, reason=reason):
        record.__dict__[kind.FLOW] = target
        setattr(record, f"{kind.FLOW}_since", at)
        if target != kind.initial_state():
            record.pk = next_ids(kind, 1)[0]
            entry_move(record, verb="place" if placing else "create", ask=Ask(actor, at, via, reason)).save()
        record.save(force_insert=True)
    return record


def entry_move(record: Stateful, *, verb: str, ask: Ask) -> Move:
    """The unsaved `Move` that explains in which status a new record begins."""
    move_model: type[Move] = apps.get_model("history", "Move")
    return move_model(
        object=str(record._meta.model_name),
        record_id=record.pk,
        version=record.version,
        from_state="",
        to_state=record.current_state,
        verb=verb,
        actor_id=ask.actor.pk,
        actor_name=str(ask.actor),
        at=ask.at,
        via=ask.via,
        reason=ask.reason,
        facts=plain(ask.facts),
    )


def next_ids(kind: type[models.Model], count: int) -> list[int]:
    """Draw ids from a table's own sequence, for rows whose id must be known before they are inserted."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
            [kind._meta.db_table, count],
        )
        return [row[0] for row in cursor.fetchall()]


def judge(record: Stateful, info: Verb, ask: Ask) -> tuple[Ask, Refused | None]:
    """What the move would be answered with these facts, without making it; and the ask with its facts converted."""
    facts, wrong = read_facts(record, info, ask.facts, ask.at)
    if len(ask.reason) > LONGEST_REASON:
        wrong.append(Missing("invalid_reason", f"Note: {LONGEST_REASON:,} characters at most.", "reason"))
    ask = replace(ask, facts=facts)
    refusal = decide(record, info, ask)
    if wrong and (refusal is None or refusal.code == "missing_facts"):
        # What was given and will not do is not missing as well; everything else is named with it, at once.
        named = {item.field for item in wrong}
        wrong += [item for item in (refusal.missing if refusal else ()) if item.field not in named]
        refusal = Refused("missing_facts", " ".join(item.message for item in wrong), wrong)
    return ask, refusal


def _make(record: Stateful, info: Verb, ask: Ask) -> tuple[Move, Sequence[models.Model], list[str]] | Refused:
    """Decide and change the instance in memory: its `Move`, rows to store with it, and the changed fields."""
    ask, refusal = judge(record, info, ask)
    if refusal is not None:
        return refusal
    before = _values(record)
    came_from = record.current_state
    extra = getattr(record, info.name)(ask) or ()
    if record.current_state != came_from:
        setattr(record, f"{record.FLOW}_since", ask.at)
    after = _values(record)
    changed = [name for name in after if after[name] != before[name]]
    changed = sorted({*changed, *renew_keys(record, changed)})
    step = entry_move(record, verb=info.name, ask=ask)
    step.from_state, step.version = came_from, record.version + 1
    return step, extra, changed


def _make_apart(record: Stateful, info: Verb, ask: Ask) -> tuple[Move, Sequence[models.Model], list[str]] | Refused:
    """As `_make`; a verb that writes other records is undone by itself when it is refused halfway."""
    if not info.writes:
        return _make(record, info, ask)
    try:
        with transaction.atomic():
            return _make(record, info, ask)
    except Refused as refusal:
        return refusal


def _gone() -> Refused:
    return Refused("not_found", "There is no such record.")


def stale_since(record: Stateful, version: int) -> Stale:
    """Who changed the record after `version`, and each field's value then and now, as the change log has them."""
    later = changes_after(record, version)
    # What was changed and changed back is as it was.
    changes = {column: (one.before, one.after) for column, one in by_column(later).items() if one.before != one.after}
    names = dict.fromkeys(who_made(change, nobody="somebody outside Plumb") for change in later)
    return Stale(f"{record} was changed by {' and '.join(names) or 'somebody else'} since you opened it.", changes)


def _values(record: models.Model) -> dict[str, Any]:
    return {
        field.name: getattr(record, field.attname)
        for field in record._meta.concrete_fields
        if not isinstance(field, models.GeneratedField) and not field.primary_key
    }


def _store(rows: Iterable[models.Model]) -> None:
    by_kind: dict[type[models.Model], list[models.Model]] = defaultdict(list)
    for row in rows:
        by_kind[type(row)].append(row)
    for kind, members in by_kind.items():
        kind._base_manager.bulk_create(members)


def plain(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts as they are stored with a move: text, numbers and ISO dates; what was left empty is left out."""

    def simple(value: Any) -> Any:
        if isinstance(value, datetime | date):
            return value.isoformat()
        if isinstance(value, models.Model):
            return {"id": value.pk, "name": str(value)}
        return format(value, "f") if isinstance(value, Decimal) else value

    return {key: simple(value) for key, value in facts.items() if value not in (None, "")}
