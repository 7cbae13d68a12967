"""The pages of list views: making and changing one, sharing, pinning and deleting it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST

from crm.core.asking import moment, user_of
from crm.core.errors import Refused, Stale
from crm.core.permissions import may
from crm.core.text import whole_number
from crm.site import site
from crm.workspace.lists_chosen import handle, kind_named
from crm.workspace.lists_form import EVERYBODY, ME, SHARED, Editor, read_form
from crm.workspace.lists_services import delete_view, opened_by, pin_view, save_view, share_view
from crm.workspace.models import ListView

EDITED = {"title": "name", "columns": "columns", "filters": "conditions", "sort": "order", "shared": "sharing"}


def address_of(view: ListView) -> str:
    """The list that a view shows."""
    return f"{list_of(view.object)}?{urlencode({'view': handle(view)})}"


def list_of(name: str) -> str:
    """The list of a kind of record."""
    meta = kind_named(name)._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")


@site.page("views/add/", "view_add")
@require_http_methods(["GET", "HEAD", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    """Save what a list shows now as a view: its columns, its filters and its order are filled in."""
    user, name = user_of(request), request.GET.get("object", "lead")
    try:
        kind = kind_named(name)
    except Refused as refusal:
        raise Http404(refusal.message) from None
    if not may(user, "view", kind) or not may(user, "add", ListView):
        raise PermissionDenied
    if request.method == "POST":
        return edit(request, ListView(object=name, user=user))
    view = from_list(request, name)
    return page(request, Editor(view, user, ME))


@site.page("views/<int:pk>/change/", "view_change")
@require_http_methods(["GET", "HEAD", "POST"])
def change(request: HttpRequest, pk: int) -> HttpResponse:
    """Rename a view, and change its columns, conditions, order, and who sees it."""
    view = view_or_404(request, pk)
    if not may(user_of(request), "change", view):
        raise PermissionDenied
    if request.method == "POST":
        return edit(request, view)
    audience = EVERYBODY if view.user_id is None else SHARED if view.shared else ME
    return page(request, Editor(view, user_of(request), audience))


def edit(request: HttpRequest, view: ListView) -> HttpResponse:
    """Do what a button of the form asks for; save, where it is the last one."""
    user = user_of(request)
    if view.pk and (version := whole_number(request.POST.get("version", ""))) is not None:
        view.version = version
    editor = read_form(view, request.POST, reader=user)
    if request.POST.get("do") != "save":
        return page(request, editor)
    try:
        save_view(view, actor=user, at=moment(request), via="admin")
    except Stale as stale:
        named = [EDITED[name] for name in EDITED if name in stale.changes]
        changed = f"Somebody else changed the {', '.join(named)}" if named else "Somebody else changed this view"
        return page(
            request, editor, stale=f"{changed} since you opened it. Open it anew, or save it as your own.", status=409
        )
    except Refused as refusal:
        if not refusal.missing:
            raise PermissionDenied(refusal.message) from None
        editor.problems = list(refusal.missing)
        return page(request, editor, status=400)
    messages.success(request, f"The view “{view.title}” is saved.")
    if in_part(request):
        return HttpResponse(headers={"HX-Redirect": address_of(view)})
    return HttpResponseRedirect(address_of(view))


def in_part(request: HttpRequest) -> bool:
    """Whether only the form is drawn anew; its script takes any answer but a success for a failure."""
    return request.headers.get("HX-Request") == "true"


def from_list(request: HttpRequest, name: str) -> ListView:
    """An unsaved view of what the list at the address in `list` shows."""
    admin: Any = site._registry[kind_named(name)]
    before, request.GET = request.GET, QueryDict(request.GET.get("list", "")[:4000])  # type: ignore[assignment]
    try:
        found = admin.get_changelist_instance(request)
        shown = found.view.view
        by, down = found.sorted_by
        sort = f"{'-' if down else ''}{by}" if by else shown.sort
        filters = admin.view_conditions(request, found)
        columns = [one.name for one in found.view.fields]
    except (DisallowedModelAdminLookup, IncorrectLookupParameters):
        request.GET = before
        shown = admin.chosen(request).view
        columns, filters, sort = list(shown.columns), list(shown.filters), shown.sort
    finally:
        request.GET = before
    return ListView(object=name, columns=columns, filters=filters, sort=sort, user=user_of(request))


@site.page("views/<int:pk>/delete/", "view_delete")
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask once more, and delete."""
    view = view_or_404(request, pk)
    if not may(user_of(request), "delete", view):
        raise PermissionDenied
    if request.method == "POST":
        delete_view(view, actor=user_of(request), at=moment(request), via="admin")
        messages.success(request, f"The view “{view.title}” is deleted.")
        return HttpResponseRedirect(list_of(view.object))
    context = {
        **frame(request, f"Delete the view “{view.title}”"),
        "view": view,
        "back": address_of(view),
        "pins": view.pins.exclude(user=user_of(request)).count(),
        "roles": opened_by(view),
    }
    return TemplateResponse(request, "workspace/view_delete.html", context)


@site.page("views/<int:pk>/share/", "view_share")
@require_POST
def share(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a view of one's own to everybody, or no longer."""
    view = view_or_404(request, pk)
    shared = request.POST.get("shared") == "yes"
    version = whole_number(request.POST.get("version", ""))
    try:
        share_view(view, shared=shared, version=version, actor=user_of(request), at=moment(request), via="admin")
    except Stale:
        messages.warning(request, f"The view “{view.title}” was changed by somebody else meanwhile: look at it again.")
    except Refused as refusal:
        raise PermissionDenied(refusal.message) from None
    else:
        words = "is shared with everybody" if shared else "is yours alone again"
        messages.success(request, f"The view “{view.title}” {words}.")
    return HttpResponseRedirect(address_of(view))


@site.page("views/<int:pk>/pin/", "view_pin")
@require_POST
def pin(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep a view at the top of one's own menu, or no longer."""
    view = view_or_404(request, pk)
    pinned = request.POST.get("pinned") != "no"
    pin_view(view, pinned=pinned, actor=user_of(request), at=moment(request), via="admin")
    here = request.POST.get("next", "")
    # Only back to the list: an address from elsewhere leads nowhere else.
    safe = here.partition("?")[0] == list_of(view.object)
    return HttpResponseRedirect(here if safe else address_of(view))


def view_or_404(request: HttpRequest, pk: int) -> ListView:
    """A view that this person may look at; any other is not there."""
    view = get_object_or_404(ListView.objects.select_related("user"), pk=pk)
    if not may(user_of(request), "view", view) or not may(user_of(request), "view", kind_named(view.object)):
        raise Http404("There is no such view.")
    return view


def page(request: HttpRequest, editor: Editor, *, stale: str = "", status: int = 200) -> HttpResponse:
    """The editor: its form alone for a button of its own, the whole page otherwise."""
    view = editor.view
    meta = kind_named(view.object)._meta
    context = {
        **frame(request, "Edit view" if view.pk else f"New view of {meta.verbose_name_plural}"),
        "editor": editor,
        "view": view,
        "plural": meta.verbose_name_plural,
        "action": request.get_full_path(),
        "back": address_of(view) if view.pk else list_of(view.object),
        "may_everybody": user_of(request).rights == "administrator",
        "may_own": view.user_id is not None or view.pk is None or user_of(request).rights == "administrator",
        "stale": stale,
    }
    if in_part(request):
        return TemplateResponse(request, "workspace/view_form.html", context)
    return TemplateResponse(request, "workspace/view.html", context, status=status)


def frame(request: HttpRequest, title: str) -> dict[str, Any]:
    """What every page of the site has."""
    return {**site.each_context(request), "title": title}
