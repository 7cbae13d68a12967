"""Saving and deleting in the admin: one domain call each, and whatever stops it is said on the page."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError
from django.db.models import ProtectedError, RestrictedError
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse

from crm.core.acting import retry_deadlocks
from crm.core.admin_rights import RightsAdmin, moment, user_of, writing
from crm.core.constraints import field_of, named
from crm.core.door import create
from crm.core.edit import edit_of
from crm.core.errors import Refused, Stale
from crm.core.flow import Stateful
from crm.core.holding import held_by


class WritingAdmin(RightsAdmin):
    """Writes through `acting`; shows another's change, a refusal or a constraint on the form, never as an error page.

    Django's own log is not written: the database logs every write, by whatever way it is made.
    """

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
            edit.refusals = [self._constraint_words(request, error)]
        return attempt()

    def _constraint_words(self, request: HttpRequest, error: IntegrityError) -> tuple[str, str]:
        """The field and the sentence of the constraint that the database held up."""
        name = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) or ""
        if not name:
            raise error
        constraint = named(self.model, name)
        if constraint is None:
            return "", f"The database refused this ({name.replace('_', ' ')}). Nothing was saved."
        fields = self.get_form(request, None, change=True).base_fields
        return field_of(self.model, fields, name=name), str(constraint.violation_error_message)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Store a new record, or the fields that were typed in; `Stale` if somebody else was quicker."""
        if not change:
            self.create_record(request, obj)
            return
        if form.changed_columns:
            obj.save(update_fields=form.changed_columns)

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

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Not here: the database logs every write."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Not here: the database logs every write."""

    def log_deletion(self, request: HttpRequest, obj: Any, object_repr: str) -> Any:
        """Not here: the database logs every write."""

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Not here: the database logs every write."""


def _validation_words(error: ValidationError) -> list[tuple[str, str]]:
    if hasattr(error, "error_dict"):
        return [
            ("" if name == "__all__" else name, text) for name, texts in error.message_dict.items() for text in texts
        ]
    return [("", text) for text in error.messages]
