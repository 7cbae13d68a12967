"""Setting quotas: those of a whole team for one quarter in one go, all of them or none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from crm import handbook
from crm.core.acting import acting, retry_deadlocks
from crm.core.errors import Missing, Refused, Stale
from crm.core.locks import hold
from crm.core.permissions import may
from crm.people.models import User
from crm.reviews import periods
from crm.reviews.models import Quota

LARGEST = Decimal("999999999999.99")
# A comma between thousands; any other one may be a decimal point, and the amount a hundred times what is meant.
BY_THOUSANDS = re.compile(r"-?[0-9]{1,3}(,[0-9]{3})+([.][0-9]*)?")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be somebody's quota: `amount` None for none; `version` is that of the quota that was seen, 0 where
    none was."""

    amount: Decimal | None
    version: int = 0


def read_amount(text: str) -> Decimal | None:
    """An amount as people and spreadsheets write it: 250000, 250,000.00, 250 000 or 250k; None for nothing.

    Raises:
        ValueError: for anything else, with a sentence.
    """
    plain = text.strip().replace(" ", "").replace("\u00a0", "").replace("\u202f", "").lower()
    if not plain:
        return None
    factor = {"k": 1000, "m": 1_000_000}.get(plain[-1], 1)
    number = plain[:-1] if factor > 1 else plain
    if "," in number and not BY_THOUSANDS.fullmatch(number):
        raise ValueError("Write an amount with a point before its cents, as 250,000.50.")
    try:
        found = (Decimal(number.replace(",", "")) * factor).quantize(Decimal("0.01"))
    except InvalidOperation:
        raise ValueError("Write an amount, as 250000.") from None
    if not found.is_finite() or found < 0 or found > LARGEST:
        raise ValueError("An amount of zero or more, and below a trillion.")
    return found


@retry_deadlocks
def set_quotas(
    quarter: date, wanted: Mapping[User, Wanted], *, actor: User, at: datetime, via: str, reason: str = ""
) -> int:
    """Set, change or remove quotas of a quarter in the company's currency; how many were.

    Raises:
        Refused: `forbidden`; `missing_facts` for a day on which no quarter begins, or an amount in another currency.
        Stale: somebody changed one of them meanwhile; nothing is written.
    """
    if not may(actor, "add", Quota):
        raise Refused("forbidden", "Managers set quotas.")
    company = handbook.current().company
    if not periods.is_quarter_start(quarter, company.fiscal_year_start):
        said = "A quota is of a fiscal quarter: give its first day."
        raise Refused("missing_facts", said, [Missing("invalid_quarter", said, "quarter")])
    with acting(actor=actor, via=via, at=at, reason=reason):
        # Two who enter the same quarter: the second sees what the first has set.
        hold(("quotas", quarter.isoformat()))
        stored = {one.owner_id: one for one in Quota.objects.select_for_update(of=("self",)).filter(quarter=quarter)}
        count = 0
        for owner, one in sorted(wanted.items(), key=lambda item: item[0].pk):
            quota = stored.get(owner.pk)
            # Who sends the same twice has set it the first time.
            if _same(quota, one, company.currency):
                continue
            if (quota.version if quota else 0) != one.version:
                now = f"{quota.amount:,} {quota.currency}" if quota else "none"
                raise Stale(f"The quota of {owner} was changed by somebody else: it is {now} now. Look again.")
            count += 1
            if one.amount is None:
                if quota is not None:
                    quota.delete()
            elif quota is None:
                Quota.objects.create(owner=owner, quarter=quarter, amount=one.amount, currency=company.currency)
            else:
                quota.amount, quota.currency = one.amount, company.currency
                quota.save(update_fields=["amount", "currency"])
        return count


def _same(quota: Quota | None, one: Wanted, currency: str) -> bool:
    if quota is None or one.amount is None:
        return quota is None and one.amount is None
    return quota.amount == one.amount and quota.currency == currency
