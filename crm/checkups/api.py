"""Findings over the API: `/api/v1/findings/`. Read only: they are answered, and put right, on their pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from rest_framework import serializers

from crm.checkups.assigning import title_of
from crm.checkups.findings_list import concerning
from crm.checkups.models import Finding
from crm.checkups.rules import all_rules
from crm.checkups.words import subjects_of
from crm.core.api.queries import RecordId, Words
from crm.core.api.scopes import declare_scopes
from crm.core.api.serializers import RecordSerializer
from crm.core.api.views import RecordViewSet
from crm.core.text import whole_number

declare_scopes(
    "findings", read="See what checkups found: all of it with a manager's key, else what concerns the key's user"
)

COLUMNS = """id rule area severity subject object record_id label detail expected found evidence state first_seen
    last_seen times_back""".split()
ANSWERED = "due_on accepted_until accepted_because fixed_at".split()


class FindingSerializer(RecordSerializer):
    """Something that is not as the handbook has it: which rule saw it on what, expected and found, since when."""

    model = Finding
    names: ClassVar[Mapping[str, str]] = {
        **{name: name for name in COLUMNS},
        "assignee_id": "assignee",
        **{name: name for name in ANSWERED},
    }

    def get_fields(self) -> dict[str, Any]:
        """The columns; the evidence is pairs of what it is and what it says."""
        pairs = serializers.ListField(child=serializers.ListField(child=serializers.CharField()), read_only=True)
        return {**super().get_fields(), "evidence": pairs}


class RecordNameField(forms.Field):
    """A record, as `lead:17`."""

    def to_python(self, value: Any) -> tuple[str, int] | None:
        """What the change log calls such records, and the id."""
        if value in (None, ""):
            return None
        kind, _, number = value.partition(":")
        found = whole_number(number)
        if not kind.isidentifier() or found is None:
            raise ValidationError("Give a record as its object and id, as lead:17.", code="invalid")
        return kind, found


class About(django_filters.Filter):
    """What still stands about one record."""

    field_class = RecordNameField

    def filter(self, qs: Any, value: Any) -> Any:
        return qs.of_record(*value).exclude(state=Finding.State.FIXED) if value else qs


class FindingFilters(django_filters.FilterSet):
    """What findings are found by."""

    rule = Words(
        "rule", lambda: [(one.id, one.title) for one in all_rules()], help_text="One or more rules, between commas."
    )
    state = Words("state", lambda: Finding.State.choices, help_text="One or more of open, accepted, fixed.")
    assignee_id = RecordId("assignee_id", help_text="Assigned to this person; null: to nobody.")
    about = About(help_text="About this record, as lead:17, and still so: open or accepted.")


class FindingViewSet(RecordViewSet):
    """Findings. One that is seen again is the same finding, and closes by itself when it is seen no more."""

    resource = "findings"
    model = Finding
    serializer_class = FindingSerializer
    filterset_class = FindingFilters
    http_method_names = ["get", "head", "options"]
    computed: ClassVar[Mapping[str, Any]] = {
        "title": {"type": "string", "description": "The sentence of its rule."},
        "on": {"type": "string", "description": "What it is about, by the name that it has now."},
    }

    def rows(self) -> QuerySet[Any]:
        """All for managers; for others what is assigned to them, or lies in their records or their team's."""
        return concerning(Finding.objects.all(), self.actor)

    def compute(self, rows: list[dict[str, Any]]) -> None:
        """What its rule says and what it is about; a query for each kind of record."""
        found = list(Finding.objects.filter(pk__in=[row["id"] for row in rows]))
        told = {one.finding.pk: (title_of(one.finding), one.name) for one in subjects_of(found)}
        for row in rows:
            row["title"], row["on"] = told.get(row["id"], ("", ""))
