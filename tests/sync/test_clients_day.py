"""A day of a program that keeps another system in step with Plumb, over real HTTP."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from contracts.models import Opportunity
from crm.core.acting import acting
from crm.history.models import Change, Move
from crm.people.models import SYSTEM_EMAIL, User
from leads.models import Lead
from tests.conftest import NOW
from tests.factories import make_user
from tests.keys import make_key

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass
class Answer:
    """What the server said."""

    status: int
    body: Any
    headers: Any = field(repr=False)

    @property
    def codes(self) -> list[str]:
        """The codes of a problem's errors."""
        assert self.headers["Content-Type"] == "application/problem+json"
        return [error["code"] for error in self.body["errors"]]


@dataclass
class Client:
    """The program: it knows an address and a key, and nothing else of Plumb."""

    base: str
    key: str

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """One request; a path may be an address that an answer gave."""
        url = path if path.startswith("http") else f"{self.base}/api/v1/{path}"
        data = None if body is None else json.dumps(body).encode()
        sent = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(url, data=data, method=method, headers=sent)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return _read(answer)
        except urllib.error.HTTPError as refused:
            with refused:
                return _read(refused)

    def pages(self, path: str) -> Iterator[dict[str, Any]]:
        """Every record of a list, page by page."""
        following: str | None = path
        while following:
            page = self("GET", following)
            assert page.status == 200, page
            yield from page.body["results"]
            following = page.body["next"]


def _read(answer: Any) -> Answer:
    text = answer.read()
    return Answer(answer.status, json.loads(text) if text else None, answer.headers)


@pytest.fixture
def people() -> dict[str, User]:
    """Who the program works for, and a colleague who works in the admin meanwhile."""
    if not User.objects.filter(email=SYSTEM_EMAIL).exists():
        User.objects.create(email=SYSTEM_EMAIL, first_name="Plumb", role="service", is_service=True, password="!")
    return {
        "program": make_user("sync", role="service", is_service=True),
        "alice": make_user("alice", role="sdr"),
        "ann": make_user("ann", role="ae"),
    }


@pytest.fixture
def ask(live_server: Any, people: dict[str, User]) -> Client:
    """The program, with a key for what it does and no more."""
    held = "leads:read leads:write leads:move accounts:read contacts:read opportunities:read suppressions:write"
    return Client(live_server.url, make_key(people["program"], *held.split()))


def test_a_sync_clients_day(ask: Client, people: dict[str, User]) -> None:
    alice, ann = people["alice"], people["ann"]

    # In the morning somebody fills in a form. The answer says where the new lead is and which version it has.
    made = ask("POST", "leads/", {"first_name": "Grace", "last_name": "Hopper", "email": "grace@navy.example"})
    assert made.status == 201
    lead, first = f"leads/{made.body['id']}/", made.headers["ETag"]
    assert made.headers["Location"].endswith(f"/api/v1/{lead}")
    assert made.body["lead_status"] == "new"
    assert made.body["owner_id"] == alice.pk  # as the handbook assigns new leads: she is the one SDR there is

    # What Plumb does not know is named, all of it at once, and nothing is stored.
    wrong = ask("PATCH", lead, {"compny": "Navy", "employees": "many", "lead_status": "sao_converted"}, If_Match=first)
    assert wrong.status == 400
    assert sorted(wrong.codes) == ["moves_only", "type", "unknown_field"]

    # Alice works the lead meanwhile; the program's version is an old one, and its write is not made.
    stored = Lead.objects.get(pk=made.body["id"])
    with acting(actor=alice, via="admin", at=NOW):
        stored.company = "United States Navy"
        stored.save(update_fields=["company"])
    stale = ask("PATCH", lead, {"company": "US Navy", "employees": 900}, If_Match=first)
    assert stale.status == 412
    assert stale.body["code"] == "stale"
    assert "Alice" in stale.body["detail"]
    assert [(error["field"], error["code"]) for error in stale.body["errors"]] == [("company", "changed_meanwhile")]
    assert Lead.objects.get(pk=stored.pk).company == "United States Navy"

    # It reads again, keeps what Alice wrote, and sends only what is new.
    seen = ask("GET", lead)
    assert seen.body["company"] == "United States Navy"
    bant = dict.fromkeys(("budget", "authority", "need", "timing"), "confirmed")
    patched = ask("PATCH", lead, {"employees": 900, **bant}, If_Match=seen.headers["ETag"])
    assert patched.status == 200
    assert ask("GET", lead, If_None_Match=patched.headers["ETag"]).status == 304

    # It asks what may be done with the lead now, and does it: they answered the phone.
    moves = {one["verb"]: one for one in ask("GET", f"{lead}moves/").body["moves"]}
    assert moves["engage"]["allowed"]
    assert [item["code"] for item in moves["engage"]["asks"]] == ["needs_evidence"]
    evidence = moves["engage"]["facts"]["properties"]["evidence"]["enum"]
    assert "convert" not in moves  # not from New
    early = ask("POST", f"{lead}moves/engage/", {})
    assert (early.status, early.codes) == (409, ["needs_evidence"])
    engaged = ask(
        "POST", f"{lead}moves/engage/", {"facts": {"evidence": evidence[0]}}, If_Match=patched.headers["ETag"]
    )
    assert engaged.status == 200
    assert (engaged.body["from"], engaged.body["to"], engaged.body["via"]) == ("new", "engaged", "api")

    # It converts the lead, once; asking again says that it is done.
    preview = ask("GET", f"{lead}conversion/preview/")
    assert preview.status == 200
    assert (preview.body["account_id"], preview.body["account_name"]) == (None, "United States Navy")
    facts = {"opportunity_owner": ann.pk, "next_step": "Call them", "next_step_due": "2031-03-04"}
    nothing = ask("POST", f"{lead}conversion/", {})
    assert (nothing.status, nothing.codes) == (
        409,
        ["needs_opportunity_owner", "needs_next_step", "needs_next_step_due"],
    )
    converted = ask("POST", f"{lead}conversion/", {"facts": facts}, If_Match=engaged.headers["ETag"])
    assert converted.status == 200
    opportunity = Opportunity.objects.get(pk=converted.body["opportunity_id"])
    assert (opportunity.owner, opportunity.account_id) == (ann, converted.body["account_id"])
    again = ask("POST", f"{lead}conversion/", {"facts": facts})
    assert (again.status, again.body["code"]) == (409, "not_from_here")

    # At noon a list of people arrives, and one of them asked not to be contacted.
    people_in = [ask("POST", "leads/", {"email": f"visitor{n}@fair.example"}).body["id"] for n in range(5)]
    suppressed = ask("POST", "suppressions/", {"email": "Visitor3+fair@fair.example", "reason": "asked_us"})
    assert suppressed.status == 201
    many = ask("POST", "leads/moves/", {"verb": "qualify", "ids": [*people_in, people_in[0], 10**12]})
    assert many.status == 200
    assert (many.body["moved"], many.body["refused"]) == (0, 7)
    many = ask(
        "POST",
        "leads/moves/",
        {"verb": "qualify", "ids": [*people_in, people_in[0], 10**12], "facts": {"employees": 900}},
    )
    rows = many.body["results"]
    assert [row["index"] for row in rows] == list(range(7))
    assert [row["id"] for row in rows] == [*people_in, people_in[0], 10**12]
    assert [row["outcome"] == "moved" for row in rows] == [True, True, True, False, True, False, False]
    assert [error["code"] for error in rows[3]["errors"]] == ["do_not_contact"]
    assert [row["code"] for row in rows[5:]] == ["duplicate", "not_found"]
    # The key may suppress; lifting and listing are not its business.
    assert ask("GET", "suppressions/").status == 403

    # In the evening it reads everything back, two at a time, and has exactly what is stored.
    back = {row["id"]: row for row in ask.pages("leads/?limit=2&fields=lead_status,email")}
    assert {pk: row["lead_status"] for pk, row in back.items()} == dict(Lead.objects.values_list("pk", "status"))
    assert back[people_in[3]]["lead_status"] == "new"
    assert {pk: row["version"] for pk, row in back.items()} == dict(Lead.objects.values_list("pk", "version"))

    # Whatever it did stands in the change log under its name, by the door it came through.
    steps = Move.objects.filter(via="api")
    assert {step.verb for step in steps} >= {"engage", "convert", "qualify"}
    assert {step.actor_id for step in steps} == {people["program"].pk}
    logged = Change.objects.of(stored).order_by("version")
    assert {change.transaction.via for change in logged} == {"api", "admin"}
