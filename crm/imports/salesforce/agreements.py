"""Contracts with their dates (C1), and what contacts are to opportunities."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta

from contracts.models import ContactRole, Contract
from crm.imports.salesforce.kinds import Around, Derived, Kind, Link, Need, Reading, Words, any_of
from crm.imports.salesforce.states import Cell
from crm.imports.salesforce.values import Bad, read_count, read_day

# Contracts have no standard column for it; these are the ones that people and quoting tools add.
OPPORTUNITY = ("OpportunityId", "Opportunity__c", "SBQQ__Opportunity__c")
LONGEST_NAME = 255


def read_contract(cell: Cell, around: Around) -> Reading:
    """Its name and dates. Signed is what its status says is in force: then its close date has to be found."""
    read = Reading()
    number = cell("ContractNumber")
    name = cell("Name") or (f"Contract {number}" if number else "")
    if len(name) > LONGEST_NAME:
        read.kept["Name"] = name
        read.flags.append(("too_long", f"Name is {len(name):,} characters long: kept with the record."))
        name = f"Contract {number}" if number else name[: LONGEST_NAME - 1] + "…"
    read.values["name"] = name
    if number:
        read.kept["ContractNumber"] = number
    starts, ends = _day(cell, "StartDate", read), _ends(cell, read)
    if starts and ends and ends <= starts:
        read.flags.append(("bad_date", f"It ends {ends}, not after it starts: the end is kept with the record."))
        read.kept["EndDate"] = ends.isoformat()
        ends = None
    closed = _closed(cell, around, read)
    days = {"effective_date": starts, "end_date": ends, "close_date": closed}
    read.values |= {column: day.isoformat() for column, day in days.items() if day}
    return read


def _closed(cell: Cell, around: Around, read: Reading) -> date | None:
    """The day the last party signed; when nobody wrote that down, the day it was activated, if it is in force."""
    word = cell("Status")
    state = around.ours("contract_status", word) if word else None
    if word:
        read.kept["Status"] = word
    if word and state is None:
        read.flags.append(("unmapped_value", f"Status “{word[:80]}” is not in the handbook: kept with the record."))
    ours, theirs = _day(cell, "CompanySignedDate", read), _day(cell, "CustomerSignedDate", read)
    activated = _day(cell, "ActivatedDate", read)
    if ours:
        read.kept["CompanySignedDate"] = ours.isoformat()
    if theirs:
        return max(theirs, ours or theirs)
    if state == "draft":
        return None
    if activated is None and state == "signed":
        read.flags.append(("no_close_date", f"Its status is {word}, and nothing says when it was signed."))
    return activated


def _ends(cell: Cell, read: Reading) -> date | None:
    """EndDate; without it the last day of its term, which is in months."""
    ends, starts, term = _day(cell, "EndDate", read), _day(cell, "StartDate", read), cell("ContractTerm")
    if term:
        read.kept["ContractTerm"] = term
    if ends or not starts or not term:
        return ends
    try:
        months = int(read_count(term))
        month = starts.month - 1 + months
        year, month = starts.year + month // 12, month % 12 + 1
        return date(year, month, min(starts.day, monthrange(year, month)[1])) - timedelta(days=1)
    except (Bad, ValueError, OverflowError):
        read.flags.append(("bad_number", f"ContractTerm “{term[:80]}” is no number of months: kept with the record."))
        return None


def _day(cell: Cell, name: str, read: Reading) -> date | None:
    word = cell(name)
    if not word:
        return None
    try:
        return date.fromisoformat(read_day(word))
    except Bad as bad:
        if name not in read.kept:
            read.kept[name] = word
            read.flags.append((bad.code, f"{name} {bad.message}: kept with the record."))
        return None


CONTRACT = Kind(
    name="Contract",
    model=Contract,
    required=("Id", "AccountId"),
    fields={"CurrencyIsoCode": "currency", "Description": "description"},
    words={},
    links=(
        Link("AccountId", "account_id", "account", required=True),
        *(Link(name, "opportunity_id", "opportunity") for name in OPPORTUNITY),
    ),
    needs=(Need(("name",), "no_name", "A contract needs a name or a number."),),
    derived=Derived(
        {
            # A number never changes, and is no reason to forget a name.
            "name": any_of("Name"),
            "effective_date": any_of("StartDate"),
            "end_date": (*any_of("EndDate"), frozenset({"StartDate", "ContractTerm"})),
            "close_date": any_of("CustomerSignedDate", "ActivatedDate"),
        },
        (
            *("Name", "ContractNumber", "StartDate", "EndDate", "ContractTerm", "Status"),
            *("CompanySignedDate", "CustomerSignedDate", "ActivatedDate"),
        ),
        read_contract,
    ),
    in_order=("effective_date", "end_date"),
)
CONTACT_ROLE = Kind(
    name="OpportunityContactRole",
    model=ContactRole,
    required=("Id", "OpportunityId", "ContactId"),
    fields={"IsPrimary": "is_primary"},
    words={"Role": Words("role", "contact_role", "opportunity.contact_roles")},
    links=(
        Link("OpportunityId", "opportunity_id", "opportunity", required=True),
        Link("ContactId", "contact_id", "contact", required=True),
    ),
    needs=(),
    unique=("opportunity_id", "contact_id", "role"),
)
