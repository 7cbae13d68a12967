"""The histories of an export: what was changed there, when and by whom, before a record came here."""

from __future__ import annotations

from contracts.models import Opportunity
from crm.handbook.document import SalesforceMap
from crm.imports.salesforce.kinds import Around, Derived, Kind, Link, Past, Reading
from crm.imports.salesforce.states import Cell
from crm.imports.salesforce.values import Bad, read_time
from leads.models import Lead

NO_TIME = "no_time"
CHANGE = {"at": "timestamptz", "field": "text", "old": "text", "new": "text"}
LONGEST_FIELD = 255


def read_change(cell: Cell, around: Around, state: str, map: SalesforceMap) -> Reading:
    """One field that was changed: from what to what."""
    read = Reading(values={"field": cell("Field")[:LONGEST_FIELD], "old": cell("OldValue"), "new": cell("NewValue")})
    if read.values["field"].casefold() == state.casefold():
        read.values["field"] = state
        for word in dict.fromkeys((cell("OldValue"), cell("NewValue"))):
            _tell_unknown(word, state, map, around, read)
    _read_when(cell, around, read)
    return read


def read_snapshot(cell: Cell, around: Around) -> Reading:
    """What an opportunity was after some change; the one before says what the change was."""
    read = Reading(values={"field": "StageName", "old": "", "new": cell("StageName")})
    _tell_unknown(cell("StageName"), "StageName", "stage", around, read)
    _read_when(cell, around, read)
    return read


def _tell_unknown(word: str, name: str, map: SalesforceMap, around: Around, read: Reading) -> None:
    if word and around.ours(map, word) is None:
        code = "unknown_stage" if map == "stage" else "unknown_status"
        read.flags.append((code, f"{name} “{word[:80]}” is not in the handbook: the history has it as it is."))


def _read_when(cell: Cell, around: Around, read: Reading) -> None:
    """A change without its time has no place in a history, and one that is to come did not happen."""
    word = cell("CreatedDate")
    try:
        at = read_time(word)
        if at > around.at:
            raise Bad("in_future", f"“{word}” is still to come")
        read.values["at"] = at.isoformat()
    except Bad as bad:
        read.hold = (NO_TIME, f"CreatedDate {bad.message}: without its time a change has no place in the history.")


def _history(name: str, model: type[Lead] | type[Opportunity], parent: str, past: Past, derived: Derived) -> Kind:
    links = (Link(parent, "target", str(model._meta.model_name), required=True), Link("CreatedById", "by", "user"))
    needed = ("Id", parent, "CreatedDate", *(source for source in derived.sources if source != "CreatedDate"))
    return Kind(
        name=name,
        model=model,
        required=tuple(needed),
        fields={},
        words={},
        links=links,
        needs=(),
        derived=derived,
        past=past,
    )


def _changes(state: str, map: SalesforceMap) -> Derived:
    sources = ("Field", "OldValue", "NewValue")
    return Derived({}, sources, lambda cell, around: read_change(cell, around, state, map), CHANGE, (NO_TIME,))


LEAD_HISTORY = _history("LeadHistory", Lead, "LeadId", Past("Status", "lead_status"), _changes("Status", "lead_status"))
OPPORTUNITY_HISTORY = _history(
    "OpportunityHistory",
    Opportunity,
    "OpportunityId",
    Past("StageName", "stage"),
    Derived({}, ("StageName",), read_snapshot, CHANGE, (NO_TIME,)),
)
OPPORTUNITY_FIELD_HISTORY = _history(
    "OpportunityFieldHistory",
    Opportunity,
    "OpportunityId",
    Past("StageName", "stage"),
    _changes("StageName", "stage"),
)
