"""What checkups look at among leads (K4)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Q

from crm.checkups.rules import Look, Rows, checkup
from leads.models import Lead
from leads.statuses import OPEN


@checkup("data.lead_without_owner", title="Leads have an owner", row="K4", severity="warning")
def lead_without_owner(look: Look) -> Iterator[Rows]:
    """Somebody answers for every open lead, a while after it came."""
    hours = look.book.checkups.no_owner_hours
    since = look.at - timedelta(hours=hours)
    yield Rows(
        among=Lead.objects.filter(status__in=OPEN, created_at__lt=since),
        wrong=Q(owner=None),
        expected=f"An owner within {hours} hours",
        found="Nobody owns it",
        applies=lambda lead: lead.status in OPEN and lead.created_at < since,
        means=lambda lead: lead.owner_id is None,
    )
