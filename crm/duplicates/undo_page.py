"""The page that undoes a merge: for whoever merged, who may not read the whole change log, and for managers."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods

from crm.core.admin_rights import moment, user_of
from crm.core.door import LONGEST_REASON
from crm.core.errors import Refused
from crm.core.forwarding import where_went
from crm.core.text import tidy
from crm.duplicates.kinds import kind_of
from crm.duplicates.models import Tombstone
from crm.duplicates.undoing import STONE
from crm.history.models import Transaction
from crm.history.revert import Reverted, preview_revert, revert
from crm.history.selectors import HOW
from crm.history.views import SHOWN, told
from crm.history.words import address_of
from crm.site import site


@site.page("duplicates/merged/<int:pk>/undo/", "duplicates_undo")
@require_http_methods(["GET", "HEAD", "POST"])
def undo_merge(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask, with what would become of each record; then take the merge of this transaction apart."""
    log = get_object_or_404(Transaction, pk=pk)
    stone = Tombstone.objects.filter(transaction_id=pk).first()
    user, at = user_of(request), moment(request)
    if log.actor_id != user.pk and not user.is_manager:
        raise PermissionDenied
    if stone is None:
        raise Http404("No merge, or one that was undone already.")
    kind = kind_of(stone.survivor_object).model
    went = where_went(kind, stone.survivor_id)
    survivor = went.kind._base_manager.filter(pk=went.pk) if went else kind._base_manager.filter(pk=stone.survivor_id)
    reason = tidy(request.POST.get("reason", ""))
    result, done, problem, status = Reverted(), "go" in request.POST, "", 200
    try:
        if len(reason) > LONGEST_REASON:
            raise Refused("invalid_reason", f"Note: {LONGEST_REASON:,} characters at most.")
        call = revert if done else preview_revert
        result = call(log, actor=user, at=at, via="admin", reason=reason)
    except Refused as refused:
        problem, done, status = refused.message, False, 403 if refused.code == "forbidden" else 409
    # The tombstone goes with the record that it stands for, and says nothing to people.
    shown = Reverted([row for row in result.rows if row.object != STONE], result.transaction_id)
    context = {
        **site.each_context(request),
        "title": "Undo the merge",
        "question": "Undo this merge?",
        "log": log,
        "how": HOW.get(log.via, log.via),
        "reason": reason,
        "problem": problem,
        "done": done,
        "put_back": shown.put_back,
        "left": len(shown.rows) - shown.put_back,
        "counts": shown.counts(),
        "told": told(shown.rows),
        "more": max(0, len(shown.rows) - SHOWN),
        "back": address_of(survivor.first()),
        "back_to": str(survivor.first() or "the record"),
        "made": "",
    }
    return TemplateResponse(request, "history/undo.html", context, status=status)
