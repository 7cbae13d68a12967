"""The terms of a contract in words (C17)."""

from __future__ import annotations

from typing import Any

from django.utils.formats import date_format, number_format

from contracts.models import Contract
from crm.core.display import plain_text


def money_of(record: Any) -> str:
    """An amount with its currency; nothing where there is none, which is not zero."""
    return f"{plain_text(record.amount)} {record.currency}" if record.amount is not None else ""


def summary_of(contract: Contract) -> list[tuple[str, str]]:
    """Label and words of each term that is known, in the order people ask for them."""

    def span() -> str:
        days = [
            f"{word} {date_format(day, 'DATE_FORMAT')}"
            for word, day in (("from", contract.effective_date), ("to", contract.end_date))
            if day
        ]
        months = f"{contract.term_months} months" if contract.term_months else ""
        return ", ".join(part for part in (months, " ".join(days)) if part)

    def renewal() -> str:
        said = "Renews by itself" if contract.auto_renew else "Ends by itself"
        return f"{said}; {contract.notice_days} days of notice" if contract.notice_days else said

    lines = [
        ("Term", span()),
        ("Amount", money_of(contract)),
        ("Up to # of hosts", number_format(contract.hosts, force_grouping=True) if contract.hosts else ""),
        ("Payment terms", contract.get_payment_terms_display() if contract.payment_terms else ""),
        ("Billing process", contract.get_billing_process_display() if contract.billing_process else ""),
        ("Renewal", renewal()),
        ("Reseller", str(contract.reseller) if contract.reseller else ""),
        ("Terminated on", date_format(contract.terminated_on, "DATE_FORMAT") if contract.terminated_on else ""),
        ("Beside the standard terms", contract.terms),
    ]
    return [(label, words) for label, words in lines if words]
