"""The record's page as its layout has it: for the admin of each kind of record that has layouts.

    class AccountAdmin(PagesMixin, BulkMixin, RecordAdmin):

What a subclass may say (all optional):

    head_template, path_template    what its head shows beside the layout's facts, and how far the record has come
    work_template                   what stands in the main column above the sections
    notes_template                  what stands above the head
    panels_above                    panels without a layout that stand above the sections, not below
    needed                          what a new one is asked for first, beside what has to be given
    text_only                       columns that no form writes, since a move or a panel of its own does
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.db import models
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify
from unfold.widgets import UnfoldAdminTextInputWidget

from crm.core.asking import moment, user_of
from crm.core.flow import Stateful
from crm.core.labels import page_label
from crm.core.panels import always_of, panels_for
from crm.workspace.cells import Cell, Group, for_a_new_one, groups_of
from crm.workspace.fields import Field
from crm.workspace.layouts import Layout, layout_from, stored_layout
from crm.workspace.links import links_for
from crm.workspace.own import PageForm, input_for
from crm.workspace.showing import read_values, shown

if TYPE_CHECKING:
    from crm.core.admin import RecordAdmin as Base
else:
    Base = object


# Where the session keeps the layouts that somebody looks at before they store them, by kind of record.
PREVIEWS = "layout_previews"
PREVIEW = "preview"


@dataclass(frozen=True, slots=True)
class Fact:
    """One field as a page shows it: as text, or as inputs of the form."""

    name: str
    label: str
    text: str = ""
    state: str = ""
    inputs: Sequence[forms.BoundField] = ()
    composite: bool = False
    wide: bool = False
    link: SafeString | None = None
    help: str = ""
    # What everybody is shown, where that is not what is typed here.
    worked_out: SafeString | None = None

    @property
    def is_wrong(self) -> bool:
        """Whether something that was typed here cannot be stored."""
        return any(one.errors for one in self.inputs)


@dataclass(frozen=True, slots=True)
class Block:
    """A section of the page: its title, the mark by which it is known, and its facts."""

    title: str
    mark: str
    facts: Sequence[Fact]


@dataclass(frozen=True, slots=True)
class Rendered:
    """A panel that has something to show."""

    name: str
    html: SafeString


class PagesMixin(Base):
    """Builds the form of a page and everything around it from the layout in force."""

    form = PageForm
    change_form_template = "admin/plumb/record.html"
    head_template = ""
    path_template = ""
    work_template = ""
    notes_template = ""
    panels_above: ClassVar[tuple[str, ...]] = ()
    needed: ClassVar[tuple[str, ...]] = ()
    text_only: ClassVar[tuple[str, ...]] = ()

    # --- the form -----------------------------------------------------------------------------------------------------

    def layout(self, request: HttpRequest) -> Layout:
        """The layout in force, read once for each request."""
        known: dict[Any, Layout] = request.__dict__.setdefault("page_layouts", {})
        if self.model not in known:
            draft = previewed(request, str(self.opts.model_name))
            known[self.model] = stored_layout(self.model) if draft is None else layout_from(draft)
        return known[self.model]

    def groups(self, request: HttpRequest, obj: Any = None) -> list[Group]:
        """The sections of this request's page, with what this user may edit."""
        may_edit = self.has_add_permission(request) if obj is None else self.has_change_permission(request, obj)
        layout = self.layout(request)
        groups = groups_of(self.model, layout.sections, may_edit=may_edit, text_only=self.text_only)
        return for_a_new_one(self.model, groups, needed=self.needed) if obj is None else groups

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Every input of the page; where each stands is the template's."""
        return [
            (None, {"fields": [name for group in self.groups(request, obj) for c in group.cells for name in c.inputs]})
        ]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The form of the layout's fields, the company's own among them."""
        own = {
            cell.inputs[0]: cell.field
            for group in self.groups(request, obj)
            for cell in group.cells
            if cell.inputs and cell.field.kept_as
        }
        if own:
            asked = {name: input_for(field) for name, field in own.items()}
            kwargs.setdefault("form", type("PageForm", (self.form,), {**asked, "own": own}))
        return super().get_form(request, obj, change=change, **kwargs)

    def get_autocomplete_fields(self, request: HttpRequest) -> Any:
        """Every key to another record but a person: whatever a layout names is searched for, never listed whole."""
        keys = [one for one in self.opts.concrete_fields if isinstance(one, models.ForeignKey)]
        kinds = self.admin_site._registry
        found = [
            one.name for one in keys if one.related_model in kinds and one.related_model._meta.label != "people.User"
        ]
        return tuple(found)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """The form's field; one for an address without the theme's own link, which is not as safe as ours."""
        if isinstance(db_field, models.URLField):
            kwargs["widget"] = UnfoldAdminTextInputWidget(attrs={"type": "url"})
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        """The rows; on a record's page with the records that its layout names."""
        rows = super().get_queryset(request)
        match = request.resolver_match
        if match is None or "object_id" not in match.kwargs:
            return rows
        named = self.layout(request).known_fields(self.model).values()
        keys = [f.column for f in named if f.column and isinstance(self.opts.get_field(f.column), models.ForeignKey)]
        return rows.select_related(*keys) if keys else rows

    # --- the page -----------------------------------------------------------------------------------------------------

    def render_change_form(self, request: Any, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """The page with its head, sections and panels."""
        obj, form = kwargs.get("obj"), context["adminform"].form
        layout, groups = self.layout(request), self.groups(request, obj)
        met: set[str] = set()
        shown_fields = self._shown_fields(layout, groups) if obj is not None else []
        values = read_values([obj], shown_fields, moment(request)) if obj is not None else {}

        def text(field: Field) -> SafeString:
            return shown(obj, field, values[field.name].get(obj.pk)) if obj is not None else SafeString("")

        known = layout.known_fields(self.model)
        top = [known[name] for name in layout.top if name in known] if obj is not None else []
        context["page"] = {
            "named": bool(top) and top[0].name == "name",
            "top": [
                Fact(one.name, page_label(one.label, met), text(one), self._state_of(obj, one))
                for one in top
                if one is not top[0] or one.name != "name"
            ],
            "blocks": [self._block(group, form, text, met) for group in groups],
            "links": links_for(layout.links, obj) if obj is not None else [],
            **(self._told(request, layout) if user_of(request).rights == "administrator" else {}),
        }
        for name in ("head", "path", "work", "notes"):
            context[f"{name}_template"] = getattr(self, f"{name}_template") if obj is not None else ""
        return super().render_change_form(request, context, *args, **kwargs)

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """The panels of the page, each where it belongs."""
        layout, panels = self.layout(request), panels_for(self.model)

        def rendered(names: Sequence[str]) -> list[Rendered]:
            there = [panels[name] for name in names if name in panels]
            found = [Rendered(one.name, mark_safe(one.render(request, obj))) for one in there]  # noqa: S308 - a template's
            return [one for one in found if one.html.strip()]

        placed = (*layout.right, *layout.bottom)
        always = [one.name for one in always_of(self.model) if one.name not in placed]
        return {
            **super().page_context(request, obj),
            "panels_above": rendered([name for name in always if name in self.panels_above]),
            "panels_right": rendered(layout.right),
            "panels_bottom": rendered([*layout.bottom, *(name for name in always if name not in self.panels_above)]),
        }

    def _shown_fields(self, layout: Layout, groups: Sequence[Group]) -> list[Field]:
        known = layout.known_fields(self.model)
        cells = [cell for group in groups for cell in group.cells]
        texts = [
            c.field for c in cells if not c.inputs or c.field.kind == "link" or (c.field.values and c.field.column)
        ]
        found = {one.name: one for one in [*(known[name] for name in layout.top if name in known), *texts]}
        return list(found.values())

    def _state_of(self, obj: Any, field: Field) -> str:
        """The status's key, for its colour; empty for any other field."""
        is_state = isinstance(obj, Stateful) and field.name == obj.FLOW
        return obj.current_state if is_state else ""

    def _block(self, group: Group, form: Any, text: Any, met: set[str]) -> Block:
        title = page_label(group.title, met)
        return Block(title, slugify(group.title), [self._fact(cell, form, text, met) for cell in group.cells])

    def _fact(self, cell: Cell, form: Any, text: Any, met: set[str]) -> Fact:
        label = page_label(cell.field.label, met)
        if not cell.inputs:
            return Fact(cell.field.name, label, text(cell.field), help=cell.field.help)
        composite = len(cell.inputs) > 1
        inputs = [form[name] for name in cell.inputs]
        wide = composite or isinstance(inputs[0].field.widget, forms.Textarea)
        # What is stored leads where it says, beside the field that it is changed in.
        link = text(cell.field) if cell.field.kind == "link" else None
        # A field that is worked out and yet entered: what is entered holds only where nothing is worked out.
        worked_out = text(cell.field) if cell.field.values is not None and cell.field.column else None
        return Fact(
            cell.field.name,
            label,
            inputs=inputs,
            composite=composite,
            wide=wide,
            link=link,
            help=cell.field.help if not inputs[0].help_text else "",
            worked_out=worked_out,
        )

    def _told(self, request: HttpRequest, layout: Layout) -> dict[str, Any]:
        """What only administrators are told: names that nothing bears, and where the layout is changed."""
        return {
            "unknown": layout.unknown(self.model),
            "editor": reverse("admin:workspace_layout", args=[self.opts.model_name]),
            "preview": previewed(request, str(self.opts.model_name)) is not None,
        }


def previewed(request: HttpRequest, kind: str) -> Any:
    """The layout that an administrator asked to look at before it is stored; None for everybody else."""
    if PREVIEW not in request.GET or user_of(request).rights != "administrator":
        return None
    return request.session.get(PREVIEWS, {}).get(kind)
