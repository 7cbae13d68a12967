"""Leads over the API: `/api/v1/leads/`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from accounts.models import source_choices
from crm.activities.api_bars import DO_NOT_CONTACT, add_do_not_contact
from crm.core.api.queries import KeyOf, RecordFilters, RecordId, Search, Words
from crm.core.api.scopes import declare_scopes
from crm.core.api.serializers import READ, RecordSerializer
from crm.core.api.views import RecordViewSet
from crm.core.api.writes import VIA
from crm.duplicates.api import DUPLICATES, add_duplicates
from leads.assignment import create_lead
from leads.many import ManyLeads, hold_newcomers
from leads.models import Lead, rating_choices
from leads.statuses import Status

declare_scopes(
    "leads",
    read="See leads",
    write="Create leads and change them; without “read” only id and version come back",
    delete="Delete leads",
    move="Move leads from status to status, and convert them",
    place="Store leads in a status that another system says they have",
)

SENT = """first_name last_name company job_title email second_email phone mobile linkedin_url website industry employees
    street city state postal_code country lead_source rating owner_id description budget budget_note authority
    authority_note need need_note timing timing_note""".split()
PLACED = """status_since meeting_at meeting_outcome nurture_reason come_back_on converted_at converted_account_id
    converted_contact_id converted_opportunity_id""".split()
NAMES = {
    **READ,
    "lead_status": "status",
    "queue_id": "queue",
    "came_from": "came_from",
    **{name: name.removesuffix("_id") for name in (*PLACED, *SENT)},
    "job_title": "title",
    "own": "kept",
}


class LeadSerializer(RecordSerializer):
    """A lead. It has an email or a LinkedIn profile URL (L1); its status changes by moves."""

    model = Lead
    names: ClassVar[Mapping[str, str]] = NAMES
    writable = (*SENT, "own")
    state = "lead_status"
    placed = PLACED
    refused: ClassVar[Mapping[str, tuple[str, str]]] = {
        name: ("moves_only", f"“{name}” changes by moves: POST /api/v1/leads/{{id}}/moves/VERB/.")
        for name in ("lead_status", *PLACED)
    }


class InQueue(RecordId):
    """Leads that nobody owns and that wait in a team's queue; `null`: in none."""

    def filter(self, qs: Any, value: Any) -> Any:
        return super().filter(qs, value) if value is None else super().filter(qs, value).filter(owner__isnull=True)


class LeadFilters(RecordFilters):
    """What leads are found by."""

    lead_status = Words("status", lambda: Status.choices, help_text="One or more statuses, between commas.")
    owner_id = RecordId("owner_id", help_text="Whose they are; null: nobody's.")
    queue_id = InQueue("queue_id", help_text="Unowned ones that wait in this team's queue; null: in none.")
    lead_source = Words("lead_source", source_choices, help_text="One or more sources, between commas.")
    rating = Words("rating", rating_choices, help_text="One or more ratings, between commas.")
    email = KeyOf("email_key", function="email_key", help_text="Of this person, however the address is written.")
    linkedin_url = KeyOf("linkedin_key", function="linkedin_key", help_text="Of this profile, however it is written.")
    converted_account_id = RecordId("converted_account_id", help_text="Converted into this account.")
    converted_opportunity_id = RecordId("converted_opportunity_id", help_text="Converted into this opportunity.")
    q = Search(
        "search",
        help_text="Name, company, email or domain has these characters; one or two: begins with them; a whole address"
        " or phone number: has it, however it is written.",
    )


class LeadViewSet(RecordViewSet):
    """Leads."""

    resource = "leads"
    followed = True
    model = Lead
    serializer_class = LeadSerializer
    filterset_class = LeadFilters
    many = ManyLeads
    computed: ClassVar[Mapping[str, Any]] = DO_NOT_CONTACT | DUPLICATES

    def compute(self, rows: list[dict[str, Any]]) -> None:
        """Who of them is not to be contacted, and who may be there twice."""
        add_do_not_contact("lead", rows)
        add_duplicates(Lead, rows)

    def hold_for(self, bodies: Sequence[Mapping[str, Any]]) -> None:
        """Of many, the keys of the gate and the turns, in that order; of one, whoever stores it holds its own."""
        if len(bodies) > 1:
            hold_newcomers(bodies, at=self.at, actor=self.actor)

    def keep(self, record: Any, *, at: datetime, state: str | None) -> Any:
        """Store a new lead; without an owner it goes to whose turn it is by the handbook's rules (L6)."""
        return create_lead(record, actor=self.actor, at=at, via=VIA, state=state)
