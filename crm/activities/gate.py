"""The gate: whether somebody may be contacted, by which channel, and why not (D1, D2).

Who is suppressed is never stored with a record: it is asked, of one record or of a page of them in one query, by the
one definition in the database (migrations 0004 and 0007). Whoever acts on the answer takes `hold_for` first:
suppressing and lifting hold the same keys exclusively, so that the answer stands until the transaction ends.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.utils.formats import date_format

from crm import handbook
from crm.activities.models import Suppression, reason_choices
from crm.core.errors import Missing
from crm.core.locks import hold_buckets

SPACE = 0x444E43  # "DNC": which of the bucketed locks are the gate's
OTHER = "other"  # the channel of a kind of touch that left the handbook
CODE = "do_not_contact"

ASK = """
    SELECT f.record_id, f.channels, s.id, s.reason, s.scope, s.since, s.note,
           COALESCE(NULLIF(btrim(u.first_name || ' ' || u.last_name), ''), u.email)
    FROM suppressed_now(%s, %s::bigint[]) f
    JOIN activities_suppression s ON s.id = f.suppression_id
    JOIN people_user u ON u.id = s.by_id
    ORDER BY f.record_id, s.scope NOT IN ('person', 'domain'), s.since, s.id
"""


@dataclass(frozen=True, slots=True)
class Bar:
    """One suppression in force that covers a record: why, for which channels, since when, and who said so."""

    suppression_id: int
    reason: str
    scope: str
    since: datetime
    note: str
    by: str
    channels: frozenset[str]

    @property
    def is_whole(self) -> bool:
        """Whether it bars every channel, and so every move forward."""
        return self.scope in (Suppression.Scope.PERSON, Suppression.Scope.DOMAIN)

    @property
    def reason_label(self) -> str:
        """The reason in the handbook's words."""
        return dict(reason_choices()).get(self.reason, self.reason)

    @property
    def scope_label(self) -> str:
        """What it covers, in words."""
        return str(Suppression.Scope(self.scope).label)

    @property
    def since_day(self) -> str:
        """The day of the company's calendar on which it began."""
        return date_format(self.since.astimezone(handbook.current().zone), "DATE_FORMAT")

    @property
    def headline(self) -> str:
        """What is not to be done, in two or three words."""
        if self.is_whole:
            return "Do not contact"
        if self.scope == Suppression.Scope.EMAIL:
            return "Do not email"
        if self.scope == Suppression.Scope.CALLS:
            return "Do not call or text"
        return "Do not use this address"

    @property
    def sentence(self) -> str:
        """Why, what it covers, since when, by whom, and who lifts it."""
        return (
            f"{self.headline}: {self.reason_label}. It covers {_lower(self.scope_label)}, since {self.since_day},"
            f" noted by {self.by}. A manager may lift it, with a reason."
        )

    def missing(self) -> Missing:
        """The same as a guard says it."""
        return Missing(CODE, self.sentence)


def bars_of(kind: str, ids: Iterable[int]) -> dict[int, list[Bar]]:
    """What covers each of these records, in one query: the whole ones first, then by age; the others are not named.

    `kind` is "lead", "contact" (their account's domains included), "opportunity" (its contact and account), "contract"
    (its opportunity's contact, and its account) or "account".
    """
    found: dict[int, list[Bar]] = defaultdict(list)
    wanted = list(ids)
    if not wanted:
        return found
    with connection.cursor() as cursor:
        cursor.execute(ASK, [kind, wanted])
        for record_id, channels, pk, reason, scope, since, note, by in cursor.fetchall():
            found[record_id].append(Bar(pk, reason, scope, since, note, by, frozenset(channels)))
    return found


def bar_of(kind: str, record_id: int, channel: str | None = None) -> Bar | None:
    """Why this record may not be contacted by this channel (None: at all); None when it may.

    `channel` is a channel of the handbook's kinds of touch, "" for what is no outreach: that is barred only together
    with everything else.
    """
    return first_bar(bars_of(kind, [record_id]).get(record_id, ()), channel)


def first_bar(bars: Iterable[Bar], channel: str | None = None) -> Bar | None:
    """The first of these that bars the channel; without a channel, the first that bars everything."""
    return next((bar for bar in bars if bar.is_whole or (channel and channel in bar.channels)), None)


def channel_of(kind: str) -> str:
    """By what a kind of touch reaches somebody; empty for what is no outreach."""
    known = {one.key: one.channel or "" for one in handbook.current().touch.kinds}
    return known.get(kind, OTHER)


def hold_for(kind: str, ids: Iterable[int], *, exclusive: bool = False) -> None:
    """Hold everything that could name these people: shared to act on the gate's answer, exclusively to change it.

    Before any row lock. However many records, the number of locks is bounded (`hold_buckets`).
    """
    wanted = list(ids)
    if not wanted:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT kind || ':' || key FROM terms_now(%s, %s::bigint[])", [kind, wanted])
        terms = [row[0] for row in cursor.fetchall()]
    hold_terms(terms, exclusive=exclusive)


def hold_terms(terms: Iterable[str], *, exclusive: bool) -> None:
    """As `hold_for`, for terms ("email:lea@globex.example") instead of records."""
    hold_buckets(SPACE, terms, shared=not exclusive)


def _lower(words: str) -> str:
    return words[:1].lower() + words[1:]
