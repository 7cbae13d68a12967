"""Many moments in one statement say of each what it says alone: of a random history, and of one from another system."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection

from crm.people.models import User
from crm.reviews.pipeline.as_of import NAMES, State, states
from crm.reviews.pipeline.as_of_each import as_of_each
from tests.imports.activities import field_history, stage_history
from tests.imports.export import account, bring_in, opportunity, write
from tests.reviews.forecasting import company
from tests.reviews.pipelining import World

pytestmark = pytest.mark.django_db


def each(moments: Sequence[datetime]) -> dict[int, dict[int, State]]:
    """Every opportunity at each moment, by the moment's number."""
    statement, params = as_of_each(moments)
    found: dict[int, dict[int, State]] = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT n, {', '.join(NAMES)} FROM ({statement}) one", params)
        for number, *row in cursor:
            assert row[0] not in found[number], "there is one of each"
            found[number][row[0]] = State(*row)
    return found


def says_the_same(moments: Sequence[datetime]) -> int:
    """How many there are at all of the moments; each is as it is asked for alone."""
    found = each(moments)
    for number, at in enumerate(moments, 1):
        assert found[number] == states(at), f"at {at}"
    return sum(map(len, found.values()))


def test_each_moment_of_a_random_history_is_told_as_it_is_alone(root: User, ann: User) -> None:
    with company():
        world = World(root, [None, ann, root], seed=5)
        world.live(110)
        assert {*world.done} >= {"win", "reopen", "undo", "remove", "by_file", "by_sql", "place", "bring_back"}
        moments = sorted(world.some_moments(14))
        # Two that are the same are two: a week may belong to two quarters.
        assert says_the_same([*moments[:20], *moments[19:]]) > 100


def test_what_another_system_kept_is_told_at_each_moment(tmp_path: Path) -> None:
    write(tmp_path, "Account", account(1))
    write(
        tmp_path,
        "Opportunity",
        opportunity(1, StageName="Proposal/Price Quote", Amount="3000", CloseDate="2025-09-30"),
        opportunity(2, StageName="Prospecting", Amount="10", CloseDate="2025-09-30"),
    )
    on = "2025-05-{:02}T10:00:00.000+0000".format
    write(
        tmp_path,
        "OpportunityHistory",
        stage_history(1, "Prospecting", on(2), Amount="1000", CloseDate="2025-07-31"),
        stage_history(2, "Needs Analysis", on(9), Amount="1200.5", CloseDate="2025-02-30"),
    )
    write(
        tmp_path,
        "OpportunityFieldHistory",
        field_history(3, "StageName", "Needs Analysis", "Proposal/Price Quote", on(20)),
        field_history(4, "Amount", "", "3000", on(22)),
        field_history(5, "Amount", "2500", "", on(21)),
    )
    bring_in(tmp_path)
    first = datetime(2025, 4, 29, 12, tzinfo=UTC)
    assert says_the_same([first + timedelta(days=day) for day in range(40)]) > 20
