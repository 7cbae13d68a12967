"""What is never undone about leads: a conversion, which has its own return, and a lifted do not contact."""

from __future__ import annotations

from datetime import datetime

from crm.activities.gate import bars_of
from crm.activities.models import Suppression
from crm.core.errors import Refused
from crm.history.models import Transaction
from crm.history.undoing import CHANGE, Asked, Wanted, bars_transaction, bars_undo
from leads import guards
from leads.merging import MERGE
from leads.models import Conversion, Lead
from leads.statuses import OPEN, Status

OF_RECORDS = {"lead_id", "account_id", "contact_id", "opportunity_id"}
CONVERSION = "A conversion is never undone: the opportunity's owner or a manager returns the lead."


@bars_transaction
def conversions(transaction: Transaction, at: datetime) -> Refused | None:
    """Account, contact, opportunity and receipt were made together, and are in somebody's hands."""
    made = transaction.changes.filter(object=Conversion._meta.model_name).exclude(op="U").exists()
    return Refused("conversion", CONVERSION) if made else None


@bars_undo(Conversion)
def receipts(wanted: list[Wanted], asked: Asked) -> None:
    """A receipt says what happened. Which records it is of follows them when they are merged, and back."""
    for one in wanted:
        if one.action != CHANGE or not set(one.values) <= OF_RECORDS:
            one.refuse("refused", "conversion", CONVERSION)


@bars_undo(Lead)
def leads(wanted: list[Wanted], asked: Asked) -> None:
    """Conversions and their returns stay; so does a lifted do not contact; a made one takes a manager and a reason."""
    for one in wanted:
        verbs = {step.verb for step in one.moves}
        if verbs & {"convert", "return_lead"}:
            one.refuse("refused", "conversion", CONVERSION)
        elif "lift" in verbs:
            said = "A lifted do not contact stays lifted: close the lead again if they ask."
            one.refuse("refused", "lifted_do_not_contact", said)
        elif any(step.to_state == Status.CLOSED_DO_NOT_CONTACT and step.verb != MERGE for step in one.moves) and not (
            asked.actor.is_manager and asked.reason
        ):
            said = "Undoing a do not contact takes a manager and a reason."
            one.refuse("refused", "needs_manager_and_reason", said)
    _ask_the_gate([one for one in wanted if one.refusal is None], asked)


def _ask_the_gate(wanted: list[Wanted], asked: Asked) -> None:
    """D3: whoever is not to be contacted is not worked again by an undo. What this very undo lifts does not count."""
    again = {
        one.record_id: one
        for one in wanted
        if one.values.get(Lead.FLOW) in OPEN and not {step.verb for step in one.moves} <= {*guards.FORWARD, MERGE}
    }
    if not again:
        return
    lifted = asked.transaction.changes.filter(object=Suppression._meta.model_name, op="I")
    own = set(lifted.values_list("record_id", flat=True))
    for record_id, bars in bars_of("lead", again).items():
        for found in [bar for bar in bars if bar.is_whole and bar.suppression_id not in own][:1]:
            said = f"They are not to be contacted: {found.reason_label}."
            again[record_id].refuse("refused", "do_not_contact", said)
