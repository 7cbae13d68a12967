"""Contracts with their dates (C1) and their status, and what contacts are to opportunities."""

from __future__ import annotations

from datetime import date, datetime, time

from contracts.models import ContactRole, Contract
from contracts.signing import ContractStatus
from contracts.terms import DAY, LONGEST_MONTHS, completed
from crm.handbook.document import Handbook
from crm.imports.salesforce.kinds import Around, Derived, Kind, Link, Need, Reading, Words, any_of
from crm.imports.salesforce.states import Cell, Place, Times
from crm.imports.salesforce.values import Bad, read_count, read_day

# Contracts have no standard column for it; these are the ones that people and quoting tools add.
OPPORTUNITY = ("OpportunityId", "Opportunity__c", "SBQQ__Opportunity__c")
LONGEST_NAME = 255


def read_contract(cell: Cell, around: Around) -> Reading:
    """Its name, its dates and its term."""
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
    if word := cell("Status"):
        read.kept["Status"] = word
    for column, value in _dates(cell, _state(cell, around.book), read).items():
        if value is not None:
            read.values[column] = str(value)
    return read


def place_contract(cell: Cell, times: Times, book: Handbook) -> Place:
    """Draft, sent or terminated as its status says; once signed, its dates say whether it is in force or over.

    A contract without a status that is known here, and with a day on which the last party signed, is signed.
    """
    word, state = cell("Status"), _state(cell, book)
    dates = _dates(cell, state, Reading())
    known = state is not None
    flags = []
    if word and not known:
        flags.append(("unmapped_value", f"Status “{word[:80]}” is not in the handbook: kept with the record."))
    if state is None:
        state = ContractStatus.SIGNED if dates["close_date"] else ContractStatus.DRAFT
    since = times.modified
    starts, ends = dates["effective_date"], dates["end_date"]
    today = book.today(times.at)
    if state == ContractStatus.SIGNED and isinstance(starts, date) and starts <= today:
        over = isinstance(ends, date) and ends < today
        state = ContractStatus.EXPIRED if over else ContractStatus.ACTIVE
        first = ends + DAY if over and isinstance(ends, date) else starts
        since = datetime.combine(first, time(), book.zone)
    return Place(str(state), since, known=known, flags=flags)


def _state(cell: Cell, book: Handbook) -> str | None:
    word = cell("Status")
    return book.from_salesforce("contract_status", word) if word else None


def _dates(cell: Cell, state: str | None, read: Reading) -> dict[str, date | int | None]:
    """The three dates (C1) and the term in months, each that is missing worked out from the others."""
    starts, closed = _day(cell, "StartDate", read), _closed(cell, state, read)
    ends, months = completed(starts, _day(cell, "EndDate", read), _term(cell, read))
    if starts and ends and ends <= starts:
        read.flags.append(("bad_date", f"It ends {ends}, not after it starts: the end is kept with the record."))
        read.kept["EndDate"] = ends.isoformat()
        ends = None
    return {"effective_date": starts, "end_date": ends, "close_date": closed, "term_months": months}


def _closed(cell: Cell, state: str | None, read: Reading) -> date | None:
    """The day the last party signed; when nobody wrote that down, the day it was activated, if it is in force."""
    ours, theirs = _day(cell, "CompanySignedDate", read), _day(cell, "CustomerSignedDate", read)
    activated = _day(cell, "ActivatedDate", read)
    if ours:
        read.kept["CompanySignedDate"] = ours.isoformat()
    if theirs:
        return max(theirs, ours or theirs)
    if state in (ContractStatus.DRAFT, ContractStatus.SENT):
        return None
    if activated is None and state == ContractStatus.SIGNED:
        word = cell("Status")
        read.flags.append(("no_close_date", f"Its status is {word}, and nothing says when it was signed."))
    return activated


def _term(cell: Cell, read: Reading) -> int | None:
    """Its term in months; one that is none is kept."""
    entered = cell("ContractTerm")
    if not entered:
        return None
    read.kept["ContractTerm"] = entered
    try:
        months = int(read_count(entered))
    except (Bad, ValueError, OverflowError):
        months = 0
    if 1 <= months <= LONGEST_MONTHS:
        return months
    said = f"ContractTerm “{entered[:80]}” is no number of months: kept with the record."
    read.flags.append(("bad_number", said))
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
            "term_months": (*any_of("ContractTerm"), frozenset({"StartDate", "EndDate"})),
            "close_date": any_of("CustomerSignedDate", "ActivatedDate"),
        },
        (
            *("Name", "ContractNumber", "StartDate", "EndDate", "ContractTerm", "Status"),
            *("CompanySignedDate", "CustomerSignedDate", "ActivatedDate"),
        ),
        read_contract,
    ),
    flow=place_contract,
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
