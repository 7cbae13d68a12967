"""Undoing a new main Directly Responsible Individual (DRI): both contacts are put back, or neither."""

from __future__ import annotations

from accounts.models import Contact
from crm.history.models import Change
from crm.history.undoing import CHANGE, Asked, Wanted, bars_undo

COLUMN = "is_main_dri"


@bars_undo(Contact)
def main_contacts(wanted: list[Wanted], asked: Asked) -> None:
    """Who was made the main one stays so while the one before cannot be put back: the account would have none."""
    giving = [one for one in wanted if one.action == CHANGE and one.values.get(COLUMN) is False]
    if not giving:
        return
    there = {one.record_id for one in wanted}
    changed = Change.objects.filter(transaction=asked.transaction.pk, object="contact", op="U", what__has_key=COLUMN)
    left_alone = [pk for pk in changed.values_list("record_id", flat=True) if pk not in there]
    before = dict(Contact.objects.filter(pk__in=left_alone).values_list("account_id", "pk"))
    for one in giving:
        account = getattr(one.record, "account_id", None)
        if account in before:
            name = str(Contact.objects.get(pk=before[account]))
            said = f"{name}, the main one before, was changed since: both are put back, or neither."
            one.refuse("refused", "other_main_dri", said)
