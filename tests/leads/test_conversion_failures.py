"""A conversion that fails at any step leaves nothing behind."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from accounts.models import Account, Contact
from contracts.models import Opportunity
from crm.activities.models import Activity
from crm.core.door import move_many
from crm.core.errors import Refused
from crm.history.models import Change, Move
from crm.people.models import User
from leads import conversion
from leads.models import Conversion, Lead
from leads.statuses import Status
from tests.factories import make_account, make_lead
from tests.leads.converting import TABLES, convert, counts, ready
from tests.leads.moves import BANT

pytestmark = pytest.mark.django_db


class Broken(Exception):
    """What goes wrong in these tests."""


STEPS = (
    "_make_account",
    "_make_contact",
    "_make_opportunity",
    "_open_opportunities",
    "_mention",
    "plain",
    "create",
)


def failing_saves() -> dict[str, type[Any]]:
    """Each model whose save may fail on the way."""
    return {"account": Account, "contact": Contact, "opportunity": Opportunity, "receipt": Conversion, "lead": Lead}


@pytest.mark.parametrize("step", [*STEPS, *failing_saves(), "touch"])
def test_a_failure_at_any_step_leaves_nothing(
    step: str, alice: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_account(name="Globex, Inc.")
    lead = make_lead(status=Status.MEETING_SCHEDULED, owner=alice, meeting_at=now - timedelta(hours=1), **BANT)
    before = [model.objects.count() for model in (*TABLES, Activity, Move, Change)]  # type: ignore[attr-defined]
    row = Lead.objects.values().get()
    reached: list[str] = []

    def fail(*args: Any, **kwargs: Any) -> Any:
        reached.append(step)
        raise Broken

    if step in STEPS:
        monkeypatch.setattr(conversion, step, fail)
    elif step == "touch":
        monkeypatch.setattr("crm.core.door._store", fail)
    else:
        monkeypatch.setattr(failing_saves()[step], "save", fail)
    with pytest.raises(Broken):
        convert(lead, alice, now, meeting_outcome="held")
    assert reached, "the step was not reached: the test proves nothing"
    assert [model.objects.count() for model in (*TABLES, Activity, Move, Change)] == before  # type: ignore[attr-defined]
    assert Lead.objects.values().get() == row
    monkeypatch.undo()
    lead.refresh_from_db()
    convert(lead, alice, now, meeting_outcome="held")
    assert counts() == [2, 1, 1, 1]  # type: ignore[attr-defined]


def test_in_a_batch_one_that_fails_halfway_leaves_nothing_and_the_others_are_converted(
    alice: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    leads = [ready(owner=alice, company=name, email=f"x@{name}.example") for name in ("one", "two", "three")]
    made = conversion._make_opportunity

    def refuse_two(lead: Lead, account: Account, *args: Any) -> Opportunity:
        if account.name == "two":
            raise Refused("stale", "Somebody else was quicker.")
        return made(lead, account, *args)

    monkeypatch.setattr(conversion, "_make_opportunity", refuse_two)
    facts = {"opportunity_owner": alice, "next_step": "Call", "next_step_due": now.date()}
    ids = [lead.pk for lead in leads]
    outcomes = move_many(Lead, ids, "convert", actor=alice, at=now, via="test", facts=facts)
    assert [outcome.refusal.code if outcome.refusal else "" for outcome in outcomes] == ["", "stale", ""]
    assert set(Account.objects.values_list("name", flat=True)) == {"one", "three"}
    assert [Lead.objects.get(pk=pk).status for pk in ids] == [
        "sao_converted",
        "working_to_convert",
        "sao_converted",
    ]


def test_two_leads_of_one_company_in_a_batch_give_one_account(alice: User, now: datetime) -> None:
    ids = [ready(owner=alice).pk, ready(owner=alice).pk]
    facts = {"opportunity_owner": alice, "next_step": "Call", "next_step_due": now.date()}
    outcomes = move_many(Lead, ids, "convert", actor=alice, at=now, via="test", facts=facts)
    assert all(outcome.move for outcome in outcomes)
    assert counts() == [1, 2, 1, 2]  # type: ignore[attr-defined]
