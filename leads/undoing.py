"""What is never undone about leads: a conversion, which has its own return, and a lifted do not contact."""

from __future__ import annotations

from crm.core.errors import Refused
from crm.history.models import Transaction
from crm.history.undoing import Asked, Wanted, bars_transaction, bars_undo
from leads.models import Conversion, Lead
from leads.statuses import Status

CONVERSION = "A conversion is never undone: the opportunity's owner or a manager returns the lead."


@bars_transaction
def conversions(transaction: Transaction) -> Refused | None:
    """Account, contact, opportunity and receipt were made together, and are in somebody's hands."""
    made = transaction.changes.filter(object=Conversion._meta.model_name).exclude(op="U").exists()
    return Refused("conversion", CONVERSION) if made else None


@bars_undo(Conversion)
def receipts(wanted: list[Wanted], asked: Asked) -> None:
    """A receipt says what happened."""
    for one in wanted:
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
        elif any(step.to_state == Status.CLOSED_DO_NOT_CONTACT for step in one.moves) and not (
            asked.actor.is_manager and asked.reason
        ):
            said = "Undoing a do not contact takes a manager and a reason."
            one.refuse("refused", "needs_manager_and_reason", said)
