"""No address of the API answers without a key, and none answers a key that has no scope for it."""

from __future__ import annotations

import json
import re

import pytest
from django.test import Client

from crm.people.models import User
from tests.access import all_urls
from tests.keys import program

pytestmark = pytest.mark.django_db
# What says of the API what it is, and nothing of what it holds; and of a key to itself what it is.
OPEN = {"api:root", "api:schema", "api:docs", "api:try", "api:keys_self"}
# What an address needs to be asked for anything.
ASKED = {"api:changes": "?cursor=now"}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def addresses() -> dict[str, str]:
    """An address of each route of the API."""
    found = {}
    for name, pattern in all_urls().items():
        if name.startswith("api:") and name not in OPEN:
            path = re.sub(
                r"\(\?P<(\w+)>[^)]*\)", lambda group: "qualify" if group[1] == "verb" else "1", str(pattern.pattern)
            )
            found[name] = (
                path.removeprefix("^").removesuffix("$").replace("/?", "/").replace("\\Z", "").replace("\\.", ".")
            ) + ASKED.get(name, "")
    return found


def test_there_are_addresses_to_ask() -> None:
    assert {"api:leads-moves", "api:leads-move", "api:leads-move-many", "api:leads-conversion"} <= set(addresses())


@pytest.mark.parametrize("method", METHODS)
def test_no_address_answers_without_a_key(method: str) -> None:
    for name, path in addresses().items():
        answer = Client().generic(method, f"/api/v1/{path}", b"{}", content_type="application/json")
        assert answer.status_code in (401, 405), (name, path, answer.content)
        assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("method", METHODS)
def test_no_address_answers_a_key_without_its_scope(method: str, root: User) -> None:
    ask = program(root, "nothing:read")
    for name, path in addresses().items():
        answer = ask(method, path, {})
        assert answer.status_code in (403, 405), (name, path, answer.content)
        assert json.loads(answer.content)["code"] in ("missing_scope", "forbidden", "method_not_allowed")
