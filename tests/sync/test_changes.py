"""Following every change over the API: nothing is missed, each change is told by names and values of the API."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from accounts.models import Account
from crm.core.acting import acting
from crm.people.models import User
from leads.models import Lead
from tests.factories import make_lead
from tests.keys import Program, program

pytestmark = pytest.mark.django_db(transaction=True)


class Follower:
    """A program that follows: it keeps its cursor, and its copy as it is told to."""

    def __init__(self, ask: Program, objects: str = "") -> None:
        self.ask = ask
        begun = ask("GET", f"changes/?cursor=now&objects={objects}")
        assert begun.status_code == 200, begun.content
        self.cursor = begun.json()["cursor"]
        self.copy: dict[tuple[str, int], dict[str, Any]] = {}

    def page(self, **params: Any) -> dict[str, Any]:
        """The next page; the cursor stays."""
        said = "".join(f"&{name}={value}" for name, value in params.items())
        answer = self.ask("GET", f"changes/?cursor={self.cursor}{said}")
        assert answer.status_code == 200, answer.content
        found: dict[str, Any] = answer.json()
        return found

    def read(self, **params: Any) -> list[dict[str, Any]]:
        """Every change there is now, page by page."""
        changes: list[dict[str, Any]] = []
        while True:
            page = self.page(**params)
            self.cursor = page["cursor"]
            changes += [change for one in page["transactions"] for change in one["changes"]]
            if not page["more"]:
                return changes


def told(changes: list[dict[str, Any]]) -> list[tuple[str, int, int, str]]:
    """Object, id, version and op of each."""
    return [(one["object"], one["id"], one["version"], one["op"]) for one in changes]


def test_it_tells_who_did_what_by_the_names_and_values_of_the_api(root: User, alice: User, now: datetime) -> None:
    ask = program(root)
    lead, follower = make_lead(owner=alice), Follower(ask)
    with acting(actor=alice, via="admin", at=now, reason="They called"):
        account = Account.objects.create(name="Globex", created_at=now, updated_at=now)
        Lead.objects.filter(pk=lead.pk).update(title="Head", kept={"inner": "kept"})
        Lead.objects.filter(pk=lead.pk).update(kept={"inner": "only"})
    (one,) = follower.page()["transactions"]
    made, titled, kept = one.pop("changes")
    assert one.pop("id")
    assert one.pop("at").endswith("Z")
    assert one == {
        "actor": {"id": alice.pk, "name": str(alice)},
        "via": "admin",
        "reason": "They called",
        "request_id": "",
        "complete": True,
    }
    assert made["op"] == "created"
    assert made["record"] == ask("GET", f"accounts/{account.pk}/").json()
    assert (titled["op"], titled["version"]) == ("updated", 2)
    assert titled["changed"] == {"job_title": {"old": "", "new": "Head"}}
    assert (kept["version"], kept["changed"]) == (3, {}), "what nobody is told of is a version all the same"
