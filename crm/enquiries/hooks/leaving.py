"""Sources that act as somebody who leaves stop for good, as keys do."""

from __future__ import annotations

from crm.enquiries.models import Source
from crm.people.leaving import Ending, Leaving, ends, named
from crm.people.models import User


def said(user: User) -> str:
    """Which stop: the first few by name."""
    names = list(Source.objects.filter(user=user, stopped_at=None).values_list("name", flat=True))
    if not names:
        return ""
    count = f"{len(names)} source{'s' if len(names) > 1 else ''} of enquiries"
    return f"{count} ({named(names)}): stopped, what they send is refused"


def stop_sources(leaving: Leaving) -> None:
    """Stop what acts as them."""
    Source.objects.filter(user=leaving.user, stopped_at=None).update(stopped_at=leaving.at, old_salt="", old_until=None)


ends(Ending(said, stop_sources))
