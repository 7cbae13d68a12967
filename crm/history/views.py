"""The page that undoes a transaction: what would become of its records, the question, and what became of them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from crm.core.asking import moment, user_of
from crm.core.door import LONGEST_REASON
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.core.text import tidy
from crm.history.models import Transaction
from crm.history.revert import PUT_BACK, Reverted, Row, can_revert, preview_revert, revert
from crm.history.selectors import HOW
from crm.history.words import address_of, kind_name, kind_of
from crm.site import site

# What one request can read and write; more is undone by the job that made it, or with the command.
MOST = 20_000
SHOWN = 200


@dataclass(frozen=True, slots=True)
class Told:
    """One record as the page lists it."""

    row: Row
    kind: str
    address: str

    @property
    def done(self) -> bool:
        """Whether it is as it was before."""
        return self.row.outcome == PUT_BACK


def undo_offer(transaction: Transaction, request: HttpRequest) -> dict[str, Any]:
    """The button on the transaction's page, or why there is none."""
    refusal = can_revert(transaction, user_of(request), at=moment(request)) or _too_many(transaction)
    refusal = refusal or (None if transaction.changes.exists() else Refused("nothing", ""))
    return {
        "undo_url": "" if refusal else reverse("admin:history_transaction_undo", args=[transaction.pk]),
        "undo_refused": refusal.message if refusal else "",
    }


@require_http_methods(["GET", "HEAD", "POST"])
def undo(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask, with what would become of each record; then undo, and say what became of it."""
    log = get_object_or_404(Transaction, pk=pk)
    user, at = user_of(request), moment(request)
    if not may(user, "view", log):
        raise PermissionDenied
    reason = tidy(request.POST.get("reason", ""))
    result, done, problem, status = Reverted(), False, "", 200
    try:
        if refusal := _too_many(log):
            raise refusal
        if len(reason) > LONGEST_REASON:
            raise Refused("invalid_reason", f"Note: {LONGEST_REASON:,} characters at most.")
        done = request.method == "POST" and "go" in request.POST
        call = revert if done else preview_revert
        result = call(log, actor=user, at=at, via="admin", reason=reason)
    except Refused as refused:
        problem, done, status = refused.message, False, 403 if refused.code == "forbidden" else 409
    context = {
        **site.each_context(request),
        "title": "Undo",
        "log": log,
        "how": HOW.get(log.via, log.via),
        "reason": reason,
        "problem": problem,
        "done": done,
        "put_back": result.put_back,
        "left": len(result.rows) - result.put_back,
        "counts": result.counts(),
        "told": told(result.rows),
        "more": max(0, len(result.rows) - SHOWN),
        "back": reverse("admin:history_transaction_change", args=[log.pk]),
        "made": reverse("admin:history_transaction_change", args=[result.transaction_id])
        if result.transaction_id
        else "",
    }
    return TemplateResponse(request, "history/undo.html", context, status=status)


def told(rows: list[Row]) -> list[Told]:
    """The first rows with their pages, those that are left alone before the others."""
    shown = sorted(rows, key=lambda row: row.outcome == PUT_BACK)[:SHOWN]
    ids: dict[str, list[int]] = defaultdict(list)
    for row in shown:
        ids[row.object].append(row.record_id)
    here = {}
    for name, found in ids.items():
        if kind := kind_of(name):
            for pk in kind._base_manager.filter(pk__in=found).values_list("pk", flat=True):
                here[name, pk] = address_of(kind(pk=pk))
    return [Told(row, kind_name(row.object), here.get((row.object, row.record_id), "")) for row in shown]


def _too_many(transaction: Transaction) -> Refused | None:
    many = transaction.changes.order_by().values("pk")[: MOST + 1].count()
    if many <= MOST:
        return None
    if transaction.request.startswith("job-"):
        how = "Undo the whole job that made it, on the job's page."
    else:
        how = f"Whoever runs Plumb undoes it on the server: manage.py undo {transaction.pk} --as EMAIL."
    return Refused("too_many", f"It has more than {MOST:,} changes, too many for a page. {how}")
