"""The vocabulary of a status flow: verbs with their facts, guards and permissions, on top of django-fsm-2.

A model that has a flow names its state field (`FLOW`) and declares each verb as a method decorated with `@verb`.
The method sets fields and returns unsaved rows to store with the move; it is only ever called by the door.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self

from django import forms
from django.db import models
from django_fsm import Transition, transition

from crm.core.days import ask_at
from crm.core.errors import Missing, Refused
from crm.core.permissions import may
from crm.core.records import Record

if TYPE_CHECKING:
    from crm.people.models import User


@dataclass(frozen=True, slots=True)
class Ask:
    """One asked-for move: who asks, when it is true, by which door, and the facts that were given."""

    actor: User
    at: datetime
    via: str
    reason: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


class Facts(forms.Form):
    """What a verb asks for: the one place where facts are read and checked, whatever door they come by.

    No field is `required`: a missing fact is the guard's to name, so that its code is the same at every door.
    """

    def __init__(self, *args: Any, record: Any = None, at: datetime | None = None, **kwargs: Any) -> None:
        self.record = record
        self.at = at
        super().__init__(*args, **kwargs)
        ask_at(self, at)


Guard = Callable[[Any, Ask], Iterable[Missing]]


@dataclass(frozen=True, slots=True)
class Verb:
    """How a move is called, who may make it, and what it asks for; `needs` says the guard in a person's words.

    `writes` says that its method stores other records itself; the others only return what is to be stored.
    """

    name: str
    label: str
    who: str
    needs: str
    guard: Guard
    facts: type[Facts] = Facts
    listed: bool = True
    writes: bool = False


def nothing_missing(record: Any, ask: Ask) -> Iterable[Missing]:
    """The guard of a verb that asks for nothing."""
    return ()


def verb(
    label: str,
    *,
    field: str,
    source: str | Sequence[str],
    target: Any,
    who: str,
    needs: str = "",
    guard: Guard = nothing_missing,
    facts: type[Facts] = Facts,
    listed: bool = True,
    writes: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a method as a verb of the flow: django-fsm's transition, its condition "none missing", its permission."""

    def declare(method: Callable[..., Any]) -> Callable[..., Any]:
        info = Verb(method.__name__, label, who, needs, guard, facts, listed, writes)

        def none_missing(record: Any) -> bool:
            return not list(guard(record, record.ask))

        def permitted(record: Any, user: Any) -> bool:
            return may(user, info.name, record)

        states = source if isinstance(source, str) else list(source)
        return transition(  # type: ignore[no-any-return]
            field=field,
            source=states,
            target=target,
            conditions=[none_missing],
            permission=permitted,
            custom={"verb": info},
        )(method)

    return declare


class Stateful(Record):
    """A record with a status that changes only by moves through the door.

    `save()` never writes the status of an existing row; the database refuses a change without its `Move`.
    """

    FLOW: ClassVar[str] = "status"
    ask: Ask
    _through_door: bool = False

    class Meta:
        abstract = True

    def save(self, *args: Any, update_fields: Iterable[str] | None = None, **kwargs: Any) -> None:
        if not self._state.adding and not self._through_door and not kwargs.get("force_insert"):
            guarded = {self.FLOW, f"{self.FLOW}_since"}
            if update_fields is None:
                deferred = self.get_deferred_fields()
                update_fields = {
                    f.name
                    for f in self._meta.concrete_fields
                    if f.attname not in deferred and not f.primary_key and not isinstance(f, models.GeneratedField)
                } - guarded
            elif guarded & set(update_fields):
                raise ValueError(f"{self.FLOW} changes by a move, never by save(): see crm.core.door.move")
        super().save(*args, update_fields=update_fields, **kwargs)

    def clean_fields(self, exclude: Any = None) -> None:
        """Validate every field but the status, which the protected field would not let be set again."""
        super().clean_fields({*(exclude or ()), self.FLOW})

    def refresh_from_db(self, using: str | None = None, fields: Any = None, from_queryset: Any = None) -> None:
        """Read the row again. A protected field refuses to be set twice, so the status is forgotten first."""
        if fields is None or self.FLOW in fields:
            self.__dict__.pop(self.FLOW, None)
        super().refresh_from_db(using=using, fields=fields, from_queryset=from_queryset)

    @property
    def current_state(self) -> str:
        """The key of the current status."""
        return str(getattr(self, self.FLOW))

    @classmethod
    def transitions(cls) -> list[Transition]:
        """Every transition of the flow, one for each source status of each verb."""
        flow_field: Any = cls._meta.get_field(cls.FLOW)
        return list(flow_field.get_all_transitions(cls))

    @classmethod
    def verbs(cls) -> dict[str, Verb]:
        """Every verb of the flow by name, in the order the class declares them."""
        found = {t.custom["verb"].name: t.custom["verb"] for t in cls.transitions()}
        order = [name for klass in cls.__mro__ for name in vars(klass)]
        return {name: found[name] for name in sorted(found, key=order.index)}

    @classmethod
    def prepare_moves(cls, records: Sequence[Self]) -> None:
        """Fetch what the guards look at for a whole batch; a flow whose guards read other tables overrides it."""

    @classmethod
    def take_holds(cls, ids: Sequence[int], info: Verb, ask: Ask) -> None:
        """Take the holds and locks that come before the record's own in the order of locks."""

    @classmethod
    def refuse_batch(cls, count: int, info: Verb, ask: Ask) -> Refused | None:
        """Why so many may not make this move at once, whatever each of them is; None when they may."""
        return None

    @classmethod
    def after_moves(cls, records: Sequence[Self], info: Verb, ask: Ask) -> None:
        """What else the move of these records does, once for all of them, in the same transaction."""

    @classmethod
    def entry_states(cls) -> set[str]:
        """The statuses that anybody who may add a record may create it in; any other is placed by an import."""
        return {cls.initial_state()}

    @classmethod
    def initial_state(cls) -> str:
        """The status of a new record that nobody placed."""
        flow_field: Any = cls._meta.get_field(cls.FLOW)
        return str(flow_field.get_default())
