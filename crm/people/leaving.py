"""Somebody leaves: everything that is theirs to work or to answer for is handed over, and their access ends.

What they own is found by the relation `owner`, so a kind of record that is added later is handed over too; what else
follows somebody registers here (`ends`): keys of programs, jobs, what they were told. What they did stays theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from django.db import models

from crm import handbook
from crm.core.acting import acting, retry_deadlocks
from crm.core.errors import Missing, Refused
from crm.core.paging import capped_count, count_words
from crm.core.permissions import may
from crm.people.models import Absence, Team, User
from crm.people.owners import refuse_owner
from crm.people.services import refuse_losing_last_administrator

NAMED = 3


@dataclass(frozen=True, slots=True)
class Leaving:
    """One departure as those see it who hand something over."""

    user: User
    heir: User | None
    actor: User
    at: datetime
    via: str
    reason: str


@dataclass(frozen=True, slots=True)
class Way:
    """Another way than an heir to hand over one kind of record: `carry_out` takes all of them away from who leaves."""

    key: str
    label: str
    carry_out: Callable[[Leaving], None]
    offered: Callable[[User], bool] = lambda user: True


@dataclass(frozen=True, slots=True)
class Ending:
    """What else ends with somebody's access: `said` names it for the page beforehand, empty when there is nothing."""

    said: Callable[[User], str]
    carry_out: Callable[[Leaving], None]


def named(names: Sequence[str]) -> str:
    """The first few of what ends by name, and how many more there are."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


@dataclass(frozen=True, slots=True)
class Owned:
    """The records of one kind that somebody has to take over; `open` of them are still worked."""

    key: str
    kind: type[models.Model]
    count: int
    open: int
    what: str = ""

    @property
    def label(self) -> str:
        """The kind in words that fit the count."""
        meta = self.kind._meta
        return self.what or str(meta.verbose_name if self.count == 1 else meta.verbose_name_plural)

    @property
    def words(self) -> str:
        """How many, and how many of them are open."""
        closed = f", {count_words(self.open)} of them open" if self.open != self.count else ""
        return f"{count_words(self.count)} {self.label}{closed}"

    @property
    def ways(self) -> list[Way]:
        """How else than by an heir they may be handed over."""
        return list(_ways.get(self.key, {}).values())


_ways: dict[str, dict[str, Way]] = {}
_endings: list[Ending] = []
E = TypeVar("E", bound=Ending)


def offer_way(key: str, way: Way) -> None:
    """Offer another way for one kind, by its label (`leads.lead`)."""
    _ways.setdefault(key, {})[way.key] = way


def ends(ending: E) -> E:
    """Register something that ends with somebody's access."""
    _endings.append(ending)
    return ending


def _owned_rows(user: User) -> Iterator[tuple[str, str, str, models.QuerySet[Any]]]:
    """Key, the words for it where the kind's own will not do, the column that names who has it, and the rows."""
    for relation in User._meta.related_objects:
        if relation.field.name == "owner":
            kind = relation.related_model
            rows = kind._default_manager.filter(owner=user)
            # Of some kinds what is done stays whose it was.
            yield kind._meta.label_lower, "", "owner", rows.to_hand_over() if hasattr(rows, "to_hand_over") else rows
    yield "people.team", "teams to manage", "manager", Team.objects.filter(manager=user)


def owned_by(user: User) -> list[Owned]:
    """What somebody has to take over when this person leaves: open or closed, nothing stays with who is not here."""
    found = []
    for key, what, _, rows in _owned_rows(user):
        count = capped_count(rows)
        if count:
            still = capped_count(rows.open()) if hasattr(rows, "open") else count  # type: ignore[attr-defined]
            found.append(Owned(key, rows.model, count, still, _fitting(what, count)))
    return found


def _fitting(what: str, count: int) -> str:
    return what.replace("teams", "team") if count == 1 else what


def what_ends(user: User) -> list[str]:
    """What else ends with this person's access, in words."""
    return [said for ending in _endings if (said := ending.said(user))]


Heirs = Mapping[str, User | str]


@retry_deadlocks
def deactivate_user(
    user: User,
    *,
    heir: User | None,
    heirs: Heirs | None = None,
    actor: User,
    at: datetime,
    via: str,
    reason: str = "",
) -> User:
    """Take somebody's access away and hand over everything that is theirs, in one transaction.

    `heir` gets what `heirs` says nothing about; `heirs` maps a kind (`leads.lead`) to another person, or to the key of
    another way to hand it over.

    Raises:
        Refused: `forbidden`, `last_administrator`, `oneself`, or `missing_facts` with `needs_heir` while they own
            something and nobody was named to take it, `invalid_heir` for who cannot.
    """
    if not may(actor, "change", user):
        raise Refused("forbidden", "Only administrators deactivate people.")
    if actor.pk == user.pk:
        raise Refused("oneself", "You cannot deactivate yourself: ask another administrator.")
    with acting(actor=actor, via=via, at=at, reason=reason):
        # Whoever gives them something at this moment holds on to this row (crm.people.owners): it is waited for, and
        # what they were given is handed over with the rest.
        locked = User.objects.select_for_update(of=("self",)).get(pk=user.pk)
        refuse_losing_last_administrator(locked)
        for one in {heir, *(one for one in (heirs or {}).values() if isinstance(one, User))} - {None}:
            _refuse_heir(one, locked)  # type: ignore[arg-type]
        leaving = Leaving(locked, heir, actor, at, via, reason)
        plan = _plan(leaving, heirs or {})
        # First, so that no rule gives them anything of their own back.
        locked.is_active = False
        locked.sessions_ended += 1
        locked.save(update_fields=["is_active", "sessions_ended"])
        for hand_over in plan:
            hand_over()
        _replace_stand_in(leaving)
        for ending in _endings:
            ending.carry_out(leaving)
    return locked


def _plan(leaving: Leaving, heirs: Heirs) -> list[Callable[[], Any]]:
    """What has to be done with each kind of theirs; refuses when somebody has to be named first."""
    plan: list[Callable[[], Any]] = []
    nobodys = []
    for key, what, column, rows in _owned_rows(leaving.user):
        taker = heirs.get(key) or leaving.heir
        if isinstance(taker, str):
            way = _ways.get(key, {}).get(taker)
            if way is None or not way.offered(leaving.user):
                message = f"There is no way “{taker}” to hand over {rows.model._meta.verbose_name_plural}."
                raise Refused("missing_facts", message, [Missing("invalid_heir", message, field_of(key))])
            plan.append(lambda way=way: way.carry_out(leaving))  # type: ignore[misc]
        elif taker is not None:
            plan.append(lambda rows=rows, column=column, to=taker: rows.update(**{column: to}))  # type: ignore[misc]
        elif rows.exists():
            count = capped_count(rows)
            nobodys.append(Owned(key, rows.model, count, count, _fitting(what, count)))
    if nobodys:
        has = ", ".join(f"{count_words(one.count)} {one.label}" for one in nobodys)
        message = f"{leaving.user} owns {has}: choose who takes them over."
        raise Refused("missing_facts", message, [Missing("needs_heir", message, "heir")])
    return plan


def field_of(key: str) -> str:
    """The field of the form that asks who gets one kind: `leads.lead` is asked by `heir_leads_lead`."""
    return f"heir_{key.replace('.', '_')}"


def _refuse_heir(heir: User, leaver: User) -> None:
    if heir.pk == leaver.pk:
        message = f"{heir} cannot take records over."
        raise Refused("missing_facts", message, [Missing("invalid_heir", message, "heir")])
    refuse_owner(heir, "heir")


def _replace_stand_in(leaving: Leaving) -> None:
    """Who was to stand in for others does so no more: the heir does, and for the heir their team's manager."""
    today = handbook.current().today(leaving.at)
    mine = Absence.objects.filter(stand_in=leaving.user, last_day__gte=today)
    if leaving.heir is not None:
        mine.exclude(user=leaving.heir).update(stand_in=leaving.heir)
    mine.update(stand_in=None)
