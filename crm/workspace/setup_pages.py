"""The pages on which administrators change what everybody sees: tabs, layouts, and what departs from the handbook."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.text import capfirst
from django.views.decorators.http import require_http_methods

from crm import handbook
from crm.core.asking import moment, user_of
from crm.core.dialogs import url_of
from crm.core.errors import Missing, Refused, Stale
from crm.core.panels import panels_for
from crm.core.permissions import may
from crm.core.text import whole_number
from crm.handbook.schema import RECORD_TABS
from crm.site import site
from crm.workspace.drafts import Body, change, read_layout, read_tabs
from crm.workspace.drift import departures
from crm.workspace.editing import change_layout, change_tabs, restore
from crm.workspace.fields import fields_of
from crm.workspace.models import OBJECTS, ListView, PageLayout, RoleTabs
from crm.workspace.pages import PREVIEW, PREVIEWS
from crm.workspace.validity import model_of
from crm.workspace.wanted import layouts
from crm.workspace.wanted import tabs as wanted_tabs

VIA = "admin"
Show = Callable[..., HttpResponse]


def _only_administrators(request: HttpRequest) -> None:
    if not may(user_of(request), "change", PageLayout):
        raise PermissionDenied


def _page(request: HttpRequest, template: str, title: str, status: int = 200, **context: Any) -> HttpResponse:
    everything = {**site.each_context(request), "title": title, **context}
    return TemplateResponse(request, f"admin/workspace/{template}.html", everything, status=status)


@site.page("workspace/", "workspace")
@require_http_methods(["GET", "HEAD", "POST"])
def workspace(request: HttpRequest) -> HttpResponse:
    """What departs from the handbook, side by side; posted to: one item, or all of them, put back."""
    _only_administrators(request)
    if request.method == "POST":
        asked = request.POST.get("item", "")
        items = [one.item for one in departures()] if asked == "all" else [asked]
        return _put_back(request, items, reverse("admin:workspace"))
    book = handbook.current()
    roles = [(key, label) for key, label in book.choices("roles") if book.role(key).rights != "service"]
    return _page(
        request,
        "overview",
        "Workspace",
        departures=departures(),
        kinds=[(kind, str(model_of(kind)._meta.verbose_name_plural)) for kind, _ in OBJECTS],
        roles=roles,
        lists=[(_list_address(kind), str(model_of(kind)._meta.verbose_name_plural)) for kind, _ in OBJECTS],
    )


def _list_address(kind: str) -> str:
    return reverse(f"admin:{model_of(kind)._meta.app_label}_{kind}_changelist")


@site.page("workspace/layouts/<slug:kind>/", "workspace_layout")
@require_http_methods(["GET", "HEAD", "POST"])
def layout(request: HttpRequest, kind: str) -> HttpResponse:
    """The layout of one kind of record: shown, changed step by step, looked at, stored, or put back."""
    _only_administrators(request)
    if kind not in dict(OBJECTS):
        raise Http404
    row = PageLayout.objects.filter(object=kind).first()
    if request.method != "POST":
        body = row.body if row else layouts(handbook.current()).get(kind, {})
        return _layout_page(request, kind, body, row.version if row else None)
    body = read_layout(request.POST)
    if request.POST.get("op", "") == PREVIEW:
        return _preview(request, kind, body)
    show, store = partial(_layout_page, request, kind), partial(change_layout, kind, body)
    return _answer(request, f"layout.{kind}", row, body, show, store, "Stored: everybody sees it from now on.")


def _answer(
    request: HttpRequest, item: str, row: PageLayout | RoleTabs | None, body: Body, show: Show, store: Any, said: str
) -> HttpResponse:
    """One step of an editor: what it holds is put back, changed and shown again, or stored."""
    opened, op = whole_number(request.POST.get("version", "")), request.POST.get("op", "")
    what, _, name = item.partition(".")
    back = reverse(f"admin:workspace_{what}", args=[name])
    if op == "reset":
        return _put_back(request, [item], back)
    if op != "save":
        change(body, op, request.POST)
        return show(body, opened)
    try:
        store(actor=user_of(request), at=moment(request), via=VIA, version=opened)
    except Stale as stale:
        return show(body, row.version if row else None, stale=stale.message, status=409)
    except Refused as refused:
        return show(body, opened, problems=refused.missing, status=400)
    messages.success(request, said)
    return HttpResponseRedirect(back)


def _layout_page(
    request: HttpRequest,
    kind: str,
    body: Any,
    version: int | None,
    *,
    problems: Sequence[Missing] = (),
    stale: str = "",
    status: int = 200,
) -> HttpResponse:
    model = model_of(kind)
    labels = {one.name: str(capfirst(one.label)) for one in fields_of(model)}
    panels = {one.name: one.title for one in panels_for(model).values()}
    body = body if isinstance(body, dict) else {}
    placed = [*body.get("right", []), *body.get("bottom", [])]

    def part(
        place: str, title: str, names: Sequence[str], known: dict[str, str], taken: Sequence[str]
    ) -> dict[str, Any]:
        return {
            "place": place,
            "title": title,
            "problems": [one.message for one in problems if one.field == place],
            "items": [{"name": name, "label": known.get(name), "id": f"{place}-{name}"} for name in names],
            "choices": sorted(((n, lab) for n, lab in known.items() if n not in taken), key=lambda c: c[1].lower()),
        }

    top = body.get("top", [])
    sections = [
        part(f"sections.{n}.fields", one.get("title", ""), one.get("fields", []), labels, one.get("fields", []))
        | {"problems": [problem.message for problem in problems if problem.field == f"sections.{n}"]}
        for n, one in enumerate(body.get("sections", []))
    ]
    links = [
        {**one, "problems": [problem.message for problem in problems if problem.field == f"links.{n}"]}
        for n, one in enumerate(body.get("links", []))
    ]
    return _page(
        request,
        "layout",
        f"Page of {model._meta.verbose_name_plural}",
        status=status,
        kind=kind,
        version=version,
        stale=stale,
        problems=problems,
        top=part("top", "At the top", top, labels, top),
        sections=sections,
        right=part("right", "On the right", body.get("right", []), panels, placed),
        bottom=part("bottom", "At the bottom", body.get("bottom", []), panels, placed),
        links=links,
    )


def _preview(request: HttpRequest, kind: str, body: Any) -> HttpResponse:
    """Show the newest record of the kind by this layout, to nobody else."""
    record = model_of(kind)._default_manager.order_by("-pk").first()
    if record is None:
        messages.error(request, "There is no record yet to look at it with.")
        return HttpResponseRedirect(reverse("admin:workspace_layout", args=[kind]))
    request.session[PREVIEWS] = {**request.session.get(PREVIEWS, {}), kind: body}
    return HttpResponseRedirect(f"{url_of(record, 'change')}?{PREVIEW}=1")


def _put_back(request: HttpRequest, items: Sequence[str], back: str) -> HttpResponse:
    try:
        for item in items:
            restore(item, actor=user_of(request), at=moment(request), via=VIA)
    except Refused as refused:
        messages.error(request, refused.message)
        back = reverse("admin:workspace")
    else:
        messages.success(request, "Put back to what the handbook says.")
    return HttpResponseRedirect(back)


@site.page("workspace/tabs/<slug:role>/", "workspace_tabs")
@require_http_methods(["GET", "HEAD", "POST"])
def tabs(request: HttpRequest, role: str) -> HttpResponse:
    """The tabs of one role: shown, changed step by step, stored, or put back."""
    _only_administrators(request)
    book = handbook.current()
    row = RoleTabs.objects.filter(role=role).first()
    if row is None and role not in dict(book.choices("roles")):
        raise Http404
    if request.method != "POST":
        stored = row.tabs if row else wanted_tabs(book).get(role, [])
        return _tabs_page(request, role, {"tabs": stored}, row.version if row else None)
    draft = read_tabs(request.POST)
    show, store = partial(_tabs_page, request, role), partial(change_tabs, role, draft)
    said = "Stored: everybody of this role sees it from now on."
    return _answer(request, f"tabs.{role}", row, {"tabs": draft}, show, store, said)


def _tabs_page(
    request: HttpRequest,
    role: str,
    body: Body,
    version: int | None,
    *,
    problems: Sequence[Missing] = (),
    stale: str = "",
    status: int = 200,
) -> HttpResponse:
    book = handbook.current()
    labels = dict(book.choices("tabs"))
    views: dict[str, list[tuple[str, str]]] = {}
    for of, key, title in ListView.objects.exclude(key="").values_list("object", "key", "title"):
        views.setdefault(of, []).append((key, title))
    draft = body["tabs"]
    rows = [one for one in draft if isinstance(one, dict)] if isinstance(draft, list) else []
    items = [
        {
            "name": one.get("tab", ""),
            "label": labels.get(one.get("tab", "")),
            "view": one.get("view", ""),
            "views": views.get(RECORD_TABS.get(one.get("tab", ""), ""), []),
        }
        for one in rows
    ]
    there = {one["name"] for one in items}
    return _page(
        request,
        "tabs",
        f"Tabs of {book.label('roles', role)}",
        status=status,
        version=version,
        stale=stale,
        problems=problems,
        items=items,
        choices=[(key, label) for key, label in labels.items() if key not in there],
    )
