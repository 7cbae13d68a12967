"""The conversion dialog (L12): what will be matched or made is chosen here, one radio group for each record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse

from accounts.models import Account
from accounts.selectors import Candidate
from crm import handbook
from crm.core.dialogs import url_of
from crm.core.door import decide
from crm.core.flow import Facts
from crm.core.text import tidy, whole_number
from leads.conversion import Preview, preview
from leads.conversion_facts import NEW
from leads.forms import BantForm
from leads.views import LeadMove

if TYPE_CHECKING:
    from crm.history.models import Move

# Shown by their own part of the dialog; the hand-over note is the note of this move.
ELSEWHERE = ("account", "contact", "opportunity", "account_name", "reason")


@dataclass(frozen=True, slots=True)
class Choice:
    """One radio: use this record, or make a new one."""

    value: str
    label: str
    why: str
    chosen: bool


class ConvertDialog(LeadMove):
    """Account, contact and opportunity to use or make; then what the opportunity's owner takes over."""

    template_name = "leads/convert.html"
    partial_name = "leads/convert_form.html"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Convert; or, when only another account was picked, show that account's opportunities."""
        if "look" in request.POST:
            refusal = decide(self.record, self.info, self.ask())
            return self.answer(self.form(request.POST), asks=refusal.missing if refusal else ())
        return super().post(request, *args, **kwargs)

    def sent(self) -> dict[str, Any]:
        """As sent; the name of a new account is no fact where an account is used that exists."""
        facts = super().sent()
        if facts.get("account", "") not in ("", NEW):
            facts.pop("account_name", None)
        return facts

    def initial(self) -> dict[str, Any]:
        """The handbook's close date; next step and owner are for people to say."""
        today = handbook.current().today(self.at)
        return super().initial() | {"close_on": today + timedelta(days=handbook.current().opportunity.close_days)}

    def said(self, made: Move) -> str:
        """Whose the opportunity is now."""
        opportunity = self.record.converted_opportunity
        return f"{self.record} is converted, and {opportunity} handed over to {opportunity.owner}."

    def tell(self, made: Move) -> None:
        """Said on the opportunity's page."""
        messages.success(self.request, self.said(made))

    def after(self, made: Move) -> str:
        """On the new opportunity's page."""
        return url_of(self.record.converted_opportunity, "change")

    def more(self, form: Facts) -> dict[str, Any]:
        """The three groups of radios and the summary of BANT."""
        data = self.request.POST
        picked = data.get("account")
        # A name that will not do finds nothing: only what the form let through is looked for.
        name = form.cleaned_data.get("account_name", "") if form.is_bound and not form.has_error("account_name") else ""
        found = preview(self.record, account_name=name)
        accounts = choices(found.accounts, picked, f"Make a new account “{found.account_name or '…'}”")
        # Opportunities are those of the account that is picked now, whether by us or by the user.
        account_id = next((choice.value for choice in accounts if choice.chosen), "")
        opportunities = self._opportunities(found, account_id)
        return {
            "by_radio": ELSEWHERE,
            "accounts": accounts,
            "contacts": choices(found.contacts, data.get("contact"), f"Make a new contact “{self.record}”"),
            "opportunities": choices(
                opportunities,
                data.get("opportunity") if "look" not in data else None,
                "Make a new opportunity",
                several="decide",
            ),
            "account_name": tidy(data.get("account_name", "")) or self.record.company,
            "bant": BantForm(instance=self.record).rows(),
            "record_url": url_of(self.record, "change"),
        }

    def _opportunities(self, found: Preview, account_id: str) -> list[Candidate[Any]]:
        number = whole_number(account_id)
        if number is None:
            return []
        if found.account is not None and found.account.pk == number:
            return found.opportunities
        account = Account.objects.filter(pk=number).first()
        return preview(self.record, account=account).opportunities if account else []


def choices(candidates: list[Candidate[Any]], picked: str | None, make: str, *, several: str = "first") -> list[Choice]:
    """A radio for each candidate and one for a new record; the first exact match is chosen unless the user chose.

    Of several open opportunities of an account none is more likely than a new one (`several="decide"`).

    Where nothing matches, "new" is sent as an empty value: should a colleague make that very record while this dialog
    is open, it is used, not made twice. Next to a match, "new" is a decision, and sent as one.
    """
    matches = [str(candidate.record.pk) for candidate in candidates if candidate.exact]
    new = NEW if matches else ""
    exact = new if len(matches) > 1 and several == "decide" else next(iter(matches), "")
    known = {str(candidate.record.pk) for candidate in candidates} | {new}
    chosen = picked if picked is not None and picked in known else exact
    found = [Choice(str(c.record.pk), f"Use {c.record}", c.why, str(c.record.pk) == chosen) for c in candidates]
    return [*found, Choice(new, make, "", chosen == new)]
