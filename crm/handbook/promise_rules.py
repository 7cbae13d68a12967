"""What pydantic cannot see about answering people: hours that are never open, channels with no policy or with two."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Any, get_args
from zoneinfo import ZoneInfo

from crm.calendar.federal import federal_holiday
from crm.calendar.hours import Calendar, Window
from crm.calendar.spans import Span, read_span
from crm.handbook.problems import Place, one_of, written_place, written_value
from crm.handbook.promises import Hours, NoticeKind, Policy
from crm.handbook.raw import Raw, at, keys, tables, texts
from crm.handbook.structure import Found
from crm.handbook.values import CLOCK_TIME, WINDOW

WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SEGMENTS = ("customer", "prospect")
NOTICES: tuple[str, ...] = get_args(NoticeKind)
BREACHED = "response_breached"


def calendar_of(hours: Hours, zone: ZoneInfo, *, holidays_open: bool = False) -> Calendar:
    """The open hours as the calendar counts them; with `holidays_open`, holidays and own closures are days as any."""
    usual = Window(hours.opens.hour * 60 + hours.opens.minute, hours.closes.hour * 60 + hours.closes.minute)
    weekly = {n: hours.weekdays.get(day, (usual,) if day in hours.days else ()) for n, day in enumerate(WEEK)}  # type: ignore[call-overload]
    if holidays_open:
        return Calendar(zone, weekly)
    special = {day: own.open for own in hours.own_days for day in _days(own.day, own.last)}
    return Calendar(zone, weekly, special, federal_holiday if hours.holidays == "US" else lambda day: "")


def fits(policy: Policy, channel: str, priority: str, segment: str, tier: str) -> bool:
    """Whether every condition of the policy that is given holds for such a request."""
    return (
        channel in policy.channels
        and (not policy.priorities or priority in policy.priorities)
        and (not policy.segments or segment in policy.segments)
        and (not policy.tiers or tier in policy.tiers)
    )


def broken_promises(raw: Raw) -> Iterator[Found]:
    """Every finding about hours, enquiries, policies and notices in a parsed file."""
    for rule in (_windows, _enquiry, _policies, _covered, _notices):
        yield from rule(raw)


def _days(first: date, last: date | None) -> Iterator[date]:
    for n in range(((last or first) - first).days + 1):
        yield first + timedelta(days=n)


def _all_hours(raw: Raw) -> Iterator[tuple[Place, Raw]]:
    if isinstance(raw.get("hours"), dict):
        yield ("hours",), raw["hours"]
    for n, hours in tables(raw, "other_hours"):
        yield ("other_hours", n), hours


def _windows(raw: Raw) -> Iterator[Found]:
    """Opening before closing, windows in order, days of one's own that do not overlap, and some hour that is open."""
    for place, hours in _all_hours(raw):
        opens, closes = hours.get("opens"), hours.get("closes")
        written_as_times = all(CLOCK_TIME.fullmatch(str(value)) for value in (opens, closes))
        if written_as_times and str(closes) <= str(opens):
            allowed = f"allowed: a time after {written_place((*place, 'opens'))}, {written_value(opens)}"
            yield (*place, "closes"), written_value(closes), allowed
        given, usual = hours.get("weekdays"), hours.get("days")
        weekdays: Raw = given if isinstance(given, dict) else {}
        for name, windows in weekdays.items():
            yield from _in_order((*place, "weekdays", name), windows)
        is_open = [weekdays[name] if name in weekdays else name in _list(usual) for name in WEEK]
        if isinstance(usual, list) and usual and not any(is_open):
            yield place, "hours that are never open", "allowed: a time on at least one weekday"
        taken: dict[date, int] = {}
        for n, own in tables(hours, "own_days"):
            yield from _in_order((*place, "own_days", n, "open"), own.get("open"))
            first, last = own.get("day"), own.get("last")
            if type(first) is not date or not (last is None or type(last) is date):
                continue  # also a date with a time: said elsewhere
            if last is not None and not timedelta() <= last - first < timedelta(days=366):
                yield (*place, "own_days", n, "last"), written_value(last), "allowed: a day after day, within a year"
                continue
            for day in _days(first, last):
                if taken.setdefault(day, n) != n:
                    yield (*place, "own_days", n, "day"), f"{day} a second time", "allowed: each day once"
                    break


def _in_order(place: Place, windows: Any) -> Iterator[Found]:
    written = [text for _, text in texts(windows) if WINDOW.fullmatch(text)]
    for n, (earlier, later) in enumerate(itertools.pairwise(written), start=1):
        if later[:5] < earlier[6:]:
            yield (*place, n), written_value(later), f"allowed: times in order, after {written_value(earlier)}"


def _enquiry(raw: Raw) -> Iterator[Found]:
    known, default = keys(raw, "enquiry", "priorities"), at(raw, "enquiry", "default_priority")
    if isinstance(default, str) and default not in known:
        found = f"{written_value(default)}, which is not under enquiry.priorities"
        yield ("enquiry", "default_priority"), found, one_of(known, default)


def _policies(raw: Raw) -> Iterator[Found]:
    """Names that are there; a target before its limit, in the same unit; escalations in order, warnings once."""
    lists = {
        "channels": keys(raw, "enquiry", "channels"),
        "priorities": keys(raw, "enquiry", "priorities"),
        "tiers": ["", *keys(raw, "account", "tiers")],
    }
    others = keys(raw, "other_hours")
    for n, policy in tables(raw, "policies"):
        place: Place = ("policies", n)
        for name, known in lists.items():
            for m, key in texts(policy.get(name)):
                if key not in known:
                    found = f"{written_value(key)}, which is not in the file"
                    yield (*place, name, m), found, one_of(known, key)
        if isinstance(policy.get("hours"), str) and policy["hours"] not in others:
            found = f"{written_value(policy['hours'])}, which is not under other_hours"
            yield (*place, "hours"), found, one_of(others, policy["hours"])
        if policy.get("promise") is None:
            for name in ("outside", "warn", "escalate"):
                if policy.get(name):
                    yield (*place, name), "given without a promise", "allowed where there is a promise"
        for name in ("promise", "outside"):
            target, limit = at(policy, name, "target"), at(policy, name, "limit")
            if isinstance(target, str) and isinstance(limit, str) and not _within(target, limit):
                allowed = f"allowed: less than the limit, {written_value(limit)}, in its unit"
                yield (*place, name, "target"), written_value(target), allowed
        yield from _escalations((*place, "escalate"), policy)
        warned: set[int] = set()
        for m, part in enumerate(_list(policy.get("warn"))):
            if type(part) is int and part in warned:
                yield (*place, "warn", m), f"{part} a second time", "allowed: each once"
            warned |= {part} if type(part) is int else set()


def _escalations(place: Place, policy: Raw) -> Iterator[Found]:
    """Each later than the one before, as far as two spans can be compared: those of one unit, and the limit itself."""
    before: str | None = None
    for n, (m, step) in enumerate(tables(policy, "escalate")):
        after = step.get("after")
        if after is None and n:
            said = "nothing, so at the limit" if before is None else f"nothing, after {written_value(before)}"
            yield (*place, m, "after"), said, "allowed: a time after the escalation before"
        elif isinstance(after, str) and before is not None and _same_unit(after, before) and not _within(before, after):
            yield (*place, m, "after"), written_value(after), f"allowed: more than {written_value(before)}"
        before = after if isinstance(after, str) else before


def _within(target: str, limit: str) -> bool:
    """Whether the first is less than the second, in its unit; of what is no span, something else is said."""
    first, second = _span(target), _span(limit)
    return first is None or second is None or (first.unit == second.unit and first.count < second.count)


def _same_unit(one: str, other: str) -> bool:
    first, second = _span(one), _span(other)
    return first is not None and second is not None and first.unit == second.unit


def _span(text: str) -> Span | None:
    try:
        return read_span(text)
    except ValueError:
        return None


def _covered(raw: Raw) -> Iterator[Found]:
    """Every request that may come in has exactly one policy: none would leave people waiting unseen, two disagree."""
    policies = tables(raw, "policies")
    priorities = keys(raw, "enquiry", "priorities")
    tiers = ["", *keys(raw, "account", "tiers")]
    said: set[tuple[Any, ...]] = set()
    for n, channel in tables(raw, "enquiry", "channels"):
        if not policies or not isinstance(channel.get("key"), str):
            continue
        urgencies = priorities if channel.get("priorities") is True else [""]
        for priority, segment, tier in itertools.product(urgencies, SEGMENTS, tiers):
            asked = {"channels": channel["key"], "priorities": priority, "segments": segment, "tiers": tier}
            found = [m for m, policy in policies if _fits(policy, asked)]
            words = ", ".join(str(one) for one in (channel["key"], priority, segment, tier and f"tier {tier}") if one)
            if not found and (n,) not in said:
                said.add((n,))
                place: Place = ("enquiry", "channels", n)
                yield place, f"a request without a policy ({words})", "a policy has to name it, also without a promise"
            elif len(found) > 1 and tuple(found) not in said:
                said.add(tuple(found))
                allowed = f"one policy each: policies[{found[0]}] fits as well"
                yield ("policies", found[1]), f"a second policy for one request ({words})", allowed


def _fits(policy: Raw, asked: dict[str, str]) -> bool:
    return all(
        value in _list(policy.get(name)) or (name != "channels" and not _list(policy.get(name)))
        for name, value in asked.items()
    )


def _list(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list) else []


def _notices(raw: Raw) -> Iterator[Found]:
    """Each kind once and none left out, in a room that is there; that a limit has passed cannot be turned off."""
    rooms, seen = keys(raw, "notices", "chats"), list[Any]()
    rules = tables(raw, "notices", "kinds")
    for n, rule in rules:
        place: Place = ("notices", "kinds", n)
        kind = rule.get("kind")
        if kind in seen:
            yield (*place, "kind"), f"{written_value(kind)} a second time", "allowed: each once"
        seen.append(kind)
        if kind == BREACHED and rule.get("always", False) is False:
            yield (*place, "always"), "nothing" if "always" not in rule else "false", f"allowed for {BREACHED}: true"
        chat = rule.get("chat")
        if isinstance(chat, str) and chat not in rooms:
            yield (*place, "chat"), f"{written_value(chat)}, which is not under notices.chats", one_of(rooms, chat)
    # One that is misspelt is not missing as well.
    if rules and all(kind in NOTICES for kind in seen):
        for kind in NOTICES:
            if kind not in seen:
                yield ("notices", "kinds"), f'no kind "{kind}"', "allowed: each kind of notice once"
