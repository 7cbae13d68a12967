"""What colleagues were told of a person's requests: their name leaves it, wherever it was told and not yet sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from crm.enquiries.models import Enquiry
from crm.enquiries.telling import BARRED, RECEIVED
from crm.privacy.everywhere import Table, Values, take_out

TABLES = ("notifications_notification", "notifications_delivery")


def blank_notices(enquiries: Sequence[int], near: Values, tables: Mapping[str, Table]) -> dict[str, int]:
    """Take the names out of notices and messages about these enquiries and their clocks; how many rows of each table.

    A name that others have too is taken out here, since these are about nobody else.
    """
    clocks = Enquiry._base_manager.filter(pk__in=enquiries).exclude(clock=None).values_list("clock_id", flat=True)
    keys = [f"{kind}:{pk}" for pk in enquiries for kind in (RECEIVED, BARRED)]
    begins = [f"clock:{pk}:%" for pk in clocks]
    if not keys:
        return {}
    return {
        name: take_out(
            tables[name],
            near,
            where="t.key = ANY(%s) OR t.key LIKE ANY(%s)",
            parameters=[keys, begins],
            skip=("key", "kind", "address", "medium", "room", "state", "last_error"),
        )
        for name in TABLES
    }
