"""The panel of enquiries on the pages of leads, contacts, accounts and opportunities."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.models import Account, Contact
from contracts.models import Opportunity
from crm.core.asking import moment, user_of
from crm.core.dialogs import url_of
from crm.core.panels import panel
from crm.core.permissions import may
from crm.enquiries.models import Enquiry
from crm.enquiries.showing import enquiries_of
from leads.models import Lead

SHOWN = 5


@panel("enquiries", "Enquiries", Lead, Contact, Account, Opportunity, always=True)
def enquiries(request: HttpRequest, record: Any) -> str:
    """What they asked, with the time that is left; nothing for a record without enquiries."""
    user = user_of(request)
    if not may(user, "view", Enquiry):
        return ""
    found = enquiries_of(record, user=user, at=moment(request), most=SHOWN + 1)
    if not found:
        return ""
    context = {
        "enquiries": found[:SHOWN],
        "more": len(found) > SHOWN,
        "list_address": f"{reverse('admin:enquiries_enquiry_changelist')}?{record._meta.model_name}={record.pk}",
        "back": url_of(record, "change"),
    }
    return render_to_string("enquiries/panel.html", context, request)
