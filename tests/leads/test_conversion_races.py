"""Conversions at the same time: exactly once, and one account for one company."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from contracts.models import Opportunity
from crm.core.door import move
from crm.core.errors import Refused
from crm.history.models import Move
from crm.people.models import User
from leads.models import Lead
from leads.statuses import Status
from tests.factories import make_account, make_opportunity
from tests.leads.converting import counts, ready
from tests.races import race

pytestmark = pytest.mark.django_db(transaction=True)
HOLD = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 7))"
CLICKS = 20


def convert(lead: Lead, actor: User, at: datetime, **facts: Any) -> Move:
    """One click."""
    asked: dict[str, Any] = {
        "opportunity_owner": actor,
        "next_step": "Call them",
        "next_step_due": at.date() + timedelta(days=2),
    }
    return move(Lead.objects.get(pk=lead.pk), "convert", actor=actor, at=at, via="test", **(asked | facts))


@pytest.mark.parametrize(
    ("behind", "value"), [(HOLD, "domain:globex.example"), ("SELECT FROM leads_lead WHERE id = %s FOR UPDATE", "")]
)
def test_twenty_clicks_at_once_convert_once(behind: str, value: str, alice: User, now: datetime) -> None:
    """They wait for the company's hold, or for the lead itself."""
    lead = ready(owner=alice)
    found = race(*[lambda: convert(lead, alice, now)] * CLICKS, behind=behind, values=(value or lead.pk,))
    won = [one for one in found if isinstance(one, Move)]
    lost = [one.codes for one in found if isinstance(one, Refused)]
    assert (len(won), lost) == (1, [("not_from_here",)] * (CLICKS - 1)), found
    assert counts() == [1, 1, 1, 1]
    lead.refresh_from_db()
    assert (lead.status, lead.version) == (Status.SAO_CONVERTED, 2)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize(
    ("leads", "behind"),
    [
        (({"company": "Globex"}, {"company": "Globex Norway"}), "domain:globex.example"),
        (
            ({"company": "Globex", "email": "a@gmail.com"}, {"company": " GLOBEX", "email": "b@gmail.com"}),
            "account_name:globex",
        ),
        (
            ({"company": "Globex", "email": "a@globex.example"}, {"company": "Globex", "email": "b@gmail.com"}),
            "account_name:globex",
        ),
    ],
    ids=["by domain", "by name only", "one with a domain"],
)
def test_two_leads_of_one_company_give_one_account(
    leads: tuple[dict[str, str], ...], behind: str, order: tuple[int, int], alice: User, now: datetime
) -> None:
    made = [ready(owner=alice, **fields) for fields in leads]
    first, second = (made[place] for place in order)
    found = race(
        lambda: convert(first, alice, now, opportunity="new"),
        lambda: convert(second, alice, now, opportunity="new"),
        behind=HOLD,
        values=(behind,),
    )
    assert all(isinstance(one, Move) for one in found), found
    assert counts() == [1, 2, 2, 2]


def test_one_person_as_two_leads_becomes_one_contact(alice: User, now: datetime) -> None:
    one = ready(owner=alice, company="One", email="lea@gmail.com")
    two = ready(owner=alice, company="Two", email="Lea+2@gmail.com")
    found = race(
        lambda: convert(one, alice, now), lambda: convert(two, alice, now), behind=HOLD, values=("email:lea@gmail.com",)
    )
    assert all(isinstance(one, Move) for one in found), found
    assert counts() == [2, 1, 2, 2]


def test_an_opportunity_that_is_lost_meanwhile_is_not_used(alice: User, now: datetime) -> None:
    lead, opportunity = ready(owner=alice), make_opportunity(owner=alice)
    found = race(
        lambda: move(
            Opportunity.objects.get(), "lose", actor=alice, at=now, via="test", lost_reason="price", reason="First"
        ),
        lambda: convert(lead, alice, now, opportunity=opportunity.pk),
        behind="SELECT FROM contracts_opportunity WHERE id = %s FOR UPDATE",
        values=(opportunity.pk,),
    )
    assert isinstance(found[0], Move), found
    assert isinstance(found[1], Move) or found[1].codes == ("opportunity_closed",), found
    lost = Move.objects.of(opportunity).get(verb="lose")
    if isinstance(found[1], Move):
        assert found[1].pk < lost.pk, "it was used while it was open"


def test_returning_and_losing_at_once_do_not_deadlock(alice: User, ann: User, now: datetime) -> None:
    lead = ready(owner=alice)
    convert(lead, alice, now, opportunity_owner=ann)
    opportunity = Opportunity.objects.get()
    found = race(
        lambda: move(Lead.objects.get(), "return_lead", actor=ann, at=now, via="test", reason="No"),
        lambda: move(Opportunity.objects.get(), "lose", actor=ann, at=now, via="test", lost_reason="price"),
        behind="SELECT FROM contracts_opportunity WHERE id = %s FOR UPDATE",
        values=(opportunity.pk,),
    )
    assert isinstance(found[0], Move), found
    assert isinstance(found[1], Move) or found[1].codes == ("not_open",), found
    opportunity.refresh_from_db()
    assert Move.objects.of(opportunity).filter(verb="lose").count() == 1
    assert opportunity.stage == "closed_lost"


def test_many_leads_of_few_companies_all_convert_without_a_deadlock(alice: User, now: datetime) -> None:
    make_account(name="Company 0")
    leads = [ready(owner=alice, company=f"Company {n % 3}", email=f"p{n}@gmail.com") for n in range(12)]
    found = race(
        *[lambda lead=lead: convert(lead, alice, now) for lead in leads],
        behind="LOCK TABLE accounts_account IN ACCESS EXCLUSIVE MODE",
    )
    assert all(isinstance(one, Move) for one in found), found
    assert counts() == [3, 12, 3, 12]
