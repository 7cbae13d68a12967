"""The dialogs of a contract's page beside its moves: its invoices, and an expansion of it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views import View

from contracts.forms import ExpansionForm, InvoiceForm
from contracts.invoicing import add_invoice, change_invoice, remove_invoice
from contracts.models import Contract, Invoice
from contracts.renewing import add_expansion
from crm import handbook
from crm.core.constraints import field_of, named
from crm.core.dialogs import dialog, leave, url_of
from crm.core.errors import Refused
from crm.core.offers import VIA
from crm.core.permissions import may
from crm.core.text import whole_number

if TYPE_CHECKING:
    from crm.people.models import User


class ContractDialog(View):
    """A small form about one contract: with JavaScript in a dialog, without it a page. POST is one domain call."""

    site: Any = None
    title: ClassVar[str] = ""
    button: ClassVar[str] = "Save"
    http_method_names = ["get", "post", "head", "options"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.at, self.actor = timezone.now(), request.user
        rows = Contract.objects.select_related("account__owner", "opportunity__owner")
        contract = rows.filter(pk=kwargs["pk"]).first()
        if contract is None:
            raise Http404("There is no such contract.")
        self.contract: Contract = contract
        actor: User = request.user  # type: ignore[assignment]
        if not may(actor, "change", contract):
            raise PermissionDenied("Who may change the contract keeps its invoices.")
        self.prepare(**kwargs)
        return super().dispatch(request, *args, **kwargs)

    def prepare(self, **kwargs: Any) -> None:
        """Find what the address names beside the contract."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The form; nothing is changed."""
        return self.answer(self.form(None))

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Do it, or say what will not do at its field."""
        form = self.form(request.POST)
        refusal: Refused | None = None
        try:
            if self.is_done(form):
                return self.go()
        except Refused as refused:
            refusal = refused
        except IntegrityError as error:
            self.say_constraint(form, error)
        return self.answer(form, refusal)

    def form(self, data: Any) -> forms.BaseForm:
        """What is asked."""
        raise NotImplementedError

    def is_done(self, form: Any) -> bool:
        """Make the one domain call, unless something was typed that will not do."""
        raise NotImplementedError

    def say_constraint(self, form: Any, error: IntegrityError) -> None:
        """Put the database's refusal at the field it is about."""
        name = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) or ""
        constraint = named(Invoice, name)
        if constraint is None:
            raise error
        form.add_error(field_of(Invoice, form.fields, name=name) or None, str(constraint.violation_error_message))

    def go(self) -> HttpResponse:
        """Back to the contract's page, which has it now."""
        return leave(self.request, url_of(self.contract, "change"))

    def more(self) -> dict[str, Any]:
        """What the dialog shows beside its fields."""
        return {}

    def answer(self, form: forms.BaseForm, refusal: Refused | None = None) -> TemplateResponse:
        """The dialog with what is wrong."""
        context = {
            "title": self.title,
            "button": self.button,
            "form": form,
            "record": self.contract,
            "record_url": url_of(self.contract, "change"),
            "refusal": refusal,
            **self.more(),
        }
        return dialog(self.request, context, refusal, site=self.site, partial="contracts/dialog_form.html")


class AddInvoice(ContractDialog):
    """Another invoice of the contract."""

    title, button = "Add an invoice", "Add"

    def form(self, data: Any) -> InvoiceForm:
        invoice = Invoice(contract=self.contract, currency=self.contract.currency)
        return InvoiceForm(data, instance=invoice, at=self.at)

    def is_done(self, form: InvoiceForm) -> bool:
        if form.is_valid():
            add_invoice(form.instance, actor=self.actor, at=self.at, via=VIA)  # type: ignore[arg-type]
            messages.success(self.request, f"{form.instance} was added.")
        return form.is_valid()


class ChangeInvoice(ContractDialog):
    """One invoice: changed, or removed."""

    title = "Change an invoice"

    def prepare(self, **kwargs: Any) -> None:
        found = self.contract.invoices.filter(pk=kwargs["invoice"]).first()
        if found is None:
            raise Http404("There is no such invoice.")
        self.invoice: Invoice = found

    def form(self, data: Any) -> InvoiceForm:
        return InvoiceForm(data, instance=self.invoice, at=self.at)

    def is_done(self, form: InvoiceForm) -> bool:
        version, call = whole_number(self.request.POST.get("version", "")), {"actor": self.actor, "at": self.at}
        if "remove" in self.request.POST:
            remove_invoice(self.invoice.pk, version=version, via=VIA, **call)  # type: ignore[arg-type]
            messages.success(self.request, f"{self.invoice} was removed.")
            return True
        if form.is_valid():
            change_invoice(self.invoice.pk, form.cleaned_data, version=version, via=VIA, **call)  # type: ignore[arg-type]
            messages.success(self.request, f"{form.instance} was changed.")
        return form.is_valid()

    def more(self) -> dict[str, Any]:
        stored = Invoice.objects.filter(pk=self.invoice.pk).values_list("version", flat=True).first()
        given = whole_number(self.request.POST.get("version", ""))
        return {"version": stored if given is None else given, "remove": "Remove"}


class AddExpansion(ContractDialog):
    """More of the same until the contract ends."""

    title, button = "Add an expansion", "Open the opportunity"

    def form(self, data: Any) -> ExpansionForm:
        week = handbook.current().today(self.at) + timedelta(days=7)
        return ExpansionForm(data, at=self.at, initial={"next_step_due": week})

    def is_done(self, form: ExpansionForm) -> bool:
        if not form.is_valid():
            return False
        values = form.cleaned_data
        self.made = add_expansion(self.contract, **values, actor=self.actor, at=self.at, via=VIA)  # type: ignore[arg-type]
        messages.success(self.request, f"{self.made} was opened: it amends {self.contract}, and ends with it.")
        return True

    def go(self) -> HttpResponse:
        return leave(self.request, url_of(self.made, "change"))
