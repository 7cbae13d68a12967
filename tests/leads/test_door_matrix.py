"""Every status x every verb x every role x every door: the same verdict and the same codes (issue: one door).

What is expected is worked out here from the page's table and the rules of who may, not from one of the doors.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from crm.history.models import Move
from crm.people.models import User
from leads.models import Lead
from leads.statuses import Status
from tests.doors import DOORS, Door, Question, ask, asked_by, asks_all, cases
from tests.factories import make_account, make_lead, make_opportunity
from tests.leads.moves import BANT, POSSIBLE, VERBS, facts_for, reason_for

pytestmark = pytest.mark.django_db

EVERY_VERB = [*VERBS, "take_back", "place"]
# What of a move that is asked for without a fact is missing; the others need none, or the record has it.
MISSING = {
    "enrich": ("needs_new_channel",),
    "qualify": ("employees_unknown",),
    "engage": ("needs_evidence",),
    "schedule_meeting": ("needs_meeting",),
    "reschedule": ("needs_new_meeting",),
    "fall_through": ("needs_meeting_outcome",),
    "convert": ("needs_opportunity_owner", "needs_next_step", "needs_next_step_due"),
    "nurture": ("needs_nurture_reason",),
    "do_not_contact": ("needs_do_not_contact_reason",),
    "lift": ("needs_reason",),
    "return_lead": ("needs_reason",),
    "place": ("needs_status",),
}
WORKERS = ("owner", "colleague", "manager", "administrator", "service")
BOSSES = ("manager", "administrator")
ROLES = (*WORKERS, "stranger", "opportunity owner", "gone")


@pytest.fixture
def roles(alice: User, bob: User, charlie: User, ann: User, mona: User, root: User, robot: User) -> dict[str, User]:
    """One user for each role."""
    gone = User.objects.create(
        email="gone@example.com", first_name="Gone", role="sdr", team=alice.team, is_active=False
    )
    users = (alice, bob, mona, root, robot, charlie, ann, gone)
    return dict(zip(ROLES, users, strict=True))


def permitted(role: str, verb: str) -> bool:
    """Who may make the move, as README's table and the page's last lines say it."""
    if verb == "lift":
        return role in BOSSES
    if verb == "return_lead":
        return role in (*BOSSES, "opportunity owner")
    if verb == "place":
        return role in ("administrator", "service")
    if verb == "take_back":
        return role not in ("service", "gone")
    return role in WORKERS


def expected(door: Door, status: Status, verb: str, role: str, *, with_facts: bool) -> tuple[str, ...]:
    """The codes that every door answers with; none when the move is made."""
    if role == "gone" or (door.people_only and role == "service"):
        return ("forbidden",)
    if verb not in ("take_back", "place") and (status, verb) not in POSSIBLE:
        return ("not_from_here",)
    if not permitted(role, verb):
        return ("forbidden",)
    if verb == "take_back":
        return ("nothing_to_take_back",)
    if with_facts:
        return ()
    held = ("needs_meeting_outcome",) if status == Status.MEETING_SCHEDULED else ()
    return (*(held if verb in ("convert", "work_to_convert") else ()), *MISSING.get(verb, ()))


def make_leads(status: Status, owner: User, ann: User) -> dict[bool, Lead]:
    """Two leads in this status: one has all of BANT confirmed, as converting needs and working to convert must not."""
    fields: dict[str, Any] = {"owner": owner}
    if status == Status.SAO_CONVERTED:
        opportunity = make_opportunity(owner=ann, account=make_account())
        fields |= {"converted_opportunity": opportunity, "converted_account": opportunity.account}
    return {complete: make_lead(status=status, **fields, **(BANT if complete else {})) for complete in (True, False)}


def questions_about(door: Door, status: Status, roles: dict[str, User], at: datetime) -> Iterator[Question]:
    """What is asked at this door of leads in this status."""
    leads = make_leads(status, roles["owner"], roles["opportunity owner"])
    for verb in EVERY_VERB:
        is_here = verb == "place" or (status, verb) in POSSIBLE
        asking = asked_by(door, roles, open_here=is_here or verb == "take_back")
        # Somebody who may; where it is quick, everybody who may.
        least = {"owner" if permitted("owner", verb) else BOSSES[1]}
        told = {"owner", "manager", "administrator"} if asks_all(door) else least
        full: dict[str, Any] = facts_for(verb, status, owner=roles["owner"], at=at)
        if reason := reason_for(verb):
            full["reason"] = reason
        if verb == "place" and status == Status.SAO_CONVERTED:
            full["status"] = Status.WORKING_TO_CONVERT
        for role, actor in asking.items():
            # What is missing is asked only where there is a move to ask it of.
            for with_facts in (True, False) if role in told and is_here else (True,):
                wanted = expected(door, status, verb, role, with_facts=with_facts)
                yield Question(
                    leads[verb == "convert"], verb, role, actor, full if with_facts else {}, wanted, with_facts
                )


@pytest.mark.crash
@pytest.mark.parametrize(("door", "statuses"), cases(list(Status)))
def test_every_door_gives_the_same_verdict(door: Door, statuses: list[Status], roles: dict[str, User]) -> None:
    at, every, wrong = timezone.now(), asks_all(door), list[str]()
    questions = [one for status in statuses for one in questions_about(door, status, roles, at)]
    seen: dict[str, Counter[str]] = {status: Counter() for status in statuses}
    for asked, answer in ask(door, questions, at):
        status = asked.record.current_state
        seen[status][answer.word] += 1
        if (
            answer.codes != asked.wanted
            or answer.made is bool(asked.wanted)
            or (answer.codes and answer.state != status)
        ):
            wrong.append(f"{asked}: {answer}, not {asked.wanted or 'made'}")
    assert not wrong, "\n".join(wrong)
    for status, found in seen.items():
        assert found.total() >= len(EVERY_VERB) * (len(ROLES) if every else 2)
        most = 2 if not every else 4 if door.people_only else 5
        assert found["made"] >= most - (status == Status.CLOSED_DO_NOT_CONTACT), found
        assert found["forbidden"] >= (len(EVERY_VERB) if every else 3), found


def test_the_matrix_has_every_verb_status_and_role() -> None:
    assert set(EVERY_VERB) == set(Lead.verbs())
    assert len(ROLES) == 8
    doors = {"shell", "many at once", "dialog", "forged post", "bulk action", "API, one", "API, many"}
    assert doors <= {door.name for door in DOORS}


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_the_door_is_named_in_the_log(door: Door, roles: dict[str, User], now: datetime) -> None:
    lead = make_lead(owner=roles["owner"])
    assert door.attempt(lead, "work", roles["owner"], {}, now) == ()
    step = Move.objects.of(lead).get()
    assert step.via in ("shell", "bulk", "admin", "api")
    assert step.at >= now - timedelta(days=1)
    assert step.transaction.via == step.via


def test_a_batch_has_a_verdict_for_each_row(roles: dict[str, User], now: datetime) -> None:
    """As many verdicts as records, each its own, and only those allowed are stored."""
    from crm.core.door import move_many

    alice, charlie = roles["owner"], roles["stranger"]
    leads = [
        make_lead(owner=alice),
        make_lead(owner=charlie),
        make_lead(owner=alice, status=Status.ENGAGED),
        make_lead(owner=None),
        make_lead(owner=alice, status=Status.CLOSED_NURTURE),
    ]
    ids = [lead.pk for lead in leads]
    outcomes = move_many(Lead, [*reversed(ids), ids[0], 10**12], "work", actor=alice, at=now, via="bulk")
    assert [outcome.record_id for outcome in outcomes] == [*ids, 10**12]
    found = [outcome.refusal.codes if outcome.refusal else () for outcome in outcomes]
    assert found == [(), ("forbidden",), ("not_from_here",), ("needs_owner",), (), ("not_found",)]
    stored = [Lead.objects.get(pk=pk).status for pk in ids]
    assert stored == ["working_to_engage", "new", "engaged", "new", "working_to_engage"]
    assert Move.objects.filter(verb="work").count() == 2
    assert Move.objects.filter(verb="work").values("transaction").distinct().count() == 1


def test_a_batch_is_moved_in_as_many_statements_as_one(
    roles: dict[str, User], now: datetime, django_assert_max_num_queries: Any
) -> None:
    from crm.core.door import move_many

    alice = roles["owner"]
    ids = [make_lead(owner=alice).pk for _ in range(40)]
    with django_assert_max_num_queries(14):
        outcomes = move_many(Lead, ids, "work", actor=alice, at=now, via="bulk")
    assert all(outcome.move for outcome in outcomes)
