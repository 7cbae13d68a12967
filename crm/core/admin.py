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
    empty_title, empty_hint            what an empty list says to do next

For views and dialogs of one's own: `moment(request)` is the request's one "now", `writing(request)` the frame of its
one domain call, `refusal_words(error)` its refusal in one sentence. A page that has its own template keeps
`{{ block.super }}` in the block `form_top`: it carries the version and what others changed meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, cast

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, models
from django.db.models import ProtectedError, RestrictedError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from crm.core.acting import Acting, acting, retry_deadlocks
from crm.core.admin_edit import Edit, RecordForm, constraint_field, edit_of
from crm.core.admin_list import PickFilter, RecordChangeList, TooShort
from crm.core.door import create
from crm.core.errors import Refused, Stale
from crm.core.flow import Stateful
from crm.core.holding import held_by
from crm.core.labels import page_label
from crm.core.paging import CappedPaginator
from crm.core.permissions import may

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    from crm.people.models import User

    Base = ModelAdmin[Any]
else:
    from unfold.admin import ModelAdmin as Base


def user_of(request: HttpRequest) -> User:
    """Who asks; the admin lets nobody in who is not one of ours."""
    return cast("User", request.user)


def moment(request: HttpRequest) -> datetime:
    """The request's one "now": views read the clock, once."""
    if not hasattr(request, "moment"):
        request.moment = timezone.now()  # type: ignore[attr-defined]
    found: datetime = request.moment  # type: ignore[attr-defined]
    return found


def writing(request: HttpRequest, *, reason: str = "") -> AbstractContextManager[Acting]:
    """The frame of the request's one domain call."""
    return acting(actor=user_of(request), via="admin", at=moment(request), reason=reason)


def refusal_words(error: Refused) -> str:
    """A refusal in one text: every missing fact, or the refusal's own sentence."""
    return " ".join(item.message for item in error.missing) or error.message


class RecordAdmin(Base):
    """A page and a list for one kind of record."""

    form = RecordForm
    paginator = CappedPaginator
    list_per_page = 50
    list_max_show_all = 0
    show_full_result_count = False
    list_filter_submit = True
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

    # --- rights: one function answers ---------------------------------------------------------------------------------

    def _may(self, request: HttpRequest, verb: str, obj: Any = None) -> bool:
        # Unfold's actions pass the id of the page's record instead of the record.
        if isinstance(obj, str | int):
            obj = self.get_object(request, str(obj))
            if obj is None:
                return False
        return may(user_of(request), verb, obj if obj is not None else self.model)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, "view", obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._may(request, "add")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, "change", obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, "delete", obj)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._may(request, "view")

    # --- lists --------------------------------------------------------------------------------------------------------

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[Any]:
        return RecordChangeList

    def get_list_filter(self, request: HttpRequest) -> Any:
        return self.filters

    def get_sortable_by(self, request: HttpRequest) -> Any:
        return tuple(self.sortable)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Only declared filters: any other column would be a scan, and an unknown one must not mean "everything"."""
        return lookup in {one.parameter_name for one in self.filters}

    def search(self, queryset: models.QuerySet[Any], term: str) -> models.QuerySet[Any]:
        """The rows this term (lower case, trimmed) finds, by an index; overriding it gives the list a search box.

        Raises:
            TooShort: when no index serves the term; the list then says what to type.
        """
        return queryset

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        term = search_term.strip().lower()
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

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        empty = {"empty_title": self.empty_title, "empty_hint": self.empty_hint}
        return super().changelist_view(request, empty | (extra_context or {}))

    # --- the record's page --------------------------------------------------------------------------------------------

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The record with what its rights and its page read along; read once for each attempt to answer."""
        known: dict[Any, Any] = request.__dict__.setdefault("records_read", {})
        key = (self.model, str(object_id))
        if key not in known:
            known[key] = super().get_object(request, object_id, from_field)
        return known[key]

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
            kwargs["queryset"] = people.active_people()
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        # A calm form: a related record is made and changed on its own page.
        for offer in ("can_add_related", "can_change_related", "can_delete_related", "can_view_related"):
            if field is not None and hasattr(field.widget, offer):
                setattr(field.widget, offer, False)
        return field

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """What the record's page shows beside the form."""
        return {}

    def render_change_form(self, request: Any, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        obj = kwargs.get("obj")
        context["edit"] = edit_of(request)
        if obj is not None:
            context["title"], context["subtitle"] = str(obj), None
            context["opened_version"] = getattr(obj, "version", None)
            context.update(self.page_context(request, obj))
        return super().render_change_form(request, context, *args, **kwargs)

    # --- writing ------------------------------------------------------------------------------------------------------

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Show the page, or save it as one domain call; what stops the saving is shown on the page again."""
        show = super().changeform_view
        if request.method != "POST":
            return show(request, object_id, form_url, extra_context)

        def attempt() -> Any:
            request.__dict__.pop("records_read", None)
            with writing(request):
                return show(request, object_id, form_url, extra_context)

        edit = edit_of(request)
        try:
            return retry_deadlocks(attempt)()
        except Stale:
            # Somebody saved between our look and our write: the second look sees it, and shows it.
            pass
        except Refused as error:
            if error.code == "forbidden":
                raise PermissionDenied(error.message) from error
            edit.refusals = [(item.field, item.message) for item in error.missing] or [("", error.message)]
        except ValidationError as error:
            edit.refusals = _validation_words(error)
        except IntegrityError as error:
            edit.refusals = [self._constraint_words(request, error, edit)]
        return attempt()

    def _constraint_words(self, request: HttpRequest, error: IntegrityError, edit: Edit) -> tuple[str, str]:
        """The field and the sentence of the constraint that the database held up."""
        found = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) or ""
        for constraint in self.model._meta.constraints:
            if constraint.name == found:
                form = self.get_form(request, None, change=True)
                return constraint_field(form, "", found) or "", str(constraint.violation_error_message)
        if not found:
            raise error
        return "", f"The database refused this ({found.replace('_', ' ')}). Nothing was saved."

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Store a new record, or the fields that were typed in; `Stale` if somebody else was quicker."""
        if not change:
            self.create_record(request, obj)
            return
        stored = {field.name for field in obj._meta.concrete_fields}
        typed = [name for name in form.changed_data if name in stored]
        if typed:
            obj.save(update_fields=typed)

    def create_record(self, request: HttpRequest, obj: Any) -> None:
        """Store a new record, through the door if it has a flow."""
        if isinstance(obj, Stateful):
            create(obj, actor=user_of(request), at=moment(request), via="admin")
        else:
            obj.save()

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> Any:
        """Ask, then delete; what holds the record is said in a sentence."""
        if request.method != "POST":
            return super().delete_view(request, object_id, extra_context)
        try:
            with writing(request):
                return super().delete_view(request, object_id, extra_context)
        except (ProtectedError, RestrictedError, IntegrityError):
            # What held it came between our look and our deletion: the page asked again says what it is.
            obj = self.get_object(request, unquote(object_id))
            for sentence in held_by(obj) or ["Something came to refer to it just now."]:
                messages.error(request, sentence)
            return HttpResponseRedirect(self.page_address(object_id))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Nothing listed one by one, what holds it in sentences: a company may have ten thousand touches."""
        sentences = [sentence for obj in objs for sentence in held_by(obj)]
        return [str(obj) for obj in objs], {}, set(), sentences

    def page_address(self, object_id: object) -> str:
        """Where the record's page is."""
        return reverse(f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_change", args=[object_id])

    # --- history: there is one, our own -------------------------------------------------------------------------------

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Not here: the database logs every write."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Not here: the database logs every write."""

    def log_deletion(self, request: HttpRequest, obj: Any, object_repr: str) -> Any:
        """Not here: the database logs every write."""

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Not here: the database logs every write."""

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
            "original": obj,
            "at": moment(request),
            "back": self.page_address(object_id),
            **(extra_context or {}),
        }
        return TemplateResponse(request, self.history_template, context)


def _validation_words(error: ValidationError) -> list[tuple[str, str]]:
    if hasattr(error, "error_dict"):
        return [
            ("" if name == "__all__" else name, text) for name, texts in error.message_dict.items() for text in texts
        ]
    return [("", text) for text in error.messages]
