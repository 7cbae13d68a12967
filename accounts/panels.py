"""Panels of people: an account's contacts; a contact's manager, and who works with them (C7, C15)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.models import Account, Contact
from crm.activities.gate import Bar, bars_of
from crm.activities.marks import marked
from crm.core.asking import user_of
from crm.core.dialogs import url_of
from crm.core.paging import capped_count, count_words
from crm.core.panels import panel
from crm.core.permissions import may

SHOWN = 10


@dataclass(frozen=True, slots=True)
class Person:
    """One contact of a list: where their page is, and what they are to the account, in words."""

    contact: Any
    name: str
    address: str
    tags: Sequence[str]
    bars: Sequence[Bar]


@panel("contacts", "Contacts", Account)
def contacts(request: HttpRequest, account: Account) -> str:
    """The people of the company: its main Directly Responsible Individual (DRI) and champions first."""
    rows = account.contacts.order_by("-is_main_dri", "-is_champion", "-pk")
    return _render(request, "Contacts", "contacts", rows, account=account.pk)


@panel("related_contacts", "Related contacts", Contact)
def related_contacts(request: HttpRequest, contact: Contact) -> str:
    """Who else is at their account, and who reports to them wherever they are."""
    near = Q(reports_to=contact)
    if contact.account_id:
        near |= Q(account=contact.account_id)
    rows = Contact.objects.filter(near).exclude(pk=contact.pk).order_by("-is_main_dri", "-is_champion", "-pk")
    by = {"account": contact.account_id} if contact.account_id else {}
    return _render(request, "Related contacts", "related_contacts", rows, below=contact, **by)


@panel("manager", "Manager", Contact)
def manager(request: HttpRequest, contact: Contact) -> str:
    """Whom they report to, and how to reach them."""
    above = contact.reports_to if contact.reports_to_id else None
    bars = bars_of("contact", [above.pk]).get(above.pk, []) if above else []
    context = {
        "manager": above,
        "name": marked(str(above), bars) if above else "",
        "bars": bars,
        "address": url_of(above, "change") if above else "",
    }
    return render_to_string("accounts/manager.html", context, request)


@panel("codename", "Codename", Account, always=True)
def codename_button(request: HttpRequest, account: Account) -> str:
    """A quiet button for who may change an account that has none (C19)."""
    if account.codename or not may(user_of(request), "change", account):
        return ""
    return render_to_string("accounts/codename.html", {"account": account}, request)


def _render(
    request: HttpRequest, title: str, name: str, rows: QuerySet[Contact], *, below: Contact | None = None, **by: int
) -> str:
    found = list(rows.select_related("account").prefetch_related("opportunity_roles")[: SHOWN + 1])
    count = capped_count(rows) if len(found) > SHOWN else len(found)
    found = found[:SHOWN]
    bars = bars_of("contact", [one.pk for one in found]) if found else {}
    query = urlencode(by)
    context = {
        "title": title,
        "name": name,
        "people": [_person(one, bars.get(one.pk, []), below) for one in found],
        "count": count_words(count),
        "more": f"{reverse('admin:accounts_contact_changelist')}?{query}" if count > SHOWN else "",
        "add": f"{reverse('admin:accounts_contact_add')}?{query}"
        if by and may(user_of(request), "add", Contact)
        else "",
    }
    return render_to_string("accounts/contacts.html", context, request)


def _person(contact: Any, bars: Sequence[Bar], below: Contact | None) -> Person:
    tags = []
    if contact.is_main_dri:
        tags.append("Main DRI")
    if contact.is_champion:
        tags.append("Champion")
    if below is not None and contact.reports_to_id == below.pk:
        tags.append("Reports to them")
    if below is not None and contact.pk == below.reports_to_id:
        tags.append("Their manager")
    roles = dict.fromkeys(one.get_role_display() for one in contact.opportunity_roles.all() if one.role)
    tags += [role for role in roles if role not in tags]
    return Person(contact, marked(str(contact), list(bars)), url_of(contact, "change"), tags, bars)
