"""Which view a list is shown by: the one in the address, else the one that the reader's tab opens on (C16)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Exists, OuterRef
from django.http import HttpRequest

from crm import handbook
from crm.core.asking import moment, user_of
from crm.core.errors import Refused
from crm.handbook.schema import RECORD_TABS
from crm.people.models import User
from crm.workspace.conditions import Condition, read_condition
from crm.workspace.fields import Field, find
from crm.workspace.models import ListView, Pin, RoleTabs
from crm.workspace.wanted import tabs as wanted_tabs
from crm.workspace.wanted import views as wanted_views

VIEW, WITHOUT = "view", "without"


@dataclass(frozen=True, slots=True)
class Asked:
    """One condition of a view as this reader meets it; `token` names it in an address that goes without it."""

    condition: Condition
    token: str
    stored: Mapping[str, Any]


@dataclass(slots=True)
class Read:
    """A view as it can be shown: its fields and conditions that there are, and a sentence for each that is gone."""

    view: ListView
    fields: list[Field] = field(default_factory=list)
    conditions: list[Asked] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Chosen(Read):
    """The view of one request, the others there are, and which conditions the address goes without."""

    views: list[ListView] = field(default_factory=list)
    without: frozenset[str] = frozenset()
    explicit: bool = False

    @property
    def in_force(self) -> list[Asked]:
        """The conditions that nobody cleared."""
        return [one for one in self.conditions if not self.without.intersection((one.token, one.condition.field))]


def handle(view: ListView) -> str:
    """How an address names a view: by the handbook's key, else by its number."""
    return view.key or str(view.pk or "")


def tabs_of(request: HttpRequest) -> list[dict[str, str]]:
    """The tabs of the reader's role, asked for once in a request; of a role that has none stored, the handbook's."""
    if not hasattr(request, "role_tabs"):
        role = getattr(request.user, "role", "")
        stored = RoleTabs.objects.filter(role=role).values_list("tabs", flat=True).first() if role else []
        if stored is None:
            stored = wanted_tabs(handbook.current()).get(role, [])
        request.role_tabs = [one for one in stored if isinstance(one, dict)] if isinstance(stored, list) else []  # type: ignore[attr-defined]
    found: list[dict[str, str]] = request.role_tabs  # type: ignore[attr-defined]
    return found


def opens_on(request: HttpRequest, kind: type[models.Model]) -> str:
    """The view that the reader's tab of this kind of record opens on; empty where it has none."""
    name = kind._meta.model_name
    return next(
        (str(one.get("view", "")) for one in tabs_of(request) if RECORD_TABS.get(str(one.get("tab"))) == name), ""
    )


def views_for(user: User, kind: type[models.Model]) -> list[ListView]:
    """Every view of a kind of record that this person may look at, each knowing whether they pinned it; one query."""
    pinned = Exists(Pin.objects.filter(user=user.pk, view=OuterRef("pk")))
    rows = ListView.objects.filter(object=kind._meta.model_name).seen_by(user.pk)
    return list(rows.annotate(pinned=pinned).select_related("user").order_by("pk"))


def choose(request: HttpRequest, kind: type[models.Model]) -> Chosen:
    """The view of this request; a view that is gone leaves a sentence, never an error."""
    user, at = user_of(request), moment(request)
    views = views_for(user, kind)
    asked = request.GET.get(VIEW, "")
    plural = str(kind._meta.verbose_name_plural)
    notes = []
    view = _named(views, asked) if asked else None
    if asked and view is None:
        notes.append(f"There is no view “{asked}” here any more, or it is not shared with you.")
    if view is None:
        first = opens_on(request, kind)
        view = _named(views, first)
        if view is None:
            view = _everything(views) or fallback(kind)
            if first:
                notes.append(f"The view “{first}”, which your tab opens on, is gone.")
        if notes:
            notes.append(f"This is “{view.title}”.")
    found = read_view(view, reader=user, at=at)
    without = frozenset(part for part in request.GET.get(WITHOUT, "").split(",") if part)
    left_out = [f"{note} The {plural} are shown without it." for note in found.notes]
    return Chosen(
        view, found.fields, found.conditions, notes + left_out, views=views, without=without, explicit=bool(asked)
    )


def read_view(view: ListView, *, reader: User, at: datetime) -> Read:
    """A view's columns and conditions as far as their fields are there."""
    kind = kind_named(view.object)
    found = Read(view)
    columns = view.columns if isinstance(view.columns, list) else []
    for name in columns:
        one = find(kind, str(name))
        if one is None:
            found.notes.append(f"The field “{name}” of the view “{view.title}” is gone.")
        elif one not in found.fields:
            found.fields.append(one)
    if not found.fields:
        found.fields = [one for name in fallback(kind).columns if (one := find(kind, name)) is not None]
    stored = [one for one in view.filters if isinstance(one, dict)] if isinstance(view.filters, list) else []
    names = [str(one.get("field", "")) for one in stored]
    for given in stored:
        try:
            condition = read_condition(kind, given, reader=reader, at=at)
        except Refused as refusal:
            found.notes.append(refusal.message)
            continue
        if condition.note:
            found.notes.append(condition.note)
        token = (
            condition.field
            if names.count(condition.field) == 1
            else f"{condition.field}.{given.get('operator') or 'is'}"
        )
        found.conditions.append(Asked(condition, token, given))
    return found


def fallback(kind: type[models.Model]) -> ListView:
    """Everything, with the columns of the handbook's first view that hides nothing; stored nowhere."""
    name = str(kind._meta.model_name)
    known = [one for (object_, _), one in wanted_views(handbook.current()).items() if object_ == name]
    columns = next((one["columns"] for one in known if not one["filters"]), ["name"])
    return ListView(object=name, title=f"All {kind._meta.verbose_name_plural}", columns=columns, filters=[], sort="")


def kind_named(name: str) -> type[models.Model]:
    """The kind of record that views name by this word.

    Raises:
        Refused: `unknown_object` for any other word.
    """
    from crm.site import site

    found = next((kind for kind in site._registry if kind._meta.model_name == name), None)
    if found is None or name not in RECORD_TABS.values():
        raise Refused("unknown_object", f"There are no list views of “{name}”.")
    return found


def _named(views: list[ListView], name: str) -> ListView | None:
    if not name:
        return None
    return next((view for view in views if view.key == name), None) or next(
        (view for view in views if str(view.pk) == name), None
    )


def _everything(views: list[ListView]) -> ListView | None:
    """The first view of everybody that hides nothing."""
    return next((view for view in views if view.user_id is None and not view.filters), None)
