"""Two to five records side by side: what differs, which one stays, which value each field takes; then merge them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from crm.core.asking import moment, refusal_words, user_of
from crm.core.errors import Refused, Stale
from crm.core.forwarding import where_went
from crm.core.permissions import may
from crm.core.text import tidy, whole_number
from crm.duplicates.answering import dismiss, dismiss_all
from crm.duplicates.finding import likely_entered
from crm.duplicates.kinds import kind_of, kinds
from crm.duplicates.merging import MOST, Merged, merge_records, preview_merge
from crm.duplicates.models import Pair
from crm.duplicates.values import DIFFER, ONE, SAME, Option, Row, ref
from crm.history.words import address_of
from crm.site import site

CHOICE = "choice_"
VERSION = "version_"
NOTED = "Noted: they are not the same. They are shown again when something else speaks for it."
STATES = ((DIFFER, "They differ"), (ONE, "Only some have it"), (SAME, "The same in all"))


@dataclass(frozen=True, slots=True)
class Column:
    """One record as the page shows it."""

    ref: str
    record: Any
    kind: str
    address: str
    owner: str
    stays: bool
    may_stay: bool


@dataclass(frozen=True, slots=True)
class Cell:
    """What one record offers for a field; more than one value where another's address could be kept beside its own."""

    record: str
    options: tuple[tuple[Option, bool], ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table."""

    row: Row
    cells: tuple[Cell, ...]


@site.page("duplicates/compare/", "duplicates_compare")
@require_http_methods(["GET", "HEAD", "POST"])
def compare(request: HttpRequest) -> HttpResponse:
    """Show them; posted to with `merge`, merge them and go to the one that stayed."""
    given = request.POST if request.method == "POST" else request.GET
    refs = list(dict.fromkeys(given.getlist("record")))
    if not refs:
        return HttpResponseRedirect(reverse("admin:duplicates_pair_changelist"))
    return compare_these(request, refs, given.get("survivor", ""))


def compare_these(request: HttpRequest, refs: Sequence[str], asked: str = "") -> HttpResponse:
    """The page of these records, the one that is asked for as the one that stays; or what its form asks."""
    records = {one: found for one in refs[:MOST] if (found := find(one)) is not None}
    if len(records) < 2 or len(refs) > MOST:
        return _nothing_to_compare(request, refs)
    if not all(may(user_of(request), "view", record) for record in records.values()):
        raise PermissionDenied
    survivor = records[asked] if asked in records else next(iter(records.values()))
    others = [record for record in records.values() if record is not survivor]
    crossed = {type(record) for record in records.values()}
    if len(crossed) > 1:
        # A lead becomes a contact, never the other way round.
        stays = [record for record in records.values() if record._meta.model_name == "contact"]
        if type(survivor)._meta.model_name != "contact" and stays:
            survivor = stays[0]
            others = [record for record in records.values() if record is not survivor]
    problem, status = "", 200
    if "merge" in request.POST:
        try:
            done = _merge(request, survivor, others)
        except Refused as refused:
            if any(find(one) is None for one in records):
                return _nothing_to_compare(request, refs)
            problem, status = refusal_words(refused), 403 if refused.code == "forbidden" else 409
        else:
            _tell(request, done)
            return HttpResponseRedirect(address_of(done.survivor))
    return _page(request, list(records.values()), survivor, others, problem, status)


def find(text: str) -> Any:
    """The record of an address like `lead:7`; None for anything else, and for what is gone."""
    name, _, number = text.partition(":")
    pk = whole_number(number)
    if name not in kinds() or pk is None:
        return None
    return kind_of(name).model._base_manager.filter(pk=pk).first()


def _merge(request: HttpRequest, survivor: Any, others: list[Any]) -> Merged:
    """The page's one domain call, with the versions that it showed."""
    posted = request.POST
    for record in (survivor, *others):
        version = whole_number(posted.get(f"{VERSION}{ref(record)}", ""))
        if version is None:
            raise Refused("invalid_version", "This page was incomplete when it was sent: reload it and try again.")
        record.version = version
    try:
        return merge_records(
            survivor,
            others,
            choices=_choices(posted),
            actor=user_of(request),
            at=moment(request),
            via="admin",
            reason=posted.get("reason", ""),
        )
    except Stale as stale:
        for record in (survivor, *others):
            # One that was merged meanwhile is gone; the page says where it went.
            with suppress(record.DoesNotExist):
                record.refresh_from_db()
        raise Refused("stale", f"{stale.message} See below what it is now, then merge again.") from stale


def _choices(posted: Mapping[str, Any]) -> dict[str, str]:
    return {name.removeprefix(CHOICE): str(posted[name]) for name in posted if name.startswith(CHOICE)}


def _tell(request: HttpRequest, done: Merged) -> None:
    undo = reverse("admin:duplicates_undo", args=[done.transaction_id])
    notes = " ".join(done.notes)
    messages.success(
        request,
        format_html(
            'Merged into {}. {} <a class="plumb-link" href="{}">Undo</a> within 30 days.', done.survivor, notes, undo
        ),
    )


def _page(
    request: HttpRequest, records: list[Any], survivor: Any, others: list[Any], problem: str, status: int
) -> HttpResponse:
    try:
        preview = preview_merge(survivor, others, actor=user_of(request))
    except Refused as refused:
        return _nothing_to_compare(request, [ref(record) for record in records], refused.message)
    chosen = _choices(request.POST) if "merge" in request.POST else {}
    one_kind = len({type(record) for record in records}) == 1
    columns = [
        Column(
            ref(record),
            record,
            str(record._meta.verbose_name),
            address_of(record),
            str(getattr(record, "owner", None) or "Nobody"),
            record is survivor,
            one_kind or type(record) is type(survivor),
        )
        for record in [survivor, *others]
    ]
    lines = [_line(row, columns, chosen) for row in preview.rows]
    pair = _pair(records)
    context = {
        **site.each_context(request),
        "title": "Compare and merge",
        "columns": columns,
        "survivor": survivor,
        "many": len(others),
        "groups": [
            (state, label, [line for line in lines if line.row.state == state])
            for state, label in STATES
            if any(line.row.state == state for line in lines)
        ],
        "moved": preview.moved,
        "refusal": preview.refusal.message if preview.refusal else "",
        "problem": problem,
        "reason": tidy(request.POST.get("reason", "")),
        "dismissed": pair is not None and pair.state == Pair.State.DISMISSED,
        "back": reverse("admin:duplicates_pair_changelist"),
    }
    return TemplateResponse(request, "duplicates/compare.html", context, status=status)


def _line(row: Row, columns: Sequence[Column], chosen: Mapping[str, str]) -> Line:
    picked = chosen.get(row.name, row.default)
    picked = picked if row.option(picked) else row.default
    cells = [
        Cell(column.ref, tuple((one, one.key == picked) for one in row.options if one.record == column.ref))
        for column in columns
    ]
    return Line(row, tuple(cells))


def _pair(records: Sequence[Any]) -> Pair | None:
    refs = {ref(record) for record in records}
    one = records[0]
    found = Pair.objects.of(str(one._meta.model_name), [one.pk]) if len(records) == 2 else Pair.objects.none()
    return next((pair for pair in found if set(pair.refs) == refs), None)


def _nothing_to_compare(request: HttpRequest, refs: Sequence[str], said: str = "") -> HttpResponse:
    """Why these cannot be compared: gone, merged, too few or too many."""
    sentences = [said] if said else []
    if len(refs) > MOST:
        sentences.append(f"{MOST} records at most are compared at once: {len(refs)} were chosen.")
    for one in refs[:MOST]:
        name, _, number = one.partition(":")
        pk = whole_number(number)
        if name in kinds() and pk is not None and find(one) is None:
            went = where_went(kind_of(name).model, pk)
            sentences.append(went.sentence if went else f"There is no {name} {pk} any more.")
    context = {
        **site.each_context(request),
        "title": "Compare and merge",
        "sentences": sentences or ["Choose two records or more to compare."],
        "back": reverse("admin:duplicates_pair_changelist"),
    }
    return TemplateResponse(request, "duplicates/nothing.html", context, status=404 if not said else 409)


@site.page("duplicates/dismiss/", "duplicates_dismiss")
@require_POST
def dismiss_these(request: HttpRequest) -> HttpResponse:
    """The records of a comparison are not the same."""
    refs = list(dict.fromkeys(request.POST.getlist("record")))
    records = [found for one in refs[:MOST] if (found := find(one)) is not None]
    if len(records) < 2:
        raise Http404("Nothing to dismiss.")
    if not may(user_of(request), "dismiss", Pair):
        raise PermissionDenied
    try:
        dismiss_all(records, actor=user_of(request), at=moment(request), via="admin")
        messages.success(
            request, "Noted: they are not the same. They are shown again when something else speaks for it."
        )
    except Refused as refused:
        messages.error(request, refusal_words(refused))
    return HttpResponseRedirect(reverse("admin:duplicates_pair_changelist"))


@require_POST
def dismiss_pair(request: HttpRequest, pk: int) -> HttpResponse:
    """A pair of the list is not the same."""
    pair = get_object_or_404(Pair, pk=pk)
    try:
        dismiss(pair, actor=user_of(request), at=moment(request), via="admin")
        messages.success(
            request, "Noted: they are not the same. They are shown again when something else speaks for it."
        )
    except Refused as refused:
        if refused.code == "forbidden":
            raise PermissionDenied(refused.message) from refused
        messages.error(request, refusal_words(refused))
    return HttpResponseRedirect(reverse("admin:duplicates_pair_changelist"))


@site.page("duplicates/check/", "duplicates_check")
@require_GET
def check(request: HttpRequest) -> HttpResponse:
    """Who may be the same as what is being entered: a part of a page, empty when there is nobody."""
    name = request.GET.get("kind", "")
    if name not in kinds():
        return HttpResponse("")
    if not may(user_of(request), "view", kind_of(name).model):
        raise PermissionDenied
    found = likely_entered(name, {key: str(value) for key, value in request.GET.items() if key != "kind"})
    return TemplateResponse(request, "duplicates/likely.html", {"likely": found, "entering": True})
