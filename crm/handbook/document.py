"""The handbook as a whole: its sections, and the questions the rest of the code asks it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import date, datetime
from typing import Annotated, Literal, TypeVar
from zoneinfo import ZoneInfo

from pydantic import Field, PrivateAttr

from crm.calendar.hours import Calendar
from crm.handbook.entries import Entry, Section
from crm.handbook.expectations import Checkups, ExpectedPage
from crm.handbook.problems import Place, written_place
from crm.handbook.promise_rules import calendar_of, fits
from crm.handbook.promises import Channel, Enquiry, Hours, Notices, OtherHours, Policy, Priority
from crm.handbook.reviewing import Reviews
from crm.handbook.rituals import Ritual
from crm.handbook.schema import (
    Account,
    Assignment,
    Company,
    Contract,
    Layout,
    Lead,
    Material,
    Opportunity,
    Outcome,
    OwnField,
    Rights,
    Role,
    Salesforce,
    Stage,
    Tab,
    Touch,
    View,
    Words,
)
from crm.handbook.syncing import Sync
from crm.handbook.wording import Wording

SalesforceMap = Literal[
    "lead_status",
    "stage",
    "lead_source",
    "rating",
    "opportunity_type",
    "account_type",
    "industry",
    "task_type",
    "task_outcome",
    "task_status",
    "call_type",
    "contact_role",
    "contract_status",
]
Keyed = TypeVar("Keyed", Role, Tab, Stage, Outcome, Channel, Priority, Policy, Ritual)


class Handbook(Section):
    """A company's written process: what its configuration file says, checked as a whole.

    Lists people choose from are asked for by their place in the file, as in `choices("lead.sources")`. A stored key
    may have left the file since: `label` then answers the key itself, the other lookups raise `KeyError`.
    """

    company: Company
    hours: Hours
    other_hours: tuple[OtherHours, ...] = ()
    roles: Annotated[tuple[Role, ...], Field(min_length=1)]
    tabs: Annotated[tuple[Tab, ...], Field(min_length=1)]
    lead: Lead
    assignment: Assignment
    touch: Touch
    enquiry: Enquiry
    policies: Annotated[tuple[Policy, ...], Field(min_length=1)]
    notices: Notices
    opportunity: Opportunity
    industries: Annotated[tuple[Entry, ...], Field(min_length=1)]
    account: Account
    contract: Contract
    material: tuple[Material, ...] = ()
    own_fields: tuple[OwnField, ...] = ()
    views: tuple[View, ...] = ()
    layouts: tuple[Layout, ...] = ()
    rituals: tuple[Ritual, ...] = ()
    reviews: Reviews
    checkups: Checkups
    sync: Sync = Sync()
    salesforce: Salesforce
    words: Words

    _text: str = PrivateAttr(default="")
    _calendars: dict[tuple[str | None, bool], Calendar] = PrivateAttr(default_factory=dict)

    @property
    def text(self) -> str:
        """The file as it was read, comments included."""
        return self._text

    @property
    def sha256(self) -> str:
        """The hash of the text, by which processes see whether they work by the same version."""
        return hashlib.sha256(self._text.encode()).hexdigest()

    @property
    def zone(self) -> ZoneInfo:
        """The company's zone: of "today", weeks and due dates."""
        return ZoneInfo(self.company.zone)

    def today(self, at: datetime) -> date:
        """The day it is at a moment, in the company's calendar: due dates and come-back dates are its days."""
        return at.astimezone(self.zone).date()

    @property
    def hours_zone(self) -> ZoneInfo:
        """The zone of the business hours; the company's unless the file names another (R4)."""
        return ZoneInfo(self.hours.zone or self.company.zone)

    @property
    def wording(self) -> Wording:
        """How labels are written here (L15)."""
        return Wording(self.words.proper_nouns, self.words.acronyms)

    def entries(self, place: str) -> tuple[Entry | Tab, ...]:
        """The list at a place of the file, as "industries" or "opportunity.stages"."""
        found: object = self
        for name in place.split("."):
            found = getattr(found, name)
        if not isinstance(found, tuple):
            raise KeyError(f"{place} is no list of the handbook")
        return found

    def choices(self, place: str) -> list[tuple[str, str]]:
        """Key and label of each entry of a list, in the order of the file: the choices of a model or form field."""
        return [(entry.key, entry.label) for entry in self.entries(place)]

    def label(self, place: str, key: str) -> str:
        """What people read for a stored key; the key itself if it is no longer in the file."""
        return dict(self.choices(place)).get(key, key)

    def role(self, key: str) -> Role:
        return _with_key(self.roles, key)

    def tab(self, key: str) -> Tab:
        return _with_key(self.tabs, key)

    def stage(self, key: str) -> Stage:
        return _with_key(self.opportunity.stages, key)

    def outcome(self, key: str) -> Outcome:
        return _with_key(self.touch.outcomes, key)

    def roles_with(self, rights: Rights) -> tuple[Role, ...]:
        return tuple(role for role in self.roles if role.rights == rights)

    def channel(self, key: str) -> Channel:
        return _with_key(self.enquiry.channels, key)

    def priority(self, key: str) -> Priority:
        return _with_key(self.enquiry.priorities, key)

    def policy(self, key: str) -> Policy:
        return _with_key(self.policies, key)

    def ritual(self, key: str) -> Ritual:
        return _with_key(self.rituals, key)

    def calendar(self, policy: Policy | None = None) -> Calendar:
        """The open hours that a policy counts by; without one, the company's (R4)."""
        of, holidays_open = (policy.hours, policy.holidays_open) if policy else (None, False)
        if (of, holidays_open) not in self._calendars:
            hours = next((one for one in self.other_hours if one.key == of), self.hours)
            zone = ZoneInfo(hours.zone or self.company.zone)
            self._calendars[of, holidays_open] = calendar_of(hours, zone, holidays_open=holidays_open)
        return self._calendars[of, holidays_open]

    def policy_for(self, channel: str, *, priority: str = "", segment: str = "prospect", tier: str = "") -> Policy:
        """The one policy for a request that comes in by this channel; the file is refused where there is none, or two.

        Raises:
            KeyError: for a channel that left the file.
        """
        asked = (self.channel(channel).key, priority, segment, tier)
        return next(policy for policy in self.policies if fits(policy, *asked))

    def outcomes_of(self, kind: str) -> tuple[Outcome, ...]:
        """What can come of a kind of touch."""
        return tuple(outcome for outcome in self.touch.outcomes if kind in outcome.kinds)

    def layout_of(self, kind: str) -> Layout | None:
        """What a page of this kind of record shows; None when the file does not say."""
        return next((layout for layout in self.layouts if layout.object == kind), None)

    def expected_page(self, kind: str) -> ExpectedPage | None:
        """What checkups expect of a page of this kind of record; None when the file does not say."""
        return next((page for page in self.checkups.pages if page.object == kind), None)

    def own_fields_of(self, kind: str) -> tuple[OwnField, ...]:
        """The company's own fields of a kind of record."""
        return tuple(field for field in self.own_fields if field.object == kind)

    @property
    def open_stages(self) -> tuple[Stage, ...]:
        return tuple(stage for stage in self.opportunity.stages if stage.kind == "open")

    @property
    def won_stage(self) -> Stage:
        return next(stage for stage in self.opportunity.stages if stage.kind == "won")

    @property
    def lost_stage(self) -> Stage:
        return next(stage for stage in self.opportunity.stages if stage.kind == "lost")

    def from_salesforce(self, name: SalesforceMap, value: str) -> str | None:
        """Our key for a value of a Salesforce export, capitals and outer spaces aside; None if the file has none."""
        words: dict[str, str] = getattr(self.salesforce, name)
        value = value.strip()
        # Nearly every row of an import is spelled as in the file; only the others pay for the search.
        if value in words:
            return words[value]
        return next((ours for theirs, ours in words.items() if theirs.casefold() == value.casefold()), None)

    def lines(self) -> Iterator[str]:
        """Every value as it was read, one a line under its full place, in the order of the schema."""
        return _lines((), self.model_dump(mode="json", exclude_none=True))


def _with_key(entries: tuple[Keyed, ...], key: str) -> Keyed:
    for entry in entries:
        if entry.key == key:
            return entry
    known = ", ".join(entry.key for entry in entries)
    raise KeyError(f'"{key}" is not in the handbook; known are {known}')


def _lines(place: Place, value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _lines((*place, key), part)
    elif isinstance(value, list) and any(isinstance(part, dict) for part in value):
        for number, part in enumerate(value):
            yield from _lines((*place, number), part)
    else:
        yield f"{written_place(place)} = {json.dumps(value, ensure_ascii=False)}"
