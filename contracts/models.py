"""What we may sell (opportunities) and what was signed (contracts)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q

from accounts.models import Account, Contact, source_choices
from contracts.flow import OpportunityFlow
from crm import handbook
from crm.activities.gate import CODE, bar_of, hold_for
from crm.core.errors import Refused
from crm.core.keys import generated_key
from crm.core.records import Record
from crm.core.text import Line, Paragraphs
from crm.core.triggers import guarded, tracked


def type_choices() -> list[tuple[str, str]]:
    """Types of opportunity as the handbook names them."""
    return handbook.current().choices("opportunity.types")


def lost_reason_choices() -> list[tuple[str, str]]:
    """Reasons for losing as the handbook names them."""
    return handbook.current().choices("opportunity.lost_reasons")


def contact_role_choices() -> list[tuple[str, str]]:
    """What a contact can be to an opportunity, as the handbook names it."""
    return handbook.current().choices("opportunity.contact_roles")


def company_currency() -> str:
    """The currency a new amount is in."""
    return handbook.current().company.currency


class OpportunityQuerySet(models.QuerySet["Opportunity"]):
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
    close_on = models.DateField("close date", null=True, blank=True, help_text="Expected while open.")
    next_step = Line("next step", max_length=500)
    next_step_due = models.DateField("next step's due date", null=True, blank=True)
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
        ]
        indexes = [
            models.Index(fields=["stage", "-id"], name="contracts_opp_by_stage"),
            models.Index(fields=["owner", "-id"], name="contracts_opp_by_owner"),
            models.Index(fields=["close_on", "id"], name="contracts_opp_by_close"),
            models.Index(fields=["lead_source", "-id"], name="contracts_opp_by_source"),
            models.Index(fields=["updated_at", "id"], name="contracts_opp_by_change"),
            GinIndex(OpClass(F("name_key"), name="gin_trgm_ops"), name="contracts_opp_like_name"),
        ]
        triggers = [*tracked(), *guarded("stage")]

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
        """Fetch for the whole batch what `may` looks at beside the rows themselves."""
        models.prefetch_related_objects(records, "owner")


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

    def __str__(self) -> str:
        role = dict(contact_role_choices()).get(self.role, self.role)
        return f"{self.contact}{f', {role.lower()}' if role else ''}"


class ContractQuerySet(models.QuerySet["Contract"]):
    """Reads of contracts."""

    def signed(self) -> Self:
        """Those that the last party has signed."""
        return self.filter(close_date__isnull=False)


class Contract(Record):
    """An agreement with a customer and its three dates (C1)."""

    account = models.ForeignKey(Account, models.PROTECT, related_name="contracts")
    opportunity = models.ForeignKey(Opportunity, models.PROTECT, null=True, blank=True, related_name="contracts")
    name = Line(blank=False)
    name_key = generated_key("name_key", "name")
    effective_date = models.DateField(null=True, blank=True, help_text="The start date for the subscription service.")
    close_date = models.DateField(
        null=True, blank=True, help_text="The date the last party to the contract signed the agreement."
    )
    invoice_date = models.DateField(null=True, blank=True, help_text="The date the invoice was sent to the customer.")
    end_date = models.DateField("subscription end date", null=True, blank=True)
    amount = models.DecimalField(
        max_digits=14, decimal_places=2, null=True, blank=True, validators=[MinValueValidator(0)]
    )
    currency = Line(max_length=3, blank=False, default=company_currency)  # type: ignore[arg-type]
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
                violation_error_message="The subscription ends after its effective date.",
            ),
        ]
        indexes = [
            models.Index(fields=["-effective_date", "-id"], name="contracts_contract_by_start"),
            models.Index(fields=["updated_at", "id"], name="contracts_contract_by_change"),
            GinIndex(OpClass(F("name_key"), name="gin_trgm_ops"), name="contracts_contract_like_name"),
        ]
        triggers = tracked()

    def __str__(self) -> str:
        return self.name

    @property
    def owner(self) -> object:
        """Who may change it: its opportunity's owner, else its account's."""
        return self.opportunity.owner if self.opportunity else self.account.owner
