"""Tasks, events, notes and campaign members: each is a touch, at the time it happened.

What has not happened is no touch: an open task and an event to come are notes of the moment they were entered, and
what they announce becomes the lead's next touch or its meeting (`upcoming`).
"""

from __future__ import annotations

import unicodedata
from datetime import date, datetime, time
from typing import Literal

from crm.activities.models import Activity
from crm.imports.salesforce.kinds import Around, Derived, Kind, Link, Reading, any_of
from crm.imports.salesforce.states import Cell
from crm.imports.salesforce.upcoming import plan_meetings, plan_next_touches
from crm.imports.salesforce.values import Bad, is_true, read_day, read_id, read_time

# Where people note what came of it, beside the standard column for calls.
OUTCOMES = ("CallDisposition", "Outcome__c", "Result__c", "Call_Outcome__c", "Call_Result__c")
# Which columns say whether a task is done: without one of them nothing else says what was.
STATES = ("Status", "IsClosed")
TYPES = ("Type", "TaskSubtype", "CallType", "CallDisposition")
STARTS = ("StartDateTime", "ActivityDateTime", "ActivityDate")
# What the next touch takes of an open task; a next touch's text is one line.
DUE = {"is_open": "boolean", "due_on": "date", "due_kind": "text", "due_text": "text"}
LONGEST_LINE = 255
PRIVATE = "private_note"

BY = Link("OwnerId", "by_id", "user", else_importer=True)
WHO = (
    Link("WhoId", "lead_id", "lead", prefixes=("00Q",)),
    Link("WhoId", "contact_id", "contact", prefixes=("003",)),
)
WHAT = (
    Link("WhatId", "account_id", "account", prefixes=("001", "800"), through=("contract", "account_id")),
    Link("WhatId", "opportunity_id", "opportunity", prefixes=("006", "800"), through=("contract", "opportunity_id")),
)

# A text is put together from two columns: with one of them alone half of it would be lost.
SAID_BY_TASK = {
    "kind": (*any_of(*TYPES, beside=STATES[:1]), *any_of(*TYPES, beside=STATES[1:])),
    "direction": (*any_of("CallType", *OUTCOMES, beside=STATES[:1]), *any_of("CallType", *OUTCOMES, beside=STATES[1:])),
    "outcome": (*any_of(*OUTCOMES, beside=STATES[:1]), *any_of(*OUTCOMES, beside=STATES[1:])),
    # Without a date of its own it happened when it was entered.
    "happened_at": tuple(
        frozenset({state, day, "CreatedDate"}) for state in STATES for day in ("CompletedDateTime", "ActivityDate")
    ),
    "text": any_of(*STATES, beside=("Subject", "Description")),
}
# Whether it is still to come decides the rest of an event.
KIND_OF_EVENT = (*any_of(*STARTS, beside=("Type",)), *any_of(*STARTS, beside=("EventSubtype",)))
SAID_BY_EVENT = {
    "kind": KIND_OF_EVENT,
    "direction": KIND_OF_EVENT,
    "outcome": KIND_OF_EVENT,
    "happened_at": any_of(*STARTS, beside=("CreatedDate",)),
    "text": any_of(*STARTS, beside=("Subject", "Description")),
}
# What is the same of every note, no file says.
SAID_BY_NOTE = {
    "kind": (),
    "direction": (),
    "outcome": (),
    "happened_at": any_of("CreatedDate"),
    "text": any_of("Title", beside=("Body",)),
}
SAID_BY_MEMBER = {
    "kind": (),
    "direction": any_of("HasResponded"),
    "outcome": (),
    "happened_at": any_of("FirstRespondedDate", beside=("HasResponded", "CreatedDate")),
    "text": any_of("CampaignId", beside=("Status",)),
}
ANYBODY = ("lead_id", "contact_id", "account_id", "opportunity_id")


def read_task(cell: Cell, around: Around) -> Reading:
    """What was done, or is to be done, by whom with whom and to what end."""
    read = Reading()
    kind = _kind_of_task(cell, around, read)
    day = _day(cell("ActivityDate"), "ActivityDate", read)
    if not _is_done(cell, around, read):
        due = f" by {day.isoformat()}" if day else ""
        planned = f" ({around.label('touch.kinds', kind)})"
        _announce(read, around, f"To do{due}{planned}:", cell)
        read.values["is_open"] = "t"
        if day:
            subject = " ".join(cell("Subject").split())[:LONGEST_LINE]
            read.values |= {"due_on": day.isoformat(), "due_kind": kind, "due_text": _tidy(subject)}
        return read
    outcome = _outcome(cell, kind, around, read)
    inbound = _inbound(cell, around, read) or outcome == "replied"
    if not outcome:
        usual: dict[str, str] = {"email": "Replied" if inbound else "Sent", "note": "Noted"}
        outcome = around.ours("task_outcome", usual.get(kind, "")) or ""
        outcome = outcome if _fits(outcome, kind, around) else ""
    read.values |= {"kind": kind, "outcome": outcome, "direction": "in" if inbound else "out", "text": _text(cell)}
    read.values["happened_at"] = _when_done(cell, day, around, read).isoformat()
    return read


def read_event(cell: Cell, around: Around) -> Reading:
    """A meeting or call that was in somebody's calendar, or is to come."""
    read = Reading()
    kind = _mapped(cell, "Type", around, read) or _mapped(cell, "EventSubtype", around, read, tell=False)
    kind = kind or around.ours("task_type", "Meeting") or "meeting"
    starts = _moment(cell("StartDateTime"), "StartDateTime", read)
    starts = starts or _moment(cell("ActivityDateTime"), "ActivityDateTime", read)
    if starts is None and (day := _day(cell("ActivityDate"), "ActivityDate", read)):
        starts = datetime.combine(day, time(), around.book.zone)
    if starts is not None and starts > around.at:
        label = around.label("touch.kinds", kind)
        _announce(read, around, f"{label} planned for {starts.astimezone(around.book.zone):%Y-%m-%d %H:%M}:", cell)
        read.values |= {"starts_at": starts.isoformat(), "is_open": "t"}
        return read
    if starts is None:
        read.flags.append(("no_date", "It has no start: taken to be when it was entered."))
    happened_at = min(starts or around.times.created, around.at)
    read.values |= {"kind": kind, "direction": "out", "outcome": "", "text": _text(cell)}
    read.values["happened_at"] = happened_at.isoformat()
    return read


def read_note(cell: Cell, around: Around) -> Reading:
    """What somebody wrote down about a record."""
    read = Reading(values=_noted(around, around.times.created))
    read.values["text"] = _tidy("\n\n".join(filter(None, (cell("Title"), cell("Body")))))
    if is_true(cell("IsPrivate")):
        read.kept["IsPrivate"] = cell("IsPrivate")
        read.hold = (PRIVATE, "It is private there, and everybody reads touches here: clear IsPrivate to bring it in.")
    return read


def read_campaign_member(cell: Cell, around: Around) -> Reading:
    """That a campaign reached them, and whether they answered."""
    responded = is_true(cell("HasResponded"))
    read, campaign = Reading(), read_id(cell("CampaignId"))
    at = around.times.created
    day = _day(cell("FirstRespondedDate"), "FirstRespondedDate", read)
    if responded and day:
        at = _on(day, around)
    read.values = _noted(around, at) | {"direction": "in" if responded else "out"}
    name = around.names.get(campaign, "")
    if campaign:
        read.kept["CampaignId"] = campaign
    read.values["text"] = _tidy(f"Campaign {name or campaign}: {cell('Status') or 'member'}")
    return read


def _kind_of_task(cell: Cell, around: Around, read: Reading) -> str:
    """Type and subtype say it; Other is said of much that a call's or an email's own columns tell better."""
    note = around.ours("task_type", "Other") or "note"
    said = [_mapped(cell, "Type", around, read), _mapped(cell, "TaskSubtype", around, read, tell=False)]
    telling = [kind for kind in said if kind and kind != note]
    if telling:
        return telling[0]
    if cell("CallType") or cell("CallDisposition") or cell("CallDurationInSeconds").strip("0."):
        return around.ours("task_type", "Call") or note
    if cell("Subject").lower().startswith("email:"):
        return around.ours("task_type", "Email") or note
    return note


def _mapped(cell: Cell, name: str, around: Around, read: Reading, *, tell: bool = True) -> str:
    """Our kind of touch for a word; one that is not in the handbook is kept, and told of where people chose it."""
    word = cell(name)
    ours = around.ours("task_type", word) if word else None
    if word and ours is None:
        read.kept[name] = word
        if tell:
            read.flags.append(unmapped(name, word))
    elif word and around.label("touch.kinds", ours or "").casefold() != word.casefold():
        read.kept[name] = word
    return ours or ""


def unmapped(name: str, word: str) -> tuple[str, str]:
    """The flag of a word that the handbook does not have."""
    return "unmapped_value", f"{name} “{word[:80]}” is not in the handbook: kept with the record."


def _is_done(cell: Cell, around: Around, read: Reading) -> bool:
    """IsClosed says it; without that column the handbook's map of statuses."""
    word, closed = cell("Status"), cell("IsClosed")
    mapped = around.ours("task_status", word) if word else None
    if word and (mapped is None or word.casefold() != "completed"):
        read.kept["Status"] = word
    if closed:
        return is_true(closed)
    if word and mapped is None:
        read.flags.append(unmapped("Status", word))
    return mapped == "done"


def _outcome(cell: Cell, kind: str, around: Around, read: Reading) -> str:
    """What came of it, in a word that its kind can have."""
    found = ""
    for name in OUTCOMES:
        if not (word := cell(name)):
            continue
        ours = around.ours("task_outcome", word)
        if ours is None:
            read.flags.append(unmapped(name, word))
        elif not _fits(ours, kind, around):
            said = f"{name} “{word[:80]}” cannot come of a {around.label('touch.kinds', kind).lower()}"
            read.flags.append(("outcome_not_of_kind", f"{said}: kept with the record."))
        elif not found:
            found = ours
            if around.label("touch.outcomes", ours).casefold() == word.casefold():
                continue
        read.kept[name] = word
    return found


def _fits(outcome: str, kind: str, around: Around) -> bool:
    return any(known.key == outcome for known in around.book.outcomes_of(kind))


def _inbound(cell: Cell, around: Around, read: Reading) -> bool:
    if not (word := cell("CallType")):
        return False
    ours = around.ours("call_type", word)
    if ours is None:
        read.kept["CallType"] = word
        read.flags.append(unmapped("CallType", word))
    return ours == "in"


def _when_done(cell: Cell, day: date | None, around: Around, read: Reading) -> datetime:
    """When it was completed; else on its day, at the time it was entered or last changed if that was the same day."""
    times = around.times
    done = _moment(cell("CompletedDateTime"), "CompletedDateTime", read)
    if done is None:
        done = _on(day, around) if day else times.created
    if done > around.at:
        read.kept["ActivityDate"] = cell("ActivityDate")
        read.flags.append(("in_future", "It is done, and its date is to come: taken to be when it last changed."))
        done = min(times.modified, around.at)
    return done


def _on(day: date, around: Around) -> datetime:
    """A moment of a day: when the row was made or changed, if then; else the day's first."""
    for moment in (around.times.created, around.times.modified):
        if moment.astimezone(around.book.zone).date() == day:
            return min(moment, around.at)
    return datetime.combine(day, time(), around.book.zone)


def _announce(read: Reading, around: Around, what: str, cell: Cell) -> None:
    """A note of what is to come, at the time it was entered."""
    read.values |= _noted(around, around.times.created) | {"outcome": "", "text": _tidy(f"{what} {_text(cell)}")}


def _noted(around: Around, at: datetime) -> dict[str, str]:
    note = around.ours("task_type", "Other") or "note"
    outcome = around.ours("task_outcome", "Noted") or ""
    values = {"kind": note, "direction": "out", "outcome": outcome if _fits(outcome, note, around) else ""}
    return values | {"happened_at": min(at, around.at).isoformat()}


def _text(cell: Cell) -> str:
    return _tidy("\n\n".join(filter(None, (cell("Subject"), cell("Description")))))


def _tidy(text: str) -> str:
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def _day(word: str, name: str, read: Reading) -> date | None:
    found = _read("day", word, name, read)
    return date.fromisoformat(found) if found else None


def _moment(word: str, name: str, read: Reading) -> datetime | None:
    found = _read("moment", word, name, read)
    return datetime.fromisoformat(found) if found else None


def _read(what: Literal["day", "moment"], word: str, name: str, read: Reading) -> str:
    """A date or a time; what is neither is kept and told of."""
    if not word:
        return ""
    try:
        return read_day(word) if what == "day" else read_time(word).isoformat()
    except Bad as bad:
        read.kept[name] = word
        read.flags.append((bad.code, f"{name} {bad.message}: kept with the record."))
        return ""


TASK = Kind(
    name="Task",
    model=Activity,
    required=("Id", "Subject"),
    fields={},
    words={},
    links=(BY, *WHO, *WHAT),
    needs=(),
    together=ANYBODY,
    derived=Derived(
        SAID_BY_TASK,
        (
            *("Type", "TaskSubtype", "Status", "IsClosed", "Subject", "Description", "ActivityDate"),
            *("CompletedDateTime", "CallType", *OUTCOMES),
        ),
        read_task,
        DUE,
    ),
    after=plan_next_touches,
)
EVENT = Kind(
    name="Event",
    model=Activity,
    required=("Id", "Subject"),
    fields={},
    words={},
    links=(BY, *WHO, *WHAT),
    needs=(),
    together=ANYBODY,
    derived=Derived(
        SAID_BY_EVENT,
        ("Type", "EventSubtype", "Subject", "Description", *STARTS),
        read_event,
        {"is_open": "boolean", "starts_at": "timestamptz"},
    ),
    after=plan_meetings,
)
NOTE = Kind(
    name="Note",
    model=Activity,
    required=("Id", "ParentId"),
    fields={},
    words={},
    links=(
        BY,
        Link("ParentId", "lead_id", "lead", prefixes=("00Q",)),
        Link("ParentId", "contact_id", "contact", prefixes=("003",)),
        *(Link("ParentId", link.column, link.object, prefixes=link.prefixes, through=link.through) for link in WHAT),
    ),
    needs=(),
    together=ANYBODY,
    derived=Derived(SAID_BY_NOTE, ("Title", "Body", "IsPrivate"), read_note, holds=(PRIVATE,)),
)
CAMPAIGN_MEMBER = Kind(
    name="CampaignMember",
    model=Activity,
    required=("Id", "CampaignId", "Status"),
    fields={},
    words={},
    links=(
        Link("CreatedById", "by_id", "user", else_importer=True),
        Link("LeadId", "lead_id", "lead"),
        Link("ContactId", "contact_id", "contact"),
    ),
    needs=(),
    together=("lead_id", "contact_id"),
    derived=Derived(
        SAID_BY_MEMBER, ("CampaignId", "Status", "HasResponded", "FirstRespondedDate"), read_campaign_member
    ),
)
