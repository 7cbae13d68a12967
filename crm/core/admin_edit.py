"""Editing a record that somebody else may be editing too.

A form carries the version it was opened with. Comes it back when the record is at a later one, nothing is saved: the
form is shown again with what was changed meanwhile. What only they changed is taken over, what only you typed stays,
and a field that both changed asks which value to keep. `save()` compares the version once more in the very statement
that writes (crm.core.records), so there is no gap between looking and writing.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS
from django.db import models
from django.utils.functional import cached_property

from crm.core.constraints import field_of
from crm.core.days import check_day
from crm.core.display import names_of, shown
from crm.core.edit import MINE, THEIRS, Edit, Meanwhile
from crm.core.labels import field_label
from crm.core.later import by_column, changes_after
from crm.core.text import tidy

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Any]
else:
    ModelForm = forms.ModelForm


class RecordForm(ModelForm):
    """The form of a record's page. Writes only what was typed: `changed_data` is measured against the stored row."""

    edit = Edit()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.editing = self.instance.pk is not None
        self._keep_what_is_stored()
        if self.is_bound and self.editing:
            self.data: Any = self.data.copy()  # type: ignore[attr-defined]
            self._apply_choices()
            self._compare_with_stored()

    # --- what was typed -----------------------------------------------------------------------------------------------

    @cached_property
    def changed_data(self) -> list[str]:
        return [name for name in self.fields if self._typed(name, self.get_initial_for_field(self.fields[name], name))]

    def _typed(self, name: str, stored: Any) -> bool:
        """Whether the posted value differs from a stored one; line ends and outer spaces are no difference."""
        form_field = self.fields[name]
        posted = form_field.widget.value_from_datadict(self.data, self.files, self.add_prefix(name))
        if isinstance(posted, str) and isinstance(stored, str) and _one_text(posted) == _one_text(stored):
            return False
        return bool(form_field.has_changed(stored, posted))

    def _put(self, name: str, stored: Any) -> None:
        """Let a field hold the stored value, as a browser would post it."""
        form_field, html_name, data = self.fields[name], self.add_prefix(name), self.data
        widget: Any = form_field.widget
        value = form_field.prepare_value(stored)
        if hasattr(widget, "widgets_names"):
            for suffix, part, one in zip(
                widget.widgets_names, widget.widgets, widget.decompress(value) or [], strict=False
            ):
                data[f"{html_name}{suffix}"] = part.format_value(one) or ""
        elif isinstance(widget, forms.CheckboxInput):
            data.pop(html_name, None)
            if value:
                data[html_name] = "on"
        else:
            written = widget.format_value(value)
            data[html_name] = (written[0] if isinstance(written, list) and written else written) or ""

    def _keep_what_is_stored(self) -> None:
        """A word that left the handbook and an owner who left the company stay choices where they are stored."""
        for name, form_field in self.fields.items() if self.editing else ():
            stored = self.initial.get(name)
            if stored in (None, ""):
                continue
            if isinstance(form_field, forms.TypedChoiceField):
                choices: list[Any] = list(form_field.choices)  # type: ignore[arg-type]
                if str(stored) not in [str(key) for key, _ in choices]:
                    form_field.choices = [*choices, (stored, f"{stored} (not in the handbook any more)")]
            elif isinstance(form_field, forms.ModelChoiceField) and form_field.queryset is not None:
                known = form_field.queryset
                if known.query.has_filters():
                    form_field.queryset = known | known.model._base_manager.filter(pk=stored)

    # --- what others did meanwhile ------------------------------------------------------------------------------------

    def _apply_choices(self) -> None:
        """Take theirs where that was chosen; where nothing was, the question is put again."""
        self.edit.undecided = []
        for name, choice in self.edit.choices.items():
            if name not in self.fields:
                continue
            stored = self.initial.get(name)
            if choice == THEIRS:
                self._put(name, stored)
            elif choice != MINE and self._typed(name, stored):
                theirs, yours = self.said(name, stored, self._posted(name))
                self.edit.undecided.append(Meanwhile(name, self.label_of(name), "", theirs, yours, "", None, True))

    def _compare_with_stored(self) -> None:
        opened, stored = self.edit.version, self.instance.version
        self.edit.meanwhile = []
        if opened is None or opened >= stored:
            return
        columns = {f.column: f for f in self.instance._meta.concrete_fields}
        found = by_column(change for change in changes_after(self.instance, opened) if change.version <= stored)
        for column, (before, theirs, transaction) in found.items():
            if column in columns:
                self.edit.meanwhile += self.meanwhile_of(columns[column], before, theirs, transaction)

    def meanwhile_of(self, model_field: Any, before: Any, theirs: Any, transaction: Any) -> list[Meanwhile]:
        """What somebody else's change of a column is on this form: one line, or one for each field it holds."""
        return [self.compare(model_field.name, model_field.to_python(before), theirs, transaction)]

    def compare(self, name: str, before: Any, theirs: Any, transaction: Any) -> Meanwhile:
        """Take their value over where only they changed the field, or find that both did."""
        collides = False
        if name in self.fields:
            stored = self.initial.get(name)
            if not self._typed(name, before):
                self._put(name, stored)
            else:
                collides = self._typed(name, stored)
        values = (before, theirs, self._posted(name)) if collides else (before, theirs)
        words = self.said(name, *values)
        return Meanwhile(
            name,
            self.label_of(name),
            words[0],
            words[1],
            words[2] if collides else "",
            transaction.actor_name or "Somebody outside Plumb",
            transaction.recorded_at,
            collides,
        )

    def said(self, name: str, *values: Any) -> tuple[str, ...]:
        """Values of a field in words."""
        model_field: Any = self.instance._meta.get_field(name)
        names = names_of([(model_field, value) for value in values])
        return tuple(shown(model_field, value, names) for value in values)

    def label_of(self, name: str) -> str:
        """The label of a field, on this form or not."""
        model_field: Any = self.instance._meta.get_field(name)
        return field_label(model_field)

    @property
    def changed_columns(self) -> list[str]:
        """The columns that were typed in: what a saving writes."""
        stored = {field.name for field in self.instance._meta.concrete_fields}
        return [name for name in self.changed_data if name in stored]

    def _posted(self, name: str) -> Any:
        """What was typed, cleaned if it can be, as a foreign key's id or a value."""
        if name not in self.fields:
            return None
        form_field = self.fields[name]
        posted = form_field.widget.value_from_datadict(self.data, self.files, self.add_prefix(name))
        try:
            value = form_field.clean(posted)
        except forms.ValidationError:
            return None if isinstance(form_field, forms.ModelChoiceField) else posted
        return value.pk if isinstance(value, models.Model) else value

    # --- whether it can be saved --------------------------------------------------------------------------------------

    def clean(self) -> dict[str, Any] | None:
        """Say what stands in the way: another's change, a choice not made, a refusal of the domain."""
        cleaned = super().clean()
        self._check_days()
        if self.editing and self.edit.version is None:
            self.add_error(None, "This page was incomplete when it was sent: reload it and try again.")
        if self.edit.meanwhile:
            who = ", ".join(dict.fromkeys(item.who for item in self.edit.meanwhile))
            self.add_error(
                None,
                f"Not saved yet: {who} changed this record while you had it open. See above what, then save again.",
            )
        elif self.editing:
            for item in self.edit.undecided:
                self.add_error(item.name, "Somebody else changed this too: choose above which value to keep.")
        for name, message in self.edit.refusals:
            self.add_error(name if name in self.fields else None, message)
        return cleaned

    def _check_days(self) -> None:
        """A day that is typed lies within reason; one that is stored already may stand."""
        for name, value in list(self.cleaned_data.items()):
            if isinstance(value, date) and name in self.changed_data:
                try:
                    check_day(value)
                except forms.ValidationError as error:
                    self.add_error(name, error)

    def _post_clean(self) -> None:
        everything = self.cleaned_data
        for name, value in everything.items():
            if isinstance(value, str):
                everything[name] = value.replace("\r\n", "\n")
        if self.editing:
            # What was not typed is not set, so that the instance keeps what is stored, whatever the form showed.
            self.cleaned_data = {name: value for name, value in everything.items() if name in self.changed_data}
        super()._post_clean()  # type: ignore[misc]
        self.cleaned_data = {name: value for name, value in everything.items() if name not in self.errors}

    def _get_validation_exclusions(self) -> set[str]:
        exclude: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]
        if self.editing and not self._checking_constraints:
            exclude |= {name for name in self.fields if name not in self.changed_data}
        return exclude

    _checking_constraints = False

    def validate_constraints(self) -> None:
        """Constraints look at the whole record; only single fields are let be when nobody typed in them."""
        self._checking_constraints = True
        try:
            super().validate_constraints()
        finally:
            self._checking_constraints = False

    def _update_errors(self, errors: Any) -> None:
        # A constraint names no field: the message goes to the first field of the form that the constraint is about.
        if hasattr(errors, "error_dict") and NON_FIELD_ERRORS in errors.error_dict:
            for error in list(errors.error_dict[NON_FIELD_ERRORS]):
                rule = str((error.params or {}).get("constraint", ""))
                name = field_of(self._meta.model, self.fields, message=str(error.message), name=rule)
                if name:
                    errors.error_dict[NON_FIELD_ERRORS].remove(error)
                    errors.error_dict.setdefault(name, []).append(error)
            if not errors.error_dict[NON_FIELD_ERRORS]:
                del errors.error_dict[NON_FIELD_ERRORS]
        super()._update_errors(errors)  # type: ignore[misc]


def _one_text(text: str) -> str:
    return tidy(text.replace("\r\n", "\n"))
