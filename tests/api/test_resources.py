"""Every resource as a program uses it: list, read, create, patch, delete; who may; what is refused, and how."""

from __future__ import annotations

import gzip
import io
import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, models, transaction
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from crm.core.api.parsing import StrictJson
from crm.core.api.problems import Problem
from crm.history.models import Change
from crm.people.models import User
from leads.models import Lead
from tests.api.conftest import ALL, Keyed, send
from tests.contracts.making import make_contract
from tests.factories import make_account, make_contact, make_lead, make_opportunity, make_user
from tests.samples import SAMPLES

LABELS = {
    "leads": "leads.Lead",
    "accounts": "accounts.Account",
    "contacts": "accounts.Contact",
    "opportunities": "contracts.Opportunity",
    "contracts": "contracts.Contract",
    "invoices": "contracts.Invoice",
    "activities": "activities.Activity",
    "tasks": "activities.Task",
    "users": "people.User",
}
CHANGES = {
    "leads": {"first_name": "New"},
    "accounts": {"name": "New"},
    "contacts": {"first_name": "New"},
    "opportunities": {"name": "New 2026"},
    "contact_roles": {"role": "legal"},
    "contracts": {"name": "New"},
    "invoices": {"number": "New"},
    "activities": {"text": "New"},
    "tasks": {"text": "New"},
    "users": {"first_name": "New"},
}
RESOURCES = sorted(LABELS)
pytestmark = pytest.mark.django_db


def new(resource: str) -> dict[str, Any]:
    """A body that makes one."""
    bodies: dict[str, Callable[[], dict[str, Any]]] = {
        "leads": lambda: {"email": "new@globex.example"},
        "accounts": lambda: {"name": "Globex"},
        "contacts": lambda: {"last_name": "New"},
        "opportunities": lambda: {"name": "Globex 2026", "account_id": make_account().pk},
        "contact_roles": lambda: {
            "opportunity_id": make_opportunity().pk,
            "contact_id": make_contact().pk,
            "role": "champion",
        },
        "contracts": lambda: {"name": "Agreement", "account_id": make_account().pk},
        "invoices": lambda: {"contract_id": make_contract().pk, "number": "INV-1"},
        "tasks": lambda: {
            "text": "Call",
            "account_id": make_account().pk,
            "owner_id": (User.objects.filter(role="ae").first() or make_user("tasked", role="ae")).pk,
        },
        "activities": lambda: {
            "kind": "call",
            "outcome": "connected",
            "happened_at": "2026-03-01T10:00:00Z",
            "lead_id": make_lead().pk,
        },
        "users": lambda: {"email": "new@example.com", "role": "sdr"},
    }
    return bodies[resource]()


def logged() -> int:
    """How much the change log holds."""
    return Change.objects.count()


@pytest.mark.parametrize("resource", RESOURCES)
def test_a_program_creates_reads_changes_and_lists(resource: str, root: User, keyed: Keyed) -> None:
    client = keyed(root)
    made = send(client, "post", f"/api/v1/{resource}/", new(resource))
    assert made.status_code == 201, made.content
    pk = made.json()["id"]
    assert made.headers["Location"] == f"/api/v1/{resource}/{pk}/"
    assert made.headers["ETag"] == f'"{pk}.1"'
    read = client.get(f"/api/v1/{resource}/{pk}")
    assert read.json() == made.json()
    assert client.get(f"/api/v1/{resource}/{pk}/", headers={"if-none-match": f'"{pk}.1"'}).status_code == 304
    changed = send(client, "patch", f"/api/v1/{resource}/{pk}/", CHANGES[resource], **{"if-match": f'"{pk}.1"'})
    assert changed.status_code == 200, changed.content
    assert changed.json() == read.json() | CHANGES[resource] | {
        "version": 2,
        "updated_at": changed.json()["updated_at"],
    }
    stale = send(client, "patch", f"/api/v1/{resource}/{pk}/", CHANGES[resource], **{"if-match": f'"{pk}.1"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "stale")
    assert "Root" in stale.json()["detail"]
    assert [one["field"] for one in stale.json()["errors"]] == list(CHANGES[resource])
    assert pk in [row["id"] for row in client.get(f"/api/v1/{resource}/").json()["results"]]
    gone = send(client, "delete", f"/api/v1/{resource}/{pk}/")
    if resource == "users":
        assert (gone.status_code, gone.json()["code"]) == (409, "deactivated_only")
    else:
        assert gone.status_code == 204
        assert client.get(f"/api/v1/{resource}/{pk}/").status_code == 404


@pytest.mark.parametrize("resource", RESOURCES)
def test_each_action_takes_its_own_scope(resource: str, root: User, keyed: Keyed) -> None:
    record = SAMPLES[LABELS[resource]](root)
    asked: dict[str, tuple[str, str, Any]] = {
        "read": ("get", f"/api/v1/{resource}/", None),
        "write": ("patch", f"/api/v1/{resource}/{record.pk}/", CHANGES[resource]),
        "delete": ("delete", f"/api/v1/{resource}/{record.pk}/", None),
    }
    for held in [word for word in ALL[resource].split() if word != "place"]:
        client = keyed(root, f"{resource}:{held}")
        for word, (method, address, body) in asked.items():
            if word == held or word not in ALL[resource].split():
                continue
            answer = send(client, method, address, body)
            assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope"), (held, word)
    assert Client().get(f"/api/v1/{resource}/").status_code == 401


def test_writing_is_not_reading(alice: User, keyed: Keyed) -> None:
    client = keyed(alice, "leads:write")
    made = send(client, "post", "/api/v1/leads/", {"email": "a@globex.example", "owner_id": alice.pk}).json()
    assert set(made) == {"id", "version"}
    assert client.get(f"/api/v1/leads/{made['id']}/").status_code == 403


def test_a_key_may_no_more_than_its_user(charlie: User, alice: User, keyed: Keyed) -> None:
    lead, before = make_lead(owner=alice), logged()
    answer = send(keyed(charlie), "patch", f"/api/v1/leads/{lead.pk}/", {"first_name": "Mine"})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert logged() == before + 1  # the key itself


BAD: list[tuple[Any, int]] = [
    (b"", 400),
    (b"[]", 400),
    (b"null", 400),
    (b"{", 400),
    (b"\xff\xfe{\x00", 400),
    (b'{"first_name": NaN}', 400),
    (b'{"first_name": "\\ud800"}', 400),
    (b"[" * 100_000, 400),
    (b'{"id": 1, "id": 2}', 400),
    (b'{"x": ' + b"9" * 5000 + b"}", 400),
    (b'"' + b"a" * (5 * 1024 * 1024) + b'"', 413),
    (b'{"no_such": 1}', 400),
    (b'{"version": 9}', 400),
]


@pytest.mark.parametrize("resource", RESOURCES)
def test_a_bad_body_is_refused_and_nothing_is_written(resource: str, root: User, keyed: Keyed) -> None:
    client, record = keyed(root), SAMPLES[LABELS[resource]](root)
    before = logged()
    for body, status in BAD:
        for method, address in (("post", f"/api/v1/{resource}/"), ("patch", f"/api/v1/{resource}/{record.pk}/")):
            if body == b"" and method == "patch":
                continue  # nothing to change is no mistake
            if resource in ("leads", "contacts") and body == b"":
                continue  # a constraint's answer; below
            answer = getattr(client, method)(address, body, content_type="application/json")
            assert answer.status_code == status, (method, body[:40], answer.content[:300])
            assert answer.headers["Content-Type"] == "application/problem+json"
    assert logged() == before


ODD: list[Any] = [None, 0, -1, 2**63, 10**40, 1.5, True, "", "\x00", "x" * 100_000, "2026-02-30", "0001-01-01", [], {}]


@pytest.mark.crash
@pytest.mark.parametrize("resource", RESOURCES)
def test_no_value_of_any_field_is_a_fault(resource: str, root: User, keyed: Keyed) -> None:
    client, record = keyed(root), SAMPLES[LABELS[resource]](root)
    # Each resource takes every other one, in turn; the long form all of them.
    place = 0 if os.environ.get("CRM_SOAK") else 1 + RESOURCES.index(resource) % 2
    for value in ODD[place - 1 :: 2] if place else ODD:
        with transaction.atomic():
            try_everywhere(value, resource, record, client)
            transaction.set_rollback(True)


def try_everywhere(value: Any, resource: str, record: models.Model, client: Client) -> None:
    """Send this value as each field of the record, and as each type of column of new ones."""
    names = list(client.get(f"/api/v1/{resource}/{record.pk}/").json())
    columns = record._meta.concrete_fields
    kinds: dict[str, type] = {str(column.attname): type(column) for column in columns}
    tried: set[type] = set()
    before, address = logged(), f"/api/v1/{resource}/{record.pk}/"
    # Each field judges its value, and all that is wrong is named at once: only what passed goes on, one by one. Nothing
    # of this is written, because some names may never be sent.
    answer = send(client, "patch", address, dict.fromkeys(names, value))
    assert answer.status_code == 400, (value, answer.content)
    refused = {flaw["field"] for flaw in answer.json()["errors"]}
    assert "id" in refused
    for name in names:
        if name not in refused:
            answer = send(client, "patch", address, {name: value})
            assert answer.status_code in (200, 400, 409), (name, value, answer.content)
            if answer.status_code == 400:
                assert json.loads(answer.content)["errors"]
        # One new record for each type of column: what is new is read as what changes.
        if (kind := kinds.get(name)) and kind not in tried:
            tried.add(kind)
            body = {**new(resource), name: value} if resource != "users" else {name: value}
            answer = send(client, "post", f"/api/v1/{resource}/", body)
            assert answer.status_code in (201, 400, 403, 409), (name, value)
    assert logged() >= before


def test_what_only_the_database_knows_is_said_in_its_sentence(mona: User, keyed: Keyed) -> None:
    answer = send(keyed(mona), "post", "/api/v1/leads/", {"first_name": "Nobody"})
    assert answer.status_code == 400
    (flaw,) = answer.json()["errors"]
    assert (flaw["field"], flaw["message"]) == ("email", "A lead has an email or a LinkedIn profile URL.")


def test_a_status_changes_by_moves_only_and_placing_takes_its_scope(robot: User, keyed: Keyed) -> None:
    lead = make_lead()
    client = keyed(robot, "leads:read", "leads:write")
    answer = send(client, "patch", f"/api/v1/leads/{lead.pk}/", {"lead_status": "engaged"})
    assert answer.json()["errors"][0]["code"] == "moves_only"
    body = {"email": "p@globex.example", "lead_status": "engaged", "status_since": "2025-01-02T00:00:00Z"}
    assert send(client, "post", "/api/v1/leads/", body).json()["code"] == "missing_scope"
    placed = send(keyed(robot), "post", "/api/v1/leads/", body)
    assert (placed.json()["lead_status"], placed.json()["status_since"]) == ("engaged", "2025-01-02T00:00:00Z")


def test_nobody_who_left_and_no_program_is_given_a_lead(mona: User, robot: User, bob: User, keyed: Keyed) -> None:
    bob.is_active = False
    bob.save()
    for who in (robot.pk, bob.pk, 2**62):
        answer = send(keyed(mona), "post", "/api/v1/leads/", {"email": "a@b.example", "owner_id": who})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "owner_id")


def test_what_holds_a_record_is_said(mona: User, keyed: Keyed) -> None:
    account = make_account()
    make_contact(account=account)
    answer = send(keyed(mona), "delete", f"/api/v1/accounts/{account.pk}/")
    assert (answer.status_code, answer.json()["code"]) == (409, "held")
    assert "1 contact" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("color=red", "unknown_parameter"),
        ("ordering=company", "unknown_ordering"),
        ("fields=id,secret", "unknown_field"),
        ("limit=1001", "invalid_limit"),
        ("limit=0", "invalid_limit"),
        ("cursor=forged", "invalid_cursor"),
        ("lead_status=old", "invalid"),
        ("owner_id=alice", "invalid"),
        ("owner_id=99999999999999999999", "invalid"),
        ("updated_since=yesterday", "invalid"),
        ("email=%00", "null_characters_not_allowed"),
        ("rating=hot&rating=cold", "repeated_parameter"),
    ],
)
def test_a_query_that_is_not_known_is_refused_by_name(query: str, code: str, alice: User, keyed: Keyed) -> None:
    answer = keyed(alice).get(f"/api/v1/leads/?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert answer.json()["errors"][0]["field"] == query.partition("=")[0]


@pytest.mark.parametrize("ordering", ["id", "-id"])
def test_pages_meet_every_record_once_whatever_comes_meanwhile(ordering: str, alice: User, keyed: Keyed) -> None:
    client, there = keyed(alice), {make_lead(owner=alice).pk for _ in range(7)}
    address: str | None = f"/api/v1/leads/?limit=2&ordering={ordering}"
    met: list[int] = []
    while address:
        page = client.get(address).json()
        met += [row["id"] for row in page["results"]]
        address = page["next"]
        make_lead(owner=alice)
        assert len(met) < 40
        if ordering == "id" and there <= set(met):
            break
    assert there <= set(met)
    assert len(met) == len(set(met))


def test_a_cursor_holds_for_its_own_list(alice: User, keyed: Keyed) -> None:
    client = keyed(alice)
    for _ in range(3):
        make_lead(owner=alice)
    cursor = client.get("/api/v1/leads/?limit=1").json()["next_cursor"]
    assert client.get(f"/api/v1/leads/?limit=1&rating=hot&cursor={cursor}").json()["code"] == "other_cursor"
    assert client.get(f"/api/v1/accounts/?cursor={cursor}").json()["code"] == "other_cursor"


@pytest.mark.parametrize("resource", RESOURCES)
def test_a_list_asks_no_more_than_four_queries(resource: str, root: User, keyed: Keyed) -> None:
    for _ in range(3):
        SAMPLES[LABELS[resource]](root)
    client = keyed(root)
    client.get(f"/api/v1/{resource}/")
    with CaptureQueriesContext(connection) as asked:
        assert client.get(f"/api/v1/{resource}/").status_code == 200
    assert len(asked) <= 4, [one["sql"][:120] for one in asked]


def test_what_is_to_come_is_no_touch_and_outcomes_fit_their_kind(alice: User, keyed: Keyed) -> None:
    client, body = keyed(alice), new("activities")
    answer = send(client, "post", "/api/v1/activities/", body | {"happened_at": "2090-01-01T00:00:00Z"})
    assert answer.json()["errors"][0]["code"] == "not_yet"
    answer = send(client, "post", "/api/v1/activities/", body | {"kind": "email"})
    assert answer.json()["errors"][0]["field"] == "outcome"
    answer = send(client, "post", "/api/v1/activities/", body | {"by_id": User.objects.system().pk})
    assert answer.json()["errors"][0]["field"] == "by_id"


def test_a_user_is_deactivated_and_hands_over(root: User, alice: User, bob: User, keyed: Keyed) -> None:
    lead, client = make_lead(owner=alice), keyed(root)
    answer = send(client, "patch", f"/api/v1/users/{alice.pk}/", {"is_active": False})
    assert answer.json()["errors"][0]["code"] == "deactivate"
    assert send(client, "post", f"/api/v1/users/{alice.pk}/deactivate/", {}).status_code == 409
    done = send(client, "post", f"/api/v1/users/{alice.pk}/deactivate/", {"heir_id": bob.pk})
    assert done.json()["is_active"] is False, done.content
    assert Lead.objects.get(pk=lead.pk).owner == bob
    assert send(client, "post", f"/api/v1/users/{alice.pk}/reactivate/").json()["is_active"] is True


def test_addresses_that_are_not_there_are_said_in_the_same_shape(root: User, keyed: Keyed) -> None:
    client = keyed(root)
    asked: list[tuple[Callable[..., Any], str, int]] = [
        (client.get, "/api/v1/nothing/", 404),
        (client.post, "/api/nothing", 404),
        (client.put, "/api/v1/leads/1/", 405),
        (client.get, "/api/v1/leads/x/", 404),
        (client.get, f"/api/v1/leads/{2**63}/", 404),
        (client.get, "/api/v1/leads/9999999999999999999999/", 404),
    ]
    for ask, address, status in asked:
        answer = ask(address)
        assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json"), address
        assert answer.json()["status"] == status
    assert client.get("/api/v1/leads/", headers={"accept": "text/html"}).status_code == 406
    assert client.post("/api/v1/leads/", {"email": "x"}).status_code == 415


def test_a_body_that_came_half_is_refused_though_it_could_be_read(alice: User, keyed: Keyed) -> None:
    client, body = keyed(alice), b'{"email": "half@globex.example"}'
    asked = RequestFactory().post("/", body, content_type="application/json")
    asked.META["CONTENT_LENGTH"] = str(len(body) + 1)
    with pytest.raises(Problem) as cut:
        StrictJson().parse(io.BytesIO(body), parser_context={"request": asked})
    assert (cut.value.status, cut.value.code) == (400, "incomplete")
    packed = client.generic(
        "POST", "/api/v1/leads/", gzip.compress(body), "application/json", headers={"content-encoding": "gzip"}
    )
    assert (packed.status_code, packed.headers["Content-Type"]) == (415, "application/problem+json")
    assert not Lead.objects.filter(email="half@globex.example").exists()


def test_what_a_delete_does_not_understand_deletes_nothing(mona: User, keyed: Keyed) -> None:
    lead, client = make_lead(), keyed(mona)
    for body, code in (({"if_version": 1}, "unknown_field"), (b"garbage{", "malformed")):
        answer = send(client, "delete", f"/api/v1/leads/{lead.pk}/", body)
        assert answer.status_code == 400
        assert code in answer.content.decode()
    assert Lead.objects.filter(pk=lead.pk).exists()


def test_every_address_answers_options_alike_and_the_root_with_or_without_its_slash(root: User, keyed: Keyed) -> None:
    client = keyed(root)
    for address in ("leads/", f"leads/{make_lead().pk}/", "leads/1/moves/", ""):
        answer = client.options(f"/api/v1/{address}")
        assert (answer.status_code, answer.headers["Content-Type"]) == (405, "application/problem+json")
    assert client.get("/api/v1").json() == client.get("/api/v1/").json()


def test_the_stage_is_placed_by_who_may(robot: User, keyed: Keyed) -> None:
    opportunity: models.Model = make_opportunity()
    answer = send(keyed(robot), "patch", f"/api/v1/opportunities/{opportunity.pk}/", {"stage": "closed_won"})
    assert answer.json()["errors"][0]["code"] == "moves_only"
