"""A program's way in: a key of somebody, with scopes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from crm.people.models import User
from crm.sync.services import make_api_key

_numbers = itertools.count(1)
Keyed = Callable[..., Client]
ALL = {
    "leads": "read write delete place",
    "accounts": "read write delete",
    "contacts": "read write delete",
    "opportunities": "read write delete place",
    "contact_roles": "read write delete",
    "contracts": "read write delete move place",
    "invoices": "read write delete",
    "activities": "read write delete",
    "tasks": "read write delete",
    "users": "read write",
}


def everything() -> list[str]:
    """Every scope of the resources."""
    return [f"{name}:{word}" for name, words in ALL.items() for word in words.split()]


@pytest.fixture
def keyed(root: User) -> Keyed:
    """A client with a key of this user: with these scopes, else with all that the user may have."""

    def client(user: User, *scopes: str) -> Client:
        from crm.sync.scopes import within_rights

        wanted = scopes or [one for one in everything() if within_rights(user, one)]
        _, key = make_api_key(
            name=f"test {next(_numbers)}", user=user, scopes=wanted, actor=root, at=timezone.now(), via="test"
        )
        return Client(headers={"authorization": f"Bearer {key}"}, raise_request_exception=True)

    return client


def send(client: Client, method: str, address: str, body: Any = None, **headers: str) -> Any:
    """A request with a JSON body."""
    extra = {"content_type": "application/json"} if body is not None or method != "get" else {}
    return getattr(client, method)(
        address, data=body if body is not None else ({} if method == "get" else ""), headers=headers, **extra
    )
