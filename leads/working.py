"""What an SDR does with a lead beside moving it: claim it, log a touch, plan the next one, note BANT."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import prefetch_related_objects

from crm.activities import touching
from crm.activities.gate import CODE, bars_of, channel_of, first_bar, hold_for
from crm.activities.models import Activity, NextTouch
from crm.core.acting import acting, retry_deadlocks
from crm.core.errors import Refused, Stale
from crm.core.permissions import may
from crm.core.text import tidy
from crm.people.models import User
from crm.people.owners import refuse_owner
from leads.guards import BANT
from leads.models import Lead


@retry_deadlocks
def claim_lead(lead: Lead, *, actor: User, at: datetime, via: str) -> None:
    """Make an unowned lead the actor's: one in no queue, or in their own team's; managers from any.

    Raises:
        Refused: `already_owned`, naming who was first, or `forbidden`, naming whose queue it is in.
    """
    with acting(actor=actor, via=via, at=at):
        # Without a join to the owner: who waited for the lock would see the new row beside nobody, as it was before.
        locked = Lead.objects.select_for_update(of=("self",)).get(pk=lead.pk)
        if locked.owner_id is not None:
            raise Refused("already_owned", f"{locked.owner} owns this lead already.")
        if not may(actor, "change", locked):
            if locked.queue is not None and may(actor, "change", Lead):
                whose = f"This lead waits in the queue of {locked.queue}: its people or a manager claim it."
                raise Refused("forbidden", whose)
            raise Refused("forbidden", "A lead is claimed by those who work leads.")
        refuse_owner(actor)
        locked.owner = actor
        locked.save(update_fields=["owner"])
    lead.refresh_from_db()


@retry_deadlocks
def note_bant(lead: Lead, values: Mapping[str, str], *, actor: User, at: datetime, via: str, version: int) -> None:
    """Write down what is known of Budget, Authority, Need and Timing.

    Raises:
        Refused: `forbidden`.
        Stale: the lead is no longer at `version`.
    """
    names = [f"{part}{suffix}" for part in BANT for suffix in ("", "_note")]
    with acting(actor=actor, via=via, at=at):
        locked = Lead.objects.select_for_update(of=("self",)).get(pk=lead.pk)
        if not may(actor, "change", locked):
            raise Refused("forbidden", "BANT is noted by the lead's owner, their team or a manager.")
        if locked.version != version:
            raise Stale(f"{locked} was changed by somebody else since you opened it.")
        for name in names:
            setattr(locked, name, values.get(name, getattr(locked, name)))
        locked.save(update_fields=names)
    lead.refresh_from_db()


def log_touch(lead: Lead, *, actor: User, at: datetime, via: str, **values: Any) -> Activity:
    """Write down what happened with this person: kind, direction, outcome, happened_at, text.

    Raises:
        Refused: `forbidden`.
    """
    return touching.log_touch({"lead": lead}, actor=actor, at=at, via=via, **values)


@dataclass(frozen=True, slots=True)
class Planned:
    """What became of one lead of `plan_touches`: the plan as it stands, or why there is none."""

    record_id: int
    touch: NextTouch | None
    refusal: Refused | None = None


def plan_touch(lead: Lead, *, due_on: date, kind: str, text: str, actor: User, at: datetime, via: str) -> NextTouch:
    """Set the one next touch of a lead, in place of the one it had.

    Raises:
        Refused: `forbidden`, or `do_not_contact` when they are not to be contacted, or not that way.
        Lead.DoesNotExist: it was deleted meanwhile.
    """
    (planned,) = plan_touches([lead.pk], due_on=due_on, kind=kind, text=text, actor=actor, at=at, via=via)
    if planned.touch is None:
        raise planned.refusal or Lead.DoesNotExist()
    return planned.touch


@retry_deadlocks
def plan_touches(
    ids: Iterable[int], *, due_on: date, kind: str, text: str, actor: User, at: datetime, via: str
) -> list[Planned]:
    """Set the one next touch of each of these leads, in a few statements however many they are.

    Each row has its own answer. Refusals: `forbidden`, `do_not_contact`; a lead that is gone has neither plan nor
    refusal.
    """
    wanted = sorted(set(ids))
    with acting(actor=actor, via=via, at=at):
        hold_for("lead", wanted)
        rows = list(Lead.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=wanted).order_by("pk"))
        prefetch_related_objects(rows, "owner")
        touches = NextTouch.objects.select_for_update(of=("self",)).filter(lead__in=wanted).order_by("pk")
        standing = {touch.lead_id: touch for touch in touches}
        bars, channel = bars_of("lead", wanted), channel_of(kind)
        answers = {pk: Planned(pk, None) for pk in wanted}
        for lead in rows:
            planned = standing.get(lead.pk) or NextTouch(lead=lead)
            planned.lead = lead
            if not may(actor, "change", planned):
                said = "What is next is planned by the lead's owner, their team or a manager."
                answers[lead.pk] = Planned(lead.pk, None, Refused("forbidden", said))
            elif bar := first_bar(bars.get(lead.pk, ()), channel):
                answers[lead.pk] = Planned(lead.pk, None, Refused(CODE, bar.sentence))
            else:
                planned.due_on, planned.kind, planned.text = due_on, kind, tidy(text)
                answers[lead.pk] = Planned(lead.pk, planned)
        set_now = [one.touch for one in answers.values() if one.touch is not None]
        known = [touch.pk for touch in set_now if touch.pk is not None]
        NextTouch.objects.filter(pk__in=known).update(due_on=due_on, kind=kind, text=tidy(text))
        NextTouch.objects.bulk_create([touch for touch in set_now if touch.pk is None])
    return list(answers.values())


@retry_deadlocks
def clear_touch(lead: Lead, *, actor: User, at: datetime, via: str) -> None:
    """Nothing is planned with this lead any more; clearing twice is no mistake.

    Raises:
        Refused: `forbidden`.
    """
    with acting(actor=actor, via=via, at=at):
        planned = NextTouch.objects.select_for_update(of=("self",)).filter(lead=lead).first()
        if planned is None:
            return
        if not may(actor, "delete", planned):
            raise Refused("forbidden", "What is next is planned by the lead's owner, their team or a manager.")
        planned.delete()
