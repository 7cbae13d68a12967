"""What the reader refuses about rituals: what they open has to be there, and their frequency has to be possible."""

from __future__ import annotations

import pytest

from tests.handbook.conftest import Spoil

OPENS = '{ page = "huddle", object = "opportunity", view = "open_opportunities" }'
HUDDLE = f'per = "week"\ndri = "maya.manager@plumb.example"\nopens = {OPENS}'
DAILY = 'per = "day"\ndri'
STAND_UP = 'per = "week"\ntimes = 3\nmost_times = 4'
EVERY = "every = 3\nsince = 2026-01-05"
MONTHLY = 'per = "month"\nmonth_day = 1'


def huddle(old: str, new: str) -> tuple[str, str]:
    """A change of the sales huddle alone."""
    assert old in HUDDLE
    return HUDDLE, HUDDLE.replace(old, new)


@pytest.mark.parametrize(
    ("change", "where", "found", "allowed"),
    [
        # --- what it opens, and whose it is
        (huddle('view = "open_opportunities"', 'view = "all_leads"'), "[10].opens.view", '"all_leads"', "open_opp"),
        (huddle('object = "opportunity", ', ""), "[10].opens", "not clear", "page, or object and view"),
        (huddle(', view = "open_opportunities"', ""), "[10].opens", "not clear", "all three"),
        (huddle(OPENS, "{ }"), "[10].opens", "not clear", "page"),
        (huddle('"huddle"', '"huddles"'), "[10].opens.page", "huddles", ""),
        (huddle("maya.manager@plumb.example", "boss"), "[10].dri", '"boss"', "or the email of a user"),
        (('key = "stand_up"', 'key = "customer_voice"'), "[5].key", '"customer_voice" a second time', "each once"),
        # --- how often
        ((DAILY, 'per = "day"\ntimes = 2\ndri'), "[0].times", "2", "daily: 1"),
        ((DAILY, 'per = "day"\nmost_times = 2\ndri'), "[0].most_times", "2", "never a day"),
        ((DAILY, 'per = "day"\nevery = 2\nsince = 2026-01-05\ndri'), "[0].every", "2", '"week"'),
        ((DAILY, 'per = "hour"\ndri'), "[0].per", '"hour"', "day"),
        ((STAND_UP, STAND_UP.replace("3", "6").replace("4", "7")), "[5].times", "6", "5 working days"),
        ((STAND_UP, STAND_UP.replace("4", "3")), "[5].most_times", "3", "more than times, 3"),
        ((STAND_UP, f'{STAND_UP}\ndays = ["monday", "friday"]'), "[5].days", "2 days for 3 times", "as many"),
        ((STAND_UP, f"{STAND_UP}\nmonth_day = 3"), "[5].month_day", "3", '"month", once'),
        ((EVERY, "every = 3"), "[9].since", "nothing", "first period"),
        ((EVERY, "since = 2026-01-05"), "[9].since", "2026-01-05", "more than 1"),
        ((EVERY, EVERY.replace("3", "0", 1)), "[9].every", "0", "from 1 up"),
        ((MONTHLY, f'{MONTHLY}\ndays = ["monday"]'), "[11].days", "a list", '"day" or "week"'),
        ((MONTHLY, MONTHLY.replace("1", "32")), "[11].month_day", "32", "up to 31"),
        (("on_holidays = true\ndri", 'on_holidays = "yes"\ndri'), "[11].on_holidays", '"yes"', "true or false"),
        ((HUDDLE, f'{HUDDLE}\ndone_by = "checkup"'), "[10].done_by", '"checkup"', 'the page "checkups"'),
        ((HUDDLE, f"{HUDDLE}\nhow = 3"), "[10].how", "not known", "key"),
    ],
)  # fmt: skip
def test_it_refuses_a_ritual_that_cannot_be(
    refused: Spoil, change: tuple[str, str], where: str, found: str, allowed: str
) -> None:
    problems = refused(change)
    assert [problem.where for problem in problems] == [f"rituals{where}"], problems
    assert found in problems[0].found
    assert allowed in problems[0].allowed
