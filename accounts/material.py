"""What to show a prospect or customer (C20): the handbook's material, some of it only where an NDA is signed."""

from __future__ import annotations

from django.http import HttpRequest
from django.template.loader import render_to_string

from accounts.models import Account
from crm import handbook
from crm.core.panels import panel


@panel("material", "Sales material", Account)
def of_account(request: HttpRequest, account: Account) -> str:
    """The material for a company."""
    return show_material(request, account)


def show_material(request: HttpRequest, account: Account | None) -> str:
    """The panel, for the account that somebody belongs to; None when no account is known to be theirs."""
    everything = handbook.current().material
    signed = account is not None and account.nda_signed_on is not None
    shown = [one for one in everything if signed or not one.needs_nda]
    held = [one.label for one in everything if one not in shown]
    if not shown and not held:
        return ""
    context = {"material": shown, "held": ", ".join(held), "account": account}
    return render_to_string("accounts/material.html", context, request)
