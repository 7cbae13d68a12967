"""Tasks: something to do by a day, made, done and taken up again; outreach only to who may be contacted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.db import models

from crm.activities.gate import CODE, bars_of, channel_of, first_bar, hold_for
from crm.activities.models import ABOUT, Task
from crm.core.acting import acting, retry_deadlocks
from crm.core.errors import Missing, Refused
from crm.core.permissions import may
from crm.core.text import tidy
from crm.people.models import User
from crm.people.owners import refuse_owner

# What makes a task another one to the gate.
JUDGED = ("kind", "done_at", *(f"{name}_id" for name in ABOUT))


@retry_deadlocks
def plan_task(
    about: Mapping[str, models.Model],
    *,
    text: str,
    due_on: date | None = None,
    kind: str = "",
    owner: User | None = None,
    actor: User,
    at: datetime,
    via: str,
) -> Task:
    """Make a task about these records (`{"contact": cora, "opportunity": renewal}`), for whoever makes it or `owner`.

    Raises:
        Refused: `forbidden`, `missing_facts`, `do_not_contact` when it would reach out to who is not to be contacted.
    """
    if not may(actor, "add", Task):
        raise Refused("forbidden", "Tasks are made by those who have a role here.")
    if not tidy(text):
        raise Refused("missing_facts", "Say what is to be done.", [Missing("needs_text", "Say what to do.", "text")])
    with acting(actor=actor, via=via, at=at):
        task = Task(text=tidy(text), due_on=due_on, kind=kind, owner=owner or actor, made_by=actor, **about)
        refuse_owner(task.owner)
        task.save()
    return task


def finish_task(task: Task, *, actor: User, at: datetime, via: str) -> Task:
    """It is done, by the actor; saying so twice is no mistake.

    Raises:
        Refused: `forbidden`, `not_found`.
    """
    with acting(actor=actor, via=via, at=at):
        locked = _locked(task, actor)
        if locked.done_at is None:
            locked.done_at, locked.done_by = at, actor
            locked.save(update_fields=["done_at", "done_by"])
    return locked


def put_off_task(task: Task, *, due_on: date | None, actor: User, at: datetime, via: str) -> Task:
    """It is to be done by another day, or by none; the day of what is done stays.

    Raises:
        Refused: `forbidden`, `not_found`, `done_already`.
    """
    with acting(actor=actor, via=via, at=at):
        locked = _locked(task, actor)
        if locked.done_at is not None:
            raise Refused("done_already", "It is done already.")
        if locked.due_on != due_on:
            locked.due_on = due_on
            locked.save(update_fields=["due_on"])
    return locked


@retry_deadlocks
def reopen_task(task: Task, *, actor: User, at: datetime, via: str) -> Task:
    """It is still to be done; somebody who has left cannot have it, so who takes it up again does.

    Raises:
        Refused: `forbidden`, `not_found`, `do_not_contact`.
    """
    with acting(actor=actor, via=via, at=at):
        for name in ABOUT:
            if (pk := getattr(task, f"{name}_id")) is not None:
                hold_for(name, [pk])
        locked = _locked(task, actor)
        if locked.done_at is not None:
            locked.done_at = locked.done_by = None
            if not locked.owner.is_active:
                locked.owner = actor
            refuse_owner(locked.owner)
            locked.save(update_fields=["done_at", "done_by", "owner"])
    return locked


def refuse_barred(task: Task) -> None:
    """Refuse a task that plans anew to reach out to somebody who is not to be contacted, or not that way.

    With whom: the lead and the contact; of neither, the opportunity's contact; of none, the company. Messages about a
    contract are no sales outreach.

    Raises:
        Refused: `do_not_contact`.
    """
    if not task._state.adding:
        stored = Task.objects.filter(pk=task.pk).values_list(*JUDGED).first()
        if stored == tuple(getattr(task, name) for name in JUDGED):
            return
    for name, pk in _whom(task):
        hold_for(name, [pk])
        bar = first_bar(bars_of(name, [pk]).get(pk, ()), channel_of(task.kind))
        if bar is not None:
            raise Refused(CODE, bar.sentence, [Missing(CODE, bar.sentence, "kind")])


def _whom(task: Task) -> list[tuple[str, int]]:
    ids = {name: pk for name in ABOUT if (pk := getattr(task, f"{name}_id")) is not None}
    if "contract" in ids and not {"lead", "opportunity"} & set(ids):
        return []
    people = [name for name in ("lead", "contact") if name in ids]
    others = [name for name in ("opportunity", "account") if name in ids]
    return [(name, ids[name]) for name in people or others[:1]]


def _locked(task: Task, actor: User) -> Task:
    locked: Any = Task.objects.select_for_update(of=("self",)).select_related("owner").filter(pk=task.pk).first()
    if locked is None:
        raise Refused("not_found", "This task is gone.")
    if not may(actor, "change", locked):
        raise Refused("forbidden", "A task is changed by whose it is, who made it, or a manager.")
    return locked  # type: ignore[no-any-return]
