"""Moves of leads over the API, and their conversion with its preview."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.urls import re_path
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Account
from accounts.selectors import Candidate
from crm.core.api import move_schemas as schemas
from crm.core.api.moves import ManyMoves, Moves, MovesView, OneMove, move_addresses
from crm.core.api.problems import Flaw, Problem, bad_request, invalid
from crm.core.api.scopes import require_scope
from crm.core.permissions import may
from crm.core.text import tidy, whole_number
from leads.conversion import preview
from leads.models import Conversion, Lead

LONGEST_NAME = 255


class LeadMovesView(MovesView):
    """What the addresses about moves of leads share."""

    resource = "leads"
    kind = Lead
    status_name = "lead_status"


class LeadMoves(LeadMovesView, Moves):
    """Every move of a lead, and why not."""


class MoveLead(LeadMovesView, OneMove):
    """One move of one lead; taking back, lifting, returning and placing are moves as well."""


class MoveLeads(LeadMovesView, ManyMoves):
    """One move of many leads."""


class ConvertLead(LeadMovesView, OneMove):
    """`POST /leads/{id}/conversion/`: the move `convert`; the answer names what was made or used."""

    verb = "convert"

    @extend_schema(request=schemas.CONVERT_BODY, responses={200: schemas.CONVERSION})
    def post(self, request: Request, pk: str, verb: str = "") -> Response:
        """Account, contact and opportunity in one transaction, once."""
        return super().post(request, pk)

    def answered(self, step: Any) -> dict[str, Any]:
        """The move with the ids of the three records; a key learns of what it converted, whatever else it may read."""
        receipt = Conversion.objects.filter(lead=step.record_id).exclude(state=Conversion.State.RETURNED).first()
        ids = {f"{name}_id": getattr(receipt, f"{name}_id", None) for name in ("account", "contact", "opportunity")}
        return self.described(step) | ids


class ConversionPreview(LeadMovesView):
    """`GET /leads/{id}/conversion/preview/`: which records converting would find."""

    action_of_method: ClassVar[Mapping[str, str]] = {"GET": "retrieve", "HEAD": "retrieve"}
    NAMED = ("account_id", "account_name")

    @extend_schema(
        parameters=[
            OpenApiParameter("account_id", int, description="Show the open opportunities of this account."),
            OpenApiParameter("account_name", str, description="Match this name and not the lead's company."),
        ],
        request=None,
        responses={200: schemas.PREVIEW},
    )
    def get(self, request: Request, pk: str) -> Response:
        """Candidates with why they are some; those that are exact are used unless the move says otherwise."""
        # It names records of three other kinds: who may not read those learns nothing of them here.
        for resource in ("accounts", "contacts", "opportunities"):
            require_scope(request, f"{resource}:read")
        params = self.read_query()
        lead = self.record(pk)
        if not may(self.actor, "view", lead):
            raise Problem(403, "forbidden", "This key's user may not see this record.")
        found = preview(lead, account=params["account"], account_name=params["account_name"])
        chosen = params["account"] or found.account
        return Response(
            {
                "account_name": found.account_name,
                "account_id": chosen.pk if chosen else None,
                "accounts": [_told(one) for one in found.accounts],
                "contacts": [_told(one) for one in found.contacts],
                "opportunities": [_told(one) for one in found.opportunities],
            }
        )

    def read_query(self) -> dict[str, Any]:
        """The account and the name that were asked for.

        Raises:
            Problem: 400 for what is unknown, given twice, or no account.
        """
        params = self.request.query_params
        unknown = [name for name in params if name not in self.NAMED or len(params.getlist(name)) > 1]
        if unknown:
            said = f"The parameters here are {' and '.join(self.NAMED)}, each once."
            raise bad_request("unknown_parameter", said, [Flaw(name, "unknown_parameter", said) for name in unknown])
        name, text, account = tidy(params.get("account_name", "")), params.get("account_id", ""), None
        if len(name) > LONGEST_NAME:
            raise invalid([Flaw("account_name", "max_length", f"{LONGEST_NAME} characters at most.")])
        if text:
            account = Account.objects.filter(pk=whole_number(text) or 0).first()
            if account is None:
                raise invalid([Flaw("account_id", "invalid_choice", f"There is no account {text[:40]}.")])
        return {"account": account, "account_name": name}


def _told(candidate: Candidate[Any]) -> dict[str, Any]:
    record = candidate.record
    return {"id": record.pk, "name": str(record), "why": candidate.why, "exact": candidate.exact}


addresses = [
    *move_addresses("leads", {"many": MoveLeads, "moves": LeadMoves, "move": MoveLead}),
    re_path("^leads/(?P<pk>[^/]+)/conversion/?$", ConvertLead.as_view(), name="leads-conversion"),
    re_path("^leads/(?P<pk>[^/]+)/conversion/preview/?$", ConversionPreview.as_view(), name="leads-conversion-preview"),
]
