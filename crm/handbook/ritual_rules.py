"""What pydantic cannot see about rituals: what they open is there, and they can be done as often as they say."""

from __future__ import annotations

from collections.abc import Iterator

from crm.handbook.problems import Place, one_of, written_value
from crm.handbook.promise_rules import WEEK
from crm.handbook.raw import Raw, at, keys, tables
from crm.handbook.structure import Found


def broken_rituals(raw: Raw) -> Iterator[Found]:
    """Every finding about rituals in a parsed file."""
    roles = keys(raw, "roles")
    for n, ritual in tables(raw, "rituals"):
        place: Place = ("rituals", n)
        yield from _opens((*place, "opens"), ritual.get("opens"), raw)
        dri = ritual.get("dri")
        if isinstance(dri, str) and "@" not in dri and dri not in roles:
            yield (*place, "dri"), written_value(dri), f"{one_of(roles, dri)}, or the email of a user"
        yield from _days(place, ritual)
        yield from _times(place, ritual, _working_days(raw))
        if ritual.get("done_by") == "checkup" and at(ritual, "opens", "page") != "checkups":
            yield (*place, "done_by"), '"checkup"', 'allowed where it opens the page "checkups"'


def _opens(place: Place, opens: object, raw: Raw) -> Iterator[Found]:
    """A page that has a tab, a list view that is in the file, or both."""
    if not isinstance(opens, dict):
        return
    page, kind, view = (opens.get(name) for name in ("page", "object", "view"))
    if not (page or view) or bool(kind) != bool(view):
        yield place, "what is opened is not clear", "allowed: page, or object and view, or all three"
    if isinstance(page, str) and page not in keys(raw, "tabs"):
        yield (*place, "page"), f"{written_value(page)}, which is not under tabs", one_of(keys(raw, "tabs"), page)
    if isinstance(kind, str) and isinstance(view, str):
        known = [str(one.get("key")) for _, one in tables(raw, "views") if one.get("object") == kind]
        if view not in known:
            yield (*place, "view"), f"{written_value(view)}, which is no view of that object", one_of(known, view)


def _days(place: Place, ritual: Raw) -> Iterator[Found]:
    """Weekdays for what is daily or weekly, as many as times; a day of the month for what is monthly."""
    per, days, times = ritual.get("per"), ritual.get("days"), ritual.get("times", 1)
    if days and per not in ("day", "week"):
        yield (*place, "days"), written_value(days), 'allowed where per = "day" or "week"'
    elif isinstance(days, list) and days and per == "week" and len(days) != times:
        yield (*place, "days"), f"{len(days)} days for {times} times", "allowed: as many days as times"
    if "month_day" in ritual and (per != "month" or times != 1):
        yield (*place, "month_day"), written_value(ritual["month_day"]), 'allowed where per = "month", once'


def _times(place: Place, ritual: Raw, working: int) -> Iterator[Found]:
    """A frequency that can be."""
    per, times, most, every = (ritual.get(name) for name in ("per", "times", "most_times", "every"))
    times = 1 if times is None else times
    if isinstance(times, int):
        if per == "day" and times != 1:
            yield (*place, "times"), written_value(times), "allowed for what is daily: 1"
        elif per == "week" and not ritual.get("days") and 0 < working < times:
            yield (*place, "times"), written_value(times), f"allowed: up to the {working} working days of a week"
        if isinstance(most, int) and (most <= times or per == "day"):
            yield (*place, "most_times"), written_value(most), f"allowed: more than times, {times}, and never a day"
    if isinstance(every, int) and every > 1:
        if per == "day":
            yield (*place, "every"), written_value(every), 'allowed where per = "week", "month" or "quarter"'
        if "since" not in ritual:
            yield (*place, "since"), "nothing", "it has to be given: a day of the first period"
    elif "since" in ritual and every in (None, 1):
        yield (*place, "since"), written_value(ritual["since"]), "allowed where every is more than 1"


def _working_days(raw: Raw) -> int:
    """On how many weekdays the company is open."""
    usual, own = at(raw, "hours", "days"), at(raw, "hours", "weekdays")
    own = own if isinstance(own, dict) else {}
    usual = usual if isinstance(usual, list) else WEEK
    return sum(bool(own[day]) if day in own else day in usual for day in WEEK)
