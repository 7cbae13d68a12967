"""The change of the champion on an account's page (C18): offered, worked step by step, finished or taken up again."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.views.decorators.http import require_POST

from accounts import dri_change
from accounts.models import Account, Contact, DriChange
from crm.core.asking import moment, user_of
from crm.core.dialogs import status_of, told, url_of
from crm.core.errors import Refused
from crm.core.offers import VIA
from crm.core.panels import panel
from crm.core.permissions import may
from crm.core.text import whole_number
from crm.site import site

PAST = 3
MOST_PEOPLE = 100


@panel("dri_change", "Change of the champion", Account)
def show(request: HttpRequest, account: Account, refusal: Refused | None = None) -> str:
    """The change that is under way with its steps; else who may be the next, and those before."""
    changes = list(
        account.dri_changes.select_related("contact", "started_by").order_by("-started_at", "-pk")[: PAST + 1]
    )
    under_way = next((one for one in changes if one.closed_at is None), None)
    steps = dri_change.steps_of(under_way) if under_way else []
    may_change = may(user_of(request), "change", account)
    context: dict[str, Any] = {
        "account": account,
        "change": under_way,
        "steps": steps,
        "done": len([one for one in steps if one.done]),
        "left": dri_change.missing_steps(steps),
        "past": [one for one in changes if one is not under_way][:PAST],
        "may_change": may_change,
        "offered": [] if under_way else dri_change.champions_to_start(account),
        "people": [] if under_way or not may_change else _people(account),
        "refusal": refusal,
    }
    return render_to_string("accounts/dri_change.html", context, request)


@site.page("accounts/account/<int:pk>/dri-change/", "accounts_account_dri_change")
@require_POST
def start(request: HttpRequest, pk: int) -> HttpResponse:
    """Begin the change to the chosen contact."""
    account = _account(request, pk)
    number = whole_number(request.POST.get("contact", ""))
    contact = Contact.objects.filter(pk=number).first() if number is not None else None

    def begin() -> None:
        if contact is None:
            raise Refused("missing_facts", "Choose who the new champion is.")
        dri_change.start_change(account, contact, actor=user_of(request), at=moment(request), via=VIA)

    return _answer(request, account, begin)


@site.page("accounts/dri-change/<int:pk>/<slug:what>/", "accounts_dri_change_do")
@require_POST
def work(request: HttpRequest, pk: int, what: str) -> HttpResponse:
    """Tick a step or take that back; finish, reopen or drop the change."""
    change = get_object_or_404(DriChange.objects.select_related("account__owner"), pk=pk)
    account = _account(request, change.account_id)
    who: dict[str, Any] = {"actor": user_of(request), "at": moment(request), "via": VIA}
    key, note = request.POST.get("step", ""), request.POST.get("note", "")
    calls = {
        "tick": lambda: dri_change.tick_step(change, key, note=note, **who),
        "untick": lambda: dri_change.untick_step(change, key, **who),
        "finish": lambda: dri_change.finish_change(change, **who),
        "reopen": lambda: dri_change.reopen_change(change, **who),
        "drop": lambda: dri_change.drop_change(change, **who),
    }
    if what not in calls:
        raise Http404(f"A change of the champion cannot be {what}.")
    return _answer(request, account, calls[what])


def _people(account: Account) -> list[Contact]:
    return list(account.contacts.order_by("first_name", "last_name", "pk")[:MOST_PEOPLE])


def _account(request: HttpRequest, pk: int) -> Account:
    account = get_object_or_404(Account.objects.select_related("owner"), pk=pk)
    if not may(user_of(request), "view", account):
        raise PermissionDenied
    return account


def _answer(request: HttpRequest, account: Account, call: Any) -> HttpResponse:
    """The panel as it is now; without htmx, the page again."""
    refusal = None
    try:
        call()
    except Refused as refused:
        refusal = refused
    if request.htmx:  # type: ignore[attr-defined]
        response = HttpResponse(show(request, account, refusal), status=status_of(refusal))
    else:
        if refusal:
            messages.error(request, refusal.message)
        response = HttpResponseRedirect(f"{url_of(account, 'change')}#dri-change")
    return told(response, refusal)
