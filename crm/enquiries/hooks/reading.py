"""What a message of a chat or calendar tool may hold: known names only, all that is wrong named at once.

The shape is the one Standard Webhooks recommends: `{"type": ..., "timestamp": ..., "data": {...}}`.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rest_framework import serializers

from crm.core.api.parsing import StrictJson
from crm.core.api.problems import Flaw, bad_request, invalid
from crm.enquiries.incoming import CLOCK_DRIFT, EARLIEST, LONGEST_TEXT

if TYPE_CHECKING:
    Serializer = serializers.Serializer[Any]
else:
    Serializer = serializers.Serializer

MOST_SEQUENCE = 2_147_483_647


class Known(Serializer):
    """Refuses a name that it does not know: what is misspelt must not be lost without a word."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = [name for name in data if name not in self.fields]
            if unknown:
                known = ", ".join(self.fields)
                said = {
                    name: [serializers.ErrorDetail(f"Not known here: {known}.", "unknown_field")] for name in unknown
                }
                raise serializers.ValidationError(said)
        return super().to_internal_value(data)


def words(most: int, *, needed: bool = False) -> serializers.CharField:
    """A text of at most so many characters."""
    return serializers.CharField(max_length=most, required=needed, allow_blank=not needed, default=_default(needed))


def _default(needed: bool) -> Any:
    return serializers.empty if needed else ""


class Moment(serializers.DateTimeField):
    """A day and a time with its zone (RFC 3339)."""

    def enforce_timezone(self, value: datetime) -> datetime:
        if value.tzinfo is None:
            self.fail("invalid", format="2026-03-04T18:00:00Z, with its zone")
        return value.astimezone(UTC)


class Person(Known):
    """Who writes or comes, as far as is known."""

    name = words(255)
    email = words(254)
    company = words(255)
    phone = words(60)
    linkedin_url = words(500)


class Colleague(Known):
    """One of us, by the address they have here."""

    email = words(254, needed=True)


class ChatData(Known):
    """What happened in a conversation."""

    conversation = words(400, needed=True)
    text = words(LONGEST_TEXT)
    visitor = Person(required=False)
    agent = Colleague(required=False)
    automatic = serializers.BooleanField(required=False, default=False)


class MeetingData(Known):
    """What happened to a booking; `sequence` counts its changes as in iCalendar."""

    booking = words(400, needed=True)
    start = Moment(required=False)
    sequence = serializers.IntegerField(required=False, default=None, min_value=0, max_value=MOST_SEQUENCE)
    attendee = Person(required=False)
    host = Colleague(required=False)
    title = words(255)
    text = words(LONGEST_TEXT)


class Envelope(Known):
    """The message around it."""

    def get_fields(self) -> dict[str, Any]:
        return {"type": words(100, needed=True), "timestamp": Moment(), "data": serializers.DictField()}


@dataclass(frozen=True, slots=True)
class Event:
    """What happened, when by the sender's clock, and what they say of it."""

    type: str
    at: datetime
    data: Mapping[str, Any]


def read_event(body: bytes, kinds: Mapping[str, type[Known]], *, at: datetime) -> Event:
    """The event in a body; `kinds` says what each type of event may hold.

    Raises:
        Problem, ValidationError: 400 with everything that will not do.
    """
    found = StrictJson().parse(io.BytesIO(body))
    if not isinstance(found, dict):
        raise bad_request("not_an_object", "The body is one JSON object.")
    envelope = Envelope(data=found)
    envelope.is_valid(raise_exception=True)
    sent = envelope.validated_data
    kind = kinds.get(sent["type"])
    if kind is None:
        raise invalid([Flaw("type", "unknown_type", f"Type: one of {', '.join(kinds)}.")])
    if not EARLIEST <= sent["timestamp"] <= at + CLOCK_DRIFT:
        raise invalid([Flaw("timestamp", "invalid", "Timestamp: when it happened, which is not in the future.")])
    data = kind(data=sent["data"])
    if not data.is_valid():
        raise serializers.ValidationError({"data": data.errors})
    return Event(sent["type"], min(sent["timestamp"], at), data.validated_data)
