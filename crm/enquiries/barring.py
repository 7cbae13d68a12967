"""Leaving alone who is not to be contacted any more: what they asked before waits, and their manager is asked (D1, D2).

The request was theirs, but an answer would be outreach that the law forbids, and a clock that runs would ask for it. So
it stands still from when they were put on the list, and runs on with what was left when that is lifted. A limit that
had passed before stays passed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import connection

from crm.activities.covering import contacts_covered, leads_covered
from crm.activities.gate import bars_of, first_bar
from crm.activities.models import SuppressedKey, Suppression
from crm.activities.watching import watches_suppressions
from crm.clocks.models import Clock, ClockEvent
from crm.clocks.services import pause_clock, resume_clock
from crm.core.among import among
from crm.enquiries.models import Enquiry, Recheck
from crm.enquiries.telling import tell_barred
from crm.people.models import User
from leads.models import Lead
from leads.statuses import Status

BARRED = "They are not to be contacted."
LIFTED = "They may be contacted again."
ALL = 2**31 - 1
# By what they wrote from, also where their record has another address, or there is none; erased people by the hash.
OWN = """
    SELECT DISTINCT e.id
    FROM enquiries_enquiry e
    CROSS JOIN LATERAL unnest(
        suppression_terms(ARRAY[e.email_key], e.linkedin_key, ARRAY[e.phone_key::text], '{}')
    ) AS t(term)
    CROSS JOIN LATERAL (
        SELECT split_part(t.term, ':', 1) AS kind, substr(t.term, strpos(t.term, ':') + 1) AS key
    ) n
    JOIN activities_suppressedkey k ON k.kind = n.kind AND k.key IN (n.key, suppressed_hash(n.kind, n.key))
    JOIN activities_suppression s ON s.id = k.suppression_id
    WHERE e.id = ANY(%s::bigint[]) AND s.lifted_at IS NULL AND s.scope IN ('person', 'domain')
"""
KEYS = {
    "email_key": SuppressedKey.Kind.EMAIL,
    "linkedin_key": SuppressedKey.Kind.LINKEDIN,
    "phone_key": SuppressedKey.Kind.PHONE,
}


@watches_suppressions
def note_covered(suppressions: Sequence[int]) -> None:
    """Have the open requests of everybody looked at whom these suppressions cover, just made or lifted."""
    whole = (Suppression.Scope.PERSON, Suppression.Scope.DOMAIN)
    keys = SuppressedKey.objects.filter(suppression__in=suppressions, suppression__scope__in=whole)
    named = list(keys.values_list("kind", "key"))
    terms = [f"{kind}:{key}" for kind, key in named]
    closed = Suppression.objects.filter(pk__in=suppressions, closed_lead__isnull=False)
    leads = {*leads_covered(terms, most=ALL), *closed.values_list("closed_lead", flat=True)}
    contacts = contacts_covered(terms, most=ALL)
    waiting = Enquiry.objects.unanswered().order_by().values_list("pk", flat=True)
    found = {*waiting.filter(among("lead", leads)), *waiting.filter(among("contact", contacts))}
    for field, of in KEYS.items():
        if given := [key for kind, key in named if kind == of]:
            found |= set(waiting.filter(**{f"{field}__in": given}))
    Recheck.objects.bulk_create(Recheck(enquiry_id=pk) for pk in sorted(found))


def heed_bars(ids: Iterable[int], *, at: datetime) -> None:
    """Hold up the clocks of those of these enquiries whose person is not to be contacted now, and let run again those
    whose person may be; inside a domain call, with the enquiries locked."""
    rows = list(Enquiry.objects.unanswered().filter(pk__in=list(ids)).with_people().order_by("pk"))
    barred = _barred(rows)
    for row in rows:
        clock = row.clock
        if clock is None:
            continue
        was, row.barred = row.barred, row.pk in barred
        if was != row.barred:
            row.save(update_fields=["barred"])
        if row.barred:
            stand_still(clock, by=None, at=at)
        if row.barred and not was:
            tell_barred(row, at=at)
        elif not row.barred:
            # Also where whose it is was taken back, and it is barred no more.
            release(clock, by=None, at=at)


def stand_still(clock: Clock, *, by: User | None, at: datetime) -> None:
    """Hold up a clock because nobody may answer; one that somebody held up before stays so."""
    if clock.paused_at is None:
        pause_clock(clock, by=by, reason=BARRED, at=at, facts={"barred": True})


def release(clock: Clock, *, by: User | None, at: datetime) -> None:
    """Let a clock run again that stood still for this; one that somebody held up before stays so."""
    if clock.paused_at is None:
        return
    paused = ClockEvent.objects.filter(clock=clock, kind=ClockEvent.Kind.PAUSED).order_by("-id").first()
    if paused is not None and paused.facts.get("barred"):
        resume_clock(clock, by=by, reason=LIFTED, at=at)


def _barred(rows: Sequence[Enquiry]) -> set[int]:
    """Which of these are of somebody who is not to be contacted by any channel."""
    leads = {row.lead_id for row in rows if row.lead_id is not None}
    contacts = {row.contact_id for row in rows if row.contact_id is not None}
    closed = Lead.objects.filter(pk__in=leads, status=Status.CLOSED_DO_NOT_CONTACT) if leads else Lead.objects.none()
    of_leads = {pk for pk, bars in bars_of("lead", leads).items() if first_bar(bars)} | {one.pk for one in closed}
    of_contacts = {pk for pk, bars in bars_of("contact", contacts).items() if first_bar(bars)}
    own = _barred_by_own([row.pk for row in rows])
    return {row.pk for row in rows if row.pk in own or row.lead_id in of_leads or row.contact_id in of_contacts}


def _barred_by_own(ids: Sequence[int]) -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(OWN, [list(ids)])
        return {row[0] for row in cursor.fetchall()}
