"""An erasure is never undone: there is nothing left to put back."""

from __future__ import annotations

from datetime import datetime

from crm.core.errors import Refused
from crm.history.models import Transaction
from crm.history.undoing import bars_transaction
from crm.privacy.models import Erasure


@bars_transaction
def erasures(transaction: Transaction, at: datetime) -> Refused | None:
    """What it wrote are blanks, and what it wrote over is gone."""
    erased = Erasure.objects.filter(transaction_id=transaction.pk).exists()
    return Refused("erasure", "An erasure is never undone.") if erased else None
