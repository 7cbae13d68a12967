"""What is true of every lead, and who may make one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from crm.core.door import create
from crm.core.errors import Refused
from crm.history.models import Change, Move
from crm.people.models import User
from leads.models import Conversion, Lead
from leads.statuses import NEW_ONES, OPEN, PATH, Status
from tests.factories import make_account, make_lead

pytestmark = pytest.mark.django_db


def broken(lead: Lead, constraint: str) -> str:
    """Check that the database refuses the lead as well as the form does; returns the form's sentence."""
    with pytest.raises(ValidationError) as refused:
        lead.full_clean(exclude=["owner"])
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        lead.save() if lead.pk else Lead.objects.bulk_create([lead])
    return " ".join(refused.value.messages)


@pytest.mark.parametrize(("email", "linkedin"), [("", ""), (" ", "\t"), ("\x00", "")])
def test_a_lead_without_email_and_linkedin_url_is_no_lead(email: str, linkedin: str) -> None:
    said = broken(Lead(last_name="Lea", email=email, linkedin_url=linkedin), "leads_lead_can_be_reached")
    assert "A lead has an email or a LinkedIn profile URL." in said


def test_one_of_the_two_is_enough() -> None:
    make_lead(email="lea@globex.example", linkedin_url="")
    make_lead(email="", linkedin_url="https://www.linkedin.com/in/lea")
    with pytest.raises(IntegrityError), transaction.atomic():
        Lead.objects.update(email="", linkedin_url="")


@pytest.mark.parametrize("missing", ["converted_account", "converted_at"])
def test_a_converted_lead_has_its_account_and_time(missing: str, root: User, now: datetime) -> None:
    lead = make_lead(status=Status.SAO_CONVERTED)
    setattr(lead, missing, None)
    said = broken(lead, "leads_lead_converted_into_account")
    assert "A converted lead has the account it was converted into, and the time." in said
    values: dict[str, Any] = {"converted_account": make_account(), "converted_at": now} | {missing: None}
    with pytest.raises(IntegrityError), transaction.atomic():
        create(Lead(email="x@x.example", **values), actor=root, at=now, via="test", state=Status.SAO_CONVERTED)


@pytest.mark.parametrize("part", ["budget", "authority", "need", "timing"])
def test_each_of_bant_is_unknown_confirmed_or_not_met(part: str) -> None:
    lead = Lead(last_name="Lea", email="lea@globex.example", **{part: "perhaps"})
    assert "is not a valid choice" in broken(lead, f"leads_lead_{part}_is_known_word")
    with pytest.raises(ValidationError, match=f"{part.capitalize()} is unknown, confirmed or not met."):
        lead.validate_constraints()


def test_a_lead_has_at_most_one_conversion_that_stands(alice: User) -> None:
    from tests.factories import make_contact, make_opportunity

    lead, opportunity = make_lead(), make_opportunity()
    values = {
        "lead": lead,
        "account": opportunity.account,
        "contact": make_contact(),
        "opportunity": opportunity,
        "at": lead.created_at,
        "by": alice,
    }
    Conversion.objects.create(**values, state=Conversion.State.RETURNED)
    Conversion.objects.create(**values)
    with pytest.raises(IntegrityError, match="leads_conversion_stands_once"), transaction.atomic():
        Conversion.objects.create(**values, state=Conversion.State.ACCEPTED)
    Conversion.objects.create(**values, state=Conversion.State.RETURNED)


# --- who may make one -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["alice", "charlie", "ann", "mona", "root", "robot"])
def test_everybody_adds_a_new_lead(who: str, now: datetime, request: pytest.FixtureRequest) -> None:
    actor = request.getfixturevalue(who)
    lead = create(Lead(email="lea@globex.example"), actor=actor, at=now, via="test")
    assert (lead.status, lead.status_since) == (Status.NEW, now)
    assert not Move.objects.of(lead).exists(), "a lead begins as New: that is no move"
    assert Change.objects.of(lead).get().transaction.actor_id == actor.pk


@pytest.mark.parametrize("status", [status for status in Status if status != Status.NEW])
@pytest.mark.parametrize(("who", "may"), [("alice", False), ("mona", False), ("root", True), ("robot", True)])
def test_only_who_may_place_makes_one_in_another_status(
    status: Status, who: str, may: bool, now: datetime, request: pytest.FixtureRequest
) -> None:
    actor = request.getfixturevalue(who)
    lead = Lead(email="lea@globex.example", converted_account=make_account(), converted_at=now)
    theirs = now - timedelta(days=99)
    if not may:
        with pytest.raises(Refused) as refused:
            create(lead, actor=actor, at=theirs, via="test", state=status)
        assert refused.value.codes == ("forbidden",)
        assert not Lead.objects.exists()
        return
    create(lead, actor=actor, at=theirs, via="import", state=status)
    lead.refresh_from_db()
    assert (lead.status, lead.status_since, lead.version) == (status, theirs, 1)
    step = Move.objects.of(lead).get()
    assert (step.verb, step.from_state, step.to_state, step.version) == ("place", "", status, 1)
    assert (step.at, step.via, step.actor_id) == (theirs, "import", actor.pk)
    assert Change.objects.of(lead).get().at == theirs


def test_somebody_who_left_adds_nothing(alice: User, now: datetime) -> None:
    alice.is_active = False
    with pytest.raises(Refused):
        create(Lead(email="lea@globex.example"), actor=alice, at=now, via="test")


def test_a_guard_judges_moves_not_records(root: User, now: datetime) -> None:
    """What a guard would have asked of a placed lead is no reason to refuse it."""
    lead = create(Lead(email="x@x.example"), actor=root, at=now, via="import", state=Status.MEETING_SCHEDULED)
    assert (lead.owner, lead.meeting_at) == (None, None)


# --- placing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", list(Status))
@pytest.mark.parametrize("target", list(Status))
def test_any_status_can_be_placed_in_any_other(start: Status, target: Status, root: User, now: datetime) -> None:
    from crm.core.door import move

    lead = make_lead(status=start)
    if target == Status.SAO_CONVERTED and start != target:
        Lead.objects.update(converted_account=make_account(), converted_at=now)
    if start == target:
        with pytest.raises(Refused) as refused:
            move(lead, "place", actor=root, at=now, via="import", status=target)
        assert refused.value.codes == ("needs_status",)
        return
    theirs = now - timedelta(days=5)
    step = move(lead, "place", actor=root, at=theirs, via="import", status=target)
    assert (lead.status, lead.status_since, step.at) == (target, theirs, theirs)


# --- reads ------------------------------------------------------------------------------------------------------------


def test_open_unowned_and_meetings_are_found(alice: User, now: datetime) -> None:
    hour = timedelta(hours=1)
    for status in Status:
        make_lead(status=status, owner=alice)
    assert set(Lead.objects.open().values_list("status", flat=True)) == set(OPEN)
    assert not Lead.objects.unowned().exists()
    Lead.objects.all()._raw_delete("default")
    past = make_lead(status=Status.MEETING_SCHEDULED, meeting_at=now - hour)
    coming = make_lead(status=Status.MEETING_SCHEDULED, meeting_at=now + hour)
    make_lead(status=Status.MEETING_SCHEDULED, meeting_at=now - hour, meeting_outcome="held")
    make_lead(status=Status.ENGAGED, meeting_at=now - hour)
    assert list(Lead.objects.meetings_without_outcome(at=now)) == [past]
    assert list(Lead.objects.meetings_between(now, now + hour * 2)) == [coming]
    assert Lead.objects.unowned().count() == 4


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"first_name": "Lea", "last_name": "Doe"}, "Lea Doe"),
        ({"first_name": "", "last_name": "Doe"}, "Doe"),
        ({"first_name": "", "last_name": "", "email": "lea@x.example"}, "lea@x.example"),
        (
            {"first_name": "", "last_name": "", "email": "", "linkedin_url": "https://linkedin.com/in/lea"},
            "https://linkedin.com/in/lea",
        ),
    ],
)
def test_a_lead_is_called_by_its_name_or_what_it_is_reached_by(fields: dict[str, Any], name: str) -> None:
    assert str(make_lead(**fields)) == name


def test_the_path_leads_from_new_to_converted() -> None:
    assert (PATH[0], PATH[-1]) == (Status.NEW, Status.SAO_CONVERTED)
    assert set(NEW_ONES) < set(PATH)
    assert all(make_lead(status=status).status_meaning for status in Status)
