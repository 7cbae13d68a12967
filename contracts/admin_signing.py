"""What the page of a contract has beside its fields: where it stands, its moves, its invoices, its expansions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.http import HttpRequest
from django.urls import URLPattern, path

from contracts.models import Contract, Opportunity
from contracts.views import AddExpansion, AddInvoice, ChangeInvoice
from crm import handbook
from crm.core.asking import moment, user_of
from crm.core.dialogs import MoveDialog
from crm.core.flow import Stateful
from crm.core.offers import moves_of
from crm.core.text import whole_number

if TYPE_CHECKING:
    from crm.core.admin import RecordAdmin as Base
else:
    Base = object

# What a contract takes over from the opportunity that it came of: its own field, and the opportunity's.
FROM_OPPORTUNITY = {
    "amount": "amount",
    "currency": "currency",
    "hosts": "hosts",
    "payment_terms": "payment_terms",
    "billing_process": "billing_process",
    "term_months": "term_months",
    "reseller": "reseller_id",
    "effective_date": "effective_on",
    "end_date": "ends_on",
}


class ContractMove(MoveDialog):
    """The dialog of each move of a contract."""

    kind: ClassVar[type[Stateful]] = Contract

    def initial(self) -> dict[str, Any]:
        """Most are signed on paper, and terminated on the day that it is entered."""
        today = handbook.current().today(self.at)
        return {"signing": "signed", "terminated_on": today} | super().initial()


class SigningMixin(Base):
    """Path, moves and dialogs of contracts."""

    path_template = "contracts/contract_path.html"

    def get_urls(self) -> list[URLPattern]:
        """The dialogs, before the admin's catch-all."""

        def page(view: Any) -> Any:
            return self.admin_site.admin_view(view.as_view(site=self.admin_site))

        name = "contracts_contract"
        own = [
            path("<int:pk>/move/<slug:verb>/", page(ContractMove), name=f"{name}_move"),
            path("<int:pk>/invoices/add/", page(AddInvoice), name=f"{name}_add_invoice"),
            path("<int:pk>/invoices/<int:invoice>/", page(ChangeInvoice), name=f"{name}_change_invoice"),
            path("<int:pk>/expand/", page(AddExpansion), name=f"{name}_expand"),
        ]
        return [*own, *super().get_urls()]

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """Where it stands, and what may be done with it."""
        return {
            **super().page_context(request, obj),
            "moves": moves_of(obj, actor=user_of(request), at=moment(request)),
            "moves_url": "admin:contracts_contract_move",
            "quiet_verbs": ("recall", "terminate", "reinstate"),
            "record": obj,
            "page_version": obj.version,
        }

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """One that is added from an opportunity's page begins with what was agreed on there."""
        asked = super().get_changeform_initial_data(request)
        number = whole_number(str(asked.get("opportunity", "")))
        found = Opportunity.objects.filter(pk=number).first() if number else None
        if found is None:
            return asked
        known = {ours: getattr(found, theirs) for ours, theirs in FROM_OPPORTUNITY.items()}
        mine = {name: value for name, value in known.items() if value not in (None, "")}
        return {"name": found.name, "account": found.account_id} | mine | asked
