"""What we may sell (opportunities) and what was signed (contracts)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Self

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import connection, models, transaction
from django.db.models import F, Q

from accounts.models import Account, Contact, payment_terms_choices, source_choices
from contracts.flow import OpportunityFlow
from contracts.searching import ByName
from contracts.signing import AGREED, ContractFlow, ContractStatus
from contracts.signing_facts import SIGNINGS
from contracts.terms import Dates, Sent, completed
from contracts.triggers import CLOSE_DATES, PROMISES
from crm import handbook
from crm.activities.gate import CODE, bar_of, hold_for
from crm.core.errors import Refused
from crm.core.keys import generated_key
from crm.core.records import Record
from crm.core.searching import first_letters
from crm.core.text import Line, Paragraphs
from crm.core.triggers import guarded, tracked


def type_choices() -> list[tuple[str, str]]:
    """Types of opportunity as the handbook names them."""
    return handbook.current().choices("opportunity.types")


def lost_reason_choices() -> list[tuple[str, str]]:
    """Reasons for losing as the handbook names them."""
    return handbook.current().choices("opportunity.lost_reasons")


def billing_process_choices() -> list[tuple[str, str]]:
    """How a customer is billed, as the handbook names it."""
    return handbook.current().choices("contract.billing_processes")


def contact_role_choices() -> list[tuple[str, str]]:
    """What a contact can be to an opportunity, as the handbook names it."""
    return handbook.current().choices("opportunity.contact_roles")


def company_currency() -> str:
    """The currency a new amount is in."""
    return handbook.current().company.currency


def months() -> models.PositiveSmallIntegerField[Any, Any]:
    """A term in months."""
    return models.PositiveSmallIntegerField(
        "term", null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(240)], help_text="In months."
    )


class OpportunityQuerySet(ByName["Opportunity"]):
    """Reads of opportunities."""

    def open(self) -> Self:
        """Neither won nor lost."""
        return self.filter(stage__in=[s.key for s in handbook.current().opportunity.stages if s.kind == "open"])


class Opportunity(OpportunityFlow):
    """A sale that may come about: an account, an amount, a stage, a next step."""

    name = Line(blank=False, help_text="Carries the year: “Acme 2026”.")
    name_key = generated_key("name_key", "name")
    account = models.ForeignKey(Account, models.PROTECT, related_name="opportunities")
    contact = models.ForeignKey(Contact, models.PROTECT, null=True, blank=True, related_name="opportunities")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        verbose_name="opportunity owner",
        related_name="owned_opportunities",
    )
    type = Line(max_length=50, choices=type_choices)
    amount = models.DecimalField(max_digits=14, decimal_places=2, null=True, blank=True)
    currency = Line(max_length=3, blank=False, default=company_currency)  # type: ignore[arg-type]
    close_on = models.DateField(
        "close date", null=True, blank=True, help_text="Expected while open; once won, the contract's."
    )
    expected_close_on = models.DateField(
        "last expected close date",
        null=True,
        blank=True,
        editable=False,
        help_text="What was expected before it was won.",
    )
    next_step = Line("next step", max_length=500)
    next_step_due = models.DateField("next step's due date", null=True, blank=True)
    criteria_met = models.JSONField(
        "exit criteria met", default=list, blank=True, help_text="Keys of the handbook's exit criteria, of any stage."
    )
    hosts = models.PositiveIntegerField("up to # of hosts", null=True, blank=True, validators=[MinValueValidator(1)])
    payment_terms = Line("payment terms", max_length=50, choices=payment_terms_choices)
    billing_process = Line("billing process", max_length=50, choices=billing_process_choices)
    term_months = months()
    reseller = models.ForeignKey(
        Account,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="resold_opportunities",
        help_text="An account of type Partner.",
    )
    effective_on = models.DateField("effective date", null=True, blank=True)
    ends_on = models.DateField("subscription end date", null=True, blank=True)
    renews = models.ForeignKey(
        "Contract",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="renewals",
        verbose_name="contract it renews",
    )
    amends = models.ForeignKey(
        "Contract",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="expansions",
        verbose_name="contract it amends",
    )
    poc_start = models.DateField("proof of concept start", null=True, blank=True)
    poc_end = models.DateField("proof of concept end", null=True, blank=True)
    poc_criteria = Paragraphs("proof of concept success criteria")
    lost_reason = Line("reason for losing", max_length=50, choices=lost_reason_choices)
    lead_source = Line("lead source", max_length=50, choices=source_choices)
    description = Paragraphs()
    kept = models.JSONField("kept import values", default=dict, blank=True, editable=False)

    objects = OpportunityQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "opportunities"
        constraints = [
            models.CheckConstraint(
                condition=~Q(name=""),
                name="contracts_opportunity_has_name",
                violation_error_message="An opportunity needs a name.",
            ),
            models.CheckConstraint(
                condition=Q(effective_on__isnull=True) | Q(ends_on__isnull=True) | Q(ends_on__gt=F("effective_on")),
                name="contracts_opp_ends_after_it_starts",
                violation_error_message="The subscription end date lies after the effective date.",
            ),
            models.CheckConstraint(
                condition=Q(poc_start__isnull=True) | Q(poc_end__isnull=True) | Q(poc_end__gte=F("poc_start")),
                name="contracts_opp_poc_ends_after_start",
                violation_error_message="The proof of concept's end does not lie before its start.",
            ),
        ]
        indexes = [
            models.Index(fields=["stage", "-id"], name="contracts_opp_by_stage"),
            models.Index(fields=["owner", "-id"], name="contracts_opp_by_owner"),
            models.Index(fields=["close_on", "id"], name="contracts_opp_by_close"),
            models.Index(fields=["account", "stage"], name="contracts_opp_of_account"),
            models.Index(fields=["-id"], name="contracts_opp_with_poc", condition=Q(poc_start__isnull=False)),
            models.Index(fields=["lead_source", "-id"], name="contracts_opp_by_source"),
            models.Index(fields=["updated_at", "id"], name="contracts_opp_by_change"),
            GinIndex(OpClass(F("name_key"), name="gin_trgm_ops"), name="contracts_opp_like_name"),
            first_letters("name_key", "contracts_opp_name_begins"),
        ]
        triggers = [*tracked(), *guarded("stage"), *PROMISES]

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; a next step with people who are not to be contacted is not planned.

        Raises:
            Refused: `do_not_contact`, in whatever way a next step is set.
        """
        written = kwargs.get("update_fields")
        planned = written is None or {"next_step", "next_step_due"} & set(written)
        if planned and self.next_step and self._plans_anew():
            kind, pk = ("contact", self.contact_id) if self.contact_id else ("account", self.account_id)
            hold_for(kind, [pk])
            if bar := bar_of(kind, pk):
                raise Refused(CODE, bar.sentence, [replace(bar.missing(), field="next_step")])
        renewing = self._state.adding if written is None else "renews" in written
        if self.renews_id and renewing and connection.in_atomic_block:
            # Until this is committed, so that no task opens the same renewal meanwhile (contracts.renewing).
            Contract.objects.select_for_update(of=("self",)).filter(pk=self.renews_id).first()
        super().save(*args, **kwargs)

    def _plans_anew(self) -> bool:
        """Whether the next step is another than the stored one."""
        if self._state.adding:
            return True
        stored = Opportunity.objects.filter(pk=self.pk).values_list("next_step", "next_step_due").first()
        return stored != (self.next_step, self.next_step_due)

    def __str__(self) -> str:
        return self.name

    @classmethod
    def prepare_moves(cls, records: Sequence[Self]) -> None:
        """Fetch for the whole batch what `may` and the guards look at beside the rows themselves."""
        models.prefetch_related_objects(records, "owner", "contracts")


class ContactRole(Record):
    """What somebody is to an opportunity: who champions it, who pays, who signs."""

    opportunity = models.ForeignKey(Opportunity, models.CASCADE, related_name="contact_roles")
    contact = models.ForeignKey(Contact, models.PROTECT, related_name="opportunity_roles")
    role = Line(max_length=50, choices=contact_role_choices)
    is_primary = models.BooleanField("primary", default=False)
    kept = models.JSONField("kept import values", default=dict, blank=True, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["opportunity", "contact", "role"],
                name="contracts_contact_role_once",
                violation_error_message="This contact has this role already.",
            )
        ]
        triggers = tracked()

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; whoever becomes the primary one takes that from who was. The opportunity's lock decides who is last."""
        with transaction.atomic():
            if self.is_primary and (kwargs.get("update_fields") is None or "is_primary" in kwargs["update_fields"]):
                Opportunity.objects.select_for_update(of=("self",)).filter(pk=self.opportunity_id).first()
                others = ContactRole.objects.filter(opportunity=self.opportunity_id, is_primary=True)
                others.exclude(pk=self.pk).update(is_primary=False)
            super().save(*args, **kwargs)

    def __str__(self) -> str:
        role = dict(contact_role_choices()).get(self.role, self.role)
        return f"{self.contact}{f', {role.lower()}' if role else ''}"


class NextStepQuerySet(models.QuerySet["NextStep"]):
    """Reads of next steps."""

    def standing(self) -> Self:
        """The one of each opportunity that is still to be done."""
        return self.filter(ended_at=None)


class NextStep(models.Model):
    """A next step as a promise: what, by when, made when and by whom, and what became of it.

    The database writes it whenever an opportunity's next step or its due date changes, whatever way that is written:
    the standing one ends as rewritten, and a new one stands. `kept` is said by the one who kept it.
    """

    class Outcome(models.TextChoices):
        """What became of it."""

        STANDING = "standing", "To be done"
        KEPT = "kept", "Kept"
        LATE = "late", "Kept late"
        REWRITTEN = "rewritten", "Rewritten"
        DROPPED = "dropped", "Dropped"

    opportunity = models.ForeignKey(Opportunity, models.CASCADE, related_name="next_steps")
    text = Line(max_length=500)
    due_on = models.DateField("due", null=True, blank=True)
    made_at = models.DateTimeField("made")
    made_by_id = models.BigIntegerField(null=True, editable=False)
    made_by_name = Line("made by", editable=False)
    outcome = Line(max_length=10, blank=False, choices=Outcome, default=Outcome.STANDING)
    ended_at = models.DateTimeField("ended", null=True, blank=True)

    objects = NextStepQuerySet.as_manager()

    class Meta:
        verbose_name = "next step"
        ordering = ["-made_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["opportunity"], name="contracts_next_step_one_stands", condition=Q(ended_at=None)
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None, outcome="standing") | (Q(ended_at__isnull=False) & ~Q(outcome="standing")),
                name="contracts_next_step_ended_has_outcome",
            ),
        ]

    def __str__(self) -> str:
        return self.text


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
            models.CheckConstraint(
                condition=Q(effective_date__isnull=True)
                | Q(end_date__isnull=True)
                | Q(end_date__gt=F("effective_date")),
                name="contracts_contract_ends_after_it_starts",
                violation_error_message="The subscription end date lies after the effective date.",
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
        indexes = [models.Index(fields=["contract", "-sent_on"], name="contracts_invoice_of_contract")]
        triggers = tracked()

    def __str__(self) -> str:
        return f"Invoice {self.number}".strip()
