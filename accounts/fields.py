"""Fields of accounts and contacts that layouts and lists name, beside the columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from accounts.models import Contact
from crm.workspace.fields import Field, declare


def names(records: Sequence[Any], at: datetime) -> Mapping[int, str]:
    """First and last name; without one, the email."""
    return {record.pk: str(record) for record in records}


declare(Contact, Field("name", "name", parts=("first_name", "last_name"), values=names))
