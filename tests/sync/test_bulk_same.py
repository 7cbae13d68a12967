"""The same rows one by one over the API and in one batch: the same records, history, moves, outcomes and codes.

The rows are good, bad and odd by chance: wrong types, unknown fields, old versions, ids twice, links to what is not
there, people who are not to be contacted, placed statuses. Longer with CRM_SOAK.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any
from urllib.parse import quote

import pytest
from django.db import models, transaction

from crm.activities.suppressing import suppress
from crm.core.api.fields import Amount, Day, Instant, Keys, Number, RecordId, Text, YesNo
from crm.core.api.resources import followed
from crm.history.models import Change, Move
from crm.people.models import User
from crm.sync.models import ExternalId
from tests.factories import START, make_account, make_contact, make_lead, make_opportunity
from tests.keys import Program, program

pytestmark = [pytest.mark.django_db, pytest.mark.crash]
SOAK = bool(os.environ.get("CRM_SOAK"))
ROUNDS = 30 if SOAK else 1
ROWS = 60 if SOAK else 16
# Beside the special ones: fewer rows than this are stored one by one in any case.
FILLING = 9
SYSTEM = "erp"
# Of a new record that will do, by resource; {n} is the number of the row.
GOOD: dict[str, dict[str, Any]] = {
    "leads": {"last_name": "L{n}", "email": "l{n}@initech.example"},
    "accounts": {"name": "Account {n}"},
    "contacts": {"last_name": "C{n}", "email": "c{n}@initech.example"},
    "opportunities": {"name": "Deal 2026 {n}", "account_id": "account"},
    "contracts": {"name": "Contract {n}", "account_id": "account"},
    "activities": {"kind": "call", "happened_at": "2026-03-01T10:00:00Z", "lead_id": "lead"},
    "tasks": {"text": "Do {n}", "lead_id": "lead"},
    "contact_roles": {"opportunity_id": "opportunity", "contact_id": "contact", "role": "champion"},
}
# What each resource judges, asks or does besides, which chance would seldom come upon.
SPECIAL: dict[str, list[dict[str, Any]]] = {
    "leads": [
        {"lead_status": "engaged", "status_since": "2025-06-01T10:00:00Z"},
        {"lead_status": "engaged", "status_since": "2099-01-01T00:00:00Z"},
        {"lead_status": "new_mql"},
        {"email": "barred@globex.example"},
        {"phone": "415 555 2671", "owner_id": "user"},
    ],
    "accounts": [
        {"domains": ["initech.example"]},
        {"domains": ["initech.example"]},
        {"parent_account_id": "account"},
        {"phone": "415 555 2671"},
    ],
    "contacts": [
        {"is_main_dri": True, "account_id": "account"},
        {"is_main_dri": True, "account_id": "account"},
        {"reports_to_id": "contact"},
    ],
    "opportunities": [
        {"name": "No year"},
        {"currency": "usd"},
        {"next_step": "Call", "next_step_due_date": "2099-01-01"},
        {"stage": "won"},
        {"reseller_id": "account"},
    ],
    "contracts": [
        {"currency": "usd"},
        {"effective_date": "2026-01-01", "term_months": 12},
        {"effective_date": "2026-01-01", "subscription_end_date": "2027-12-31"},
        {"reseller_id": "account"},
    ],
    "activities": [
        {"direction": "in"},
        {"direction": "out"},
        {"happened_at": "2099-01-01T00:00:00Z"},
        {"outcome": "none such"},
    ],
    "tasks": [{"kind": "call"}, {"done_at": "2026-01-01T00:00:00Z"}, {"lead_id": None}],
    "contact_roles": [{"is_primary": True}, {"is_primary": True, "role": "economic_buyer"}],
}
LATER = {"created_at", "updated_at", "id", "version", "search"}
# When these were true is when they were sent.
NOW = {"status_since", "stage_since", "done_at", "updated_at", "created_at"}


class World:
    """What is there before, and the rows that are sent."""

    def __init__(self, resource: str, seed: int, actor: User) -> None:
        self.resource, self.random = resource, Random(f"{resource} {seed}")
        self.view = followed()[resource]
        account = make_account(owner=actor, name="Initech")
        contact = make_contact(account=account, last_name="Known")
        lead = make_lead(last_name="Known", email="known@initech.example")
        self.links = {
            "account": account.pk,
            "contact": contact.pk,
            "lead": lead.pk,
            "opportunity": make_opportunity(owner=actor, account=account).pk,
            "user": actor.pk,
        }
        serializer = self.view(request=None, kwargs={}, at=START).serializer()  # type: ignore[arg-type]
        self.fields = {name: field for name, field in serializer.fields.items() if not field.read_only}
        self.sendable = sorted(serializer.sendable())

    def special(self) -> list[dict[str, Any]]:
        """New records that will nearly all do, so that most of them are stored together."""
        special = [
            self.good(n) | self.linked(one) | {"external_id": f"s{n}"} for n, one in enumerate(SPECIAL[self.resource])
        ]
        return [*special, *(self.good(n) | {"external_id": f"x{n}"} for n in range(FILLING))]

    def rows(self) -> list[dict[str, Any]]:
        """Rows of chance, some of records that are there: some ids come twice."""
        found = [self.row(n) for n in range(ROWS)]
        if self.resource == "leads":
            # L1, which only the database knows.
            found.insert(ROWS // 2, {"external_id": "nobody", "last_name": "Nobody"})
        return found

    def row(self, n: int) -> dict[str, Any]:
        """One row, mostly good."""
        random, row = self.random, self.good(n)
        for _ in range(random.choice((0, 0, 0, 1, 1, 4))):
            name = random.choice(self.sendable)
            row[name] = self.value(name)
        if random.random() < 0.05:
            row[random.choice(("colour", "id2", "version"))] = 1
        if random.random() < 0.05:
            row.pop(random.choice(list(row)), None)
        row["external_id"] = f"x{n if random.random() < 0.95 else max(0, n - 3)}"
        if random.random() < 0.06:
            row["if_version"] = random.choice((1, 2, 7))
        return row

    def good(self, n: int) -> dict[str, Any]:
        """One that will do."""
        return self.linked(
            {
                name: value.format(n=n) if isinstance(value, str) else value
                for name, value in GOOD[self.resource].items()
            }
        )

    def linked(self, row: dict[str, Any]) -> dict[str, Any]:
        """With the ids of what is there, where it names that."""
        return {name: self.links.get(value, value) if isinstance(value, str) else value for name, value in row.items()}

    def value(self, name: str) -> Any:
        """Something for a field: of its type mostly."""
        random, field = self.random, self.fields[name]
        if random.random() < 0.15:
            return random.choice([None, "", 7, -1, 1.5, True, "x" * 300, "\x00", [], {}, ["a"], "1", 2**70, "é "])
        column = getattr(field, "column", None)
        if column is None or isinstance(field, Keys):
            return random.choice([{}, [], ["nda"], {"x": 1}])
        if isinstance(field, RecordId):
            target = str(column.remote_field.model._meta.model_name)
            return random.choice([self.links.get(target), self.links.get(target), None, 999_999_999])
        if column.flatchoices:
            return random.choice([str(key) for key, _ in column.flatchoices])
        if isinstance(field, YesNo):
            return random.choice([True, False])
        if isinstance(field, Amount):
            return random.choice(["10.50", 7, -3, 1.555, "1e3"])
        if isinstance(field, Number):
            return random.choice([0, 1, 12, 10**12])
        if isinstance(field, Instant):
            return random.choice(["2026-03-01T10:00:00Z", "2020-01-01T00:00:00+02:00", "2099-01-01T00:00:00Z"])
        if isinstance(field, Day):
            return random.choice(["2026-12-31", "2026-01-01", "0001-01-01"])
        assert isinstance(field, Text), name
        if isinstance(column, models.EmailField):
            return random.choice([f"r{random.randrange(30)}@initech.example", "barred@globex.example", "no"])
        if isinstance(column, models.URLField):
            return random.choice(["https://www.linkedin.com/in/r7", "https://initech.example/", "nowhere"])
        return random.choice(["Word", " padded ", "two\r\nlines", "5551234567", "+1 415 555 2671", "USD", "e\u0301"])


def one_by_one(ask: Program, world: World, rows: list[dict[str, Any]], method: str = "put") -> list[Any]:
    """Each row as a PUT or DELETE; what it was answered, as a batch would say it."""
    found: list[Any] = []
    seen: set[str] = set()
    for row in rows:
        body, external = dict(row), row["external_id"]
        body.pop("external_id")
        version = body.pop("if_version", None)
        if external in seen:
            found.append(("rejected", "duplicate_key", []))
            continue
        seen.add(external)
        address = f"{world.resource}/by/{SYSTEM}/{quote(external)}/"
        known = ExternalId.objects.filter(
            object=world.view.model._meta.model_name, system=SYSTEM, value=external
        ).first()
        before = world.view.model._base_manager.filter(pk=known.record_id).first() if known else None  # type: ignore[attr-defined]
        headers = {} if version is None else {"if_match": f'"{before.pk if before else 0}.{version}"'}
        answer = ask(method, address, body, **headers)
        if answer.status_code == 204:
            found.append(("deleted", "", []))
            continue
        told = answer.json()
        if answer.status_code == 201:
            found.append(("created", "", []))
        elif answer.status_code == 200:
            same = told["version"] == getattr(before, "version", None)
            found.append(("unchanged" if same else "updated", "", []))
        else:
            assert answer.status_code < 500, (row, told)
            found.append(("rejected", told["code"], sorted((one["field"], one["code"]) for one in told["errors"])))
    return found


def in_one(ask: Program, world: World, rows: list[dict[str, Any]], method: str = "put") -> list[Any]:
    """All of them in one batch."""
    operation = "upsert" if method == "put" else "delete"
    answer = ask("post", f"{world.resource}/bulk/?operation={operation}&system={SYSTEM}", rows)
    assert answer.status_code == 200, answer.content
    found = []
    for one in answer.json()["results"]:
        told = sorted((flaw["field"], flaw["code"]) for flaw in one["errors"])
        found.append((one["outcome"], one["code"], [] if one["code"] == "duplicate_key" else told))
    return found


def state(world: World) -> dict[str, Any]:
    """Every record that came, its changes and its moves, by what the system calls it."""
    kind: Any = world.view.model
    name = str(kind._meta.model_name)
    found: dict[str, Any] = {}
    for known in ExternalId.objects.filter(object=name, system=SYSTEM):
        record = kind._base_manager.filter(pk=known.record_id).first()
        if record is None:
            continue
        values = {
            field.attname: str(getattr(record, field.attname))
            for field in kind._meta.concrete_fields
            if field.attname not in LATER | NOW
        }
        changes = Change.objects.filter(object=name, record_id=record.pk).order_by("pk").select_related("transaction")
        moves = Move.objects.filter(object=name, record_id=record.pk).order_by("pk")
        found[known.value] = {
            "record": values | {"version": record.version},
            "changes": [
                (
                    one.op,
                    one.version,
                    json.dumps(plain(one.what), sort_keys=True),
                    one.transaction.reason,
                    one.transaction.via,
                )
                for one in changes
            ],
            "moves": [
                (one.from_state, one.to_state, one.verb, one.version, one.via, one.reason, one.actor_id)
                for one in moves
            ],
        }
    return found


def plain(what: Any) -> Any:
    """What a change says, without the times at which it was."""
    return {key: value for key, value in what.items() if key not in NOW} if isinstance(what, dict) else what


def apart(call: Any) -> Any:
    """What a call finds, with all that it wrote undone."""
    with transaction.atomic():
        found = call()
        transaction.set_rollback(True)
    return found


def rounds() -> Iterator[tuple[str, int]]:
    """Each resource, some times."""
    return ((resource, seed) for resource in GOOD for seed in range(ROUNDS))


@pytest.mark.parametrize("role", ["manager", "administrator"] if SOAK else ["administrator"])
def test_a_batch_does_what_its_rows_do_one_by_one(role: str, mona: User, root: User, alice: User, bob: User) -> None:
    actor = mona if role == "manager" else root
    suppress_globex(mona)
    ask, seen = program(actor), Counter[str]()
    for resource, seed in rounds():

        def run(resource: str = resource, seed: int = seed) -> None:
            world = World(resource, seed, alice)
            first, second = world.special(), world.rows()

            gone = [{"external_id": f"x{n}"} | ({"if_version": 1} if n % 3 == 0 else {}) for n in range(0, ROWS, 2)]
            gone += [{"external_id": f"s{n}"} for n in range(3)]

            def both(send: Any) -> Any:
                def each() -> Any:
                    done = [send(ask, world, first), send(ask, world, second)]
                    stood = state(world)
                    return [*done, send(ask, world, gone, "delete")], stood, state(world)

                return apart(each)

            alone, together = both(one_by_one), both(in_one)
            for sent, singly, at_once in zip((first, second, gone), alone[0], together[0], strict=True):
                for row, one, other in zip(sent, singly, at_once, strict=True):
                    assert one == other, (resource, seed, row)
                    seen.update([one[0], one[1]])
            for before, after in zip(alone[1:], together[1:], strict=True):
                assert before.keys() == after.keys()
                for key, one in before.items():
                    assert one == after[key], (resource, seed, key)

        apart(run)
    for outcome in ("created", "updated", "unchanged", "deleted", "invalid", "constraint", "duplicate_key", "stale"):
        assert seen[outcome] >= 1, (outcome, seen)


def suppress_globex(mona: User) -> None:
    """Somebody who is not to be contacted."""
    suppress(actor=mona, at=START, via="test", reason="asked_us", emails=["barred@globex.example"])
