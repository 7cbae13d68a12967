"""In which status a row of a Salesforce export is placed, and since when. What is not known is not invented."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, time

from crm.handbook.document import Handbook
from crm.imports.salesforce.values import Bad, is_true, read_day, read_time
from leads.statuses import Status


@dataclass(frozen=True, slots=True)
class Times:
    """When the row was made and last changed there, and when it is brought in."""

    created: datetime
    modified: datetime
    at: datetime


@dataclass(slots=True)
class Place:
    """The status it is placed in, since when, and what to tell.

    `known` is whether the file said so: an unknown word leaves the status of a record that is here already.
    """

    state: str
    since: datetime
    known: bool = True
    values: dict[str, str] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    flags: list[tuple[str, str]] = field(default_factory=list)


Cell = Callable[[str], str]
Placing = Callable[[Cell, Times, Handbook], Place]


def place_lead(cell: Cell, times: Times, book: Handbook) -> Place:
    """IsConverted decides whether it is converted; any other status goes by the handbook's map.

    The file does not say since when: at the latest since the last change, and a New one since it was made.
    """
    word = cell("Status")
    mapped = book.from_salesforce("lead_status", word)
    if is_true(cell("IsConverted")):
        return _converted(cell, times, book)
    if mapped is None:
        said = f"Status “{word[:80]}” is not in the handbook: left as New." if word else "No status: left as New."
        kept = {"Status": word} if word else {}
        return Place(Status.NEW, times.created, known=False, kept=kept, flags=[("unknown_status", said)])
    place = Place(mapped, times.created if mapped == Status.NEW else times.modified)
    if mapped == Status.SAO_CONVERTED:
        place.state = Status.WORKING_TO_CONVERT
        said = f"Status “{word[:80]}” means converted, and it is not: placed in {Status.WORKING_TO_CONVERT.label}."
        place.flags.append(("not_converted", said))
    if word.casefold() != Status(place.state).label.casefold():
        place.kept["Status"] = word
    return place


def _converted(cell: Cell, times: Times, book: Handbook) -> Place:
    """Converted on a day; a day has no time, so it is the day's first moment, but not before the lead was made."""
    since, place = times.modified, Place(Status.SAO_CONVERTED, times.modified)
    entered = cell("ConvertedDate")
    try:
        if len(entered) > 10:
            since = read_time(entered)
        elif entered:
            day = datetime.fromisoformat(read_day(entered))
            since = max(datetime.combine(day, time(), book.zone), times.created)
    except Bad as bad:
        place.kept["ConvertedDate"] = entered
        place.flags.append((bad.code, f"ConvertedDate: {bad.message}."))
    place.since = since
    place.values["converted_at"] = since.isoformat()
    if word := cell("Status"):
        place.kept["Status"] = word
    return place


def place_opportunity(cell: Cell, times: Times, book: Handbook) -> Place:
    """The stage by the handbook's map; an unknown one is won, lost or open as IsWon and IsClosed say."""
    word = cell("StageName")
    mapped = book.from_salesforce("stage", word)
    if mapped is not None:
        kept = {"StageName": word} if word.casefold() != book.stage(mapped).label.casefold() else {}
        return Place(mapped, times.modified, kept=kept)
    closed = is_true(cell("IsClosed")) or is_true(cell("IsWon"))
    stage = (book.won_stage if is_true(cell("IsWon")) else book.lost_stage) if closed else book.open_stages[0]
    found = f"Stage “{word[:80]}” is not in the handbook" if word else "No stage"
    flags = [("unknown_stage", f"{found}: placed in {stage.label}.")]
    return Place(stage.key, times.modified, known=closed, kept={"StageName": word} if word else {}, flags=flags)
