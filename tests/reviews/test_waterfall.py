"""Every opportunity at any moment, and what changed between two days: as somebody who wrote all down would have it."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

import pytest

from contracts.models import Opportunity
from contracts.stages import find_stage
from crm import handbook
from crm.people.models import Team, User
from crm.reviews.pipeline.as_of import states
from crm.reviews.pipeline.asked import Asked, Between
from crm.reviews.pipeline.waterfall import CLOSING, OPENING, Part, Waterfall, lines, waterfall
from tests.reviews.forecasting import CENT, RATES, company
from tests.reviews.pipelining import FIELDS, Row, World

pytestmark = pytest.mark.django_db
Sums = dict[str, dict[str, Decimal]]


def kind_of(stage: str) -> str:
    """Open, won or lost, as the handbook says; what nobody knows was not closed."""
    found = find_stage(stage)
    return found.kind if found else "open"


def worth(row: Row, day: date) -> tuple[str, Decimal]:
    """In which sum an amount is, and what it is there."""
    if row["amount"] is None:
        return "", Decimal(0)
    if row["currency"] == "USD":
        return "USD", row["amount"]
    on = row["close_on"] or day
    found = [one for one in RATES if one.currency == row["currency"] and one.since <= on]
    if not found:
        return row["currency"], row["amount"]
    rate = Decimal(str(max(found, key=lambda one: one.since).rate))
    return "USD", (row["amount"] * rate).quantize(CENT, ROUND_HALF_UP)


def is_asked(row: Row, asked: Asked, members: set[int]) -> bool:
    """Whether it is asked for."""
    if asked.owner is not None and (row["owner_id"] or 0) != asked.owner:
        return False
    if asked.team is not None and (row["owner_id"] in members) != bool(asked.team):
        return False
    if asked.type and row["type"] != ("" if asked.type == "none" else asked.type):
        return False
    if asked.account and row["account_id"] != asked.account:
        return False
    day = row["close_on"]
    if asked.close_since and (day is None or day < asked.close_since):
        return False
    return not (asked.close_until and (day is None or day > asked.close_until))


def part_of(before: Row | None, after: Row | None, was_in: bool, is_in: bool, days: tuple[date, date]) -> Part:
    """What became of one that was in the pipeline at one end at least."""
    if before and after and was_in and is_in:
        (bucket, value), (now, there) = worth(before, days[0]), worth(after, days[1])
        if bucket and now and bucket != now:
            return Part.REVALUED
        if value == there:
            return Part.SAME
        if (before["amount"], before["currency"]) == (after["amount"], after["currency"]):
            return Part.REVALUED
        return Part.GROWN if there > value else Part.SHRUNK
    if is_in:
        if before is None:
            return Part.NEW
        return Part.MOVED_IN if kind_of(before["stage"]) == "open" else Part.REOPENED
    if after is None:
        return Part.DELETED
    return {"won": Part.WON, "lost": Part.LOST}.get(kind_of(after["stage"]), Part.MOVED_OUT)


def reckon(world: World, between: Between, members: set[int]) -> tuple[Sums, dict[str, set[int]]]:
    """The waterfall in plain Python: by part its sums and its records."""
    sums: Sums = defaultdict(lambda: defaultdict(Decimal))
    whose: dict[str, set[int]] = defaultdict(set)
    old, new = (world.was(at) for at in between.moments)
    days = between.start, between.end
    for pk in {*old, *new}:
        before, after = old.get(pk), new.get(pk)
        was_in = before is not None and kind_of(before["stage"]) == "open" and is_asked(before, between.asked, members)
        is_in = after is not None and kind_of(after["stage"]) == "open" and is_asked(after, between.asked, members)
        if not was_in and not is_in:
            if before is None and after is not None and is_asked(after, between.asked, members):
                whose[f"came_{kind_of(after['stage'])}"].add(pk)
            continue
        part = part_of(before, after, was_in, is_in, days).value
        whose[part].add(pk)
        for row, inside, sign, end, day in (
            (before, was_in, -1, OPENING, days[0]),
            (after, is_in, 1, CLOSING, days[1]),
        ):
            if inside and row:
                bucket, value = worth(row, day)
                whose[end].add(pk)
                if bucket:
                    sums[end][bucket] += value
                    sums[part][bucket] += sign * value
    return sums, whose


def told(found: Waterfall) -> tuple[dict[str, dict[str, Decimal]], dict[str, int]]:
    """The sums that are not zero, and the counts, by part."""
    steps = {OPENING: found.opening, CLOSING: found.closing, **{p.value: s for p, s in found.parts.items()}}
    sums = {key: {name: total for name, total in one.sums.items() if total} for key, one in steps.items()}
    in_sums = {key: one for key, one in sums.items() if one and not key.startswith("came")}
    return in_sums, {key: one.count for key, one in steps.items() if one.count}


WAYS = {"win", "reopen", "undo", "remove", "by_file", "by_sql", "place", "bring_back", "merge_accounts"}


def knows_every_moment(world: World) -> None:
    """Whatever way they were written, all are as they were; also if only some are asked for."""
    assert {*world.done} >= WAYS
    for at in world.some_moments(12):
        found = {pk: {name: getattr(one, name) for name in FIELDS} for pk, one in states(at).items()}
        assert found == world.was(at), f"at {at}"
    some = sorted(world.was(world.at))[:3]
    assert sorted(states(world.at, ids=some)) == some
    assert len(states(world.at)) == Opportunity.objects.count()


def test_opening_and_parts_come_to_the_closing_between_any_two_days(root: User, ann: User, team: Team) -> None:
    ann.team = team
    ann.save()
    with company():
        world = World(root, [None, ann, root], seed=5)
        world.live(110)
        knows_every_moment(world)
        chance, seen = world.chance, Counter[str]()
        first = handbook.current().today(world.moments[0])
        length = (world.at.date() - first).days + 1
        asks = [
            Asked(),
            Asked(owner=ann.pk),
            Asked(team=team.pk, type="renewal"),
            Asked(team=0, close_until=date(2026, 5, 31)),
            Asked(owner=0, type="none"),
            Asked(account=world.accounts[0].pk),
            Asked(close_since=date(2026, 4, 1), close_until=date(2026, 6, 30)),
        ]
        for number in range(24):
            start = first + timedelta(days=chance.randrange(-40, length))
            end = start + timedelta(days=chance.randrange(1, length))
            between = Between(start, end, asks[number % len(asks)])
            found = waterfall(between)
            sums, whose = reckon(world, between, {ann.pk})
            expected = {key: {name: total for name, total in one.items() if total} for key, one in sums.items()}
            assert told(found) == (
                {key: one for key, one in expected.items() if one},
                {key: len(one) for key, one in whose.items()},
            )
            for currency in (found.currency, *found.currencies):
                moved = sum((one.of(currency) for one in found.parts.values()), Decimal(0))
                came = sum((found.parts[p].of(currency) for p in (Part.CAME_WON, Part.CAME_LOST)), Decimal(0))
                assert found.opening.of(currency) + moved - came == found.closing.of(currency)
            part = chance.choice(sorted(whose) or [OPENING])
            assert {one.id for one in lines(between, part)} == whose[part]
            seen.update(dict.fromkeys(whose, 1))
    # Every part was there, or the world says nothing of it.
    assert {part.value for part in Part} <= {*seen}
