"""The sections of the handbook file, as types: what may be written where. Rules between sections are in `rules`."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from crm.handbook.entries import Entry, Section, Sentence
from crm.handbook.values import (
    Acronym,
    Country,
    Currency,
    Days,
    Domain,
    Key,
    Label,
    Month,
    Percent,
    Rate,
    Web,
    WebTemplate,
    Zone,
)

Rights = Literal["standard", "manager", "administrator", "service"]
TabKey = Literal[
    "contacts",
    "opportunities",
    "accounts",
    "leads",
    "contracts",
    "activities",
    "enquiries",
    "response_times",
    "suppressions",
    "held_rows",
    "imports",
    "jobs",
    "users",
    "teams",
    "absences",
    "assignment",
    "api_keys",
    "sources",
    "bulk_jobs",
    "webhooks",
    "webhook_hosts",
    "exports",
    "duplicates",
    "erasures",
    "checkups",
    "lead_review",
    "huddle",
    "pipeline",
    "forecast",
    "rep_activity",
    "rituals",
    "transactions",
    "workspace",
    "handbook",
]
# The tabs that are lists of records with views and layouts, and what those call them.
RECORD_TABS: dict[str, str] = {
    "leads": "lead",
    "accounts": "account",
    "contacts": "contact",
    "opportunities": "opportunity",
    "contracts": "contract",
}
# The statuses are code (their moves and guards are); Closed do not contact is missing here because no value of
# another system may put somebody under Do Not Contact by itself, nor may a map take somebody out of it.
ImportableStatus = Literal[
    "new",
    "new_enriched",
    "new_mql",
    "working_to_engage",
    "engaged",
    "meeting_scheduled",
    "working_to_convert",
    "closed_nurture",
    "sao_converted",
]


class ExchangeRate(Section):
    """What one unit of a currency is worth in the company's, from a day on until the next rate of that currency."""

    currency: Currency
    since: date
    rate: Rate


class Company(Section):
    """Who works with this handbook: the zone of "today", the region of phone numbers without one, the currency.

    `rates`: an amount in a currency without one on its day is listed, and never added.
    """

    name: Label
    zone: Zone
    country: Country
    currency: Currency
    fiscal_year_start: Month
    free_mail: tuple[Domain, ...]
    rates: tuple[ExchangeRate, ...] = ()


class Role(Entry):
    """What somebody does here: which rights come with it, and which tabs in which order (C16)."""

    rights: Rights
    tabs: Annotated[tuple[TabKey, ...], Field(min_length=1)]


class Tab(Section):
    """A list of records that a role may have in its navigation, and the filter it opens with (C16)."""

    key: TabKey
    label: Label
    default_filter: Label | None = None


class NurtureReason(Entry):
    """Why a lead is worth keeping though not now, and after how many days it is offered again (L10)."""

    come_back_days: Days


class DoNotContactReason(Entry):
    """Why somebody is never contacted again, and what that covers (D1)."""

    scope: Literal["person", "domain", "address", "email", "calls"]


class Lead(Section):
    """Leads: from how many employees one is an MQL (L5), how long a move can be taken back, how many may be
    closed as do not contact at once without a manager (D5), and the picklists."""

    mql_employees: Annotated[int, Field(gt=0)]
    take_back_minutes: Annotated[int, Field(gt=0, le=1440)]
    do_not_contact_at_once: Annotated[int, Field(gt=0)]
    sources: Annotated[tuple[Entry, ...], Field(min_length=1)]
    ratings: Annotated[tuple[Entry, ...], Field(min_length=1)]
    nurture_reasons: Annotated[tuple[NurtureReason, ...], Field(min_length=1)]
    do_not_contact_reasons: Annotated[tuple[DoNotContactReason, ...], Field(min_length=1)]


class Outcome(Entry):
    """What came of a touch. `response`: words reached the other side, ours them or theirs us. `two_way`: they took
    part, which proves that contact was made (L7)."""

    kinds: Annotated[tuple[Key, ...], Field(min_length=1)]
    response: bool
    two_way: bool


class TouchKind(Entry):
    """A way of being in touch. `channel`: what somebody who is not to be contacted by it is spared; without one it is
    no outreach (a meeting both agreed to, a note)."""

    channel: Literal["email", "call", "text", "linkedin", "chat"] | None = None


class Touch(Section):
    """The ways of being in touch and what can come of each."""

    kinds: Annotated[tuple[TouchKind, ...], Field(min_length=1)]
    outcomes: Annotated[tuple[Outcome, ...], Field(min_length=1)]


class Stage(Entry):
    """A step of an opportunity, in the order of the file. Probability in percent.

    `most_days`: how long an opportunity may be in it before that is odd. `exit`: what has to be true to leave it
    forwards.
    """

    kind: Literal["open", "won", "lost"]
    probability: Percent
    forecast: Literal["pipeline", "best_case", "commit", "closed", "omitted"]
    most_days: Days | None = None
    exit: tuple[Entry, ...] = ()


class Opportunity(Section):
    """Opportunities: days from creation to the expected close date, stages and picklists.

    `returned_reason` is the key among `lost_reasons` of an opportunity that its owner gave back to the SDR (L12).
    """

    close_days: Days
    returned_reason: Key
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]
    types: Annotated[tuple[Entry, ...], Field(min_length=1)]
    contact_roles: Annotated[tuple[Entry, ...], Field(min_length=1)]
    lost_reasons: Annotated[tuple[Entry, ...], Field(min_length=1)]


class AssignmentRule(Section):
    """Which leads go where: every condition that is given has to hold; `team` or `people` (their emails) get them."""

    label: Label
    countries: tuple[Label, ...] = ()
    employees_from: Annotated[int, Field(gt=0)] | None = None
    employees_to: Annotated[int, Field(gt=0)] | None = None
    sources: tuple[Key, ...] = ()
    team: Label | None = None
    people: tuple[Label, ...] = ()


class Assignment(Section):
    """Who gets a lead that comes without an owner: the account's owner, then the first rule that fits, then everybody
    of the roles in turn; only people who are present and own fewer open leads than the cap."""

    account_owner_first: bool
    roles: Annotated[tuple[Key, ...], Field(min_length=1)]
    most_open_leads: Annotated[int, Field(gt=0)]
    rules: tuple[AssignmentRule, ...] = ()


class GuidedStep(Entry):
    """One thing to do of a guided list, and how."""

    help: Sentence = ""


class Account(Section):
    """Accounts: the picklists, how long one stays a customer after its last contract while a renewal is open
    (`grace_days`), and what is done when its Directly Responsible Individual (DRI) changes (C18)."""

    grace_days: Days
    types: Annotated[tuple[Entry, ...], Field(min_length=1)]
    ratings: Annotated[tuple[Entry, ...], Field(min_length=1)]
    tiers: Annotated[tuple[Entry, ...], Field(min_length=1)]
    press_approvals: Annotated[tuple[Entry, ...], Field(min_length=1)]
    healths: Annotated[tuple[Entry, ...], Field(min_length=1)]
    dri_change: tuple[GuidedStep, ...] = ()


class Contract(Section):
    """Contracts: how many days before one ends its renewal is opened, and the picklists. `standard_terms` is the
    address of the terms that hold where nothing else was agreed (C17)."""

    renewal_days: Days
    standard_terms: Web
    payment_terms: Annotated[tuple[Entry, ...], Field(min_length=1)]
    billing_processes: Annotated[tuple[Entry, ...], Field(min_length=1)]


class Material(Section):
    """Something to show a prospect (C20). `needs_nda`: only where the account has signed an NDA."""

    key: Key
    label: Label
    url: Web
    use: Sentence = ""
    needs_nda: bool = False


Object = Literal["lead", "account", "contact", "opportunity", "contract"]


class OwnField(Section):
    """A field of the company's own: its value lies with those that an import keeps, under `kept_as`, else the key."""

    object: Object
    key: Key
    label: Label
    type: Literal["text", "number", "date", "yes_no", "choice", "link"]
    kept_as: Label | None = None
    choices: tuple[Entry, ...] = ()


class ViewFilter(Section):
    """One condition of a list view. Values are keys; `me` is the reader, `my_team` their team."""

    field: Key
    operator: Literal["is", "is_not", "empty", "not_empty", "at_least", "at_most", "contains"] = "is"
    values: tuple[Sentence, ...] = ()


class View(Section):
    """A list view that everybody has: its columns in order, its conditions, and the column it is sorted by
    (with a minus in front: downwards)."""

    object: Object
    key: Key
    title: Label
    columns: Annotated[tuple[Key, ...], Field(min_length=1)]
    filters: tuple[ViewFilter, ...] = ()
    sort: Annotated[str, Field(pattern=r"^-?[a-z][a-z0-9_]*$")] | None = None


class LayoutSection(Section):
    """A headed group of fields on a record's page."""

    title: Label
    fields: Annotated[tuple[Key, ...], Field(min_length=1)]


class UsefulLink(Section):
    """A search for this customer elsewhere (C4): `{name}` in the address is the record's name, safely encoded."""

    label: Label
    url: WebTemplate


class Layout(Section):
    """What a record's page shows, and in which order: the fields at the top, the sections, the panels on the right and
    at the bottom, the useful links."""

    object: Object
    top: tuple[Key, ...]
    sections: tuple[LayoutSection, ...]
    right: tuple[Key, ...] = ()
    bottom: tuple[Key, ...] = ()
    links: tuple[UsefulLink, ...] = ()


class Salesforce(Section):
    """What a value of a Salesforce export becomes here: their label on the left, our key on the right.

    The maps of activities, contracts and roles may be left out: their words are then kept with the records and told.
    """

    lead_status: dict[str, ImportableStatus]
    stage: dict[str, Key]
    lead_source: dict[str, Key]
    rating: dict[str, Key]
    opportunity_type: dict[str, Key]
    account_type: dict[str, Key]
    industry: dict[str, Key]
    task_type: dict[str, Key] = Field(default_factory=dict)
    task_outcome: dict[str, Key] = Field(default_factory=dict)
    task_status: dict[str, Literal["open", "done"]] = Field(default_factory=dict)
    call_type: dict[str, Literal["out", "in"]] = Field(default_factory=dict)
    contact_role: dict[str, Key] = Field(default_factory=dict)
    contract_status: dict[str, Literal["draft", "sent", "signed", "terminated"]] = Field(default_factory=dict)


class Words(Section):
    """Words that keep their capitals (L15): proper nouns, and acronyms with what they stand for."""

    proper_nouns: tuple[Label, ...]
    acronyms: dict[Acronym, Label]
