"""A review of opportunities that asks for the next step alone: what meetings are tested with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms

from contracts.models import Opportunity
from crm.core.errors import Missing, Refused
from crm.core.text import whole_number
from crm.history.models import Change
from crm.people.models import User
from crm.reviews.meetings.kinds import Entry, ReviewKind, Scope
from crm.reviews.models import Item, Meeting


class NextStepForm(forms.Form):
    """What is done next."""

    next_step = forms.CharField(required=False, max_length=40)


class SmallKind(ReviewKind):
    """Every open opportunity, of one owner or of all."""

    key = Meeting.Kind.HUDDLE
    page = "huddle"
    model = Opportunity
    reasons = {"no_step": "It has no next step."}
    answers = {"step_set": "Next step set", "moved": "Moved"}

    def read_scope(self, given: Mapping[str, str]) -> Scope:
        owner = given.get("owner", "")
        if owner and whole_number(owner) is None:
            raise Refused("missing_facts", "", [Missing("invalid_owner", "There is no such owner.", "owner")])
        return {"owner": int(owner)} if owner else {}

    def scope_words(self, scope: Scope) -> str:
        return "One owner" if scope else "Everything"

    def agenda(self, scope: Scope, *, at: datetime) -> Sequence[Entry]:
        rows = Opportunity.objects.open().order_by("pk")
        rows = rows.filter(owner_id=int(scope["owner"])) if scope else rows
        return [
            Entry(one.pk, one.name, one.owner_id, () if one.next_step else ("no_step",), {"stage": one.stage})
            for one in rows
        ]

    def totals(self, scope: Scope, *, at: datetime) -> dict[str, Any]:
        return {"open": Opportunity.objects.open().count()}

    def form(self, record: Any, *, data: Any = None, at: datetime) -> forms.Form:
        return NextStepForm(data, initial={"next_step": record.next_step})

    def write(self, record: Any, facts: Mapping[str, Any], *, actor: User, at: datetime, via: str) -> list[str]:
        if facts["next_step"] == record.next_step:
            return []
        if facts["next_step"] == "Explode":
            message = "That is no step."
            raise Refused("missing_facts", message, [Missing("invalid_next_step", message, "next_step")])
        record.next_step = facts["next_step"]
        record.save(update_fields=["next_step"])
        return ["step_set"]

    def done_since(self, item: Item, record: Any, *, since: datetime) -> list[str]:
        moved = Change.objects.of(record).filter(at__gte=since, op="U", what__has_key="stage").exists()
        return ["moved"] if moved else []

    def card(self, item: Item, record: Any, *, user: User, at: datetime) -> dict[str, Any]:
        return {}

    def is_gone(self, record: Any | None) -> bool:
        return record is None or not record.is_open

    def stands(self, record: Any, *, at: datetime) -> bool:
        return bool(record.next_step)
