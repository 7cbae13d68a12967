"""Saying that an address, or one operation of it, will go: in answers (RFC 9745, RFC 8594) and in the description."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time
from datetime import date as day

from django.utils.http import http_date

# Where what changes is told.
CHANGES = "/api/guide/changes/"


@dataclass(frozen=True, slots=True)
class Deprecation:
    """Since when something is not to be used any more, and the day from which it is not answered."""

    since: day
    until: day | None = None

    def headers(self) -> dict[str, str]:
        """What each answer says of it."""
        told = {"Deprecation": f"@{_seconds(self.since)}", "Link": f'<{CHANGES}>; rel="deprecation"; type="text/html"'}
        if self.until is not None:
            told["Sunset"] = http_date(_seconds(self.until))
        return told


def _seconds(of: day) -> int:
    return int(datetime.combine(of, time(), UTC).timestamp())
