"""Opportunities and their contact roles over the API: `/api/v1/opportunities/`, `/api/v1/contact_roles/`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar

from accounts.models import source_choices
from contracts.entering import candidate, fill_in, missing_of, wrong_with
from contracts.flow import stage_choices, stage_keys
from contracts.forecast_category import category_choices, in_category
from contracts.many import ManyOpportunities
from contracts.models import ContactRole, Opportunity, contact_role_choices, type_choices
from contracts.people import add_contact_role
from crm.core.api.problems import Flaw
from crm.core.api.queries import KeyOf, RecordFilters, RecordId, Search, Words
from crm.core.api.scopes import declare_scopes
from crm.core.api.serializers import READ, RecordSerializer
from crm.core.api.views import RecordViewSet
from crm.core.api.writes import VIA

declare_scopes(
    "opportunities",
    read="See opportunities",
    write="Create opportunities and change them; without “read” only id and version come back",
    delete="Delete opportunities",
    move="Move opportunities from stage to stage, win and lose them",
    place="Store opportunities in a stage that another system says they have",
)
declare_scopes(
    "contact_roles",
    read="See who is what to an opportunity",
    write="Say who is what to an opportunity; without “read” only id and version come back",
    delete="Remove contact roles",
)

OPPORTUNITY = """name account_id contact_id owner_id type amount currency close_date next_step next_step_due_date
    exit_criteria_met hosts payment_terms billing_process term_months reseller_id effective_date subscription_end_date
    stated_forecast confidence renews_id amends_id poc_start poc_end poc_criteria lead_source description""".split()
PLACED = ("stage_since", "lost_reason")
ROLE = "opportunity_id contact_id role is_primary".split()
# What our fields are called in the API where that is not their own name.
COLUMNS = {
    "close_date": "close_on",
    "next_step_due_date": "next_step_due",
    "exit_criteria_met": "criteria_met",
    "effective_date": "effective_on",
    "subscription_end_date": "ends_on",
}
MISSING = {
    "type": "array",
    "description": "What is missing where it stands: what its moves would ask. Nothing of it refuses a change.",
    "items": {
        "type": "object",
        "required": ["code", "message", "field"],
        "properties": {name: {"type": "string"} for name in ("code", "message", "field")},
    },
}


class OpportunitySerializer(RecordSerializer):
    """A sale that may come about; its stage changes by moves."""

    model = Opportunity
    names: ClassVar[Mapping[str, str]] = {
        **READ,
        "stage": "stage",
        **{name: name.removesuffix("_id") for name in (*PLACED, *OPPORTUNITY)},
        **COLUMNS,
        "last_expected_close_date": "expected_close_on",
        "own": "kept",
    }
    writable = (*OPPORTUNITY, "own")
    needed = ("name", "account_id")
    state = "stage"
    placed = PLACED
    refused: ClassVar[Mapping[str, tuple[str, str]]] = {
        name: ("moves_only", f"“{name}” changes by moves: POST /api/v1/opportunities/{{id}}/moves/VERB/.")
        for name in ("stage", *PLACED)
    }

    def judge(self, values: dict[str, Any]) -> Iterable[Flaw]:
        """As it is judged on the page; one that is placed keeps what the other system has."""
        if "stage" in values or "stage_since" in values:
            return
        attributes = {str(one.attname): one.name for one in Opportunity._meta.concrete_fields}
        stored: Any = self.instance
        before = stored or Opportunity(stage=stage_keys("open")[0])
        changed = [attributes[name] for name, value in values.items() if getattr(before, name) != value or not stored]
        entered = candidate(before, values)
        for name in fill_in(entered, changed):
            values[name] = getattr(entered, name)
        for item in wrong_with(entered, changed, stored=stored, at=self.context["at"]):
            yield Flaw(self.name_of(item.field), item.code, item.message)


class Category(Words):
    """Opportunities of one of these forecast categories: the stated one while they are open, else their stage's."""

    def filter(self, qs: Any, value: Any) -> Any:
        return qs.filter(in_category(value)) if value else qs


class OpportunityFilters(RecordFilters):
    """What opportunities are found by."""

    stage = Words("stage", stage_choices, help_text="One or more stages, between commas.")
    owner_id = RecordId("owner_id", help_text="Whose they are; null: nobody's.")
    account_id = RecordId("account_id", help_text="Of this account.")
    contact_id = RecordId("contact_id", help_text="Of this contact; null: of none.")
    type = Words("type", type_choices, help_text="One or more types, between commas.")
    renews_id = RecordId("renews_id", help_text="That renew this contract; null: that renew none.")
    amends_id = RecordId("amends_id", help_text="That amend this contract; null: that amend none.")
    reseller_id = RecordId("reseller_id", help_text="Through this reseller; null: through none.")
    lead_source = Words("lead_source", source_choices, help_text="One or more sources, between commas.")
    forecast_category = Category(
        "stage", category_choices, help_text="One or more forecast categories, between commas, as they are answered."
    )
    name = KeyOf("name_key", function="name_key", help_text="Of this name, whatever its case.")
    q = Search("name_key", help_text="The name has these characters; one or two: begins with them.")


class OpportunityViewSet(RecordViewSet):
    """Opportunities."""

    resource = "opportunities"
    followed = True
    model = Opportunity
    serializer_class = OpportunitySerializer
    filterset_class = OpportunityFilters
    many = ManyOpportunities
    computed: ClassVar[Mapping[str, Any]] = {
        "probability": {
            "type": ["integer", "null"],
            "description": "In percent: the handbook's for the stage.",
        },
        "forecast_category": {
            "type": ["string", "null"],
            "description": "The stated one while it is open, else the stage's.",
        },
        "days_in_stage": {"type": "integer", "description": "Whole days since it came into its stage."},
        "missing": MISSING,
    }

    def compute(self, rows: list[dict[str, Any]]) -> None:
        """What follows from the stage, and what is missing for it."""
        found = Opportunity.objects.prefetch_related("contracts").in_bulk([row["id"] for row in rows])
        for row in rows:
            if (one := found.get(row["id"])) is None:
                row |= {"probability": None, "forecast_category": None, "days_in_stage": 0, "missing": []}
                continue
            row["probability"], row["forecast_category"] = one.probability, one.forecast or None
            row["days_in_stage"] = max(0, (self.at - one.stage_since).days)
            missing = missing_of(one, self.at)
            row["missing"] = [{"code": item.code, "message": item.message, "field": item.field} for item in missing]

    def make(self, values: dict[str, Any]) -> Any:
        """A new one begins in the first stage."""
        return Opportunity(stage=stage_keys("open")[0], **values)


class ContactRoleSerializer(RecordSerializer):
    """What a contact is to an opportunity."""

    model = ContactRole
    names: ClassVar[Mapping[str, str]] = {**READ, **{name: name.removesuffix("_id") for name in ROLE}}
    writable = ROLE
    needed = ("opportunity_id", "contact_id")

    def judge(self, values: dict[str, Any]) -> Iterable[Flaw]:
        """A role stays with its opportunity."""
        stored = getattr(self.instance, "opportunity_id", None)
        if stored is not None and values.get("opportunity_id", stored) != stored:
            said = "A role stays with its opportunity: delete it and make another."
            yield Flaw("opportunity_id", "read_only", said)


class ContactRoleFilters(RecordFilters):
    """What contact roles are found by."""

    opportunity_id = RecordId("opportunity_id", help_text="Of this opportunity.")
    contact_id = RecordId("contact_id", help_text="Of this contact.")
    role = Words("role", contact_role_choices, help_text="One or more roles, between commas.")


class ContactRoleViewSet(RecordViewSet):
    """Contact roles. Whoever becomes the primary one of an opportunity takes that from who was."""

    resource = "contact_roles"
    followed = True
    model = ContactRole
    serializer_class = ContactRoleSerializer
    filterset_class = ContactRoleFilters

    def keep(self, record: Any, *, at: datetime, state: str | None) -> Any:
        """Of an opportunity that the key's user may change."""
        return add_contact_role(record, actor=self.actor, at=at, via=VIA)
