"""List views over the API: `/api/v1/list_views/`. Read only: they are made where they are looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from rest_framework import serializers

from crm.core.api.queries import RecordFilters, RecordId, Words, YesNo
from crm.core.api.scopes import declare_scopes
from crm.core.api.serializers import READ, RecordSerializer
from crm.core.api.views import RecordViewSet
from crm.workspace.models import OBJECTS, ListView

declare_scopes("list_views", read="See list views: everybody's, shared ones and those of the key's user")


class ListViewSerializer(RecordSerializer):
    """A list as somebody set it up: columns, conditions that all have to hold, and order."""

    model = ListView
    names: ClassVar[Mapping[str, str]] = {
        **READ,
        **{name: name for name in ("object", "key", "title", "columns", "filters", "sort")},
        "user_id": "user",
        "shared": "shared",
    }

    def get_fields(self) -> dict[str, Any]:
        """The columns; the conditions are objects."""
        conditions = serializers.ListField(child=serializers.DictField(), read_only=True)
        return {**super().get_fields(), "filters": conditions}


class ListViewFilters(RecordFilters):
    """What list views are found by."""

    object = Words("object", lambda: OBJECTS, help_text="Of lists of these records, between commas.")
    user_id = RecordId("user_id", help_text="Of this person; null: everybody's.")
    shared = YesNo("shared", help_text="true: shared with everybody by whose they are.")


class ListViewViewSet(RecordViewSet):
    """List views: everybody's, shared ones, and those of the key's user; others' are there for nobody else."""

    resource = "list_views"
    model = ListView
    serializer_class = ListViewSerializer
    filterset_class = ListViewFilters
    http_method_names = ["get", "head", "options"]

    def rows(self) -> QuerySet[Any]:
        """Those that the key's user is shown."""
        return ListView.objects.seen_by(self.actor.pk)
