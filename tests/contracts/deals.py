"""What the moves of an opportunity ask for, for tests of something else."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from contracts.models import Contract, Opportunity
from contracts.stages import criteria_of
from crm import handbook
from crm.core.door import create, move
from crm.people.models import User
from tests.factories import START


def signed_contract(opportunity: Opportunity, *, closed: date | None = None, at: datetime = START) -> Contract:
    """A contract of the opportunity that was signed."""
    system = User.objects.system()
    contract = create(
        Contract(account=opportunity.account, opportunity=opportunity, name="Agreement"),
        actor=system,
        at=at,
        via="test",
    )
    move(
        contract,
        "sign",
        actor=system,
        at=at,
        via="test",
        close_date=closed or handbook.current().today(at),
        signing="signed",
    )
    return contract


def facts_for(opportunity: Opportunity, verb: str, at: datetime) -> dict[str, Any]:
    """All that the verb asks for; to win, the contract is there as well."""
    step = {"next_step": "Call them", "next_step_due": handbook.current().today(at) + timedelta(days=3)}
    if verb == "win" and opportunity.is_open and not opportunity.contracts.agreed().exists():
        signed_contract(opportunity, at=at)
    asked: dict[str, dict[str, Any]] = {
        "advance": {"criteria": [one.key for one in criteria_of(opportunity.stage)], **step}
        if criteria_of(opportunity.stage)
        else step,
        "step_back": step,
        "win": {},
        "lose": {"lost_reason": "price"},
        "reopen": step,
    }
    return asked[verb]
