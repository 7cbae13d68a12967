"""The list of findings: which are shown to whom, and by what they are filtered."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import models
from django.db.models import Q
from django.http import HttpRequest
from django.utils.text import capfirst

from crm import handbook
from crm.checkups.models import Area, Finding, Severity
from crm.checkups.rules import all_rules
from crm.checkups.words import kind_named
from crm.core.admin_list import Chip, OneFilter, OwnerFilter, PickFilter, RecordChangeList, TooShort, pick
from crm.core.asking import moment
from crm.people.models import User
from crm.workspace.models import OBJECTS

STATE, ALL, PARTS = "state", "all", "none"
# Other kinds of records that rules look at.
OTHERS = ("activity", "task", "enquiry", "pair", "user", "team", "apikey")
SOON = 7  # days
ENDING = 30  # days
MOST_FOUND = 1000  # records of a name whose findings are shown


class StateFilter(OneFilter):
    """Where they stand; those that are open, unless another is asked for."""

    title = "state"
    parameter_name = STATE
    ANY = ((ALL, "All"),)

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        return [*self.ANY, *((str(key), str(label)) for key, label in Finding.State.choices)]

    @property
    def picked(self) -> list[str]:
        """The value in the address, else those that are open."""
        return super().picked or [Finding.State.OPEN.value]

    def condition(self, request: HttpRequest, picked: list[str]) -> Q:
        return Q() if ALL in picked else Q(state__in=picked)


class AssigneeFilter(OwnerFilter):
    """Whom they are assigned to."""

    title = "assigned to"
    parameter_name = "assignee"
    column = "assignee"


class DueFilter(OneFilter):
    """By when they are due."""

    title = "due"
    parameter_name = "due"

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        return [("past", "Past due"), ("soon", f"Within {SOON} days"), ("any", "Has a day"), ("none", "Has none")]

    def condition(self, request: HttpRequest, picked: list[str]) -> Q:
        today = handbook.current().today(moment(request))
        return {
            "past": Q(due_on__lt=today),
            "soon": Q(due_on__gte=today, due_on__lte=today + timedelta(days=SOON)),
            "any": Q(due_on__isnull=False),
            "none": Q(due_on=None),
        }[picked[0]]


class AcceptedFilter(OneFilter):
    """Until when they are accepted; of open ones there is none."""

    title = "accepted until"
    parameter_name = "accepted"

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        return [("past", "A day that has passed"), ("soon", f"Within {ENDING} days"), ("later", "Later")]

    def condition(self, request: HttpRequest, picked: list[str]) -> Q:
        today = handbook.current().today(moment(request))
        soon = today + timedelta(days=ENDING)
        return {
            "past": Q(accepted_until__lt=today),
            "soon": Q(accepted_until__gte=today, accepted_until__lte=soon),
            "later": Q(accepted_until__gt=soon),
        }[picked[0]]


class ObjectFilter(PickFilter):
    """The kind of record that they are about; or a part of the installation."""

    title = "about"
    parameter_name = "object"

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        kinds = [*(key for key, _ in OBJECTS), *OTHERS]
        return [*((key, plural_of(key)) for key in kinds), (PARTS, "Pages and settings")]

    def condition(self, request: HttpRequest, picked: list[str]) -> Q:
        return Q(object__in=["" if one == PARTS else one for one in picked])


FILTERS = (
    StateFilter,
    pick("area", "area", lambda: Area.choices),
    pick("severity", "severity", lambda: Severity.choices),
    pick("rule", "rule", lambda: [(rule.id, rule.title) for rule in all_rules()]),
    AssigneeFilter,
    DueFilter,
    AcceptedFilter,
    ObjectFilter,
)


class FindingChangeList(RecordChangeList):
    """The list, which says that it shows those that are open, and of which that can be taken away."""

    @property
    def chips(self) -> list[Chip]:
        """The filters in force; without the one for the state, all are shown."""
        found = []
        for chip in super().chips:
            if chip.title != StateFilter.title:
                found.append(chip)
            elif chip.value != dict(StateFilter.ANY)[ALL]:
                found.append(Chip(chip.title, chip.value, self.get_query_string({STATE: ALL})))
        return found

    @property
    def clear_all(self) -> str:
        """All findings, whatever their state."""
        return f"?{STATE}={ALL}"


def concerning(findings: models.QuerySet[Finding], user: User) -> models.QuerySet[Finding]:
    """Of these, all for managers; for others what is assigned to them, or lies in their records or their team's."""
    if user.is_manager:
        return findings
    theirs = Q(assignee=user)
    whose = Q(owner=user) | (Q(owner__team=user.team_id) if user.team_id else Q())
    for name, _ in OBJECTS:
        kind = kind_named(name)
        if kind is not None and any(field.name == "owner" for field in kind._meta.concrete_fields):
            theirs |= Q(object=name, record_id__in=kind._default_manager.filter(whose).order_by().values("pk"))
    return findings.filter(theirs)


def found_by(findings: models.QuerySet[Any], term: str) -> models.QuerySet[Any]:
    """Those whose rule says this, and those about a record of this name, by the indexes of names.

    Raises:
        TooShort: when neither can be looked for.
    """
    wanted = Q(rule__in=[rule.id for rule in all_rules() if term in rule.title.lower()]) | Q(label__icontains=term)
    short: TooShort | None = None
    for name, _ in OBJECTS:
        rows: Any = getattr(kind_named(name), "objects", None)
        if rows is None or not hasattr(rows, "search"):
            continue
        try:
            named = rows.search(term).order_by().values("pk")[:MOST_FOUND]
        except TooShort as error:
            short = error
            continue
        wanted |= Q(object=name, record_id__in=named)
    if short is not None and len(term) < 3:
        raise short
    return findings.filter(wanted)


def plural_of(name: str) -> str:
    """What people call records of this kind."""
    kind = kind_named(name)
    return str(capfirst(kind._meta.verbose_name_plural)) if kind is not None else name
