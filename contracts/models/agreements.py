"""What was signed, and what was asked for it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any, Self

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q

from accounts.models import Account, payment_terms_choices
from contracts.models.choices import (
    billing_process_choices,
    company_currency,
    months,
)
from contracts.models.opportunities import Opportunity
from contracts.searching import ByName
from contracts.signing import AGREED, ContractFlow, ContractStatus
from contracts.signing_facts import SIGNINGS
from contracts.terms import Dates, Sent, completed, ends_too_early
from contracts.triggers import CLOSE_DATES
from crm.core.constraints import SayingCheck
from crm.core.keys import generated_key
from crm.core.records import Record
from crm.core.searching import first_letters
from crm.core.text import Line, Paragraphs
from crm.core.triggers import guarded, tracked


class ContractQuerySet(ByName["Contract"]):
    """Reads of contracts. Whether one is in force is read off its dates, never off `active` alone."""

    def signed(self) -> Self:
        """Those that the last party has signed, whatever became of them."""
        return self.filter(Q(status__in=AGREED) | Q(status=ContractStatus.TERMINATED, close_date__isnull=False))

    def agreed(self) -> Self:
        """Those that were signed and not terminated."""
        return self.filter(status__in=AGREED)

    def in_force(self, today: date) -> Self:
        """Agreed ones with service on this day of the company's calendar."""
        return self.agreed().filter(Q(end_date__gte=today) | Q(end_date=None), effective_date__lte=today)

    def ended_since(self, first: date, today: date) -> Self:
        """Agreed ones whose last day lies between `first` and yesterday."""
        return self.agreed().filter(end_date__gte=first, end_date__lt=today, effective_date__lte=today)


class Contract(ContractFlow):
    """An agreement with a customer: what was agreed, and its dates (C1).

    The effective date is the start date for the subscription service; the close date is the date the last party to the
    contract signed the agreement; the invoice date is the date the invoice was sent to the customer (that of the first
    of its invoices).
    """

    account = models.ForeignKey(Account, models.PROTECT, related_name="contracts")
    opportunity = models.ForeignKey(Opportunity, models.PROTECT, null=True, blank=True, related_name="contracts")
    name = Line(blank=False)
    name_key = generated_key("name_key", "name")
    effective_date = models.DateField(null=True, blank=True, help_text="The start date for the subscription service.")
    close_date = models.DateField(
        null=True, blank=True, help_text="The date the last party to the contract signed the agreement."
    )
    end_date = models.DateField("subscription end date", null=True, blank=True, help_text="The last day of service.")
    term_months = months()
    amount = models.DecimalField(
        max_digits=14, decimal_places=2, null=True, blank=True, validators=[MinValueValidator(0)]
    )
    currency = Line(max_length=3, blank=False, default=company_currency)  # type: ignore[arg-type]
    hosts = models.PositiveIntegerField("up to # of hosts", null=True, blank=True, validators=[MinValueValidator(1)])
    payment_terms = Line("payment terms", max_length=50, choices=payment_terms_choices)
    billing_process = Line("billing process", max_length=50, choices=billing_process_choices)
    reseller = models.ForeignKey(
        Account,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="resold_contracts",
        limit_choices_to={"type": "partner"},
        help_text="An account of type Partner.",
    )
    auto_renew = models.BooleanField("renews by itself", default=False)
    notice_days = models.PositiveSmallIntegerField(
        "days of notice", null=True, blank=True, help_text="How long before its end it is to be terminated."
    )
    signing = Line("how it was agreed", max_length=10, choices=SIGNINGS)
    terms = Paragraphs("summary of the terms", help_text="What was agreed beside or against the standard terms.")
    terminated_on = models.DateField(
        "terminated on", null=True, blank=True, editable=False, help_text="The first day without service."
    )
    description = Paragraphs()
    kept = models.JSONField("kept import values", default=dict, blank=True, editable=False)

    objects = ContractQuerySet.as_manager()

    class Meta:
        constraints = [
            SayingCheck(
                condition=Q(effective_date__isnull=True)
                | Q(end_date__isnull=True)
                | Q(end_date__gt=F("effective_date")),
                name="contracts_contract_ends_after_it_starts",
                violation_error_message="The subscription end date lies after the effective date.",
                said=lambda one: ends_too_early(one.effective_date, one.end_date),
            ),
            models.CheckConstraint(
                condition=Q(terminated_on__isnull=True)
                | Q(effective_date__isnull=True)
                | Q(terminated_on__gte=F("effective_date")),
                name="contracts_contract_terminated_after_start",
                violation_error_message="The effective date does not lie after the day it was terminated on.",
            ),
        ]
        indexes = [
            models.Index(fields=["-effective_date", "-id"], name="contracts_contract_by_start"),
            models.Index(fields=["updated_at", "id"], name="contracts_contract_by_change"),
            models.Index(fields=["account", "status", "end_date"], name="contracts_contract_of_account"),
            models.Index(fields=["status", "end_date", "id"], name="contracts_contract_by_end"),
            GinIndex(OpClass(F("name_key"), name="gin_trgm_ops"), name="contracts_contract_like_name"),
            first_letters("name_key", "contracts_contract_name_begins"),
        ]
        triggers = [*tracked(), *guarded("status", initial="draft"), *CLOSE_DATES]

    def __str__(self) -> str:
        return self.name

    @property
    def owner(self) -> object:
        """Who may change it: its opportunity's owner, else its account's."""
        return self.opportunity.owner if self.opportunity else self.account.owner

    @property
    def invoice_date(self) -> date | None:
        """The day the first of its invoices was sent."""
        sent = [one.sent_on for one in self.invoices.all() if one.sent_on]
        return min(sent, default=None)

    @property
    def payment_received(self) -> date | None:
        """The day the last payment of its invoices was received."""
        return max((one.paid_on for one in self.invoices.all() if one.paid_on), default=None)

    @property
    def dates(self) -> Dates:
        """Its dates, for the rules about them."""
        sent = [Sent(one.number, one.sent_on, one.paid_on) for one in self.invoices.all()] if self.pk else []
        return Dates(
            self.effective_date,
            self.close_date,
            self.end_date,
            self.terminated_on,
            self.term_months,
            self.notice_days,
            sent,
        )

    def save(self, *args: Any, update_fields: Iterable[str] | None = None, **kwargs: Any) -> None:
        """Save; of end date and term the one that is missing follows from the other (C1)."""
        written = None if update_fields is None else set(update_fields)
        if written is None or written & {"effective_date", "end_date", "term_months"}:
            before = (self.end_date, self.term_months)
            self.end_date, self.term_months = completed(self.effective_date, *before)
            if written is not None and (self.end_date, self.term_months) != before:
                written |= {"end_date", "term_months"}
        super().save(*args, update_fields=written, **kwargs)


class Invoice(Record):
    """An invoice of a contract: what was asked for, when it was sent, and when it was paid."""

    contract = models.ForeignKey(Contract, models.CASCADE, related_name="invoices")
    number = Line(max_length=100)
    amount = models.DecimalField(
        max_digits=14, decimal_places=2, null=True, blank=True, validators=[MinValueValidator(0)]
    )
    currency = Line(max_length=3, blank=False, default=company_currency)  # type: ignore[arg-type]
    sent_on = models.DateField("sent on", null=True, blank=True)
    paid_on = models.DateField("paid on", null=True, blank=True, help_text="The day the payment was received.")
    kept = models.JSONField("kept import values", default=dict, blank=True, editable=False)

    class Meta:
        ordering = ["-sent_on", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["contract", "number"],
                name="contracts_invoice_number_once",
                condition=~Q(number=""),
                violation_error_message="The contract has an invoice of this number already.",
            ),
            models.CheckConstraint(
                condition=Q(paid_on__isnull=True) | Q(sent_on__isnull=True) | Q(paid_on__gte=F("sent_on")),
                name="contracts_invoice_paid_after_sent",
                violation_error_message="The day it was paid does not lie before the day it was sent.",
            ),
        ]
        indexes = [
            models.Index(fields=["contract", "-sent_on"], name="contracts_invoice_of_contract"),
            models.Index(fields=["updated_at", "id"], name="contracts_invoice_by_change"),
        ]
        triggers = tracked()

    def __str__(self) -> str:
        return f"Invoice {self.number}".strip()
