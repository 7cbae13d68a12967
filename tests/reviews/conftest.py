"""Who answers for the rituals of the shipped handbook."""

from __future__ import annotations

import pytest

from crm.people.models import User
from tests.factories import make_user


def _named(name: str, role: str, email: str) -> User:
    user = make_user(name, role=role)
    user.email = email
    user.save()
    return user


@pytest.fixture
def maya(db: None) -> User:
    """Whose the sales huddle is: a manager."""
    return _named("maya", "manager", "maya.manager@plumb.example")


@pytest.fixture
def alex(db: None) -> User:
    """Whose the rituals with customers are: an AE."""
    return _named("alex", "ae", "alex.ae@plumb.example")
