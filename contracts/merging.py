"""What becomes of the parts of opportunities when the people in them are merged."""

from __future__ import annotations

from typing import Any

from crm.duplicates.kinds import Merge, register_clashes
from crm.duplicates.references import remove_row


def one_role(stays: Any, clashes: Any, merge: Merge) -> None:
    """Somebody has a role in an opportunity once; who was the primary one stays it."""
    if clashes.is_primary and not stays.is_primary:
        stays.is_primary = True
        stays.save(update_fields=["is_primary"])
    remove_row(clashes)


register_clashes(contracts_contact_role_once=one_role)
