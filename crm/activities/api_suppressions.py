"""Do not contact over the API: `/api/v1/suppressions/`. An address alone will do; lifting takes a manager's key."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, ClassVar

import django_filters
from django import forms
from django.db.models import QuerySet
from django.http import Http404
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive
from rest_framework.request import Request
from rest_framework.response import Response

from crm.activities.models import SuppressedKey, Suppression, reason_choices
from crm.activities.naming import named_in, named_like
from crm.activities.suppressing import lift, suppress
from crm.core.api.etags import condition
from crm.core.api.problems import Flaw, invalid
from crm.core.api.queries import RecordFilters, RecordId, Since, Words, YesNo
from crm.core.api.scopes import declare_scopes
from crm.core.api.serializers import RecordSerializer
from crm.core.api.views import RecordViewSet, record_id
from crm.core.errors import Refused, Stale

declare_scopes(
    "suppressions",
    read="See who is not to be contacted",
    write="Note that somebody is not to be contacted",
    lift="Lift a do not contact, where the key's user is a manager",
)

Kind = SuppressedKey.Kind
# What names somebody: in the body, and the list of them in an answer.
NAMES = {"email": Kind.EMAIL, "linkedin_url": Kind.LINKEDIN, "phone": Kind.PHONE, "domain": Kind.DOMAIN}
LISTS = {Kind.EMAIL: "emails", Kind.LINKEDIN: "linkedin_urls", Kind.PHONE: "phones", Kind.DOMAIN: "domains"}
TEXTS = {"type": "array", "items": {"type": "string"}}
SENT = (*NAMES, "reason", "note", "since")
MOST = 100  # addresses of one kind in one request
LONGEST_NOTE = 10_000


class Names(django_filters.Filter):
    """Suppressions that name or cover this address, however it is written."""

    field_class = forms.CharField

    def __init__(self, kind: str, **kwargs: Any) -> None:
        super().__init__(field_name="keys", **kwargs)
        self.kind = kind

    def filter(self, qs: QuerySet[Any], value: Any) -> QuerySet[Any]:
        if not value:
            return qs
        return qs.filter(pk__in=named_in(named_like(self.kind, value)))


class SuppressionFilters(RecordFilters):
    """What suppressions are found by."""

    email = Names(Kind.EMAIL, help_text="That cover this email, however it is written; its domain's too.")
    linkedin_url = Names(Kind.LINKEDIN, help_text="That cover this LinkedIn profile, however it is written.")
    phone = Names(Kind.PHONE, help_text="That cover this phone number, however it is written.")
    domain = Names(Kind.DOMAIN, help_text="That cover this domain; the domains above it too.")
    reason = Words("reason", reason_choices, help_text="One or more reasons, between commas.")
    scope = Words("scope", lambda: Suppression.Scope.choices, help_text="One or more scopes, between commas.")
    in_force = YesNo("lifted_at", lookup_expr="isnull", help_text="true: not lifted; false: lifted.")
    since = Since("since", help_text="That began at this time or later.")
    by_id = RecordId("by_id", help_text="Who noted it.")


class SuppressionSerializer(RecordSerializer):
    """Somebody who is not to be contacted: why, what it covers, since when, and who lifted it."""

    model = Suppression
    names: ClassVar[Mapping[str, str]] = {
        name: name.removesuffix("_id")
        for name in (
            "id version created_at updated_at reason scope note since by_id came_from lifted_at lifted_by_id"
            " lifted_reason"
        ).split()
    }
    writable: ClassVar[Collection[str]] = ("reason", "note", "since")
    needed: ClassVar[Collection[str]] = ("reason",)


class SuppressionViewSet(RecordViewSet):
    """Who is not to be contacted. There is no changing one: it is lifted, and another is noted."""

    resource = "suppressions"
    model = Suppression
    serializer_class = SuppressionSerializer
    filterset_class = SuppressionFilters
    scopes: ClassVar[Mapping[str, str]] = {"destroy": "lift"}
    computed: ClassVar[Mapping[str, Any]] = dict.fromkeys(LISTS.values(), TEXTS)
    http_method_names = ["get", "head", "post", "delete", "options"]

    def compute(self, rows: list[dict[str, Any]]) -> None:
        """What names each of them: its addresses as they were noted."""
        for row in rows:
            row.update({name: [] for name in LISTS.values()})
        by_id = {row["id"]: row for row in rows}
        for key in SuppressedKey.objects.filter(suppression__in=by_id).exclude(value="").order_by("pk"):
            by_id[key.suppression_id][LISTS[Kind(key.kind)]].append(key.value)

    def create(self, request: Request) -> Response:
        """Do not contact whoever is named: 201, or 200 where the same is in force already."""
        self.no_query()
        try:
            made = suppress(actor=self.actor, at=self.at, via="api", came_from="API", **read_body(self.body()))
        except Refused as refused:
            raise _as_flaws(refused) from refused
        return self.answer(made.suppressions[0].pk, status=201 if made.new else 200)

    def destroy(self, request: Request, pk: str) -> Response:
        """Lift it, with a reason in the body: 204. It stays on record."""
        self.no_query()
        found = Suppression.objects.filter(pk=record_id(pk)).first()
        if found is None:
            raise Http404
        body, known = self.body(), condition(request, "If-Match")
        flaws = _unknown(body, ("reason",)) + ([] if isinstance(body.get("reason", ""), str) else [_no_text("reason")])
        if flaws:
            raise invalid(flaws)
        if known is not None and not known.allows(found.pk, found.version):
            raise self.stale(Stale("It was lifted since you read it."))
        try:
            lift(found, actor=self.actor, at=self.at, via="api", reason=body.get("reason", ""))
        except Refused as refused:
            raise _as_flaws(refused) from refused
        return Response(status=204)


def read_body(body: Mapping[str, Any]) -> dict[str, Any]:
    """The facts as `suppress` takes them.

    Raises:
        Problem: 400 naming every field that is unknown or of the wrong type.
    """
    flaws = _unknown(body, SENT)
    named: dict[str, list[str]] = {}
    for name in NAMES:
        value = body.get(name, [])
        texts = value if isinstance(value, list) else [value]
        if not all(isinstance(text, str) for text in texts):
            flaws.append(Flaw(name, "type", "Send a text, or a list of texts."))
        elif len(texts) > MOST:
            flaws.append(Flaw(name, "too_many", f"{MOST} at most in one request."))
        named[name] = [text for text in texts if isinstance(text, str)]
    for name in ("reason", "note"):
        text = body.get(name, "")
        if not isinstance(text, str) or "\x00" in text:
            flaws.append(_no_text(name))
        elif len(text) > LONGEST_NOTE:
            flaws.append(Flaw(name, "max_length", f"{LONGEST_NOTE:,} characters at most."))
    if any("\x00" in text for texts in named.values() for text in texts):
        flaws.append(Flaw("", "null_characters_not_allowed", "Null characters are not allowed."))
    since = _instant(body.get("since"), flaws)
    if flaws:
        raise invalid(flaws)
    return {
        "emails": named["email"],
        "linkedin_urls": named["linkedin_url"],
        "phone_numbers": named["phone"],
        "domains": named["domain"],
        "reason": body.get("reason", ""),
        "note": body.get("note", ""),
        "since": since,
    }


def _instant(value: Any, flaws: list[Flaw]) -> datetime | None:
    """A time with its offset, or nothing."""
    if value in (None, ""):
        return None
    try:
        found = parse_datetime(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or is_naive(found):
        flaws.append(Flaw("since", "invalid", "Give a time with its offset, as 2026-03-04T18:00:00Z."))
        return None
    return found


def _unknown(body: Mapping[str, Any], known: Collection[str]) -> list[Flaw]:
    said = ", ".join(known)
    return [Flaw(name, "unknown_field", f"“{name}” is no field: {said}.") for name in body if name not in known]


def _no_text(name: str) -> Flaw:
    return Flaw(name, "type", "Send a text.")


def _as_flaws(refused: Refused) -> Exception:
    """What was sent and will not do is a bad request; every other refusal is as at the other doors."""
    if refused.code != "missing_facts":
        return refused
    return invalid(Flaw(item.field, item.code, item.message) for item in refused.missing)
