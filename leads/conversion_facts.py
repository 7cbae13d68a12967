"""What converting a lead asks for, and the guard that judges it (L12)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.db import models

from accounts.models import Account, Contact
from contracts.models import Opportunity, type_choices
from crm.core.errors import Missing
from crm.core.flow import Ask
from crm.core.text import whole_number
from crm.people.models import User
from leads import guards
from leads.facts import HeldFacts, day, offer, word

NEW = "new"


class UseOrNew(forms.CharField):
    """A record to use (its id), the word `new`, or nothing: then an exact match is used, else a new one is made."""

    def __init__(self, kind: type[models.Model], **kwargs: Any) -> None:
        self.kind = kind
        super().__init__(required=False, **kwargs)

    def to_python(self, value: Any) -> Any:
        if isinstance(value, self.kind):
            return value
        text = super().to_python(value) or ""
        if text in ("", NEW):
            return text
        name = self.kind._meta.verbose_name
        number = whole_number(text)
        if number is None:
            raise forms.ValidationError(f"Choose an {name} by its id, or “new”.")
        found = self.kind._base_manager.filter(pk=number).first()
        if found is None:
            raise forms.ValidationError(f"There is no {name} {text}.")
        return found


class ConvertFacts(HeldFacts):
    """Which account, contact and opportunity; and what the opportunity's owner takes over."""

    account = UseOrNew(Account, label="Account")
    account_name = forms.CharField(label="Name of a new account", required=False, max_length=255)
    contact = UseOrNew(Contact, label="Contact")
    opportunity = UseOrNew(Opportunity, label="Opportunity")
    opportunity_owner = forms.ModelChoiceField(User.objects.none(), label="Opportunity owner", required=False)
    type = word("Type")
    next_step = forms.CharField(label="Next step", required=False, max_length=500)
    next_step_due = day("Next step's due date")
    close_on = day("Expected close date", help_text="Empty: the handbook's default.")
    amount = forms.DecimalField(
        label="Amount", required=False, max_digits=14, decimal_places=2, min_value=0, help_text="May be empty."
    )
    note = forms.CharField(label="Hand-over note", required=False, widget=forms.Textarea(attrs={"rows": 3}))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["opportunity_owner"].queryset = User.objects.active_people()  # type: ignore[attr-defined]
        offer(self, "type", type_choices())

    @staticmethod
    def guard(lead: Any, ask: Ask) -> Iterable[Missing]:
        """L12: all four of BANT; somebody to hand over to, and what they do next."""
        yield from guards.contactable(lead, ask)
        yield from guards.meeting_held(lead, ask)
        yield from guards.bant(lead)
        account, opportunity = ask.facts.get("account"), ask.facts.get("opportunity")
        if account in ("", NEW, None) and not (ask.facts.get("account_name") or lead.company):
            yield Missing("needs_account_name", "Name the account: the lead has no company.", "account_name")
        if isinstance(opportunity, Opportunity):
            if opportunity.current_state not in Opportunity.open_states():
                yield Missing("opportunity_closed", "Choose an open opportunity.", "opportunity")
            if account == NEW or (isinstance(account, Account) and opportunity.account_id != account.pk):
                yield Missing("opportunity_of_other_account", "The opportunity is another account's.", "opportunity")
            return
        if not ask.facts.get("opportunity_owner"):
            yield Missing("needs_opportunity_owner", "Choose who owns the opportunity.", "opportunity_owner")
        if not ask.facts.get("next_step"):
            yield Missing("needs_next_step", "Say what the next step is.", "next_step")
        if not ask.facts.get("next_step_due"):
            yield Missing("needs_next_step_due", "Say when the next step is due.", "next_step_due")
