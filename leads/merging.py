"""How leads are merged, with each other and into contacts: what stays, and what of a lead a contact has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from accounts.merging import addresses_of
from accounts.models import Contact
from crm.activities.gate import bar_of
from crm.activities.models import SuppressedKey, Task, kind_choices
from crm.activities.naming import Named
from crm.activities.suppressing import fit
from crm.core.door import plain
from crm.core.errors import Refused
from crm.duplicates.kinds import Crossing, Merge, Mergeable, register, register_crossing
from crm.duplicates.references import remove_row
from crm.history.models import Move
from leads import guards
from leads.conversion import company_domain
from leads.models import Known, Lead
from leads.statuses import Status

Kind = SuppressedKey.Kind
MERGE = "merge"  # the verb of the move by which a withdrawal of one lead becomes the other's
ADDRESS = ("street", "city", "state", "postal_code", "country")
TEXT_LIMIT = 500


def keys_of(leads: Sequence[Any]) -> Iterable[tuple[str, str]]:
    """What a conversion holds of these leads."""
    for lead in leads:
        yield from (("email", lead.email_key), ("email", lead.second_email_key), ("linkedin", lead.linkedin_key))


def named(lead: Any, scope: str) -> list[Named]:
    """What a suppression of this scope holds on to of a lead."""
    own = addresses_of(lead, "second_email")
    domain = company_domain(lead)
    company = [Named(Kind.DOMAIN, domain, domain)] if "." in domain else []
    # Of a whole company that asked, this person's own addresses where no domain is theirs alone.
    return fit([*own, *company], scope) if scope != "domain" or company else own


def refuse(survivor: Any, others: Sequence[Any]) -> Refused | None:
    """A converted lead has its account, and its receipt: it is the one that stays, and there is one."""
    converted = [one for one in (survivor, *others) if one.status == Status.SAO_CONVERTED]
    if len(converted) > 1:
        said = f"{converted[0]} and {converted[1]} were both converted: merge their contacts and accounts instead."
        return Refused("both_converted", said)
    if converted and converted[0] is not survivor:
        return Refused("converted_stays", f"{converted[0]} was converted: choose it as the one that stays.")
    return None


def after(merge: Merge) -> None:
    """A do not contact of one holds for both; a queue is for leads that nobody owns."""
    lead = merge.survivor
    merge.values["queue"] = None if merge.values.get("owner") else lead.queue_id or _queue_of(merge.others)
    withdrawn = [one for one in merge.others if one.status == Status.CLOSED_DO_NOT_CONTACT]
    if withdrawn and lead.status not in (Status.CLOSED_DO_NOT_CONTACT, Status.SAO_CONVERTED):
        _close(merge)
        merge.notes.append(f"{withdrawn[0]} was closed as do not contact, so {lead} is.")
    waiting = [one for one in merge.others if one.status == Status.MEETING_SCHEDULED and one.meeting_at]
    if waiting and lead.status != Status.MEETING_SCHEDULED:
        merge.notes.append(f"{waiting[0]} had a meeting: schedule it with {lead} if it stands.")


def _queue_of(leads: Sequence[Any]) -> int | None:
    return next((lead.queue_id for lead in leads if lead.queue_id is not None), None)


def _close(merge: Merge) -> None:
    """The status as the other lead has it, with the move that explains it; nothing else changes hands."""
    lead = merge.survivor
    Move(
        object="lead",
        record_id=lead.pk,
        version=lead.version + 1,
        from_state=lead.status,
        to_state=Status.CLOSED_DO_NOT_CONTACT,
        verb=MERGE,
        actor_id=merge.actor.pk,
        actor_name=str(merge.actor),
        at=merge.at,
        via=merge.via,
        reason=merge.reason,
        facts=plain({"merged": ", ".join(f"lead {one.pk}" for one in merge.others)}),
    ).save(force_insert=True)
    lead.__dict__[Lead.FLOW] = Status.CLOSED_DO_NOT_CONTACT
    lead.status_since, lead.nurture_reason, lead.come_back_on = merge.at, "", None
    lead._through_door = True
    merge.moved += [Lead.FLOW, "status_since", "nurture_reason", "come_back_on"]


def keep_the_earlier(stays: Any, clashes: Any, merge: Merge) -> None:
    """A lead has one next touch: the one that is due first."""
    if clashes.due_on < stays.due_on:
        stays.due_on, stays.kind, stays.text = clashes.due_on, clashes.kind, clashes.text
        stays.save(update_fields=["due_on", "kind", "text"])
    remove_row(clashes)


register(
    Mergeable(
        Lead,
        evidence={
            "email": ("email_key", "second_email_key"),
            "linkedin": ("linkedin_key",),
            "phone": ("phone_key", "mobile_key"),
        },
        together={
            "Address": ADDRESS,
            **{part.capitalize(): (part, f"{part}_note") for part in guards.BANT},
        },
        name_key="CASE WHEN r.first_name <> '' AND r.last_name <> '' AND r.company <> ''"
        " THEN lower(r.first_name || ' ' || r.last_name || ', ' || r.company) ELSE '' END",
        spare={"second_email": "email"},
        empty=dict.fromkeys(guards.BANT, Known.UNKNOWN),
        holds=keys_of,
        named=named,
        refuse=refuse,
        after=after,
        clashes={"activities.NextTouch.lead": keep_the_earlier},
    )
)


# --- a lead into a contact --------------------------------------------------------------------------------------------


def refuse_crossing(contact: Any, leads: Sequence[Any]) -> Refused | None:
    """What was converted is a contact already; a do not contact that is on no list would be lost."""
    for lead in leads:
        if lead.status == Status.SAO_CONVERTED:
            said = f"{lead} was converted into {lead.converted_contact or 'a contact'}: merge the contacts instead."
            return Refused("converted_lead", said)
        if lead.conversions.exists():
            return Refused("has_receipts", f"{lead} was converted and returned: its receipts stay with the lead.")
        if lead.status == Status.CLOSED_DO_NOT_CONTACT and bar_of("lead", lead.pk) is None:
            said = f"{lead} is closed as do not contact, and on no list: note their do not contact first, or lift it."
            return Refused("do_not_contact", said)
    return None


def plan_as_task(merge: Merge, touch: Any, link: Any) -> None:
    """What is next with a lead is a task with the contact; for whoever is not to be contacted, nothing is planned."""
    lead = next(one for one in merge.others if isinstance(one, Lead) and one.pk == touch.lead_id)
    remove_row(touch)
    if bar_of("lead", lead.pk) is not None or bar_of("contact", merge.survivor.pk) is not None:
        return
    kind = dict(kind_choices()).get(touch.kind, touch.kind)
    Task.objects.create(
        text=f"{kind}: {touch.text}"[:TEXT_LIMIT] if touch.text else str(kind),
        due_on=touch.due_on,
        owner=lead.owner or merge.survivor.owner or merge.actor,
        made_by=merge.actor,
        contact=merge.survivor,
    )
    merge.notes.append(f"What was next with {lead} is a task with {merge.survivor} now.")


def keep_receipt(merge: Merge, row: Any, link: Any) -> None:
    """Not reached: who has receipts is refused."""
    raise Refused("has_receipts", f"{row.lead} was converted: its receipts stay with the lead.")


def forget_lead(merge: Merge, row: Any, link: Any) -> None:
    """What a closed lead suppressed stands by itself."""
    setattr(row, link.field.name, None)
    row.save(update_fields=[link.field.name])


register_crossing(
    Crossing(
        Lead,
        Contact,
        fields={
            **{
                name: name
                for name in (
                    "first_name last_name title email phone mobile linkedin_url website lead_source owner description"
                ).split()
            },
            "personal_email": "second_email",
            **{f"mailing_{name}": name for name in ADDRESS},
        },
        links={
            "activities.Activity.lead": "contact",
            "activities.Task.lead": "contact",
            "activities.NextTouch.lead": plan_as_task,
            "activities.Suppression.closed_lead": forget_lead,
            "leads.Conversion.lead": keep_receipt,
        },
        # What was converted is a contact already, and says so.
        only="r.status <> 'sao_converted'",
        refuse=refuse_crossing,
    )
)
