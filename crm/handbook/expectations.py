"""What the checkups hold the installation against: what pages show, and how long something may stay as it is."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from crm.handbook.entries import Section
from crm.handbook.schema import ImportableStatus, Object, TabKey
from crm.handbook.values import Days, Domain, Key, Label

# Where a rule's findings are counted; the first five in the order of the page's own list (K1).
Area = Literal["tabs", "accounts", "opportunities", "contacts", "leads", "data", "process", "configuration"]


def _is_rule(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z_]*\.[a-z][a-z0-9_]*", value):
        raise ValueError('the id of a rule, as "accounts.top" (`manage.py checkup --rules` lists them)')
    return value


RuleId = Annotated[str, AfterValidator(_is_rule)]


class ExpectedSection(Section):
    """A headed group of fields that a page has to show; `first` is the field that it has to begin with."""

    title: Label
    fields: Annotated[tuple[Key, ...], Field(min_length=1)]
    first: Key | None = None


class ExpectedPage(Section):
    """What the page of a kind of record has to show, whatever else it shows (C2-C15, L14).

    `default_filter`: what its tab opens on. `top`: the fields that come first at the top, in this order. `fields`: on
    the page, wherever. `links`: useful links by their label. `right`, `bottom`: panels.
    """

    object: Object
    default_filter: Label
    top: tuple[Key, ...] = ()
    fields: tuple[Key, ...] = ()
    sections: tuple[ExpectedSection, ...] = ()
    links: tuple[Label, ...] = ()
    right: tuple[Key, ...] = ()
    bottom: tuple[Key, ...] = ()


class StatusLimit(Section):
    """How many days a lead may stay in a status before somebody should look at it."""

    status: ImportableStatus
    days: Days


class AreaOwner(Section):
    """Who answers for the findings of an area: the email of a user, or the key of a role."""

    area: Area
    dri: Label


class Severity(Section):
    """A severity of one's own for a rule. An error makes `manage.py checkup` end with 1."""

    rule: RuleId
    severity: Literal["error", "warning", "note"]


class Replacement(Section):
    """A word that left a list of the handbook, and the one of the list that stands for it now."""

    list: Annotated[str, Field(pattern=r"^[a-z_]+(\.[a-z_]+)?$")]
    word: Label
    by: Key


class Checkups(Section):
    """When checkups run by themselves, who is told, and from when on something is a finding (K1-K6, P3).

    `dri`: the email of a user or the key of a role. `day` of the month and `hour` are the company's. `most_findings`:
    so many are kept for each rule; all are counted. `links`: whether addresses are asked for an answer, and then only
    those of `link_hosts`. `off`: rules that do not run.
    """

    dri: Label
    owners: tuple[AreaOwner, ...] = ()
    day: Annotated[int, Field(ge=1, le=28)]
    hour: Annotated[int, Field(ge=0, le=23)]
    most_findings: Annotated[int, Field(ge=10, le=10_000)]
    off: tuple[RuleId, ...] = ()
    severities: tuple[Severity, ...] = ()
    links: bool = False
    link_hosts: tuple[Domain, ...] = ()
    tabs: Annotated[tuple[TabKey, ...], Field(min_length=1)]
    pages: tuple[ExpectedPage, ...]
    statuses: tuple[StatusLimit, ...] = ()
    no_owner_hours: Annotated[int, Field(gt=0)]
    no_next_touch_days: Days
    next_step_rewrites: Annotated[int, Field(ge=2, le=100)]
    meeting_outcome_days: Days
    come_back_days: Days = 14
    no_invoice_days: Days = 30
    silent_after: Annotated[int, Field(ge=2, le=100)]
    held_days: Days = 7
    replaced: tuple[Replacement, ...] = ()
