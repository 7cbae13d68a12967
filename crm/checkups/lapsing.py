"""What was accepted until a day opens again when it has passed, also where its rule is not run for weeks (K2)."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from crm import handbook
from crm.checkups.models import Finding, Step

AT_ONCE = 1000


@transaction.atomic
def reopen_lapsed(*, at: datetime) -> int:
    """Open again what was accepted long enough; how many they are. What is locked, and what is too many, is next."""
    lapsed = Finding.objects.lapsed(today=handbook.current().today(at))
    found = list(lapsed.select_for_update(skip_locked=True).order_by("pk")[:AT_ONCE])
    steps = [Step(finding=one, kind=Step.Kind.REOPENED, at=at, text=open_again(one)) for one in found]
    Finding.objects.bulk_update(found, ["state", "accepted_until", "accepted_because"])
    Step.objects.bulk_create(steps)
    return len(found)


def open_again(finding: Finding) -> str:
    """Open it, without storing that, and say until when and why it was accepted."""
    text = f"It was accepted until {finding.accepted_until:%Y-%m-%d}: {finding.accepted_because}"
    finding.state, finding.accepted_until, finding.accepted_because = Finding.State.OPEN, None, ""
    return text
