"""What each move of a lead asks for (L3-L12): one function a verb, returning the missing facts with stable codes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

from crm import handbook
from crm.activities.covering import covers_another
from crm.activities.gate import first_bar
from crm.core.errors import Missing
from crm.core.flow import Ask
from leads.statuses import Status

if TYPE_CHECKING:
    from leads.models import Lead

# The moves that lead on: none can be made with somebody who is not to be contacted (D3).
FORWARD = ("enrich", "qualify", "work", "engage", "schedule_meeting", "reschedule", "work_to_convert", "convert")
CHANNELS = ("email", "second_email", "phone", "mobile", "linkedin_url", "street", "city")
BANT = ("budget", "authority", "need", "timing")
# What another person answers for, or another system says: undone by its own verb, not taken back.
FINAL = ("place", "create", "convert", "return_lead", "lift", "take_back")


def contactable(lead: Lead, ask: Ask) -> Iterable[Missing]:
    """D3: nobody has said that this person is not to be contacted at all."""
    if bar := first_bar(lead.bars):
        yield bar.missing()


def enrich(lead: Lead, ask: Ask) -> Iterable[Missing]:
    """L4: at least one contact channel more than it came with."""
    yield from contactable(lead, ask)
    known = {name for name in CHANNELS if getattr(lead, name) or ask.facts.get(name)}
    if not known - lead.came_with:
        yield Missing(
            "needs_new_channel",
            "Add a contact channel it did not come with: phone, mobile, second email, LinkedIn URL or address.",
            "phone",
        )


def qualify(lead: Lead, ask: Ask) -> Iterable[Missing]:
    """L5: the company has enough employees; unknown is unknown, never assumed."""
    yield from contactable(lead, ask)
    threshold = handbook.current().lead.mql_employees
    employees = ask.facts.get("employees") or lead.employees
    if employees is None:
        yield Missing("employees_unknown", "Find out how many employees the company has.", "employees")
    elif employees < threshold:
        yield Missing(
            "too_few_employees",
            f"A Marketing Qualified Lead's company has {threshold} employees or more; this one has {employees}.",
            "employees",
        )


def work(lead: Lead, ask: Ask) -> Iterable[Missing]:
    """L6: somebody is working to engage the lead."""
    yield from contactable(lead, ask)
    owner = ask.facts.get("owner") or lead.owner
    if owner is None or not owner.is_active:
        yield Missing("needs_owner", "Give the lead an owner who works here.", "owner")


def engage(lead: Lead, ask: Ask) -> Iterable[Missing]:
    """L7: contact was made: a two-way touch, logged before or with the move."""
    yield from contactable(lead, ask)
    if not ask.facts.get("evidence") and not lead.two_way_touch:
        yield Missing("needs_evidence", "Say how they answered: a reply, a call that connected, a meeting.", "evidence")


def schedule_meeting(lead: Lead, ask: Ask) -> Iterable[Missing]:
    """L8: a meeting in the future when the move is made; one that they booked counts."""
    yield from contactable(lead, ask)
    # A meeting that has its outcome is over, even one that was cancelled before its time.
    booked = None if lead.meeting_outcome else lead.meeting_at
    meeting_at = ask.facts.get("meeting_at") or booked
    if meeting_at is None:
        yield Missing("needs_meeting", "Say when the meeting is.", "meeting_at")
    elif meeting_at <= ask.at:
        yield Missing("meeting_not_in_future", "The meeting must lie in the future.", "meeting_at")


def reschedule(lead: Lead, ask: Ask) -> Iterable[Missing]:
    """L8: another time, in the future."""
    yield from contactable(lead, ask)
    meeting_at = ask.facts.get("meeting_at")
    if meeting_at is None or meeting_at == lead.meeting_at:
        yield Missing("needs_new_meeting", "Say when the meeting is now.", "meeting_at")
    elif meeting_at <= ask.at:
        yield Missing("meeting_not_in_future", "The meeting must lie in the future.", "meeting_at")


def fall_through(lead: Lead, ask: Ask) -> Iterable[Missing]:
    """L8: a no-show or a cancellation; nobody fails to show before the time."""
    outcome = ask.facts.get("meeting_outcome")
    if not outcome:
        yield Missing("needs_meeting_outcome", "Say what became of the meeting.", "meeting_outcome")
    elif outcome == "no_show" and lead.meeting_at and lead.meeting_at > ask.at:
        yield Missing("meeting_not_passed", "The meeting has not begun: nobody has failed to show.", "meeting_outcome")


def meeting_held(lead: Lead, ask: Ask) -> Iterable[Missing]:
    """L8: a lead that leaves Meeting scheduled for a later status has met us."""
    if lead.status != Status.MEETING_SCHEDULED or lead.meeting_outcome == "held":
        return
    if ask.facts.get("meeting_outcome") != "held":
        yield Missing("needs_meeting_outcome", "Say whether the meeting was held.", "meeting_outcome")
    elif lead.meeting_at and lead.meeting_at > ask.at:
        yield Missing("meeting_not_passed", "The meeting has not begun: it cannot have been held.", "meeting_outcome")


def work_to_convert(lead: Lead, ask: Ask) -> Iterable[Missing]:
    """L9: not enough known of BANT to convert; with all four confirmed there is nothing to work for."""
    yield from contactable(lead, ask)
    yield from meeting_held(lead, ask)
    if all(getattr(lead, name) == "confirmed" for name in BANT):
        yield Missing("bant_complete", "Budget, Authority, Need and Timing are all confirmed: convert the lead.")


def bant(lead: Lead) -> Iterable[Missing]:
    """L12: all four of Budget, Authority, Need and Timing confirmed."""
    for name in BANT:
        state = getattr(lead, name)
        if state == "unknown":
            yield Missing(f"bant_{name}_unknown", f"{name.capitalize()} is unknown: confirm it on the lead.")
        elif state != "confirmed":
            yield Missing(f"bant_{name}_not_met", f"{name.capitalize()} is not met.")


def nurture(lead: Lead, ask: Ask) -> Iterable[Missing]:
    """L10: a reason, and a day to come back."""
    if not ask.facts.get("nurture_reason"):
        yield Missing("needs_nurture_reason", "Say why not now.", "nurture_reason")
    day = ask.facts.get("come_back_on")
    if day is not None and day <= handbook.current().today(ask.at):
        yield Missing("come_back_not_in_future", "The come-back date must lie in the future.", "come_back_on")


def do_not_contact(lead: Lead, ask: Ask) -> Iterable[Missing]:
    """L11: a reason; one that covers a whole company, only of a lead whose company has a domain."""
    reason = ask.facts.get("do_not_contact_reason")
    if not reason:
        yield Missing("needs_do_not_contact_reason", "Say why they are not to be contacted.", "do_not_contact_reason")
    elif not lead.named_by(reason):
        said = "This reason covers the company's domain, and the lead names none: choose another, or add its website."
        yield Missing("needs_domain", said, "do_not_contact_reason")


def lift(lead: Lead, ask: Ask) -> Iterable[Missing]:
    """D5: a reason; what covers others besides this lead is lifted where they can be seen."""
    yield from reasoned(lead, ask)
    for suppression in lead.suppressions.in_force().filter(scope="domain"):
        if covers_another(suppression, lead.pk):
            said = "It covers others at the company too: lift it first on the page “Do Not Contact (DNC)”."
            yield Missing("covers_others", said)


def reasoned(lead: Lead, ask: Ask) -> Iterable[Missing]:
    """A reason in words."""
    if not ask.reason:
        yield Missing("needs_reason", "Say why.", "reason")


def return_lead(lead: Lead, ask: Ask) -> Iterable[Missing]:
    """L12: a reason; no signed contract; an opportunity that was not won."""
    yield from reasoned(lead, ask)
    opportunity = lead.converted_opportunity
    if opportunity is None:
        return
    if opportunity.contracts.signed().exists():
        yield Missing("contract_signed", "A contract is signed: this conversion stands.")
    elif opportunity.is_won:
        yield Missing("opportunity_won", "The opportunity is won: reopen it first.")


def take_back(lead: Lead, ask: Ask) -> Iterable[Missing]:
    """The last move, by who made it within the hour; later or by others: a manager with a reason."""
    last = lead.last_move
    if last is None or not last.from_state:
        yield Missing("nothing_to_take_back", "No move has been made yet.")
        return
    if last.verb in FINAL:
        yield Missing("cannot_be_taken_back", f"“{last.verb}” is not taken back.")
        return
    within = timedelta(minutes=handbook.current().lead.take_back_minutes)
    if last.actor_id == ask.actor.pk and timedelta() <= ask.at - last.at <= within:
        return
    if not ask.actor.is_manager:
        yield Missing("needs_manager", "A manager may take this back: it was somebody else's move, or too long ago.")
    elif not ask.reason:
        yield Missing("needs_reason", "Say why it is taken back.", "reason")


def place(lead: Lead, ask: Ask) -> Iterable[Missing]:
    """A status to place it in, other than its own; what it was converted into is stored before."""
    status = ask.facts.get("status")
    if not status or status == lead.status:
        yield Missing("needs_status", "Say in which status another system has it.", "status")
    elif status == Status.SAO_CONVERTED and not (lead.converted_account_id and lead.converted_at):
        yield Missing("needs_conversion", "Say first into which account it was converted, and when.", "status")
