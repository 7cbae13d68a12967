"""Create, change and delete over the API: one domain call each, the version compared under the row's lock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models

from crm.core.acting import acting, retry_deadlocks
from crm.core.api.database import Broken, holds
from crm.core.api.etags import Condition
from crm.core.api.problems import Flaw, Problem, invalid, not_there
from crm.core.constraints import SayingCheck
from crm.core.display import names_of, shown
from crm.core.door import create, stale_since
from crm.core.errors import Refused, Stale
from crm.core.flow import Stateful
from crm.core.permissions import may

if TYPE_CHECKING:
    from crm.people.models import User

VIA = "api"
Read = Callable[[Any], Mapping[str, Any]]


def create_record(record: Any, *, actor: User, at: datetime, state: str | None = None) -> Any:
    """Store a new record, through the door if it has a flow.

    Raises:
        Refused: `forbidden`.
    """
    ask_checks(record)
    if isinstance(record, Stateful):
        return create(record, actor=actor, at=at, via=VIA, state=state)
    if not may(actor, "add", type(record)):
        raise Refused("forbidden", f"This key's user may add no {record._meta.verbose_name}.")
    with acting(actor=actor, via=VIA, at=at):
        record.save(force_insert=True)
    return record


@retry_deadlocks
def change_record(
    kind: type[models.Model], pk: int, read: Read, *, actor: User, at: datetime, condition: Condition | None
) -> None:
    """Change one record by what `read` makes of it: attribute to value.

    Raises:
        Http404: there is no such record.
        Refused: `forbidden`; `Stale` when it is at none of the versions in `condition`.
    """
    with acting(actor=actor, via=VIA, at=at):
        record = lock(kind, pk, "change", actor=actor, condition=condition)
        changed = []
        for name, value in read(record).items():
            if getattr(record, name) != value:
                setattr(record, name, value)
                changed.append(name)
        if changed:
            ask_checks(record)
            columns = {field.attname: field.name for field in kind._meta.concrete_fields}
            record.save(update_fields=[columns[name] for name in changed])


def refuse_future(kind: type[Stateful], at: datetime | None, *, now: datetime, name_of: Callable[[str], str]) -> None:
    """Refuse to place a record in a status since a time that has not passed, as the move that places does.

    Raises:
        Problem: 400 `invalid`.
    """
    if at is not None and at > now:
        said = "It was placed there at a time that has passed."
        raise invalid([Flaw(name_of(f"{kind.FLOW}_since"), "not_in_past", said)])


def ask_checks(record: models.Model) -> None:
    """Ask the checks that have a sentence of their own for this record, which the database has not.

    Raises:
        Broken: for the first that does not hold.
    """
    for rule in record._meta.constraints:
        if isinstance(rule, SayingCheck):
            try:
                rule.validate(type(record), record)
            except ValidationError as error:
                raise Broken(type(record), rule.name, " ".join(error.messages)) from error


@retry_deadlocks
def delete_record(kind: type[models.Model], pk: int, *, actor: User, at: datetime, condition: Condition | None) -> None:
    """Delete one record.

    Raises:
        Http404, Refused, Stale: as `change_record`.
        Problem: 409 `held` with what refers to it.
    """
    try:
        with acting(actor=actor, via=VIA, at=at):
            record = lock(kind, pk, "delete", actor=actor, condition=condition)
            record.delete()
    except IntegrityError as error:
        record.pk = pk  # deleted in memory when the database said no only at the end
        sentences = holds(record)
        raise Problem(409, "held", " ".join(sentences), [Flaw("", "held", one) for one in sentences]) from error


def lock(kind: type[models.Model], pk: int, verb: str, *, actor: User, condition: Condition | None) -> Any:
    """The record under its lock, after asking whether the actor may and whether it is the version that was meant.

    Raises:
        Http404, Refused, Stale: as `change_record`.
    """
    record: Any = kind._base_manager.select_for_update(of=("self",)).filter(pk=pk).first()
    if record is None:
        raise not_there(kind, pk)
    if not may(actor, verb, record):
        what = kind._meta.verbose_name
        raise Refused("forbidden", f"This key's user may not {verb} this {what}.")
    if condition is not None and not condition.allows(record.pk, record.version):
        known = condition.version_of(record.pk)
        raise stale_since(record, record.version if known is None else known)
    return record


def stale_problem(stale: Stale, kind: type[models.Model], name_of: Callable[[str], str], *, tell: bool) -> Problem:
    """412 with who changed what meanwhile; to a key that may not read, only that somebody did."""
    if not tell:
        return Problem(412, "stale", "The record was changed since you read it.")
    columns = {str(field.column): field for field in kind._meta.concrete_fields}
    pairs = [(columns[name], value) for name, values in stale.changes.items() if name in columns for value in values]
    names = names_of(pairs)
    flaws = [
        Flaw(
            name_of(name),
            "changed_meanwhile",
            f"Was {shown(columns[name], old, names)}, is {shown(columns[name], new, names)}.",
        )
        for name, (old, new) in stale.changes.items()
        if name in columns
    ]
    return Problem(412, "stale", stale.message, flaws)
