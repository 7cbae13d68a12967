"""What a webhook may be told of, and what is wrong with one: the same at every door."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from django.http import QueryDict

from crm.core.api.problems import Problem
from crm.core.api.resources import followed
from crm.core.errors import Missing, Refused
from crm.core.permissions import may
from crm.core.text import tidy
from crm.people.models import SYSTEM_EMAIL
from crm.sync.models import Webhook
from crm.sync.webhooks.hosts import wrong_address

if TYPE_CHECKING:
    from crm.core.api.views import RecordViewSet

# Each with what it says; the words of the feed.
EVENTS = {
    "created": "Created",
    "updated": "Changed",
    "deleted": "Deleted",
    "merged": "Merged into another",
    "erased": "Erased on request",
}


class Unreadable(Exception):
    """A filter that a resource does not understand, or not any more; the message says what of it."""


def passed(view: type[RecordViewSet], text: str) -> Any:
    """The rows of a resource that pass a filter as its list has it (`lead_status=new&owner_id=7`).

    Raises:
        Unreadable: when the resource's list would refuse it.
    """
    resource = view()
    try:
        params = QueryDict(text)
    except (ValueError, UnicodeError) as error:
        raise Unreadable(f"Filter: {error}") from error
    if text and len(parse_qsl(text, keep_blank_values=True)) != len(text.split("&")):
        raise Unreadable("Filter: as in the address of the list, name=value, with & between.")
    reading = resource.reading
    try:
        reading.refuse_unknown(params, set(reading.filterset.base_filters))
        return reading.narrowed(resource.rows(), {name: params[name] for name in params})
    except Problem as problem:
        raise Unreadable(f"Filter of {view.resource}: {problem.detail}") from problem


def wrong_filter(objects: Sequence[str], text: str) -> str:
    """What is wrong with a filter for these resources; empty when each understands it."""
    known = followed()
    try:
        for name in objects:
            if text and name in known:
                passed(known[name], text)
    except Unreadable as error:
        return str(error)
    return ""


def refuse_wrong(webhook: Webhook) -> None:
    """Raises Refused with everything that will not do for a webhook, new or changed."""
    wrong = list(faults(webhook))
    if wrong:
        raise Refused("missing_facts", " ".join(item.message for item in wrong), wrong)


def faults(webhook: Webhook) -> Iterator[Missing]:
    """Everything that will not do."""
    name = tidy(webhook.name)
    if not name:
        yield Missing("needs_name", "Say which system is told.", "name")
    elif Webhook.objects.filter(name__iexact=name).exclude(pk=webhook.pk).exists():
        yield Missing("name_taken", "There is a webhook of this name: choose another.", "name")
    if wrong := wrong_address(webhook.url):
        yield wrong
    known = followed()
    user: Any = webhook.user
    if not user.is_active or user.email == SYSTEM_EMAIL:
        yield Missing("invalid_user", "It is told what an active user may see.", "user")
    if not webhook.objects_told:
        yield Missing("needs_objects", "Choose what it is told of.", "objects_told")
    for one in webhook.objects_told:
        if one not in known:
            yield Missing("unknown_object", f"“{one}” is none of: {', '.join(known)}.", "objects_told")
        elif not may(user, "view", known[one].model):
            yield Missing("beyond_user", f"{user} may see no {one.replace('_', ' ')}.", "objects_told")
    if not webhook.events:
        yield Missing("needs_events", f"Choose when: one or more of {', '.join(EVENTS)}.", "events")
    for one in webhook.events:
        if one not in EVENTS:
            yield Missing("unknown_event", f"“{one}” is none of: {', '.join(EVENTS)}.", "events")
    names = {name for one in webhook.objects_told if one in known for name in known[one].serializer_class.names}
    for one in webhook.fields:
        if one not in names:
            said = f"“{one}” is no field of what it is told of: {', '.join(sorted(names))}."
            yield Missing("unknown_field", said, "fields")
    if said := wrong_filter(webhook.objects_told, webhook.filter):
        yield Missing("invalid_filter", said, "filter")
