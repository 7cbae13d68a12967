"""The base of every admin page about records: rights from `may`, writes through `acting`, lists that stay quick.

An app's admin registers on our own site: `@admin.register(Lead, site=site)` with `class LeadAdmin(RecordAdmin)`.
What a subclass may say (all optional):

    sortable = {"created": ("-id",)}   columns to sort by, each with the columns of the index that serves it
    filters = (OwnerFilter, pick("rating", "rating", rating_choices))     crm.core.admin_list
    list_select_related, page_related  what a list and a page read along with their rows
    search(queryset, term)             the rows a search finds, by an index; raise `TooShort("Type three letters")`
    prepare_rows(request, rows)        fetch once what columns show beside the rows of this page
    autocomplete_fields                every foreign key but those to people, which are selects of who is active
    create_record(request, obj)        how a new record is stored (with a flow: by `crm.core.door.create`)
    page_context(request, obj)         what the record's page shows beside the form
    list_title                         what the list is called, if not by the plural of the model
    empty_title, empty_hint            what an empty list says to do next

For views and dialogs of one's own: `moment(request)` is the request's one "now", `writing(request)` the frame of its
one domain call, `refusal_words(error)` its refusal in one sentence. A page that has its own template keeps
`{{ block.super }}` in the block `form_top`: it carries the version and what others changed meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import models
from django.forms import Textarea
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.text import capfirst

from crm.core.admin_edit import RecordForm
from crm.core.admin_fields import PersonChoice, RecordSelect, possible_values
from crm.core.admin_list import PickFilter, RecordChangeList, TooShort
from crm.core.admin_write import WritingAdmin
from crm.core.asking import moment, refusal_words, user_of, writing
from crm.core.edit import edit_of
from crm.core.forwarding import where_went
from crm.core.labels import page_label
from crm.core.paging import CappedPaginator
from crm.core.text import tidy, whole_number

__all__ = ["RecordAdmin", "moment", "refusal_words", "user_of", "writing"]


class RecordAdmin(WritingAdmin):
    """A page and a list for one kind of record."""

    form = RecordForm
    paginator = CappedPaginator
    list_per_page = 50
    list_max_show_all = 0
    show_full_result_count = False
    list_filter_submit = True
    list_fullwidth = True
    show_facets = ShowFacets.NEVER
    list_title = ""
    ordering: ClassVar[Any] = ("-id",)
    actions: Any = ()
    compressed_fields = True
    warn_unsaved_form = True
    sortable: ClassVar[Mapping[str, Sequence[str]]] = {"created_at": ("id",)}
    filters: ClassVar[Sequence[type[PickFilter]]] = ()
    page_related: ClassVar[tuple[str, ...]] = ()
    search_help_text: ClassVar[Any] = None
    empty_title = ""
    empty_hint = ""
    history_template = "admin/plumb/history.html"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Give a list whose admin can search its search box; Django asks for fields, we for a method."""
        super().__init_subclass__(**kwargs)
        if cls.search is not RecordAdmin.search:
            cls.search_fields = ("search",)

    # --- lists --------------------------------------------------------------------------------------------------------

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[Any]:
        return RecordChangeList

    def get_list_filter(self, request: HttpRequest) -> Any:
        return self.filters

    def get_sortable_by(self, request: HttpRequest) -> Any:
        return tuple(self.sortable)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Only declared filters: any other column would be a scan, and an unknown one must not mean "everything"."""
        known = lookup in {one.parameter_name for one in self.filters}
        if not known and request is not None:
            request.unknown_filter = lookup  # type: ignore[attr-defined]
        return known

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The list; of a filter it does not have, the name."""
        try:
            return super().changelist_view(request, extra_context)
        except DisallowedModelAdminLookup:
            context = {
                **self.admin_site.each_context(request),
                "title": self.list_title or str(capfirst(self.opts.verbose_name_plural)),
                "unknown": getattr(request, "unknown_filter", ""),
                "list_url": request.path,
            }
            return TemplateResponse(request, "admin/plumb/unknown_filter.html", context, status=400)

    def search(self, queryset: models.QuerySet[Any], term: str) -> models.QuerySet[Any]:
        """The rows this term (lower case, trimmed) finds, by an index; overriding it gives the list a search box.

        Raises:
            TooShort: when no index serves the term; the list then says what to type.
        """
        return queryset

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        term = tidy(search_term).lower()
        try:
            return (self.search(queryset, term) if term else queryset), False
        except TooShort as short:
            request.search_note = str(short)  # type: ignore[attr-defined]
            return queryset.none(), False

    def prepare_rows(self, request: HttpRequest, rows: list[Any]) -> None:
        """Fetch once, for the rows of one page, what its columns show beside them."""

    def get_actions(self, request: HttpRequest) -> Any:
        """Only actions of our own: Django's bulk deletion knows neither holds nor reasons."""
        return {name: one for name, one in super().get_actions(request).items() if name != "delete_selected"}

    # --- the record's page --------------------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        """The rows; those of one record's page with what it reads along."""
        rows = super().get_queryset(request)
        match = request.resolver_match
        on_a_page = match is not None and "object_id" in match.kwargs
        return rows.select_related(*self.page_related) if on_a_page and self.page_related else rows

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The form class of this request, with its edit and its labels."""
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.edit = edit_of(request)
        met: set[str] = set()
        for field in form.base_fields.values():
            field.label = page_label(str(field.label or ""), met)
        return form

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.remote_field.model._meta.label == "people.User" and "queryset" not in kwargs:
            people: Any = db_field.remote_field.model._default_manager
            kwargs["queryset"] = people.to_choose(at=moment(request))
            kwargs.setdefault("form_class", PersonChoice)
        if "widget" not in kwargs and db_field.name in self.get_autocomplete_fields(request):
            kwargs["widget"] = RecordSelect(db_field, self.admin_site, using=kwargs.get("using"))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """What a link fills in; a value that its field could not hold is let be."""
        return possible_values(self.model, super().get_changeform_initial_data(request))

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        # A calm form: a related record is made and changed on its own page.
        for offer in ("can_add_related", "can_change_related", "can_delete_related", "can_view_related"):
            if field is not None and hasattr(field.widget, offer):
                setattr(field.widget, offer, False)
        if field is not None and isinstance(field.widget, Textarea):
            # An address has few lines, a description many; Django gives both ten.
            field.widget.attrs["rows"] = 2 if db_field.max_length else 5
        return field

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """What the record's page shows beside the form."""
        return {}

    def render_change_form(self, request: Any, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        obj = kwargs.get("obj")
        context["edit"] = edit_of(request)
        context["list_title"] = self.list_title
        if obj is not None:
            context["title"], context["subtitle"] = str(obj), None
            context["opened_version"] = getattr(obj, "version", None)
            context.update(self.page_context(request, obj))
        return super().render_change_form(request, context, *args, **kwargs)

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> Any:
        """Of a merged record, the page of the one that it is now, with a sentence; else as Django does."""
        number = whole_number(str(object_id))
        went = where_went(self.model, number) if number is not None else None
        if went is None:
            return super()._get_obj_does_not_exist_redirect(request, opts, object_id)  # type: ignore[misc]
        messages.info(request, went.sentence)
        meta = went.kind._meta
        address = f"{self.admin_site.name}:{meta.app_label}_{meta.model_name}_change"
        return HttpResponseRedirect(reverse(address, args=[went.pk]))

    # --- history: there is one, our own -------------------------------------------------------------------------------

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The record's own change log: who, what from and to, when, how, why."""
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            return self._get_obj_does_not_exist_redirect(  # type: ignore[attr-defined,no-any-return]
                request, self.opts, object_id
            )
        if not self.has_view_permission(request, obj):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": f"History of {obj}",
            "object": obj,
            "opts": self.opts,
            "list_title": self.list_title,
            "original": obj,
            "at": moment(request),
            "back": self.page_address(object_id),
            **(extra_context or {}),
        }
        return TemplateResponse(request, self.history_template, context)
