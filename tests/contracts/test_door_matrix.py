"""Every status x every verb x every role x every door of a contract: the same verdict and the same codes.

What is expected is worked out here from the flow as it is written down below, not from one of the doors.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from contracts.models import Contract
from contracts.signing import ContractStatus
from crm import handbook
from crm.people.models import User
from tests.contracts.making import make_contract
from tests.doors import DOORS, Door, Question, ask, asked_by, asks_all, cases

pytestmark = pytest.mark.django_db

# status: each move away from it, as "verb: status it leads to".
SPEC = {
    "draft": {"send": "sent", "sign": "signed"},
    "sent": {"recall": "draft", "sign": "signed"},
    "signed": {"activate": "active", "terminate": "terminated"},
    "active": {"expire": "expired", "renew": "expired", "terminate": "terminated"},
    "expired": {},
    "terminated": {"reinstate": "signed"},
}
VERBS = ["send", "recall", "sign", "activate", "expire", "renew", "terminate", "reinstate"]
# What of a move that is asked for without a fact is missing.
MISSING = {
    "sign": ("needs_close_date", "needs_signing"),
    "terminate": ("needs_terminated_on", "needs_reason"),
    "reinstate": ("needs_reason",),
}
ROLES = ("owner", "colleague", "manager", "administrator", "service", "stranger", "gone")


@pytest.fixture
def roles(alice: User, bob: User, charlie: User, mona: User, root: User, robot: User) -> dict[str, User]:
    """One user for each role."""
    gone = User.objects.create(
        email="gone@example.com", first_name="Gone", role="sdr", team=alice.team, is_active=False
    )
    return dict(zip(ROLES, (alice, bob, mona, root, robot, charlie, gone), strict=True))


def permitted(role: str, verb: str) -> bool:
    """Who may make the move."""
    if verb == "reinstate":
        return role in ("manager", "administrator")
    return role not in ("stranger", "gone")


def expected(door: Door, status: str, verb: str, role: str, *, with_facts: bool) -> tuple[str, ...]:
    """The codes that every door answers with; none when the move is made."""
    if role == "gone" or (door.people_only and role == "service"):
        return ("forbidden",)
    if verb not in SPEC[status]:
        return ("not_from_here",)
    if not permitted(role, verb):
        return ("forbidden",)
    return () if with_facts else MISSING.get(verb, ())


def facts_for(verb: str, today: Any) -> dict[str, Any]:
    """Everything that the verb asks for."""
    facts: dict[str, dict[str, Any]] = {
        "sign": {"close_date": today - timedelta(days=3), "signing": "signed"},
        "terminate": {"terminated_on": today - timedelta(days=1), "reason": "They left"},
        "reinstate": {"reason": "A slip"},
    }
    return facts.get(verb, {})


def make_one(status: str, owner: User, today: Any) -> Contract:
    """A contract in this status that every verb from it is possible for: over by yesterday, and renewing by itself."""
    days = {"effective_date": today - timedelta(days=365), "end_date": today - timedelta(days=1)}
    begun = status in ("signed", "active", "expired", "terminated")
    dates = {"close_date": today - timedelta(days=400) if begun else None, "terminated_on": None, **days}
    signing = "signed" if begun else ""
    return make_contract(status=status, owner=owner, signing=signing, term_months=12, auto_renew=True, **dates)


def questions_about(door: Door, status: str, roles: dict[str, User], at: datetime) -> Iterator[Question]:
    """What is asked at this door of a contract in this status."""
    today = handbook.current().today(at)
    contract = make_one(status, roles["owner"], today)
    for verb in VERBS:
        is_here = verb in SPEC[status]
        for role, actor in asked_by(door, roles, open_here=is_here).items():
            for with_facts in (True, False) if is_here and role in ("owner", "manager") else (True,):
                facts = facts_for(verb, today) if with_facts else {}
                wanted = expected(door, status, verb, role, with_facts=with_facts)
                yield Question(contract, verb, role, actor, facts, wanted, with_facts)


@pytest.mark.crash
@pytest.mark.parametrize(("door", "statuses"), cases(list(SPEC)))
def test_every_door_gives_the_same_verdict(door: Door, statuses: list[str], roles: dict[str, User]) -> None:
    at, wrong, every = timezone.now(), list[str](), asks_all(door)
    questions = [one for status in statuses for one in questions_about(door, status, roles, at)]
    seen: dict[str, Counter[str]] = {status: Counter() for status in statuses}
    for asked, answer in ask(door, questions, at):
        status = asked.record.current_state
        seen[status][answer.word] += 1
        leads_to = SPEC[status].get(asked.verb, status) if answer.made else status
        if answer.codes != asked.wanted or answer.made is bool(asked.wanted) or answer.state != leads_to:
            wrong.append(f"{asked}: {answer}, not {asked.wanted or 'made'}")
    assert not wrong, "\n".join(wrong)
    for status, found in seen.items():
        assert found.total() >= len(VERBS) * (len(ROLES) if every else 2)
        assert found["made"] >= (2 if every else 1) * bool(SPEC[status]), found


def test_the_matrix_has_every_verb_and_status() -> None:
    assert set(VERBS) == set(Contract.verbs())
    assert set(SPEC) == {str(status) for status in ContractStatus}
    known = {(str(t.source), t.custom["verb"].name, str(t.target)) for t in Contract.transitions()}
    assert known == {(status, verb, to) for status, moves in SPEC.items() for verb, to in moves.items()}
    assert {"shell", "dialog", "forged post", "bulk action", "API, one", "API, many"} <= {door.name for door in DOORS}
