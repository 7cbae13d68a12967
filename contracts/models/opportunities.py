"""What we may sell, who is what to it, and what was promised next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import connection, models, transaction
from django.db.models import F, Q

from accounts.models import Account, Contact, payment_terms_choices, source_choices
from contracts.flow import OpportunityFlow
from contracts.models.choices import (
    billing_process_choices,
    company_currency,
    contact_role_choices,
    forecast_choices,
    lost_reason_choices,
    months,
    type_choices,
)
from contracts.searching import ByName
from contracts.stages import every_criterion
from contracts.terms import ends_too_early
from contracts.triggers import PROMISES
from crm import handbook
from crm.activities.gate import CODE, bar_of, hold_for
from crm.core.constraints import SayingCheck
from crm.core.errors import Refused
from crm.core.keys import generated_key
from crm.core.records import Record
from crm.core.searching import first_letters
from crm.core.text import Line, Paragraphs
from crm.core.triggers import guarded, tracked


class OpportunityQuerySet(ByName["Opportunity"]):
    """Reads of opportunities."""

    def open(self) -> Self:
        """Neither won nor lost."""
        return self.filter(stage__in=[s.key for s in handbook.current().opportunity.stages if s.kind == "open"])


class Opportunity(OpportunityFlow):
    """A sale that may come about: an account, an amount, a stage, a next step."""

    KEYS_IN: ClassVar[dict[str, Any]] = {"criteria_met": every_criterion}

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
    stated_forecast = Line(
        "forecast category",
        max_length=20,
        choices=forecast_choices,
        help_text="Empty: the one of its stage. Once closed, it is the stage's.",
    )
    confidence = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MaxValueValidator(100)],
        help_text="How sure its owner is that it is won on the close date, in percent.",
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
            SayingCheck(
                condition=Q(effective_on__isnull=True) | Q(ends_on__isnull=True) | Q(ends_on__gt=F("effective_on")),
                name="contracts_opp_ends_after_it_starts",
                violation_error_message="The subscription end date lies after the effective date.",
                said=lambda one: ends_too_early(one.effective_on, one.ends_on),
            ),
            models.CheckConstraint(
                condition=Q(poc_start__isnull=True) | Q(poc_end__isnull=True) | Q(poc_end__gte=F("poc_start")),
                name="contracts_opp_poc_ends_after_start",
                violation_error_message="The proof of concept's end does not lie before its start.",
            ),
            models.CheckConstraint(
                condition=Q(confidence__isnull=True) | Q(confidence__lte=100),
                name="contracts_opp_confidence_in_percent",
                violation_error_message="The confidence is at most 100 percent.",
            ),
        ]
        indexes = [
            models.Index(fields=["stage", "-id"], name="contracts_opp_by_stage"),
            models.Index(fields=["stage", "-stage_since", "-id"], name="contracts_opp_by_stage_since"),
            models.Index(fields=["owner", "-id"], name="contracts_opp_by_owner"),
            models.Index(fields=["close_on", "id"], name="contracts_opp_by_close"),
            models.Index(fields=["account", "stage"], name="contracts_opp_of_account"),
            models.Index(fields=["-id"], name="contracts_opp_with_poc", condition=Q(poc_start__isnull=False)),
            models.Index(fields=["lead_source", "-id"], name="contracts_opp_by_source"),
            models.Index(fields=["type", "-id"], name="contracts_opp_by_type"),
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
            renewed: Any = self._meta.get_field("renews").related_model
            renewed._base_manager.select_for_update(of=("self",)).filter(pk=self.renews_id).first()
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
        indexes = [models.Index(fields=["updated_at", "id"], name="contracts_role_by_change")]
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
