"""Mending many held rows of one problem at once: a value for each, one for all, or lines of id and value."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from crm.core.admin import moment, refusal_words, user_of
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.core.text import whole_number
from crm.history.words import address_of
from crm.imports.held import (
    MOST,
    Released,
    discard_held_rows,
    names_in,
    release_held_rows,
    take_back_discard,
)
from crm.imports.models import HeldRow
from crm.imports.problems import MOST_COLUMNS, problem_of, read_values, who
from crm.site import site

ON_A_PAGE = 100
LONGEST = 2 * 1024 * 1024


@require_http_methods(["GET", "HEAD", "POST"])
def mend(request: HttpRequest) -> HttpResponse:
    """Rows of one problem, 100 at a time, with what mends them; posted, what became of each."""
    if not may(user_of(request), "change", HeldRow):
        raise PermissionDenied
    code, object = request.GET.get("code", ""), request.GET.get("object", "")
    found = HeldRow.objects.waiting().select_related("run").filter(code=code, object=object).order_by("pk")
    if run := whole_number(request.GET.get("run", "")):
        found = found.filter(run=run)
    problem, status = "", 200
    if request.method == "POST":
        try:
            answers = _carry_out(request, found)
            return _results(request, answers, code, object)
        except Refused as refused:
            problem, status = refusal_words(refused), 422
    count = found.count()
    if not count and not problem:
        messages.info(request, "No row waits with this problem any more.")
        return HttpResponseRedirect(_list())
    after = whole_number(request.GET.get("after", "")) or 0
    rows = list(found.filter(pk__gt=after)[: ON_A_PAGE + 1])
    about = problem_of(code, object, count)
    more = rows[ON_A_PAGE - 1].pk if len(rows) > ON_A_PAGE else 0
    columns = _columns(rows[0] if rows else None)
    chosen = request.POST.get("column") or about.mends or (columns[0] if columns else "")
    sent = request.POST
    context = {
        "about": about,
        "problem": problem,
        "rows": [
            (held, who(held), sent.get(f"value:{held.pk}", ""), str(held.pk) in sent.getlist("row"))
            for held in rows[:ON_A_PAGE]
        ],
        "columns": columns,
        "column": chosen,
        "for_all": sent.get("for_all", ""),
        "lines": sent.get("lines", ""),
        "reason": sent.get("reason", ""),
        "more": f"?{urlencode({**request.GET.dict(), 'after': more})}" if more else "",
        "first": not after,
        "start": f"?{urlencode({key: value for key, value in request.GET.items() if key != 'after'})}",
    }
    return _page(request, "admin/imports/mend.html", context, status=status)


def _columns(held: HeldRow | None) -> list[str]:
    """What a row can be mended in: our names first, then the file's columns that have none."""
    if held is None or held.mended_in_file:
        return []
    named = names_in(held)
    others = [name for name in held.row if name not in named.values() and name != "Id"]
    return [*named, *others][:MOST_COLUMNS]


def _carry_out(request: HttpRequest, found: Any) -> list[Released]:
    """Release or discard what was chosen.

    Raises:
        Refused: `nothing_chosen`, `bad_lines`, or what the service says.
    """
    sent, actor, at = request.POST, user_of(request), moment(request)
    ids = {pk for text in sent.getlist("row") if (pk := whole_number(text)) is not None}
    if sent.get("do") == "discard":
        if not ids:
            raise Refused("nothing_chosen", "Choose the rows that are discarded.")
        return discard_held_rows(ids, reason=sent.get("reason", ""), actor=actor, at=at, via="admin")
    values: dict[int, str] = {}
    if text := _lines(request):
        values |= read_values(text, found.select_related(None).only("pk", "external_id"))
    typed = {whole_number(name[6:]): str(value).strip() for name, value in sent.items() if name.startswith("value:")}
    values |= {pk: value for pk, value in typed.items() if pk is not None and value}
    for_all = sent.get("for_all", "").strip()
    column = sent.get("column", "")
    given: dict[int, dict[str, str]] = {pk: {column: value} for pk, value in values.items()}
    for pk in ids - set(given):
        given[pk] = {column: for_all} if for_all else {}
    if not given:
        raise Refused("nothing_chosen", "Type a value, choose rows, or give lines of id and value.")
    if len(given) > MOST:
        raise Refused("too_many", f"{MOST} rows at most can be released at once; these are {len(given):,}.")
    return release_held_rows(given, actor=actor, at=at, via="admin")


def _lines(request: HttpRequest) -> str:
    upload: Any = request.FILES.get("file")
    if upload is None:
        return request.POST.get("lines", "").strip()
    if upload.size > LONGEST:
        raise Refused("too_large", "The file is longer than 2 MB: it cannot be lines of id and value.")
    try:
        text: str = upload.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused("wrong_encoding", "The file is not UTF-8.") from error
    if "\x00" in text:
        raise Refused("bad_lines", "The file is no CSV: it has binary zeros in it.")
    return text.strip()


def _results(request: HttpRequest, answers: list[Released], code: str, object: str) -> HttpResponse:
    rows = [
        {
            "held": answer.held,
            "who": who(answer.held),
            "record": answer.record,
            "address": address_of(answer.record),
            "refusal": refusal_words(answer.refusal) if answer.refusal else "",
            "word": str(answer.held.get_state_display()),
        }
        for answer in answers
    ]
    done = sum(1 for answer in answers if answer.refusal is None)
    left = HeldRow.objects.waiting().filter(code=code, object=object).count()
    context = {
        "rows": rows,
        "done": done,
        "kept": len(rows) - done,
        "discarded": request.POST.get("do") == "discard",
        "left": left,
        "again": f"{reverse('admin:imports_heldrow_mend')}?{urlencode({'code': code, 'object': object})}",
    }
    return _page(request, "admin/imports/mended.html", context)


@require_POST
def decide(request: HttpRequest, pk: int) -> HttpResponse:
    """Discard one row with a reason, or take that back."""
    if not may(user_of(request), "change", HeldRow):
        raise PermissionDenied
    actor, at = user_of(request), moment(request)
    back = HttpResponseRedirect(reverse("admin:imports_heldrow_change", args=[pk]))
    try:
        if request.POST.get("do") == "take_back":
            answers = take_back_discard([pk], actor=actor, at=at, via="admin")
        else:
            answers = discard_held_rows([pk], reason=request.POST.get("reason", ""), actor=actor, at=at, via="admin")
    except Refused as refused:
        messages.error(request, refusal_words(refused))
        return back
    if not answers:
        messages.error(request, "The row is no longer there.")
        return HttpResponseRedirect(_list())
    if refusal := answers[0].refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(
            request, "Discarded." if answers[0].held.state == HeldRow.State.DISCARDED else "It waits again."
        )
    return back


def _list() -> str:
    return f"{reverse('admin:imports_heldrow_changelist')}?state=held"


def _page(request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    shared = {
        **site.each_context(request),
        "title": "Mend held rows",
        "back": _list(),
        "opts": HeldRow._meta,
        "list_title": "Held rows",
    }
    return TemplateResponse(request, template, shared | context, status=status)
