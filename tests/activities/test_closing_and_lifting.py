"""Closing a lead suppresses as far as its reason goes; lifting takes a manager; nothing else lifts (L11, D1, D5)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from crm.activities.gate import bar_of, bars_of
from crm.activities.models import Suppression
from crm.activities.suppressing import lift, suppress
from crm.core.door import move, move_many
from crm.core.errors import Refused
from crm.people.models import User
from leads.models import Lead
from leads.statuses import Status
from tests.factories import make_lead

pytestmark = pytest.mark.django_db


def close(lead: Lead, actor: User, at: datetime, reason: str = "asked_us") -> None:
    move(lead, "do_not_contact", actor=actor, at=at, via="test", do_not_contact_reason=reason)


@pytest.mark.parametrize(
    ("reason", "scope", "kinds"),
    [
        ("asked_us", "person", {"email", "linkedin", "phone"}),
        ("company_asked", "domain", {"domain"}),
        ("bad_address", "address", {"email"}),
        ("no_emails", "email", {"email", "linkedin"}),
        ("no_calls", "calls", {"email", "linkedin", "phone"}),
    ],
)
def test_closing_suppresses_as_far_as_the_reason_goes(
    reason: str, scope: str, kinds: set[str], alice: User, now: datetime
) -> None:
    lead = make_lead(owner=alice, phone="(415) 555-2671", linkedin_url="https://linkedin.com/in/lea")
    close(lead, alice, now, reason)
    made = Suppression.objects.get()
    assert (made.scope, made.closed_lead, made.by, made.since) == (scope, lead, alice, now)
    assert set(made.keys.values_list("kind", flat=True)) == kinds


def test_a_reason_that_covers_the_company_asks_for_its_domain(alice: User, now: datetime) -> None:
    lead = make_lead(owner=alice, email="lea@gmail.com")
    with pytest.raises(Refused) as no:
        close(lead, alice, now, "company_asked")
    assert no.value.codes == ("needs_domain",)
    assert not Suppression.objects.exists()


def test_many_at_once_take_a_manager(alice: User, mona: User, now: datetime) -> None:
    ids = [make_lead(owner=alice).pk for _ in range(21)]
    facts: dict[str, Any] = {"do_not_contact_reason": "asked_us"}
    refused = move_many(Lead, ids, "do_not_contact", actor=alice, at=now, via="test", facts=facts)
    assert {one.refusal.code for one in refused if one.refusal} == {"needs_manager"}
    assert len(refused) == 21
    assert not Suppression.objects.exists()
    assert all(
        one.move for one in move_many(Lead, ids[:20], "do_not_contact", actor=alice, at=now, via="test", facts=facts)
    )
    more = [make_lead(owner=alice).pk for _ in range(21)]
    assert all(one.move for one in move_many(Lead, more, "do_not_contact", actor=mona, at=now, via="test", facts=facts))
    assert Suppression.objects.count() == 41


def test_a_batch_of_one_company_makes_one_suppression(mona: User, now: datetime) -> None:
    ids = [make_lead().pk for _ in range(5)]
    move_many(
        Lead, ids, "do_not_contact", actor=mona, at=now, via="test", facts={"do_not_contact_reason": "company_asked"}
    )
    assert [str(one.key) for one in Suppression.objects.get().keys.all()] == ["globex.example"]


def test_lifting_the_lead_lifts_what_closing_it_suppressed(alice: User, mona: User, now: datetime) -> None:
    lead, other = make_lead(owner=alice), make_lead(owner=alice)
    close(lead, alice, now)
    close(other, alice, now)
    with pytest.raises(Refused, match="A manager"):
        move(lead, "lift", actor=alice, at=now, via="test", reason="They wrote")
    move(lead, "lift", actor=mona, at=now, via="test", reason="They wrote")
    assert bar_of("lead", lead.pk) is None
    assert bar_of("lead", other.pk) is not None
    lifted = Suppression.objects.get(closed_lead=lead)
    assert (lifted.lifted_by, lifted.lifted_reason) == (mona, "They wrote")
    move(lead, "work", actor=alice, at=now, via="test")


def test_what_covers_others_is_lifted_on_its_own_page_only(alice: User, mona: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    close(lead, alice, now, "company_asked")
    colleague = make_lead(owner=alice)
    with pytest.raises(Refused) as no:
        move(lead, "lift", actor=mona, at=now, via="test", reason="They wrote")
    assert no.value.codes == ("covers_others",)
    lift(Suppression.objects.get(), actor=mona, at=now, via="test", reason="They wrote")
    move(lead, "lift", actor=mona, at=now, via="test", reason="They wrote")
    assert bar_of("lead", colleague.pk) is None


def test_what_somebody_else_noted_of_the_same_person_stands(alice: User, mona: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    suppress(actor=alice, at=now, via="test", reason="no_emails", emails=[lead.email])
    close(lead, alice, now)
    move(lead, "lift", actor=mona, at=now, via="test", reason="They wrote")
    assert [bar.scope for bar in bars_of("lead", [lead.pk])[lead.pk]] == ["email"]


def test_taking_the_closing_back_lifts_nothing(alice: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    close(lead, alice, now)
    move(lead, "take_back", actor=alice, at=now + timedelta(minutes=5), via="test")
    assert lead.status == Status.NEW
    assert bar_of("lead", lead.pk) is not None


def test_deleting_the_lead_lifts_nothing(alice: User, mona: User, now: datetime) -> None:
    from crm.core.acting import acting

    lead = make_lead(owner=alice, email="lea@globex.example")
    close(lead, alice, now)
    with acting(actor=mona, via="test", at=now):
        lead.delete()
    assert bar_of("lead", make_lead(email="lea@globex.example").pk) is not None


@pytest.mark.parametrize(
    ("named", "codes"),
    [
        ({}, {"needs_address"}),
        ({"emails": ["nobody"]}, {"invalid_email"}),
        ({"linkedin_urls": ["https://linkedin.com/company/globex"]}, {"invalid_linkedin_url"}),
        ({"phone_numbers": ["12"]}, {"invalid_phone"}),
        ({"domains": ["gmail.com"]}, {"invalid_domain"}),
        ({"domains": ["localhost"]}, {"invalid_domain"}),
        ({"domains": ["globex.example"]}, {"needs_address"}),
        ({"emails": ["x" * 600 + "@globex.example"], "phone_numbers": ["no"]}, {"invalid_email", "invalid_phone"}),
    ],
)
def test_it_refuses_what_names_nobody(named: dict[str, Any], codes: set[str], alice: User, now: datetime) -> None:
    with pytest.raises(Refused) as no:
        suppress(actor=alice, at=now, via="test", reason="asked_us", **named)
    assert set(no.value.codes) == codes
    assert not Suppression.objects.exists()


def test_it_refuses_a_reason_that_is_none_and_a_day_to_come(alice: User, now: datetime) -> None:
    with pytest.raises(Refused) as no:
        suppress(
            actor=alice, at=now, via="test", reason="because", emails=["a@b.example"], since=now + timedelta(days=1)
        )
    assert set(no.value.codes) == {"invalid_reason", "invalid_since"}


def test_a_company_is_named_by_an_address_at_it(alice: User, now: datetime) -> None:
    suppress(actor=alice, at=now, via="test", reason="company_asked", emails=["lea@globex.example"])
    assert [one.key for one in Suppression.objects.get().keys.all()] == ["globex.example"]
    with pytest.raises(Refused) as no:
        suppress(actor=alice, at=now, via="test", reason="company_asked", emails=["lea@gmail.com"])
    assert no.value.codes == ("needs_domain",)


def test_lifting_takes_a_manager_and_a_reason(alice: User, mona: User, now: datetime) -> None:
    (made,) = suppress(actor=alice, at=now, via="test", reason="asked_us", emails=["a@b.example"]).suppressions
    with pytest.raises(Refused) as no:
        lift(made, actor=alice, at=now, via="test", reason="x")
    assert no.value.code == "forbidden"
    with pytest.raises(Refused) as no:
        lift(made, actor=mona, at=now, via="test", reason="  ")
    assert no.value.codes == ("needs_reason",)
    lift(made, actor=mona, at=now, via="test", reason="They wrote")
    again = suppress(actor=alice, at=now, via="test", reason="asked_us", emails=["a@b.example"])
    assert again.new == 1
