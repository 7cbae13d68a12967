"""Touches over the API: `/api/v1/activities/`. What happened is logged, also with who is not to be contacted (D4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from django.db import models

from crm.activities.many import ManyActivities
from crm.activities.models import Activity, kind_choices, outcome_choices
from crm.activities.rules import wrong_with_touch
from crm.core.api.problems import Flaw
from crm.core.api.queries import Before, RecordFilters, RecordId, Since, Words
from crm.core.api.scopes import declare_scopes
from crm.core.api.serializers import READ, RecordSerializer
from crm.core.api.views import RecordViewSet
from crm.people.models import User

declare_scopes(
    "activities",
    read="See touches",
    write="Log touches and mend them; without “read” only id and version come back",
    delete="Delete touches",
)

SENT = (
    "kind direction outcome happened_at text title notes_url by_id"
    " lead_id contact_id account_id opportunity_id contract_id"
).split()


class ActivitySerializer(RecordSerializer):
    """A touch: one call, message, meeting or note, with its direction and outcome."""

    model = Activity
    names: ClassVar[Mapping[str, str]] = {
        **READ,
        **{name: name.removesuffix("_id") for name in SENT},
        "violation_of_id": "violation_of",
    }
    writable = SENT
    needed = ("kind", "happened_at")

    def judge(self, values: dict[str, Any]) -> Iterable[Flaw]:
        """What is to come is no touch; the outcome is one of its kind; others' touches are logged by who may."""
        was = self.instance
        touched = {"kind", "outcome", "happened_at"} & values.keys()
        known = {name: values.get(name, getattr(was, name, None)) for name in ("kind", "outcome", "happened_at")}
        view = self.context["view"]
        if touched:
            for item in wrong_with_touch(
                kind=known["kind"] or "",
                outcome=known["outcome"] or "",
                happened_at=known["happened_at"] if "happened_at" in touched else None,
                at=view.at,
            ):
                yield Flaw(item.field, item.code, item.message)
        actor = view.actor
        by = values.get("by_id", actor.pk if was is None else was.by_id)
        if by != (actor.pk if was is None else was.by_id) and not (actor.is_manager or actor.rights == "service"):
            yield Flaw("by_id", "forbidden", "Others' touches are logged by managers and service accounts.")

    def available(self, kind: type[models.Model]) -> models.QuerySet[Any]:
        """Also people who have left: what they did happened."""
        return kind._base_manager.all() if kind is User else super().available(kind)


class ActivityFilters(RecordFilters):
    """What touches are found by."""

    lead_id = RecordId("lead_id", help_text="With this lead.")
    contact_id = RecordId("contact_id", help_text="With this contact.")
    account_id = RecordId("account_id", help_text="With this account.")
    opportunity_id = RecordId("opportunity_id", help_text="About this opportunity.")
    contract_id = RecordId("contract_id", help_text="About this contract.")
    by_id = RecordId("by_id", help_text="By this person.")
    kind = Words("kind", kind_choices, help_text="One or more kinds, between commas.")
    outcome = Words("outcome", outcome_choices, help_text="One or more outcomes, between commas.")
    happened_since = Since("happened_at", help_text="Happened at this time or later.")
    happened_before = Before("happened_at", help_text="Happened before this time.")


class ActivityViewSet(RecordViewSet):
    """Touches."""

    resource = "activities"
    followed = True
    model = Activity
    serializer_class = ActivitySerializer
    filterset_class = ActivityFilters
    many = ManyActivities

    def make(self, values: dict[str, Any]) -> Any:
        """By whoever's key it is, unless somebody else is named."""
        return Activity(**{"by_id": self.actor.pk, **values})
