"""Panels about contracts: on the pages of accounts, of opportunities, and of contracts themselves."""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.models import Account
from contracts.models import Contract, Opportunity
from contracts.signing import ContractStatus
from contracts.summary import money_of, summary_of
from contracts.terms import odd, sentences
from crm import handbook
from crm.core.asking import moment, user_of
from crm.core.dialogs import url_of
from crm.core.offers import state_label
from crm.core.paging import capped_count, count_words
from crm.core.panels import panel
from crm.core.permissions import may
from crm.history.models import Move

SHOWN = 10
NEAR = 365  # days: of an end that lies further off nothing is said


def _rows(request: HttpRequest, rows: QuerySet[Contract], **by: int) -> str:
    """A list of contracts, those that ended last first, and where to add one."""
    found = list(rows.order_by("-end_date", "-pk")[: SHOWN + 1])
    count = capped_count(rows) if len(found) > SHOWN else len(found)
    query = "&".join(f"{name}={value}" for name, value in by.items())
    context = {
        "rows": [
            (one, url_of(one, "change"), state_label(Contract, one.status), money_of(one)) for one in found[:SHOWN]
        ],
        "count": count_words(count),
        "more": f"{reverse('admin:contracts_contract_changelist')}?{query}" if count > SHOWN else "",
        "add": f"{reverse('admin:contracts_contract_add')}?{query}" if may(user_of(request), "add", Contract) else "",
    }
    return render_to_string("contracts/panel_contracts.html", context, request)


@panel("contracts", "Contracts", Account)
def contracts_of_account(request: HttpRequest, account: Account) -> str:
    """Every contract of the account."""
    return _rows(request, account.contracts.all(), account=account.pk)


@panel("contracts", "Contracts", Opportunity)
def contracts_of_opportunity(request: HttpRequest, opportunity: Opportunity) -> str:
    """The contracts that came of the opportunity."""
    return _rows(request, opportunity.contracts.all(), opportunity=opportunity.pk, account=opportunity.account_id)


@panel("terms", "Terms", Opportunity)
def terms(request: HttpRequest, opportunity: Opportunity) -> str:
    """What was agreed, in words, and where the standard terms are (C17)."""
    today = handbook.current().today(moment(request))
    contracts = Contract.objects.select_related("reseller").order_by("-end_date", "-pk")
    own = Q(opportunity=opportunity) | Q(pk__in=[pk for pk in (opportunity.renews_id, opportunity.amends_id) if pk])
    found = list(contracts.filter(own)[:SHOWN]) or list(
        contracts.in_force(today).filter(account=opportunity.account_id)[:SHOWN]
    )
    context = {
        "contracts": [(one, url_of(one, "change"), summary_of(one)) for one in found],
        "standard_terms": handbook.current().contract.standard_terms,
    }
    return render_to_string("contracts/panel_terms.html", context, request)


@panel("status_history", "Status history", Contract)
def status_history(request: HttpRequest, contract: Contract) -> str:
    """Every move of the contract, the last one first."""
    verbs = Contract.verbs()
    moves = [
        (
            state_label(Contract, move.to_state),
            verbs[move.verb].label if move.verb in verbs else move.verb.capitalize(),
            move,
        )
        for move in Move.objects.of(contract).order_by("-at", "-pk")
    ]
    return render_to_string("contracts/panel_status_history.html", {"moves": moves, "contract": contract}, request)


@panel("invoices", "Invoices", Contract)
def invoices(request: HttpRequest, contract: Contract) -> str:
    """Its invoices: added, changed and removed here."""
    context = {
        "contract": contract,
        "invoices": [(one, money_of(one)) for one in contract.invoices.all()],
        "may_change": may(user_of(request), "change", contract),
    }
    return render_to_string("contracts/panel_invoices.html", context, request)


@panel("contract_notes", "What to know", Contract, always=True)
def notes(request: HttpRequest, contract: Contract) -> str:
    """What is odd about its dates, its renewal, and the way to an expansion."""
    today = handbook.current().today(moment(request))
    running = contract.status in (ContractStatus.SIGNED, ContractStatus.ACTIVE) and not (
        contract.end_date and contract.end_date < today
    )
    days = (contract.end_date - today).days if running and contract.end_date else None
    context = {
        "contract": contract,
        "warnings": sentences(odd(contract.dates)),
        "renewals": [(one, url_of(one, "change")) for one in contract.renewals.order_by("-pk")[:SHOWN]],
        "expansions": [(one, url_of(one, "change")) for one in contract.expansions.order_by("-pk")[:SHOWN]],
        "ends_in": days if days is not None and days <= NEAR else None,
        "may_expand": running and may(user_of(request), "change", contract),
    }
    if not any(context[name] for name in ("warnings", "renewals", "expansions", "may_expand")):
        return ""
    return render_to_string("contracts/panel_notes.html", context, request)
