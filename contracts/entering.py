"""What is asked of an opportunity that is entered here, by people and their programs, beside the moves of its stage.

Imports and placed records are not asked: they keep what they have. `missing_of` says what is missing on any record, as
its page shows it: what the guards of its stage would ask, and what would be asked if it were entered now.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import models

from contracts.models import Contract, Opportunity
from contracts.stages import criteria_before, every_criterion, stage_keys, unmet
from crm import handbook
from crm.core.errors import Missing, Refused
from crm.history.models import Move

if TYPE_CHECKING:
    from crm.people.models import User

# Written so that the database reads it the same way: its own digits and ours are not the same set.
YEAR = re.compile(r"(?<![0-9])(19|20)[0-9]{2}(?![0-9])")
CURRENCY = re.compile(r"[A-Z]{3}")
R = TypeVar("R", bound=models.Model)
RENEWAL, EXPANSION, PARTNER = "renewal", "expansion", "partner"


def has_year(name: str) -> bool:
    """Whether a name carries a year (C9)."""
    return bool(YEAR.search(name))


def candidate(record: R, values: Mapping[str, Any]) -> R:
    """The record as it would be with these values, by attribute; the given one stays as it is."""
    made = copy.copy(record)
    made._state = copy.copy(record._state)
    made._state.fields_cache = dict(record._state.fields_cache)
    for name, value in values.items():
        setattr(made, name, value)
    return made


def fill_in(opportunity: Opportunity, changed: Collection[str]) -> list[str]:
    """Take over what follows: an expansion ends with the contract it amends (co-term). The fields that were filled."""
    amends = opportunity.amends
    if amends is None or "amends" not in changed or opportunity.ends_on:
        return []
    starts = opportunity.effective_on
    if amends.end_date is None or (starts is not None and amends.end_date <= starts):
        return []
    opportunity.ends_on = amends.end_date
    return ["ends_on"]


def wrong_with(
    opportunity: Opportunity, changed: Collection[str], *, stored: Opportunity | None, at: datetime
) -> Iterator[Missing]:
    """What cannot be entered like this, looking at the fields that were entered; `stored` is the record before."""
    if "name" in changed and opportunity.name and not has_year(opportunity.name):
        yield Missing("needs_year", "Put the year into the name, as “Acme 2026”.", "name")
    if "currency" in changed and not CURRENCY.fullmatch(opportunity.currency):
        yield Missing("invalid_currency", "Write the currency as three capital letters, as USD.", "currency")
    if "amount" in changed and opportunity.amount is not None and opportunity.amount < 0:
        yield Missing(
            "negative_amount", "An amount is not negative: what is lost is lost, what is less is less.", "amount"
        )
    if "hosts" in changed and opportunity.hosts == 0:
        yield Missing("no_hosts", "Leave the hosts empty, or say how many: one at least.", "hosts")
    if "criteria_met" in changed:
        known = {key for key, _ in every_criterion()}
        for key in opportunity.criteria_met:
            if key not in known:
                yield Missing("unknown_criterion", f"“{key}” is no exit criterion of the handbook.", "criteria_met")
    yield from _contracts(opportunity, changed)
    if {"reseller", "account"} & set(changed) and opportunity.reseller is not None:
        if opportunity.reseller_id == opportunity.account_id:
            yield Missing("reseller_is_account", "The customer does not resell to itself.", "reseller")
        elif opportunity.reseller.type != PARTNER:
            said = f"{opportunity.reseller} is not of type Partner: choose an account that is."
            yield Missing("reseller_no_partner", said, "reseller")
    if stored is not None and "close_on" in changed and closed_by_contract(stored):
        said = "It is won: its close date is the contract's. Change it there."
        yield Missing("closed_by_contract", said, "close_on")
    yield from _step(opportunity, changed, stored, at)


def _contracts(opportunity: Opportunity, changed: Collection[str]) -> Iterator[Missing]:
    """A renewal names the contract it renews, an expansion the one it amends; both are of the same account."""
    entered = set(changed)
    for name, wanted in (("renews", RENEWAL), ("amends", EXPANSION)):
        contract: Contract | None = getattr(opportunity, name)
        if contract is None and opportunity.type == wanted and {"type", name} & entered:
            yield Missing(f"needs_{name}", f"Say which contract it {name}.", name)
        if contract is None or not {name, "account", "type"} & entered:
            continue
        if contract.account_id != opportunity.account_id:
            yield Missing(f"{name}_other_account", f"{contract} is another account's: it {name} one of its own.", name)
        if opportunity.type and opportunity.type != wanted:
            label = dict(handbook.current().choices("opportunity.types")).get(wanted, wanted)
            yield Missing(f"{name}_other_type", f"Only one of type {label} {name} a contract.", name)


def _step(
    opportunity: Opportunity, changed: Collection[str], stored: Opportunity | None, at: datetime
) -> Iterator[Missing]:
    """What is open keeps a next step once it has one, with a due date that has not passed when it is entered."""
    entered = {"next_step", "next_step_due"} & set(changed)
    if not entered or opportunity.stage not in stage_keys("open"):
        return
    text, due = opportunity.next_step, opportunity.next_step_due
    if not text and stored is not None and stored.next_step:
        yield Missing("needs_next_step", "An open opportunity has a next step: say what is done next.", "next_step")
    elif not text and due is not None:
        yield Missing("needs_next_step", "Say what is done by then.", "next_step")
    if text and due is None:
        yield Missing("needs_next_step_due", "Say by when the next step is done.", "next_step_due")
    if due is not None and "next_step_due" in entered and due < handbook.current().today(at):
        yield Missing("next_step_due_past", f"{due} has passed: choose today or a later day.", "next_step_due")


def closed_by_contract(opportunity: Opportunity) -> bool:
    """Whether it was won here, so that its close date is that of its contract."""
    if not opportunity.is_won:
        return False
    last = Move.objects.of(opportunity).filter(to_state=opportunity.stage).last()
    return (
        last is not None
        and last.verb == "win"
        and opportunity.contracts.agreed().filter(close_date__isnull=False).exists()
    )


def check_entered(
    opportunity: Opportunity, changed: Collection[str], *, stored: Opportunity | None, actor: User, at: datetime
) -> list[str]:
    """Fill in what follows and judge the rest; the fields that were filled in.

    Raises:
        Refused: `missing_facts`, everything at once.
    """
    filled = fill_in(opportunity, changed)
    wrong = tuple(wrong_with(opportunity, changed, stored=stored, at=at))
    if wrong:
        raise Refused("missing_facts", " ".join(item.message for item in wrong), wrong)
    return filled


def missing_of(opportunity: Opportunity, at: datetime) -> list[Missing]:
    """What is missing on a record where it stands; empty when everything is there. Nothing of it refuses anything."""
    found: list[Missing] = []
    stage = opportunity.stage
    for passed, one in criteria_before(stage):
        if one.key not in opportunity.criteria_met:
            found.append(Missing(f"unmet_{one.key}", f"{one.label} ({passed.label})", "criteria"))
    if opportunity.is_open:
        found += [Missing(f"unmet_{one.key}", one.label, "criteria") for one in unmet(stage, opportunity.criteria_met)]
        due = opportunity.next_step_due
        if not opportunity.next_step:
            found.append(Missing("needs_next_step", "A next step", "next_step"))
        if due is None:
            found.append(Missing("needs_next_step_due", "The next step's due date", "next_step_due"))
        elif due < handbook.current().today(at):
            found.append(Missing("next_step_overdue", f"A next step that is not past due ({due})", "next_step_due"))
    elif opportunity.is_won and not any(one.is_agreed for one in opportunity.contracts.all()):
        found.append(Missing("needs_contract", "A contract that is signed or accepted online", "contracts"))
    elif stage in stage_keys("lost") and not opportunity.lost_reason:
        found.append(Missing("needs_lost_reason", "The reason for losing", "lost_reason"))
    if not has_year(opportunity.name):
        found.append(Missing("needs_year", "The year in its name", "name"))
    if opportunity.type == RENEWAL and opportunity.renews_id is None:
        found.append(Missing("needs_renews", "The contract it renews", "renews"))
    if opportunity.type == EXPANSION and opportunity.amends_id is None:
        found.append(Missing("needs_amends", "The contract it amends", "amends"))
    return found
