"""What the tests of rules about pages share: a small world, and a look at what its people are shown."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.utils import timezone

from crm import handbook
from crm.checkups.presentation import look_at_group, outcomes, slices
from crm.checkups.rules import Look, Outcome, Rule, all_rules, known_ids
from crm.people.models import User
from tests.factories import make_account, make_contact, make_lead, make_opportunity

LINKEDIN = "https://www.linkedin.com/company/initech?trk=a&b=c"
CUSTOMER = "Öl & Gas / 100% #1?"


def make_records(owner: User, **account: Any) -> None:
    """A customer, one of its people, an opportunity and a lead of somebody's."""
    customer = make_account(
        **{"name": f"{CUSTOMER} {owner.pk}", "type": "customer", "owner": owner, "linkedin_url": LINKEDIN, **account}
    )
    make_contact(account=customer, owner=owner)
    make_opportunity(account=customer, owner=owner)
    make_lead(owner=owner)


def look_now() -> Look:
    """A look a moment after everything that was made here."""
    return Look(timezone.now() + timedelta(minutes=1), handbook.current())


def presentation_rules() -> list[Rule]:
    """Every rule about what is rendered."""
    return [rule for rule in all_rules() if rule.is_presentation]


def look_at_pages(rules: Iterable[str] = (), *, person: User | None = None) -> dict[str, Outcome]:
    """What these rules, or all, see of what everybody or one person is shown, by the rule's id."""
    look, chosen = look_now(), [known_ids()[one] for one in rules] or presentation_rules()
    rows = [row for one in slices(chosen, person) for row in look_at_group(one, look)]
    return {one.rule.id: one for one in outcomes(rows, look, whole=person is None)}


def found_by(outcomes: dict[str, Outcome]) -> dict[str, set[tuple[str, str]]]:
    """Subject and detail of everything that is wrong, by rule; rules that find nothing are left out."""
    return {id: {(one.subject, one.detail) for one in found.sights} for id, found in outcomes.items() if found.sights}
