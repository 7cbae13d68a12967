"""Keeping the invoices of a contract: one domain call for each change, by whoever may change the contract."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from contracts.models import Contract, Invoice
from crm.core.acting import acting
from crm.core.door import stale_since
from crm.core.errors import Refused
from crm.core.permissions import may

if TYPE_CHECKING:
    from crm.people.models import User


def add_invoice(invoice: Invoice, *, actor: User, at: datetime, via: str) -> Invoice:
    """Store a new invoice.

    Raises:
        Refused: `forbidden` for who may not change its contract.
        IntegrityError: the number is there already, or it was paid before it was sent.
    """
    if not may(actor, "add", invoice):
        raise Refused("forbidden", "Who may change the contract keeps its invoices.")
    with acting(actor=actor, via=via, at=at):
        invoice.save(force_insert=True)
    return invoice


def change_invoice(
    pk: int, values: Mapping[str, Any], *, version: int | None, actor: User, at: datetime, via: str
) -> None:
    """Change an invoice that is still at this version.

    Raises:
        Refused: `forbidden`; `not_found`; `Stale` when somebody changed it meanwhile.
        IntegrityError: as `add_invoice`.
    """
    with acting(actor=actor, via=via, at=at):
        invoice = _lock(pk, "change", version, actor)
        changed = [name for name, value in values.items() if getattr(invoice, name) != value]
        for name in changed:
            setattr(invoice, name, values[name])
        if changed:
            invoice.save(update_fields=changed)


def remove_invoice(pk: int, *, version: int | None, actor: User, at: datetime, via: str) -> None:
    """Delete an invoice that is still at this version.

    Raises:
        Refused: as `change_invoice`.
    """
    with acting(actor=actor, via=via, at=at):
        _lock(pk, "delete", version, actor).delete()


def _lock(pk: int, verb: str, version: int | None, actor: User) -> Invoice:
    invoice = Invoice.objects.select_for_update(of=("self",)).select_related("contract").filter(pk=pk).first()
    if invoice is None:
        raise Refused("not_found", "There is no such invoice any more.")
    Contract.prepare_moves([invoice.contract])
    if not may(actor, verb, invoice):
        raise Refused("forbidden", "Who may change the contract keeps its invoices.")
    if version is not None and invoice.version != version:
        raise stale_since(invoice, version)  # type: ignore[arg-type]
    return invoice
