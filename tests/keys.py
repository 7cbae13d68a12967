"""Programs in tests: a key for anybody, and a client that talks JSON with it."""

from __future__ import annotations

import itertools
import json
import secrets
from typing import Any

from django.test import Client

from crm.core.acting import acting
from crm.people.models import User
from crm.sync.authentication import hash_of
from crm.sync.models import ApiKey
from crm.sync.scopes import scopes
from tests.factories import START

_numbers = itertools.count(1)


def make_key(user: User, *held: str, **fields: Any) -> str:
    """A key that acts as this user; without scopes, one that has them all, whatever its user may."""
    prefix, secret = f"{next(_numbers):08x}", secrets.token_hex(32)
    with acting(actor=User.objects.system(), via="test", at=START):
        ApiKey.objects.create(
            **{
                "name": f"Program {prefix}",
                "user": user,
                "made_by": user,
                "prefix": prefix,
                "hash": hash_of(secret),
                "scopes": list(held) or list(scopes()),
                "per_minute": 100_000,
                **fields,
            }
        )
    return f"plumb_{prefix}_{secret}"


class Program:
    """A program with a key, asking in this process through every middleware."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.client = Client(raise_request_exception=True)

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Ask `/api/v1/` and this path; a body that is no bytes is sent as JSON."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        sent = {"Authorization": f"Bearer {self.key}"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        return self.client.generic(method, f"/api/v1/{path}", data, content_type="application/json", headers=sent)


def program(user: User, *held: str) -> Program:
    """A program that acts as this user."""
    return Program(make_key(user, *held))
