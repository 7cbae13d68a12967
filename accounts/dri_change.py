"""A customer has a new champion (C18): what is done then, step by step, until all of it is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.models import Account, Contact, DriChange, DriChangeStep
from crm import handbook
from crm.core.acting import acting
from crm.core.errors import Missing, Refused
from crm.core.permissions import may
from crm.core.text import tidy
from crm.people.models import User

OPEN_ALREADY = "A change of the champion is under way already: finish it first."
LONGEST_NOTE = 500


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do; `done` once somebody did it. One that left the handbook since is shown while it is done."""

    key: str
    label: str
    help: str
    done: DriChangeStep | None
    left_handbook: bool = False


def steps_of(change: DriChange) -> list[Step]:
    """The handbook's steps in its order, then what was done of those that are no longer in it. One query."""
    done = {one.key: one for one in change.steps.select_related("done_by").order_by("done_at", "pk")}
    asked = handbook.current().account.dri_change
    steps = [Step(one.key, one.label, one.help, done.pop(one.key, None)) for one in asked]
    return steps + [Step(key, str(one), "", one, left_handbook=True) for key, one in done.items()]


def missing_steps(steps: Sequence[Step]) -> list[Step]:
    """What is still to be done."""
    return [one for one in steps if one.done is None]


def champions_to_start(account: Account) -> list[Contact]:
    """Champions of the account for whom no change was started yet, the last one to be entered first."""
    started = DriChange.objects.filter(account=account).values("contact")
    return list(account.contacts.filter(is_champion=True).exclude(pk__in=started).order_by("-pk")[:5])


def start_change(account: Account, contact: Contact, *, actor: User, at: datetime, via: str) -> DriChange:
    """Begin the change to this new champion.

    Raises:
        Refused: `forbidden`, `dri_change_open` while another is under way, `missing_facts` for a contact of another
            account.
    """
    with acting(actor=actor, via=via, at=at):
        locked = _locked(account, actor)
        if contact.account_id != locked.pk:
            said = f"{contact} is no contact of {locked}."
            raise Refused("missing_facts", said, [Missing("invalid_contact", said, "contact")])
        if locked.dri_changes.filter(closed_at=None).exists():
            raise Refused("dri_change_open", OPEN_ALREADY)
        change = DriChange(account=locked, contact=contact, started_at=at, started_by=actor)
        change.save()
    return change


def tick_step(change: DriChange, key: str, *, note: str = "", actor: User, at: datetime, via: str) -> DriChangeStep:
    """A step is done; of one that somebody has ticked already, only the note is written anew.

    Raises:
        Refused: `forbidden`, `not_found`, `unknown_step`, `dri_change_closed`.
    """
    with acting(actor=actor, via=via, at=at):
        open_one = _open(change, actor)
        stored = open_one.steps.filter(key=key).first()
        if stored is None and key not in {one.key for one in handbook.current().account.dri_change}:
            raise Refused("unknown_step", "The handbook has no such step.")
        said = tidy(note)[:LONGEST_NOTE]
        if stored is None:
            stored = DriChangeStep(change=open_one, key=key, done_at=at, done_by=actor, note=said)
            stored.save()
        elif stored.note != said:
            stored.note = said
            stored.save(update_fields=["note"])
    return stored


def untick_step(change: DriChange, key: str, *, actor: User, at: datetime, via: str) -> None:
    """A step is not done after all; saying so twice is no mistake.

    Raises:
        Refused: as `tick_step`.
    """
    with acting(actor=actor, via=via, at=at):
        for stored in _open(change, actor).steps.filter(key=key):
            stored.delete()


def finish_change(change: DriChange, *, actor: User, at: datetime, via: str) -> DriChange:
    """Everything is done.

    Raises:
        Refused: `forbidden`, `not_found`, `dri_change_closed`, `missing_facts` with `needs_<step>` for each step
            that is not.
    """
    with acting(actor=actor, via=via, at=at):
        open_one = _open(change, actor)
        left = missing_steps(steps_of(open_one))
        if left:
            said = f"Still to be done: {', '.join(one.label for one in left)}."
            raise Refused(
                "missing_facts", said, [Missing(f"needs_{one.key}", f"{one.label} is to be done.") for one in left]
            )
        open_one.closed_at = at
        open_one.save(update_fields=["closed_at"])
    return open_one


def reopen_change(change: DriChange, *, actor: User, at: datetime, via: str) -> DriChange:
    """It goes on after all.

    Raises:
        Refused: `forbidden`, `not_found`, `dri_change_open` while another is under way.
    """
    with acting(actor=actor, via=via, at=at):
        account = _locked(change.account, actor)
        locked = _found(change)
        if locked.closed_at is not None:
            if account.dri_changes.filter(closed_at=None).exists():
                raise Refused("dri_change_open", OPEN_ALREADY)
            locked.closed_at = None
            locked.save(update_fields=["closed_at"])
    return locked


def drop_change(change: DriChange, *, actor: User, at: datetime, via: str) -> None:
    """It was begun by mistake: it goes, with its steps.

    Raises:
        Refused: as `finish_change`.
    """
    with acting(actor=actor, via=via, at=at):
        _open(change, actor).delete()


def _locked(account: Account, actor: User) -> Account:
    """The account under its lock: whoever starts or reopens a change waits for who does so at this moment."""
    locked: Any = Account.objects.select_for_update(of=("self",)).select_related("owner").filter(pk=account.pk).first()
    if locked is None:
        raise Refused("not_found", "This account is gone.")
    if not may(actor, "change", locked):
        raise Refused("forbidden", "A change of the champion is worked by those who may change the account.")
    return locked  # type: ignore[no-any-return]


def _open(change: DriChange, actor: User) -> DriChange:
    _locked(change.account, actor)
    locked = _found(change)
    if locked.closed_at is not None:
        raise Refused("dri_change_closed", "This change is finished: reopen it first.")
    return locked


def _found(change: DriChange) -> DriChange:
    found = DriChange.objects.select_for_update(of=("self",)).select_related("account").filter(pk=change.pk).first()
    if found is None:
        raise Refused("not_found", "This change is gone.")
    return found
