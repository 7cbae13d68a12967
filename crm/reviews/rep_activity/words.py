"""Figures of rep activity as people read them: what a number counts, in words, and where its records are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from accounts.models import Account
from crm import handbook
from crm.enquiries.attainment_words import list_address as answers_address
from crm.enquiries.attainment_words import period_words
from crm.people.choosing import people, teams
from crm.reviews.rep_activity.asked import CONVERSIONS, PROMISES, Asked
from crm.reviews.rep_activity.figures import By, answers_asked

PARAMETER = "rep"
SAID = {
    "touches": "Touches",
    "outreach": "Outreach",
    "reached": "Outreach to people",
    "excess": "Too often",
    "window": "All within the limit’s days",
    "not_held": "Meetings that were not held",
    "kept": "Kept",
    "late": "Kept late",
    "rewritten": "Rewritten",
    "dropped": "Dropped",
    "past_due": "Past due",
    "open": "To be done",
    "decided": "Decided",
    "broken": "Not kept",
    "converted": "Converted",
    "returned": "Given back",
}


def words_of(asked: Asked) -> str:
    """Which records are meant, in words: “Outreach, Email, Alice, 2 Mar 2026 to 8 Mar 2026”."""
    parts = [SAID[asked.what]] if asked.what else []
    if asked.kind:
        parts.append(handbook.current().label("touch.kinds", asked.kind))
    parts += narrowed_words(asked)
    if asked.person:
        parts.append(asked.person.replace("-", " "))
    return ", ".join([*parts, period_words(asked.since, asked.until)])


def narrowed_words(asked: Asked) -> list[str]:
    """Whose and what account, in words."""
    parts = []
    if asked.owner is not None:
        parts.append(people([asked.owner]).get(asked.owner, "nobody’s"))
    if asked.team is not None:
        parts.append(teams([asked.team]).get(asked.team, "no team"))
    if asked.account is not None:
        parts.append(accounts([asked.account]).get(asked.account, "no account"))
    return parts


def accounts(ids: Sequence[int | None]) -> Mapping[int | None, str]:
    """Names of accounts."""
    return dict(Account.objects.filter(pk__in=[pk for pk in ids if pk]).values_list("pk", "name"))


def labels_of(by: By, keys: Sequence[Any]) -> dict[Any, str]:
    """What each value of a dimension is called, in one query."""
    names = people(keys) if by == "owner" else accounts(keys)
    return {key: names.get(key, "Nobody" if by == "owner" else "No account") for key in keys}


def address_of(asked: Asked, what: str, *, kind: str = "", person: str = "", touch: int | None = None) -> str:
    """Where the records that a number counts are listed."""
    number = replace(asked, what=what, kind=kind, person=person, touch=touch)
    if what in PROMISES:
        return f"{reverse('admin:rep_activity_promises')}?{urlencode(number.parameters)}"
    lists = {"converted": "leads_lead", "returned": "contracts_opportunity"} if what in CONVERSIONS else {}
    place = reverse(f"admin:{lists.get(what, 'activities_activity')}_changelist")
    return f"{place}?{urlencode({PARAMETER: urlencode(number.parameters)})}"


def answers_listed(asked: Asked) -> str:
    """Where the requests that response times count are listed."""
    return answers_address(answers_asked(asked))


def page_address(asked: Asked) -> str:
    """The page of this question."""
    return f"{reverse('admin:rep_activity')}?{urlencode(asked.page.parameters)}"


def people_address(asked: Asked, *, too_often: bool = False) -> str:
    """Whom outreach went to."""
    often = {"often": "yes"} if too_often else {}
    return f"{reverse('admin:rep_activity_people')}?{urlencode({**asked.page.parameters, **often})}"
