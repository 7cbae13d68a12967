"""Merging over the API: `POST /api/v1/leads/{id}/merge/`, with a preview, in the same words as on the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.urls import URLPattern, re_path
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from crm.core.api.etags import condition, etag
from crm.core.api.problems import Flaw, Problem, invalid, not_there, pointer_to
from crm.core.api.queries import LARGEST_ID
from crm.core.api.scopes import declare_scopes, has_scope, require_scope
from crm.core.api.views import ApiView, record_id
from crm.core.api.writes import VIA
from crm.core.errors import Stale
from crm.core.permissions import may
from crm.duplicates.kinds import kind_of
from crm.duplicates.merging import MOST, Preview, merge_records, preview_merge
from crm.duplicates.values import ref

RESOURCES = {"leads": "lead", "contacts": "contact", "accounts": "account"}
for resource in RESOURCES:
    declare_scopes(resource, merge=f"Merge {resource} that are the same")

TEXT = {"type": "string"}
ID = {"type": "integer", "minimum": 1, "maximum": LARGEST_ID}
NAMES = ("others", "leads", "choices", "versions", "reason", "preview")
BODY = {
    "application/json": {
        "type": "object",
        "properties": {
            "others": {"type": "array", "items": ID, "description": "Ids of records of the same kind."},
            "leads": {"type": "array", "items": ID, "description": "Of a contact: leads that become it."},
            "choices": {
                "type": "object",
                "additionalProperties": TEXT,
                "description": "By field, the record whose value it takes, as `lead:7`; the preview names them all.",
            },
            "versions": {
                "type": "object",
                "additionalProperties": {"type": "integer"},
                "description": "The versions that were read, by record (`lead:7`): 412 if one was changed since.",
            },
            "reason": {"type": ["string", "null"]},
            "preview": {"type": "boolean", "description": "Say what would happen, and write nothing."},
        },
    }
}
ANSWER = {
    "type": "object",
    "required": ["id", "version", "merged"],
    "properties": {
        "id": ID,
        "version": {"type": "integer"},
        "merged": {"type": "array", "items": TEXT, "description": "What became this record, as `lead:7`."},
        "transaction_id": {"type": "integer", "description": "The transaction that an undo takes apart."},
        "notes": {"type": "array", "items": TEXT},
        "allowed": {"type": "boolean", "description": "Of a preview: whether it could be made."},
        "code": TEXT,
        "message": TEXT,
        "fields": {"type": "array", "items": {"type": "object"}},
        "moved": {"type": "array", "items": {"type": "object"}},
    },
}


class MergeView(ApiView):
    """`POST {resource}/{id}/merge/`: the others become this one."""

    scopes: ClassVar[Mapping[str, str]] = {"merge": "merge"}
    action_of_method: ClassVar[Mapping[str, str]] = {"POST": "merge"}

    @extend_schema(request=BODY, responses={200: ANSWER})
    def post(self, request: Request, pk: str) -> Response:
        """Merge, or with `preview` say what would become of what."""
        self.no_query()
        body, known = read_body(self.body(), self.resource), condition(request, "If-Match")
        name = RESOURCES[self.resource]
        survivor = self.record(name, record_id(pk))
        if known is not None and not known.allows(survivor.pk, survivor.version):
            survivor.version = known.version_of(survivor.pk) or 0
        others = [self.record(name, one) for one in body["others"]]
        if body["leads"]:
            require_scope(request, "leads:merge")
            others += [self.record("lead", one) for one in body["leads"]]
        for record in (survivor, *others):
            record.version = body["versions"].get(ref(record), record.version)
        if body["preview"]:
            self.refuse_unread(name, bool(body["leads"]))
            found = preview_merge(survivor, others, actor=self.actor)
            return Response(told(survivor, others, found))
        try:
            done = merge_records(
                survivor,
                others,
                choices=body["choices"],
                actor=self.actor,
                at=self.at,
                via=VIA,
                reason=body["reason"],
            )
        except Stale as stale:
            raise Problem(412, "stale", stale.message) from stale
        answer: dict[str, Any] = {"id": survivor.pk, "version": survivor.version, "merged": list(done.merged)}
        if has_scope(request, f"{self.resource}:read"):
            answer |= {"transaction_id": done.transaction_id, "notes": list(done.notes)}
        return Response(answer, headers={"ETag": etag(survivor.pk, survivor.version)})

    def record(self, name: str, pk: int) -> Any:
        """The record of an id.

        Raises:
            Problem: 404; 410 for one that was merged already, naming the one that it is now.
        """
        kind = kind_of(name).model
        found = kind._base_manager.filter(pk=pk).first()
        if found is None:
            raise not_there(kind, pk)
        return found

    def refuse_unread(self, name: str, leads: bool) -> None:
        """A preview shows every value: only to a key that may read them."""
        for resource in (self.resource, *(["leads"] if leads else [])):
            require_scope(self.request, f"{resource}:read")
            if not may(self.actor, "view", kind_of(RESOURCES[resource]).model):
                raise Problem(403, "forbidden", f"This key's user may see no {resource}.")


def told(survivor: Any, others: list[Any], found: Preview) -> dict[str, Any]:
    """A preview as JSON: each field with its options and its default, and what goes along."""
    return {
        "id": survivor.pk,
        "version": survivor.version,
        "merged": [ref(other) for other in others],
        "allowed": found.refusal is None,
        "code": found.refusal.code if found.refusal else "",
        "message": found.refusal.message if found.refusal else "",
        "fields": [
            {
                "field": row.name,
                "label": row.label,
                "state": row.state,
                "default": row.default,
                "options": [{"key": one.key, "value": list(one.lines)} for one in row.options if one.full],
            }
            for row in found.rows
        ],
        "moved": [{"what": noun, "count": many} for noun, many in found.moved],
    }


def read_body(body: Mapping[str, Any], resource: str) -> dict[str, Any]:
    """The facts as merging takes them.

    Raises:
        Problem: 400 naming every field that is unknown or of the wrong type.
    """
    flaws = [
        Flaw(name, "unknown_field", f"“{name}” is no field: {', '.join(NAMES)}.", pointer_to(name))
        for name in body
        if name not in NAMES
    ]
    found: dict[str, Any] = {"others": [], "leads": [], "choices": {}, "versions": {}, "reason": "", "preview": False}
    for name in ("others", "leads"):
        value = body.get(name, [])
        if not isinstance(value, list) or not all(_is_id(one) for one in value):
            flaws.append(Flaw(name, "type", "Send a list of ids."))
        elif len(value) >= MOST:
            flaws.append(Flaw(name, "too_many", f"{MOST - 1} at most are merged into one."))
        else:
            found[name] = value
    if found["leads"] and resource != "contacts":
        flaws.append(Flaw("leads", "other_kind", "Leads become contacts: send the ids of leads as “others”."))
    objects: tuple[tuple[str, type, str], ...] = (
        ("choices", str, "Send an object of texts."),
        ("versions", int, "Send an object of numbers."),
    )
    for name, kind, said in objects:
        value = body.get(name, {})
        if not isinstance(value, dict) or not all(isinstance(one, kind) for one in value.values()):
            flaws.append(Flaw(name, "type", said))
        else:
            found[name] = value
    if not isinstance(body.get("reason"), str | None) or "\x00" in (body.get("reason") or ""):
        flaws.append(Flaw("reason", "type", "Send a text."))
    else:
        found["reason"] = body.get("reason") or ""
    if not isinstance(body.get("preview", False), bool):
        flaws.append(Flaw("preview", "type", "Send true or false."))
    else:
        found["preview"] = body.get("preview", False)
    if flaws:
        raise invalid(flaws)
    return found


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= LARGEST_ID


class MergeLeads(MergeView):
    """Leads into one of them."""

    resource = "leads"


class MergeContacts(MergeView):
    """Contacts, and leads, into one contact."""

    resource = "contacts"


class MergeAccounts(MergeView):
    """Accounts into one of them."""

    resource = "accounts"


addresses: list[URLPattern] = [
    re_path(f"^{view.resource}/(?P<pk>[^/]+)/merge/?$", view.as_view(), name=f"{view.resource}-merge")
    for view in (MergeLeads, MergeContacts, MergeAccounts)
]
