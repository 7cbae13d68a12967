"""What pydantic cannot see about answering people: hours that are never open, channels with no policy or with two."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from crm.calendar.federal import federal_holiday
from crm.calendar.hours import Calendar, Window
from crm.handbook.problems import Place, one_of, written_value
from crm.handbook.promises import Hours, Policy
from crm.handbook.raw import Raw, at, keys, tables, texts
from crm.handbook.structure import Found
from crm.handbook.values import CLOCK_TIME, WINDOW

WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SEGMENTS = ("customer", "prospect")


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
            yield (*place, "closes"), written_value(closes), f"allowed: a time after opens, {written_value(opens)}"
        weekdays = hours.get("weekdays") if isinstance(hours.get("weekdays"), dict) else {}
        for day, windows in (weekdays or {}).items():
            yield from _in_order((*place, "weekdays", day), windows)
        if set(WEEK) == set(weekdays or {}) and not any((weekdays or {}).values()):
            yield place, "hours that are never open", "at least one weekday needs a time"
        taken: dict[date, int] = {}
        for n, own in tables(hours, "own_days"):
            yield from _in_order((*place, "own_days", n, "open"), own.get("open"))
            first, last = own.get("day"), own.get("last")
            if not isinstance(first, date) or not isinstance(last, date | None):
                continue
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
    """Names that are there; a target before its limit, in the same unit; escalations after the limit, in order."""
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


def _within(target: str, limit: str) -> bool:
    first, second = (text.strip().rstrip("s").split(" ", 1) for text in (target, limit))
    if len(first) < 2 or len(second) < 2 or not (first[0].isdigit() and second[0].isdigit()):
        return True  # said elsewhere
    return first[1] == second[1] and int(first[0]) < int(second[0])


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
    """Each kind once, and in a room that is there."""
    rooms, seen = keys(raw, "notices", "chats"), set()
    for n, rule in tables(raw, "notices", "kinds"):
        place: Place = ("notices", "kinds", n)
        if rule.get("kind") in seen:
            yield (*place, "kind"), f"{written_value(rule.get('kind'))} a second time", "allowed: each once"
        seen.add(rule.get("kind"))
        chat = rule.get("chat")
        if isinstance(chat, str) and chat not in rooms:
            yield (*place, "chat"), f"{written_value(chat)}, which is not under notices.chats", one_of(rooms, chat)
