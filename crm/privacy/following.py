"""Followers of changes are told whose records an erasure blanked, those included that were deleted before."""

from __future__ import annotations

from crm.history.models import Transaction
from crm.privacy.models import Erasure
from crm.sync.feed.erasures import Ref, tells_erasures


@tells_erasures
def erased(first: int, last: int) -> dict[int, list[Ref]]:
    """The erasing transactions from one place in the feed to another, with all records of the person."""
    there = Transaction.objects.filter(pos__gte=first, pos__lte=last)
    rows = Erasure.objects.filter(transaction_id__in=there.values("pk")).values_list(
        "transaction_id", "records", "parts"
    )
    return {number: [(name, pk) for name, pk in (*records, *parts)] for number, records, parts in rows if number}
