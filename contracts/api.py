"""Opportunities over the API: `/api/v1/opportunities/`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from accounts.models import source_choices
from contracts.flow import stage_choices, stage_keys
from contracts.models import Opportunity
from crm.core.api.queries import KeyOf, Piece, RecordFilters, RecordId, Words
from crm.core.api.scopes import declare_scopes
from crm.core.api.serializers import RecordSerializer
from crm.core.api.views import RecordViewSet

declare_scopes(
    "opportunities",
    read="See opportunities",
    write="Create opportunities and change them; without “read” only id and version come back",
    delete="Delete opportunities",
)
declare_scopes(
    "opportunities",
    move="Move opportunities from stage to stage",
    place="Store opportunities in a stage that another system says they have",
)

READ = {name: name for name in ("id", "version", "created_at", "updated_at")}
OPPORTUNITY = """name account_id contact_id owner_id type amount currency close_date next_step next_step_due_date
    lead_source description""".split()
PLACED = ("stage_since", "lost_reason")


class OpportunitySerializer(RecordSerializer):
    """A sale that may come about; its stage changes by moves."""

    model = Opportunity
    names: ClassVar[Mapping[str, str]] = {
        **READ,
        "stage": "stage",
        **{name: name.removesuffix("_id") for name in (*PLACED, *OPPORTUNITY)},
        "close_date": "close_on",
        "next_step_due_date": "next_step_due",
    }
    writable = OPPORTUNITY
    needed = ("name", "account_id")
    state = "stage"
    placed = PLACED
    refused: ClassVar[Mapping[str, tuple[str, str]]] = {
        name: ("moves_only", f"“{name}” changes by moves: POST /api/v1/opportunities/{{id}}/moves/VERB/.")
        for name in ("stage", *PLACED)
    }


class OpportunityFilters(RecordFilters):
    """What opportunities are found by."""

    stage = Words("stage", stage_choices, help_text="One or more stages, between commas.")
    owner_id = RecordId("owner_id", help_text="Whose they are; null: nobody's.")
    account_id = RecordId("account_id", help_text="Of this account.")
    contact_id = RecordId("contact_id", help_text="Of this contact; null: of none.")
    lead_source = Words("lead_source", source_choices, help_text="One or more sources, between commas.")
    name = KeyOf("name_key", function="name_key", help_text="Of this name, whatever its case.")
    q = Piece("name_key", help_text="The name has these characters, three at least.")


class OpportunityViewSet(RecordViewSet):
    """Opportunities."""

    resource = "opportunities"
    model = Opportunity
    serializer_class = OpportunitySerializer
    filterset_class = OpportunityFilters

    def make(self, values: dict[str, Any]) -> Any:
        """A new one begins in the first stage."""
        return Opportunity(stage=stage_keys("open")[0], **values)
