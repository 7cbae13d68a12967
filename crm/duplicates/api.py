"""Duplicates over the API: `/api/v1/duplicates/`, and who may be the same beside a record (`expand=computed`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db import models
from django.urls import URLPattern, re_path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from crm.core.api.problems import not_there
from crm.core.api.queries import RecordFilters, RecordId, Words, YesNo
from crm.core.api.scopes import declare_scopes
from crm.core.api.serializers import RecordSerializer
from crm.core.api.views import ApiView, RecordViewSet, record_id
from crm.duplicates.answering import dismiss
from crm.duplicates.finding import likely
from crm.duplicates.models import Pair

declare_scopes("duplicates", read="See which records may be the same", dismiss="Say that two records are not the same")

TEXT = {"type": "string"}
DUPLICATES: dict[str, Any] = {
    "duplicates": {
        "type": "array",
        "description": "Records that may be the same: at most five, by a key that both have; of one account alone also"
        " by a similar name. What somebody dismissed is left out.",
        "items": {
            "type": "object",
            "required": ["object", "id", "why", "exact"],
            "properties": {
                "object": TEXT,
                "id": {"type": "integer"},
                "why": {"type": "array", "items": TEXT},
                "exact": {"type": "boolean", "description": "Both have a key; else the names are alike."},
            },
        },
    }
}


def add_duplicates(kind: type[models.Model], rows: list[dict[str, Any]]) -> None:
    """Say of each record of a page who may be the same: a few queries for all of them."""
    records = kind._base_manager.filter(pk__in=[row["id"] for row in rows])
    found = likely(list(records))
    for row in rows:
        row["duplicates"] = [
            {"object": str(one.record._meta.model_name), "id": one.record.pk, "why": list(one.why), "exact": one.exact}
            for one in found.get(row["id"], ())
        ]


class PairSerializer(RecordSerializer):
    """Two records that may be the same."""

    model = Pair
    names: ClassVar[Mapping[str, str]] = {
        **{
            name: name
            for name in (
                "id version created_at updated_at object lower_id higher_id why exact found_at state answered_at"
            ).split()
        },
        "answered_by_id": "answered_by",
    }
    writable = ()

    def get_fields(self) -> dict[str, Any]:
        """The columns; what both have is a list of texts for each kind of key."""
        texts = serializers.ListField(child=serializers.CharField())
        return {**super().get_fields(), "why": serializers.DictField(child=texts, read_only=True)}


class PairFilters(RecordFilters):
    """What pairs are found by."""

    object = Words("object", lambda: Pair.Of.choices, help_text="Which kinds of records, between commas.")
    state = Words("state", lambda: Pair.State.choices, help_text="One or more states, between commas.")
    exact = YesNo("exact", help_text="true: a key that both have; false: only similar names.")
    lower_id = RecordId("lower_id", help_text="With this older record; of a lead and a contact, the lead.")
    higher_id = RecordId("higher_id", help_text="With this newer record; of a lead and a contact, the contact.")


class PairViewSet(RecordViewSet):
    """Pairs. They are found by night; the records are merged at their own address (`/leads/{id}/merge/`)."""

    resource = "duplicates"
    model = Pair
    serializer_class = PairSerializer
    filterset_class = PairFilters
    http_method_names = ["get", "head", "options"]


class Dismiss(ApiView):
    """`POST /duplicates/{id}/dismiss/`: these two are not the same."""

    resource = "duplicates"
    scopes: ClassVar[Mapping[str, str]] = {"dismiss": "dismiss"}
    action_of_method: ClassVar[Mapping[str, str]] = {"POST": "dismiss"}

    @extend_schema(
        request=None,
        responses={
            200: {
                "type": "object",
                "required": ["id", "version", "state"],
                "properties": {"id": {"type": "integer"}, "version": {"type": "integer"}, "state": TEXT},
            }
        },
    )
    def post(self, request: Request, pk: str) -> Response:
        """They are shown again when something else speaks for it."""
        self.no_query()
        number = record_id(pk)
        pair = Pair.objects.filter(pk=number).first()
        if pair is None:
            raise not_there(Pair, number)
        done = dismiss(pair, actor=self.actor, at=self.at, via="api")
        return Response({"id": done.pk, "version": done.version, "state": done.state})


addresses: list[URLPattern] = [
    re_path("^duplicates/(?P<pk>[^/]+)/dismiss/?$", Dismiss.as_view(), name="duplicates-dismiss"),
]
