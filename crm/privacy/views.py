"""The page that erases a person: what would be blanked, where; then the name, typed, and the reason."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods

from accounts.models import Contact
from crm.core.asking import moment, refusal_words, user_of
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.core.text import tidy
from crm.history.words import address_of, kind_of
from crm.privacy.erasing import Erased, erase_person
from crm.privacy.models import Erasure
from crm.privacy.persons import CHOSEN, find_person
from crm.site import site
from leads.models import Lead

KINDS: dict[str, Any] = {"lead": Lead, "contact": Contact}
KEYS = (("email", "Email"), ("linkedin", "LinkedIn profile URL"), ("phone", "Phone or mobile"))
LONGEST_REASON = 1000


@require_http_methods(["GET", "HEAD", "POST"])
def erase(request: HttpRequest, kind: str, pk: int) -> HttpResponse:
    """Ask, with everything counted; erase when the name was typed."""
    if not may(user_of(request), "add", Erasure):
        raise PermissionDenied
    record = KINDS[kind].objects.filter(pk=pk).first() if kind in KINDS else None
    if record is None:
        raise Http404("There is no such record.")
    posted, problems = request.POST, dict[str, str]()
    keys = [name for name, _ in KEYS if name in posted.getlist("keys")] if request.method == "POST" else [*CHOSEN]
    reason, typed = tidy(posted.get("reason", "")), tidy(posted.get("name", ""))
    wanted: dict[str, Any] = {kind: record, "keys": keys, "actor": user_of(request), "at": moment(request)}
    wanted |= {"via": "admin", "suppress": "suppress" in posted}
    told, problem = Erased(""), ""
    try:
        if "go" in posted:
            person = find_person(**{kind: record}, keys=keys)
            problems = _wrong(person.label, reason, typed)
            if not problems and not person.is_erased:
                done = erase_person(**wanted, reason=reason)
                messages.success(request, f"Erased: {done.rows:,} rows were blanked.")
                return HttpResponseRedirect(address_of(record))
        told = erase_person(**wanted, reason="", dry_run=True)
    except Refused as refused:
        problem = refusal_words(refused)
    context = {
        **site.each_context(request),
        "title": "Erase a person",
        "kind": kind,
        "record": record,
        "back": address_of(record),
        "told": told,
        "records": [(str(name), one, _address(name, one)) for name, one in told.records],
        "keys": [(name, label, name in keys) for name, label in KEYS],
        "suppress": "suppress" in posted or request.method != "POST",
        "reason": reason,
        "typed": typed,
        "problem": problem,
        "problems": problems,
    }
    status = 409 if problem else 200
    return TemplateResponse(request, "privacy/erase.html", context, status=status)


def _wrong(label: str, reason: str, typed: str) -> dict[str, str]:
    """What is missing before anything is erased, by field."""
    found = {}
    if not reason:
        found["reason"] = "Say why."
    elif len(reason) > LONGEST_REASON:
        found["reason"] = f"{LONGEST_REASON:,} characters at most."
    if typed != label:
        found["name"] = f"Type “{label}” to confirm."
    return found


def _address(name: str, pk: int) -> str:
    kind = kind_of(name)
    here = kind is not None and kind._base_manager.filter(pk=pk).exists()
    return address_of(kind(pk=pk)) if kind is not None and here else ""
