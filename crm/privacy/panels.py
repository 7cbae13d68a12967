"""The way to erasing on the pages of leads and contacts, for administrators."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.models import Contact
from crm.core.asking import user_of
from crm.core.panels import panel
from crm.core.permissions import may
from crm.privacy.models import Erasure
from crm.privacy.persons import FIRST_NAME, LAST_NAME
from leads.models import Lead


@panel("erase", "Erase", Lead, Contact, always=True)
def erase_button(request: HttpRequest, record: Any) -> str:
    """A quiet link: erasing is rare, and nobody's daily work."""
    if not may(user_of(request), "add", Erasure) or (record.first_name, record.last_name) == (FIRST_NAME, LAST_NAME):
        return ""
    address = reverse("admin:privacy_erasure_erase", args=[record._meta.model_name, record.pk])
    return render_to_string("privacy/button.html", {"address": address}, request)
