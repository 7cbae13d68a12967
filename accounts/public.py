"""What may be told in public (C19): of accounts with a codename, that name and no word by which they could be known.

Programs ask with the scope `accounts:read_public`; people export a selection as public. An account without a codename
is left out of both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from django import forms
from django.db.models.functions import Lower
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Account
from crm.bulk.exporting import Export
from crm.bulk.operations import FormRequest, Kind, Task, judged, serve
from crm.core.api.problems import Problem
from crm.core.api.scopes import declare_scopes
from crm.core.api.views import ApiView
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.jobs.kinds import Row
from crm.workspace.fields import find

# Everything that is told; neither says who it is.
COLUMNS = ("codename", "type", "tier")
SCOPE = "accounts:read_public"
declare_scopes("accounts", read_public="See accounts by their codenames alone, and only those that have one")
TEXT = {"type": "string"}
ANSWER: dict[str, Any] = {
    "type": "object",
    "required": ["results"],
    "properties": {
        "results": {
            "type": "array",
            "items": {
                "type": "object",
                "required": list(COLUMNS),
                "properties": dict.fromkeys(COLUMNS, TEXT),
                "additionalProperties": False,
            },
        }
    },
}


class PublicAccounts(ApiView):
    """Accounts that stay anonymous. There are no more than there are minor planets in the list: one page has all."""

    resource = "accounts"
    scopes: ClassVar[Mapping[str, str]] = {"public": SCOPE}
    action_of_method: ClassVar[Mapping[str, str]] = {"GET": "public"}
    http_method_names = ["get", "head", "options"]

    @extend_schema(responses={200: ANSWER}, operation_id="accounts_public")
    def get(self, request: Request) -> Response:
        """Each by its codename, in their order: no id, no name, no address, nobody of theirs."""
        self.no_query()
        if not may(self.actor, "view", Account):
            raise Problem(403, "forbidden", "This key's user may see no accounts.")
        rows = list(Account.objects.exclude(codename="").only(*COLUMNS).order_by(Lower("codename")))
        shown = find(Account, "type")
        types = shown.values(rows, self.at) if shown is not None and shown.values is not None else {}
        return Response(
            {
                "results": [
                    {"codename": one.codename, "type": types.get(one.pk, one.type) or "", "tier": one.tier}
                    for one in rows
                ]
            }
        )


class PublicExport(Export):
    """A CSV file of codenames, to be given away."""

    name = "public_export"
    label = "Export codenames…"
    hint = "A CSV file that names accounts by their codenames alone; those without one are left out."

    def form(self, request: FormRequest) -> forms.Form:
        return forms.Form(request.data)

    def facts(self, form: forms.Form, data: Mapping[str, Any]) -> dict[str, Any]:
        return {"columns": list(COLUMNS), "public": True}

    def judge(self, task: Task) -> list[Row]:
        return judged(task, lambda record: _why_not(task, record))

    def run(self, task: Task) -> list[Row]:
        named = set(_named(task.kind, task.ids))
        rows = super().run(replace(task, ids=[pk for pk in task.ids if pk in named]))
        others = replace(task, ids=[pk for pk in task.ids if pk not in named])
        return [*rows, *judged(others, lambda record: _why_not(task, record))]


def _named(kind: Kind, ids: Any) -> list[int]:
    return list(kind._base_manager.filter(pk__in=ids).exclude(codename="").values_list("pk", flat=True))


def _why_not(task: Task, record: Any) -> Refused | None:
    if not may(task.actor, "view", record):
        return Refused("forbidden", "You may not see this record.")
    return None if record.codename else Refused("no_codename", "It has no codename: it is left out.")


PUBLIC_EXPORT = serve(PublicExport())
