"""What each move asks for, by its stable code; every missing fact at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from crm.activities.models import Activity
from crm.core.acting import acting
from crm.core.door import move, verdicts
from crm.core.errors import Refused
from crm.history.models import Move
from crm.people.models import User
from leads.models import Lead
from leads.statuses import Status
from tests.conftest import NOW
from tests.contracts.deals import signed_contract
from tests.factories import make_account, make_lead, make_opportunity
from tests.leads.moves import BANT, facts_for

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def converted(**fields: Any) -> dict[str, Any]:
    """Fields of a lead that another system converted into an opportunity."""
    opportunity = make_opportunity(**fields)
    return {"converted_opportunity": opportunity, "converted_account": opportunity.account, "converted_at": NOW}


def signed() -> dict[str, Any]:
    """The same, with a signed contract."""
    values = converted()
    signed_contract(values["converted_opportunity"], closed=date(2026, 2, 1))
    return values


@dataclass(frozen=True)
class Case:
    """A move that is refused: the codes, and what leads there. Callables are called when the database is there."""

    codes: str
    verb: str
    status: Status = Status.NEW
    fields: dict[str, Any] | Callable[[], dict[str, Any]] = field(default_factory=dict)
    facts: dict[str, Any] | Callable[[], dict[str, Any]] = field(default_factory=dict)
    reason: str = ""
    earlier: str = ""

    def __str__(self) -> str:
        return f"{self.verb}-{self.codes.replace(' ', '-')}"


MEETING = Status.MEETING_SCHEDULED
CONVERT = {"next_step": "Call them", "next_step_due": "2026-03-07"}
CASES = [
    Case("needs_new_channel", "enrich"),
    Case("needs_new_channel", "enrich", fields={"phone": "1", "city": "Oslo"}, facts={"phone": "415 555 2671"}),
    Case("employees_unknown", "qualify"),
    Case("too_few_employees", "qualify", fields={"employees": 499}),
    Case("too_few_employees", "qualify", fields={"employees": 600}, facts={"employees": 1}),
    Case("needs_owner", "work"),
    Case("needs_evidence", "engage"),
    Case("needs_meeting", "schedule_meeting"),
    Case("meeting_not_in_future", "schedule_meeting", facts={"meeting_at": NOW}),
    Case("meeting_not_in_future", "schedule_meeting", fields={"meeting_at": NOW - DAY}),
    Case("needs_meeting", "schedule_meeting", fields={"meeting_at": NOW + DAY, "meeting_outcome": "cancelled"}),
    Case("needs_new_meeting", "reschedule", MEETING),
    Case("needs_new_meeting", "reschedule", MEETING, {"meeting_at": NOW + DAY}, {"meeting_at": NOW + DAY}),
    Case("meeting_not_in_future", "reschedule", MEETING, facts={"meeting_at": NOW - HOUR}),
    Case("needs_meeting_outcome", "fall_through", MEETING),
    Case("meeting_not_passed", "fall_through", MEETING, {"meeting_at": NOW + HOUR}, {"meeting_outcome": "no_show"}),
    Case("needs_meeting_outcome", "work_to_convert", MEETING),
    Case("meeting_not_passed", "work_to_convert", MEETING, {"meeting_at": NOW + HOUR}, {"meeting_outcome": "held"}),
    Case("bant_complete", "work_to_convert", Status.ENGAGED, BANT),
    Case("needs_meeting_outcome bant_complete", "work_to_convert", MEETING, BANT),
    Case("needs_nurture_reason", "nurture"),
    Case("come_back_not_in_future", "nurture", facts={"nurture_reason": "other", "come_back_on": "2026-03-04"}),
    Case("needs_nurture_reason come_back_not_in_future", "nurture", facts={"come_back_on": "2020-01-01"}),
    Case("needs_do_not_contact_reason", "do_not_contact"),
    Case("needs_reason", "lift", Status.CLOSED_DO_NOT_CONTACT),
    Case("needs_reason", "return_lead", Status.SAO_CONVERTED),
    Case("contract_signed", "return_lead", Status.SAO_CONVERTED, signed, reason="No"),
    Case("needs_reason contract_signed", "return_lead", Status.SAO_CONVERTED, signed),
    Case("opportunity_won", "return_lead", Status.SAO_CONVERTED, lambda: converted(stage="closed_won"), reason="No"),
    Case("nothing_to_take_back", "take_back"),
    Case("nothing_to_take_back", "take_back", Status.ENGAGED),
    Case("cannot_be_taken_back", "take_back", Status.CLOSED_DO_NOT_CONTACT, earlier="lift"),
    Case(
        "bant_budget_unknown bant_authority_unknown bant_need_unknown bant_timing_unknown"
        " needs_opportunity_owner needs_next_step needs_next_step_due",
        "convert",
        Status.ENGAGED,
    ),
    Case(
        "bant_budget_not_met bant_authority_not_met bant_need_not_met bant_timing_not_met"
        " needs_opportunity_owner needs_next_step needs_next_step_due",
        "convert",
        Status.WORKING_TO_CONVERT,
        dict.fromkeys(BANT, "not_met"),
    ),
    Case("needs_opportunity_owner", "convert", Status.ENGAGED, BANT, CONVERT),
    Case("needs_meeting_outcome needs_opportunity_owner", "convert", MEETING, BANT, CONVERT),
    Case("needs_account_name needs_opportunity_owner", "convert", Status.ENGAGED, BANT | {"company": ""}, CONVERT),
    Case(
        "opportunity_closed",
        "convert",
        Status.ENGAGED,
        BANT,
        lambda: CONVERT | {"opportunity": make_opportunity(stage="closed_lost")},
    ),
    Case(
        "opportunity_of_other_account",
        "convert",
        Status.ENGAGED,
        BANT,
        lambda: CONVERT | {"opportunity": make_opportunity(), "account": make_account()},
    ),
    Case(
        "opportunity_of_other_account",
        "convert",
        Status.ENGAGED,
        BANT,
        lambda: CONVERT | {"opportunity": make_opportunity(), "account": "new"},
    ),
    Case("needs_status", "place"),
    Case("needs_status", "place", facts={"status": "new"}),
    Case("needs_conversion", "place", facts={"status": "sao_converted"}),
]


def made(values: dict[str, Any] | Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The values, made now if they are records."""
    return values() if callable(values) else values


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_refuses_with_every_code_at_once(case: Case, root: User, now: datetime) -> None:
    lead = make_lead(status=case.status, **made(case.fields))
    if case.earlier:
        move(lead, case.earlier, actor=root, at=now - DAY, via="test", reason="Because")
    facts = made(case.facts)
    before = Lead.objects.filter(pk=lead.pk).values().get(), Move.objects.count()
    with pytest.raises(Refused) as refused:
        move(lead, case.verb, actor=root, at=now, via="test", reason=case.reason, **facts)
    assert refused.value.code == "missing_facts"
    assert refused.value.codes == tuple(case.codes.split())
    assert refused.value.message == " ".join(item.message for item in refused.value.missing)
    assert (Lead.objects.filter(pk=lead.pk).values().get(), Move.objects.count()) == before


def test_every_code_of_the_guards_is_reached_here() -> None:
    written: set[str] = set()
    for name in ("guards.py", "conversion_facts.py"):
        source = (Path(settings.BASE_DIR) / "leads" / name).read_text()
        for code in re.findall(r'Missing\(\s*f?"([a-z_{}]+)"', source):
            written |= {code.replace("{name}", part) for part in BANT} if "{" in code else {code}
    reached = {code for case in CASES for code in case.codes.split()}
    # In test_take_back.py; and in tests/activities/test_closing_and_lifting.py.
    reached |= {"needs_manager", "covers_others", "needs_domain"}
    assert len(written) > 25
    assert written == reached


# --- and what is enough -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channel", ["second_email", "mobile", "linkedin_url"])
def test_one_channel_more_is_enough_to_enrich(channel: str, alice: User, now: datetime) -> None:
    values = {"second_email": "l@home.example", "linkedin_url": "https://linkedin.com/in/lea", "mobile": "555 0100"}
    facts: dict[str, Any] = {channel: values[channel]}
    lead = make_lead(owner=alice)
    move(lead, "enrich", actor=alice, at=now, via="test", **facts)
    assert lead.status == Status.NEW_ENRICHED


@pytest.mark.parametrize("way", ["save", "update"])
def test_a_channel_added_before_the_move_counts(way: str, alice: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    if way == "save":
        lead.city = "Oslo"
        lead.save()
    else:
        Lead.objects.update(city="Oslo")
    move(lead, "enrich", actor=alice, at=now, via="test")
    assert lead.status == Status.NEW_ENRICHED


def test_a_channel_it_came_with_counts_as_come_with_even_after_it_was_mended(alice: User, now: datetime) -> None:
    lead = make_lead(owner=alice, phone="1")
    for phone in ("2", "", "3"):
        Lead.objects.update(phone=phone)
    with pytest.raises(Refused) as refused:
        move(lead, "enrich", actor=alice, at=now, via="test")
    assert refused.value.codes == ("needs_new_channel",)


@pytest.mark.parametrize(
    ("kind", "outcome", "enough"),
    [
        ("call", "connected", True),
        ("email", "replied", True),
        ("meeting", "held", True),
        ("call", "voicemail", False),
        ("email", "sent", False),
        ("meeting", "no_show", False),
        ("note", "noted", False),
    ],
)
def test_a_two_way_touch_logged_before_is_evidence(
    kind: str, outcome: str, enough: bool, alice: User, now: datetime
) -> None:
    lead, other = make_lead(owner=alice), make_lead(owner=alice)
    with acting(actor=alice, via="test", at=now):
        Activity.objects.create(lead=lead, kind=kind, outcome=outcome, happened_at=now, by=alice)
    for record, allowed in ((lead, enough), (other, False)):
        answers = {verdict.verb.name: verdict for verdict in verdicts(record, actor=alice, at=now, via="test")}
        assert [item.code for item in answers["engage"].asks] == ([] if allowed else ["needs_evidence"])
    if enough:
        move(lead, "engage", actor=alice, at=now, via="test")
    assert Activity.objects.count() == 1, "what is logged is not logged again"


def test_evidence_cannot_lie_in_the_future(alice: User, now: datetime) -> None:
    with pytest.raises(Refused) as refused:
        move(
            make_lead(owner=alice),
            "engage",
            actor=alice,
            at=now,
            via="test",
            evidence="call.connected",
            happened_at=now + HOUR,
        )
    assert refused.value.codes == ("invalid_happened_at",)


def test_a_touch_that_is_no_evidence_is_no_choice(alice: User, now: datetime) -> None:
    with pytest.raises(Refused) as refused:
        move(make_lead(owner=alice), "engage", actor=alice, at=now, via="test", evidence="call.voicemail")
    assert refused.value.codes == ("invalid_evidence",)


def test_an_owner_who_left_is_no_owner(alice: User, mona: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    with pytest.raises(Refused) as refused:
        move(lead, "work", actor=mona, at=now, via="test")
    assert refused.value.codes == ("needs_owner",)
    with pytest.raises(Refused) as chosen:
        move(lead, "work", actor=mona, at=now, via="test", owner=alice.pk)
    assert chosen.value.codes == ("invalid_owner",)


def test_a_slot_that_they_booked_counts_as_the_meeting(alice: User, now: datetime) -> None:
    lead = make_lead(owner=alice, meeting_at=now + DAY)
    move(lead, "schedule_meeting", actor=alice, at=now, via="test")
    assert (lead.status, lead.meeting_at) == (Status.MEETING_SCHEDULED, now + DAY)


def test_a_meeting_known_as_held_needs_no_second_answer(alice: User, now: datetime) -> None:
    lead = make_lead(status=MEETING, owner=alice, meeting_outcome="held")
    move(lead, "work_to_convert", actor=alice, at=now, via="test")
    assert not Activity.objects.exists()


def test_a_cancelled_meeting_may_lie_in_the_future(alice: User, now: datetime) -> None:
    lead = make_lead(status=MEETING, owner=alice, meeting_at=now + DAY)
    move(lead, "fall_through", actor=alice, at=now, via="test", meeting_outcome="cancelled")
    assert Activity.objects.get().happened_at == now


def test_the_company_day_decides_what_lies_in_the_future(alice: User) -> None:
    evening = datetime(2026, 3, 5, 4, 0, tzinfo=UTC)  # still 4 March in Los Angeles
    lead = make_lead(owner=alice)
    facts: dict[str, Any] = {"nurture_reason": "other", "come_back_on": date(2026, 3, 5)}
    move(lead, "nurture", actor=alice, at=evening, via="test", **facts)
    assert lead.come_back_on == date(2026, 3, 5)


# --- facts that will not do -------------------------------------------------------------------------------------------


def test_invalid_unknown_and_missing_facts_are_named_at_once(mona: User, now: datetime) -> None:
    lead = make_lead(status=Status.ENGAGED, owner=mona, **BANT)
    with pytest.raises(Refused) as refused:
        move(lead, "convert", actor=mona, at=now, via="test", amount="a lot", next_step_due="soon", colour="red")
    assert set(refused.value.codes) == {
        "unknown_fact",
        "invalid_amount",
        "invalid_next_step_due",
        "needs_opportunity_owner",
        "needs_next_step",
    }
    fields = [item.field for item in refused.value.missing]
    assert len(set(fields)) == len(fields), "a fact that will not do is not missing as well"


@pytest.mark.parametrize(
    ("verb", "facts", "code"),
    [
        ("enrich", {"second_email": "not an address"}, "invalid_second_email needs_new_channel"),
        ("enrich", {"email": "other@globex.example"}, "invalid_email needs_new_channel"),
        ("enrich", {"phone": "12", "mobile": "+1"}, "invalid_phone invalid_mobile"),
        ("enrich", {"linkedin_url": "nonsense nonsense"}, "invalid_linkedin_url needs_new_channel"),
        ("qualify", {"employees": 0}, "invalid_employees"),
        ("qualify", {"employees": 10**12}, "invalid_employees"),
        ("schedule_meeting", {"meeting_at": "tomorrow"}, "invalid_meeting_at"),
        ("nurture", {"nurture_reason": "bored"}, "invalid_nurture_reason"),
        ("do_not_contact", {"do_not_contact_reason": "x"}, "invalid_do_not_contact_reason"),
        ("release", {"to": "new"}, "unknown_fact"),
    ],
)
def test_a_fact_that_will_not_do_is_named(
    verb: str, facts: dict[str, Any], code: str, mona: User, now: datetime
) -> None:
    lead = make_lead(status=Status.WORKING_TO_ENGAGE if verb == "release" else Status.NEW, owner=mona)
    with pytest.raises(Refused) as refused:
        move(lead, verb, actor=mona, at=now, via="test", **facts)
    assert refused.value.codes == tuple(code.split())


def test_who_may_not_learns_nothing_about_the_facts(charlie: User, alice: User, now: datetime) -> None:
    with pytest.raises(Refused) as refused:
        move(make_lead(owner=alice), "qualify", actor=charlie, at=now, via="test", employees="many")
    assert refused.value.codes == ("forbidden",)


def test_facts_are_stored_plainly(mona: User, now: datetime) -> None:
    lead = make_lead(status=Status.ENGAGED, owner=mona, **BANT)
    facts = facts_for("convert", lead.status, owner=mona, at=now) | {"amount": "1234.50", "note": ""}
    step = move(lead, "convert", actor=mona, at=now, via="test", **facts)
    assert Move.objects.get(pk=step.pk).facts == {
        "opportunity_owner": {"id": mona.pk, "name": "Mona"},
        "next_step": "Call them",
        "next_step_due": "2026-03-07",
        "amount": "1234.50",
    }
