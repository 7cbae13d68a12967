"""Panels about opportunities: what is missing, the time in each stage, promises, people, and an account's own ones."""

from __future__ import annotations

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.models import Account
from contracts.entering import missing_of
from contracts.models import ContactRole, Contract, Opportunity
from contracts.next_steps import promises_of
from contracts.stages import find_stage, stage_keys
from crm import handbook
from crm.core.asking import moment, user_of
from crm.core.dialogs import url_of
from crm.core.offers import state_label
from crm.core.paging import capped_count, count_words
from crm.core.panels import panel
from crm.core.permissions import may
from crm.history.selectors import time_in_states

SHOWN = 10
DAY = 86_400


@panel("missing", "Missing for this stage", Opportunity, always=True)
def missing(request: HttpRequest, opportunity: Opportunity) -> str:
    """What the moves to where it stands, and the next one, would ask for; nothing of it refuses anything."""
    found = missing_of(opportunity, moment(request))
    if not found:
        return ""
    needs_contract = any(item.code == "needs_contract" for item in found)
    context = {
        "missing": found,
        "opportunity": opportunity,
        "add_contract": _add(Contract, opportunity=opportunity.pk, account=opportunity.account_id)
        if needs_contract and may(user_of(request), "add", Contract)
        else "",
    }
    return render_to_string("contracts/panel_missing.html", context, request)


def _add(kind: type[Contract | ContactRole | Opportunity], **by: int) -> str:
    query = "&".join(f"{name}={value}" for name, value in by.items())
    return f"{reverse(f'admin:contracts_{kind._meta.model_name}_add')}?{query}"


@panel("stage_history", "Stage history", Opportunity)
def stage_history(request: HttpRequest, opportunity: Opportunity) -> str:
    """The time in each stage; longer than the handbook has it for an open one is marked."""
    rows = []
    for one in time_in_states(opportunity, at=moment(request)):
        stage = find_stage(one.state)
        days = int(one.seconds // DAY)
        most = stage.most_days if stage and stage.kind == "open" else None
        rows.append((one, days, most if most is not None and days > most else None))
    return render_to_string("contracts/panel_stages.html", {"rows": rows, "opportunity": opportunity}, request)


@panel("promises", "Next steps", Opportunity)
def promises(request: HttpRequest, opportunity: Opportunity) -> str:
    """What was promised, by when, by whom, and what became of it."""
    found = promises_of(opportunity, today=handbook.current().today(moment(request)))
    may_keep = opportunity.is_open and bool(opportunity.next_step) and may(user_of(request), "change", opportunity)
    context = {
        "promises": found[:SHOWN],
        "more": len(found) - SHOWN if len(found) > SHOWN else 0,
        "count": len(found),
        "postponed": sum(one.postponed for one in found),
        "keep": url_of(opportunity, "keep_step") if may_keep else "",
        "is_open": opportunity.is_open,
    }
    return render_to_string("contracts/panel_promises.html", context, request)


@panel("sales_navigator", "LinkedIn sales navigator", Opportunity)
def sales_navigator(request: HttpRequest, opportunity: Opportunity) -> str:
    """The account's page in LinkedIn sales navigator, or where to enter it."""
    account = opportunity.account
    context = {
        "account": account,
        "address": account.sales_navigator_url,
        "enter": url_of(account, "change") if may(user_of(request), "change", account) else "",
    }
    return render_to_string("contracts/panel_navigator.html", context, request)


@panel("contact_roles", "Contact roles", Opportunity)
def contact_roles(request: HttpRequest, opportunity: Opportunity) -> str:
    """Who champions it, who pays, who signs; the primary one first."""
    may_change = may(user_of(request), "change", opportunity)
    rows = opportunity.contact_roles.select_related("contact").order_by("-is_primary", "pk")
    context = {
        "rows": [
            (one, url_of(one.contact, "change"), one.get_role_display(), url_of(one, "change") if may_change else "")
            for one in rows
        ],
        "add": _add(ContactRole, opportunity=opportunity.pk) if may_change else "",
    }
    return render_to_string("contracts/panel_roles.html", context, request)


@panel("opportunities", "Opportunities", Account)
def opportunities(request: HttpRequest, account: Account) -> str:
    """The account's opportunities: the open ones first, those that close first on top."""
    open_stages = stage_keys("open")
    rows = account.opportunities.all()
    found = list(rows.filter(stage__in=open_stages).order_by("close_on", "-pk")[:SHOWN])
    if len(found) < SHOWN:
        found += list(rows.exclude(stage__in=open_stages).order_by("-close_on", "-pk")[: SHOWN - len(found)])
    count = len(found) if len(found) < SHOWN else capped_count(rows)
    context = {
        "rows": [(one, url_of(one, "change"), state_label(Opportunity, one.stage)) for one in found],
        "count": count_words(count),
        "more": f"{reverse('admin:contracts_opportunity_changelist')}?account={account.pk}" if count > SHOWN else "",
        "add": _add(Opportunity, account=account.pk) if may(user_of(request), "add", Opportunity) else "",
    }
    return render_to_string("contracts/panel_opportunities.html", context, request)
