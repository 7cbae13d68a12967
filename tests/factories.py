"""Records for tests, made through the doors users have."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

from accounts.models import Account, Contact
from contracts.models import Opportunity
from crm.core.acting import acting
from crm.core.door import create
from crm.people.models import User
from leads.models import Lead
from leads.statuses import Status

PASSWORD = "correct horse battery"
START = datetime(2026, 3, 1, 17, 0, tzinfo=UTC)
_numbers = itertools.count(1)


def make_user(name: str, *, role: str, **fields: Any) -> User:
    """A user who can log in with PASSWORD as NAME@example.com."""
    user = User(email=f"{name}@example.com", first_name=name.capitalize(), role=role, **fields)
    user.set_password(PASSWORD)
    user.save()
    return user


def make_lead(*, status: str = Status.NEW, at: datetime = START, **fields: Any) -> Lead:
    """A lead of Globex; in another status than New it was placed there."""
    number = next(_numbers)
    values: dict[str, Any] = {
        "first_name": "Lea",
        "last_name": f"Prospect {number}",
        "email": f"lea{number}@globex.example",
    }
    values |= {"company": "Globex"} | fields
    if status == Status.SAO_CONVERTED:
        if "converted_account" not in values:
            values["converted_account"] = make_account()
        values.setdefault("converted_at", at)
    if status == Status.MEETING_SCHEDULED:
        values.setdefault("meeting_at", at)
    return create(Lead(**values), actor=User.objects.system(), at=at, via="test", state=status)


def make_account(**fields: Any) -> Account:
    """A company."""
    with acting(actor=User.objects.system(), via="test", at=START):
        return Account.objects.create(**{"name": f"Initech {next(_numbers)}", **fields})


def make_contact(**fields: Any) -> Contact:
    """A person in a company."""
    number = next(_numbers)
    with acting(actor=User.objects.system(), via="test", at=START):
        return Contact.objects.create(
            **{"first_name": "Cora", "last_name": f"Contact {number}", "email": f"cora{number}@initech.example"}
            | fields
        )


def make_opportunity(*, stage: str | None = None, **fields: Any) -> Opportunity:
    """An opportunity in the first stage, or placed in another."""
    values: dict[str, Any] = {"name": f"Initech {next(_numbers)} 2026", **fields}
    if "account" not in values:
        values["account"] = make_account()
    first = next(iter(Opportunity.entry_states()))
    return create(
        Opportunity(stage=first, **values), actor=User.objects.system(), at=START, via="test", state=stage or first
    )
