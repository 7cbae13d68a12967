"""Merging over the API: `POST /api/v1/leads/{id}/merge/`, with a preview, in the same words as on the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.urls import URLPattern, re_path
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from crm.core.api.etags import Condition, condition, etag
from crm.core.api.problems import Flaw, Problem, invalid, not_there, pointer_to, problem_of
from crm.core.api.queries import LARGEST_ID
from crm.core.api.schema import RecordSchema
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
PROPERTIES: dict[str, Any] = {
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
}
BODY = {"application/json": {"type": "object", "properties": PROPERTIES}}
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


MOST_MERGES = 100
MANY_BODY = {
    "application/json": {
        "type": "object",
        "required": ["rows"],
        "properties": {
            "rows": {
                "type": "array",
                "minItems": 1,
                "maxItems": MOST_MERGES,
                "items": {
                    "type": "object",
                    "required": ["id"],
                    "properties": {
                        "id": {**ID, "description": "The record that stays."},
                        **{name: one for name, one in PROPERTIES.items() if name != "preview"},
                    },
                },
            }
        },
    }
}
MANY_ROW = {
    "type": "object",
    "required": ["index", "id", "outcome"],
    "properties": {
        "index": {"type": "integer"},
        "id": {"type": ["integer", "null"]},
        "outcome": {"type": "string", "enum": ["merged", "refused"]},
        "version": {"type": "integer"},
        "merged": {"type": "array", "items": TEXT},
        "transaction_id": {"type": "integer"},
        "notes": {"type": "array", "items": TEXT},
        "code": TEXT,
        "message": TEXT,
        "errors": {"type": "array", "items": {"type": "object"}},
    },
}
MANY_ANSWER = {
    "type": "object",
    "required": ["merged", "refused", "results"],
    "properties": {
        "merged": {"type": "integer"},
        "refused": {"type": "integer"},
        "results": {"type": "array", "items": MANY_ROW},
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
        survivor, others = self.records(record_id(pk), body, known)
        if body["preview"]:
            self.refuse_unread(RESOURCES[self.resource], bool(body["leads"]))
            found = preview_merge(survivor, others, actor=self.actor)
            return Response(told(survivor, others, found))
        answer = self.merged(survivor, others, body)
        return Response(answer, headers={"ETag": etag(survivor.pk, survivor.version)})

    def records(self, pk: int, body: Mapping[str, Any], known: Condition | None = None) -> tuple[Any, list[Any]]:
        """The record that stays, and the others, at the versions that were looked at."""
        name = RESOURCES[self.resource]
        survivor = self.record(name, pk)
        if known is not None and not known.allows(survivor.pk, survivor.version):
            survivor.version = known.version_of(survivor.pk) or 0
        others = [self.record(name, one) for one in body["others"]]
        if body["leads"]:
            require_scope(self.request, "leads:merge")
            others += [self.record("lead", one) for one in body["leads"]]
        named = [ref(record) for record in (survivor, *others)]
        if strange := [name for name in body["versions"] if name not in named]:
            # A version that is compared with nothing would keep nobody's change.
            said = f"Say it of the records that are merged: {', '.join(named)}."
            raise invalid(
                Flaw(f"versions.{name}", "unknown_record", said, pointer_to("versions", name)) for name in strange
            )
        for record in (survivor, *others):
            record.version = body["versions"].get(ref(record), record.version)
        return survivor, others

    def merged(self, survivor: Any, others: list[Any], body: Mapping[str, Any]) -> dict[str, Any]:
        """Merge them; the survivor with what became it."""
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
        if has_scope(self.request, f"{self.resource}:read"):
            answer |= {"transaction_id": done.transaction_id, "notes": list(done.notes)}
        return answer

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


class MergeManyView(MergeView):
    """`POST {resource}/merges/`: many merges, each by itself, with the verdict that it would have had alone."""

    @extend_schema(request=MANY_BODY, responses={200: MANY_ANSWER})
    def post(self, request: Request) -> Response:  # type: ignore[override]
        """Merge what may be merged, each in a transaction that can be undone by itself; say of each other why not."""
        self.no_query()
        body = self.body()
        if unknown := [name for name in body if name != "rows"]:
            raise invalid(Flaw(name, "unknown_field", f"“{name}” is no field: rows.") for name in unknown)
        rows = body.get("rows")
        if not isinstance(rows, list) or not 1 <= len(rows) <= MOST_MERGES:
            raise invalid([Flaw("rows", "invalid_rows", f"Send a list of 1 to {MOST_MERGES} rows.")])
        told = [self.row(place, row) for place, row in enumerate(rows)]
        merged = sum(1 for one in told if one["outcome"] == "merged")
        return Response({"merged": merged, "refused": len(told) - merged, "results": told})

    def row(self, place: int, row: Any) -> dict[str, Any]:
        """What became of one row."""
        pk: Any = row.get("id") if isinstance(row, dict) else None
        try:
            if not isinstance(row, dict) or not _is_id(pk):
                raise invalid([Flaw("id", "type", "A row is an object with the id of the record that stays.")])
            facts = read_body({name: value for name, value in row.items() if name != "id"}, self.resource)
            if facts["preview"]:
                raise invalid([Flaw("preview", "unknown_field", "A preview is of one merge.")])
            survivor, others = self.records(pk, facts)
            answer = self.merged(survivor, others, facts)
        except Exception as error:
            problem = problem_of(error)
            if problem is None or problem.status >= 500:
                raise
            errors = [flaw.as_json() for flaw in problem.errors]
            known = pk if _is_id(pk) else None
            return {
                "index": place,
                "id": known,
                "outcome": "refused",
                "code": problem.code,
                "message": problem.detail,
                "errors": errors,
            }
        return {"index": place, "outcome": "merged", **answer}


class MergeLeads(MergeView):
    """Leads into one of them."""

    resource = "leads"


class MergeContacts(MergeView):
    """Contacts, and leads, into one contact."""

    resource = "contacts"


class MergeAccounts(MergeView):
    """Accounts into one of them."""

    resource = "accounts"


def _many(view: type[MergeView]) -> Any:
    return type(f"Many{view.__name__}", (MergeManyView,), {"resource": view.resource, "schema": RecordSchema()})


addresses: list[URLPattern] = [
    re_path(f"^{view.resource}/(?P<pk>[^/]+)/merge/?$", view.as_view(), name=f"{view.resource}-merge")
    for view in (MergeLeads, MergeContacts, MergeAccounts)
] + [
    re_path(f"^{view.resource}/merges/?$", _many(view).as_view(), name=f"{view.resource}-merge-many")
    for view in (MergeLeads, MergeContacts, MergeAccounts)
]
