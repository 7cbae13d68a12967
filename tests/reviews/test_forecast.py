"""The figures of a quarter's forecast: each opportunity once, in one part, and every number the list it opens."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from contracts.models import Opportunity
from crm.people.models import User
from crm.reviews.forecast.asked import OPEN_PARTS, PARTS, Asked, read_asked
from crm.reviews.forecast.figures import Figures, counted, forecast
from tests.factories import make_account, make_opportunity
from tests.reviews.forecasting import LAST, QUARTER, TODAY, company, is_late, part_of, set_quota, told_again, world

pytestmark = pytest.mark.django_db
ASKED = Asked(QUARTER)


def told(*values: object) -> tuple[object, ...]:
    """Values side by side: amounts are equal to whole numbers."""
    return values


def as_told(owners: dict[int | None, Figures]) -> dict[object, object]:
    """Figures as the twin tells them."""
    found = {
        (owner, part): (one.worth, one.count, one.without, one.apart)
        for owner, figures in owners.items()
        for part, one in [*figures.parts.items(), ("weighted", figures.weighted)]
        if one.count
    }
    return {key: (*value[:3], dict(sorted(value[3].items()))) for key, value in found.items()}


def test_the_figures_are_those_of_a_plain_count_and_each_number_opens_what_it_counts(
    alice: User, bob: User, charlie: User, now: datetime
) -> None:
    with company():
        rows = world([alice, bob, charlie, None], 90)
        set_quota(alice, 100_000)
        set_quota(bob, 50_000, currency="CHF")
        found = forecast(ASKED, at=now)
        again = {key: (*one[:3], dict(sorted(one[3].items()))) for key, one in told_again(rows).items()}
        assert as_told(found.owners) == again
        for part in PARTS:
            mine = {one.pk for one in rows if part_of(one, QUARTER, LAST, TODAY) == part}
            if part == "past_due":
                mine = {one.pk for one in rows if is_late(one, QUARTER, LAST, TODAY)}
            assert len(mine) == found.total[part].count
            listed = Opportunity.objects.filter(counted(replace(ASKED, part=part), at=now))
            assert {one.pk for one in listed} == mine, part
            for owner, figures in found.owners.items():
                narrow = replace(ASKED, part=part, owner=owner or 0)
                theirs = Opportunity.objects.filter(counted(narrow, at=now))
                assert {one.pk for one in theirs} == {
                    one.pk for one in rows if one.pk in mine and one.owner_id == owner
                }
                without = theirs.filter(counted(replace(narrow, lack="amount"), at=now))
                assert without.count() == figures[part].without
                rate = Opportunity.objects.filter(counted(replace(narrow, lack="rate"), at=now))
                assert {one.currency for one in rate} == set(figures[part].apart)
        team = forecast(replace(ASKED, team=alice.team_id), at=now)
        assert set(team.owners) == {alice.pk, bob.pk}
        assert team.total.closing == found.owners[alice.pk].closing + found.owners[bob.pk].closing
        assert (team.total.quota, team.total.quota_apart) == (Decimal(100_000), {"CHF": Decimal(50_000)})
        assert set(forecast(replace(ASKED, owner=0), at=now).owners) <= {None}


def test_each_opportunity_is_counted_once_whole_and_in_one_quarter(alice: User, now: datetime) -> None:
    account = make_account()

    def one(stage: str, day: date | None, amount: int | None = 100, stated: str = "") -> Opportunity:
        return make_opportunity(
            account=account, owner=alice, stage=stage, close_on=day, amount=amount, stated_forecast=stated
        )

    one("closed_won", date(2026, 1, 1), stated="omitted")  # what was stated ends with the opportunity
    one("closed_won", date(2026, 3, 31))
    one("closed_won", date(2025, 12, 31))
    one("closed_won", date(2026, 4, 1))
    one("closed_won", None)
    one("closed_lost", date(2026, 3, 20), stated="commit")
    one("negotiation", TODAY)
    one("negotiation", date(2026, 3, 3))  # yesterday
    one("negotiation", date(2025, 12, 31))
    one("negotiation", None)
    one("discovery", date(2026, 3, 31), stated="commit")
    one("negotiation", date(2026, 3, 31), stated="omitted")
    one("negotiation", date(2026, 4, 1))
    one("scope", date(2026, 3, 31), None)
    figures = forecast(ASKED, at=now).total
    assert {part: told(figures[part].worth, figures[part].count) for part in PARTS} == {
        "won": (200, 2),
        "commit": (300, 3),
        "best_case": (0, 0),
        "pipeline": (0, 1),
        "omitted": (100, 1),
        "past_due": (100, 1),
        "earlier": (100, 1),
        "undated": (100, 1),
    }
    assert figures["pipeline"].without == 1
    assert figures.weighted.worth == 90 + 90 + 10 + 90
    # Past due counts in its own quarter while that runs, is expected in no later one, and is told there.
    later = forecast(Asked(date(2026, 4, 1)), at=now).total
    assert told(later["won"].worth, later["commit"].worth, later["earlier"].count) == (100, 100, 2)
    over = forecast(ASKED, at=now + timedelta(days=40)).total
    assert told(over["won"].worth, over.open.count, over["past_due"].worth, over["past_due"].count) == (200, 0, 400, 5)
    # Of a quarter that is over nothing that is open is forecast.
    before = forecast(Asked(date(2025, 10, 1)), at=now).total
    assert told(before["won"].worth, before.open.count, before["past_due"].count) == (100, 0, 1)


def test_the_quota_says_what_is_missing_and_how_well_it_is_covered(alice: User, bob: User, now: datetime) -> None:
    account = make_account()
    for stage, amount in (("closed_won", 300), ("negotiation", 500), ("discovery", 800)):
        make_opportunity(account=account, owner=alice, stage=stage, amount=amount, close_on=LAST)
    make_opportunity(account=account, owner=alice, amount=9_000, close_on=LAST, stated_forecast="omitted")
    make_opportunity(account=account, owner=bob, stage="closed_won", amount=100, close_on=LAST)
    set_quota(alice, 1_000)
    set_quota(bob, 100)
    found = forecast(ASKED, at=now)
    mine, his = found.owners[alice.pk], found.owners[bob.pk]
    assert told(mine.missing, mine.attained, mine.coverage) == (700, 30, 186)
    assert told(his.missing, his.attained, his.coverage) == (0, 100, None)
    assert told(found.total.quota, found.total.missing, found.total.attained) == (1_100, 700, 36)
    assert told(mine.closing, mine.best, mine.expected) == (800, 800, 300 + 450 + 80)
    assert [one.quota for one in forecast(Asked(date(2026, 4, 1)), at=now).owners.values()] == []
    assert set(OPEN_PARTS) < set(PARTS)


def test_a_quarter_is_the_fiscal_year_s(alice: User, now: datetime) -> None:
    set_quota(alice, 100)
    with company(fiscal_year_start=2):
        # A quota from before the fiscal year was changed is in no quarter, and not forgotten.
        found = forecast(read_asked({}, at=now), at=now)
        assert (found.total.quota, found.misplaced) == (None, {date(2026, 1, 1): 1})
        asked = read_asked({}, at=now)
        assert (asked.first, asked.last, asked.label) == (date(2026, 2, 1), date(2026, 4, 30), "Q1 2027")
        assert read_asked({"quarter": "2026-01-31"}, at=now).first == date(2025, 11, 1)
