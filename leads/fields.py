"""Fields of leads that layouts and lists name, beside the columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from crm.workspace.fields import Field, declare
from leads.models import Lead


def names(leads: Sequence[Any], at: datetime) -> Mapping[int, str]:
    """First and last name; without one, what they are reached by."""
    return {lead.pk: lead.name for lead in leads}


declare(Lead, Field("name", "name", parts=("first_name", "last_name"), values=names))
