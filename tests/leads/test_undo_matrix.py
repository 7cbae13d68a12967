"""Every move that can be made in bulk x everybody who might undo it: the status comes back, or the refusal is named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from crm.core.door import move_many
from crm.core.errors import Refused
from crm.history.models import Move
from crm.history.revert import preview_revert, revert
from crm.people.models import User
from leads.models import Lead
from leads.statuses import Status
from tests.factories import make_account, make_opportunity
from tests.history.undo import newest, row_of, writing
from tests.leads.moves import ALLOWED, POSSIBLE, facts_for, ready_lead, reason_for

pytestmark = pytest.mark.django_db
PUT_BACK = ("put_back", "change")
# What is refused of the lead to everybody, and of the whole transaction.
NEVER = {"lift": ("refused", "lifted_do_not_contact"), "return_lead": ("refused", "conversion")}
NEVER_AT_ALL = {"convert": ("refused", "conversion")}


@contextmanager
def rolled_back() -> Iterator[None]:
    """What is done inside leaves nothing."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture
def roles(alice: User, bob: User, charlie: User, ann: User, mona: User, root: User, robot: User) -> dict[str, User]:
    """One user for each role; alice owns the lead and makes the move where she may."""
    gone = User.objects.create(
        email="gone@example.com", first_name="Gone", role="sdr", team=alice.team, is_active=False
    )
    names = ("owner", "colleague", "stranger", "opportunity owner", "manager", "administrator", "service", "gone")
    return dict(zip(names, (alice, bob, charlie, ann, mona, root, robot, gone), strict=True))


def moved(status: Status, verb: str, by: User, roles: dict[str, User], at: datetime) -> tuple[Lead, dict[str, Any]]:
    """A lead that was moved in bulk, and what was stored of it before."""
    fields: dict[str, Any] = {"owner": roles["owner"]}
    if status == Status.SAO_CONVERTED:
        opportunity = make_opportunity(owner=roles["opportunity owner"], account=make_account())
        fields |= {"converted_opportunity": opportunity, "converted_account": opportunity.account}
    lead = ready_lead(status, verb, **fields)
    before = row_of(lead)
    facts = facts_for(verb, status, owner=roles["owner"], at=at)
    (outcome,) = move_many(Lead, [lead.pk], verb, actor=by, at=at, via="bulk", reason=reason_for(verb), facts=facts)
    assert outcome.refusal is None, outcome.refusal
    return lead, before


def verdict(lead: Lead, by: User, at: datetime, reason: str = "") -> tuple[str, str]:
    """What undoing the newest transaction says of the lead, the preview the same."""
    said = []
    for call in (preview_revert, revert):
        try:
            rows = call(newest(), actor=by, at=at, via="bulk", reason=reason).rows
        except Refused as refused:
            said.append(("refused", refused.code))
        else:
            said.extend((r.outcome, r.code) for r in rows if (r.object, r.record_id) == ("lead", lead.pk))
    assert said[0] == said[1], said
    return said[1]


def expected(verb: str, role: str, maker: str) -> tuple[str, str]:
    """Who did it undoes it, and a manager; but never a conversion, its return or a lifting."""
    if role not in (maker, "manager", "administrator"):
        return ("refused", "forbidden")
    if verb == "do_not_contact" and role == maker:
        return ("refused", "needs_manager_and_reason")
    return NEVER_AT_ALL.get(verb) or NEVER.get(verb) or PUT_BACK


@pytest.mark.parametrize(("status", "verb"), sorted(POSSIBLE), ids=lambda value: str(value))
def test_undoing_a_bulk_move_gives_the_status_back_to_who_may(
    status: Status, verb: str, roles: dict[str, User]
) -> None:
    at = timezone.now()
    maker = "manager" if verb in ("lift", "return_lead") else "owner"
    lead, before = moved(status, verb, roles[maker], roles, at)
    after = row_of(lead)
    wrong = []
    for role, actor in roles.items():
        with rolled_back():
            found, wanted = verdict(lead, actor, at, "Slip"), expected(verb, role, maker)
            if found != wanted or row_of(lead) != (before if wanted == PUT_BACK else after):
                wrong.append(f"{role}: {found}, not {wanted}; {row_of(lead)['status']}")
            if wanted == PUT_BACK and before["status"] != after["status"]:
                step = Move.objects.of(lead).order_by("-version")[0]
                if (step.verb, step.from_state, step.to_state) != ("revert", after["status"], before["status"]):
                    wrong.append(f"{role}: the move back is {step.verb}, {step.from_state} to {step.to_state}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(("status", "verb"), sorted(POSSIBLE), ids=lambda value: str(value))
def test_what_somebody_touched_since_stays_as_they_left_it(status: Status, verb: str, roles: dict[str, User]) -> None:
    at = timezone.now()
    maker = "manager" if verb in ("lift", "return_lead") else "owner"
    lead, _ = moved(status, verb, roles[maker], roles, at)
    made = newest()
    with writing(roles["colleague"], at=at + timedelta(minutes=1)):
        Lead.objects.filter(pk=lead.pk).update(title="Head of lists")
    touched = row_of(lead)
    try:
        rows = revert(made, actor=roles["manager"], at=at + timedelta(hours=1), via="bulk", reason="Slip").rows
        said = [(row.outcome, row.code) for row in rows if (row.object, row.record_id) == ("lead", lead.pk)]
    except Refused as refused:
        said = [("refused", refused.code)]
    assert said == [NEVER_AT_ALL.get(verb) or ("touched", "changed_since")]
    assert row_of(lead) == touched


def test_the_matrix_has_every_allowed_move() -> None:
    assert {(status, verb) for status, verb, _ in ALLOWED} == POSSIBLE
