"""Doing what a huddle's form says: by the services that every other door calls, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError

from contracts.entering import candidate, check_entered
from contracts.models import Opportunity
from contracts.next_steps import KEEP, keep_next_step
from crm import handbook
from crm.core.acting import acting
from crm.core.door import stale_since
from crm.core.errors import Missing, Refused
from crm.core.flow import Ask
from crm.core.permissions import may
from crm.core.text import tidy
from crm.people.models import User
from crm.reviews.huddle.done import done_after
from crm.reviews.huddle.forms import EDITED, NO, YES

WHO = f"An opportunity is changed by: {KEEP.who}."


def answer_opportunity(
    opportunity: Opportunity, facts: Mapping[str, Any], *, actor: User, at: datetime, via: str
) -> list[str]:
    """Keep the promise where it was kept, and store what else differs; the given instance is brought up to date.

    `facts` are the values of `HuddleForm`, with the `version` it was opened with; a field that is not among them stays.

    Returns:
        The codes of what was really done, in order: none where nothing differs from what is stored.

    Raises:
        Refused: `not_found`, `forbidden`, `do_not_contact`, `missing_facts` with what is wrong at its field.
        Stale: the opportunity is no longer at that version, and something was asked for.
    """
    given = {name: _tidied(facts[name]) for name in EDITED if name in facts}
    kept = facts.get("step_kept") or ""
    with acting(actor=actor, via=via, at=at):
        Opportunity.take_holds([opportunity.pk], KEEP, Ask(actor, at, via, "", given))
        locked = Opportunity.objects.select_for_update(of=("self",)).filter(pk=opportunity.pk).first()
        if locked is None:
            raise Refused("not_found", "There is no such record.")
        differ = {name: value for name, value in given.items() if getattr(locked, name) != value}
        if not differ and not kept:
            return []
        if not may(actor, "change", locked):
            raise Refused("forbidden", WHO)
        version = facts.get("version")
        if version is not None and version != locked.version:
            raise stale_since(locked, version)
        before, standing = locked.version, _answer_promise(locked, differ, kept, at)
        if kept == YES:
            step, due = given.get("next_step") or None, given.get("next_step_due")
            keep_next_step(locked, actor=actor, at=at, via=via, next_step=step, next_step_due=due)
        _store(locked, {name: value for name, value in given.items() if getattr(locked, name) != value}, actor, at)
        opportunity.refresh_from_db()
        return [*standing, *done_after(opportunity, version=before, since=at)]


def _answer_promise(locked: Opportunity, differ: Mapping[str, Any], kept: str, at: datetime) -> list[str]:
    """What is said by “no” alone: it is still to be done. Once its day has passed it takes another one, and so does
    what is promised in its place.

    Raises:
        Refused: `missing_facts` with `next_step_overdue`, or `no_next_step`.
    """
    again = bool(differ.get("next_step"))
    if kept == YES or "next_step_due" in differ or not (kept == NO or again):
        return []
    if not (locked.next_step or again):
        raise _wrong(Missing("no_next_step", "It has no next step that could be kept.", "step_kept"))
    due = locked.next_step_due
    if due is not None and due < handbook.current().today(at):
        said = f"The next step was due on {due}: say what is done next, by when."
        raise _wrong(Missing("next_step_overdue", said, "next_step_due"))
    return [] if "next_step" in differ else ["step_open"]


def _store(locked: Opportunity, values: Mapping[str, Any], actor: User, at: datetime) -> None:
    """Store these values, judged as on the opportunity's own page and over the API."""
    if not values:
        return
    stored = candidate(locked, {})
    for name, value in values.items():
        setattr(locked, name, value)
    try:
        locked.clean_fields(exclude={one.name for one in locked._meta.fields} - set(values))
    except ValidationError as error:
        wrong = [Missing(f"invalid_{name}", " ".join(said), name) for name, said in error.message_dict.items()]
        raise _wrong(*wrong) from error
    filled = check_entered(locked, list(values), stored=stored, actor=actor, at=at)
    locked.save(update_fields=[*values, *filled])


def _wrong(*missing: Missing) -> Refused:
    return Refused("missing_facts", " ".join(item.message for item in missing), missing)


def _tidied(value: Any) -> Any:
    return tidy(value) if isinstance(value, str) else value
