"""The small forms of a contract's page."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms

from contracts.entering import candidate
from contracts.entering_contracts import wrong_with_contract, wrong_with_invoice
from contracts.models import Invoice
from contracts.signing_facts import day
from crm.core.days import ask_at, check_day
from crm.workspace.own import PageForm

# Django's forms are generic to the type checker only.
if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Invoice]
else:
    ModelForm = forms.ModelForm


class ContractForm(PageForm):
    """The form of a contract's page: what cannot be entered like this is said at its field."""

    def clean(self) -> dict[str, Any] | None:
        """Judged as it is over the API."""
        cleaned = super().clean()
        changed = [name for name in self.changed_columns if name in self.cleaned_data]
        entered = candidate(self.instance, {name: self.cleaned_data[name] for name in changed})
        for item in wrong_with_contract(entered, changed):
            self.add_error(item.field if item.field in self.fields else None, item.message)
        return cleaned


class InvoiceForm(ModelForm):
    """What was asked for, when it was sent, and when it was paid."""

    def __init__(self, *args: Any, at: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.at = at

    class Meta:
        model = Invoice
        fields = ("number", "amount", "currency", "sent_on", "paid_on")
        widgets: ClassVar[dict[str, forms.Widget]] = {
            name: forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}) for name in ("sent_on", "paid_on")
        }

    def clean(self) -> dict[str, Any]:
        """Days lie within reason, and what is said together can be."""
        values = super().clean() or self.cleaned_data
        for name in ("sent_on", "paid_on"):
            if name in self.changed_data and values.get(name):
                try:
                    check_day(values[name])
                except forms.ValidationError as error:
                    self.add_error(name, error)
        entered = candidate(self.instance, self.cleaned_data)
        for item in wrong_with_invoice(entered, self.changed_data, at=self.at):
            if item.field not in self.errors:
                self.add_error(item.field, item.message)
        return values

    def _get_validation_exclusions(self) -> set[str]:
        """The contract is known, so that its numbers are compared."""
        found: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]
        return found - {"contract"}


class ExpansionForm(forms.Form):
    """What is added, and what is done about it next."""

    hosts = forms.IntegerField(label="Added hosts", min_value=1, max_value=2_000_000_000)
    amount = forms.DecimalField(
        label="Amount", required=False, min_value=0, max_digits=14, decimal_places=2, help_text="Of what is added."
    )
    next_step = forms.CharField(label="Next step", max_length=500)
    next_step_due = day("Next step's due date")

    def __init__(self, *args: Any, at: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["next_step_due"].required = True
        ask_at(self, at)
