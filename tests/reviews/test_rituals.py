"""Rituals from when they are due to what came of them: kept, missed, skipped, taken back; who may, and two at once."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from crm import handbook
from crm.checkups.models import Run
from crm.core.errors import Refused
from crm.handbook.models import HandbookVersion
from crm.notifications.models import Delivery, Notification
from crm.people.models import Absence, User
from crm.reviews.models import Occasion
from crm.reviews.rituals.reminding import remind
from crm.reviews.rituals.rows import said_of, verdict_of
from crm.reviews.rituals.services import take_back
from crm.reviews.rituals.standing import standings
from crm.reviews.rituals.words import frequency, period_words
from tests.races import race
from tests.reviews.holding import MONDAY, WEEK, done, held_since, rituals, skipped, stands

pytestmark = pytest.mark.django_db
HUDDLE, STAND_UP, CHECKUP = "sales_huddle", "stand_up", "contributor_checkup"
DAY = timedelta(days=1)


def test_the_shipped_handbook_has_the_rituals_of_the_page() -> None:
    book = handbook.current()
    on = {one.label: frequency(one) for one in book.rituals if one.on}
    assert len(on) == 13
    assert on["Stand-up"] == "Three to four times a week"
    assert on["Release announcements"] == "Every three weeks"
    assert on["Contributor experience checkup"] == "Monthly on day 1"
    assert [one.label for one in book.rituals if not one.on] == [
        "Customer debriefs",
        "Product review",
        "Advisory meetings",
    ]


def test_a_week_from_due_to_done(maya: User, now: datetime) -> None:
    held_since(now - 20 * DAY)
    before = stands(HUDDLE, now)
    assert [one.due_on for one in before.due] == [MONDAY]
    assert said_of(before) == "Due since Mon, Mar 2, until Sun, Mar 8"
    assert [one.period.first for one in before.missed] == [MONDAY - n * WEEK for n in (1, 2, 3)], (
        "it began on a Thursday"
    )
    assert before.is_missed

    occasion = done(HUDDLE, maya, now, came_of="  Two close dates moved. ")
    after = stands(HUDDLE, now + DAY)
    assert (occasion.came_of, occasion.by, occasion.at) == ("Two close dates moved.", maya, now)
    assert (after.due, after.streak, after.is_missed, after.next_on) == ([], 1, False, MONDAY + WEEK)
    assert after.last_done is not None
    assert after.last_done.came_of == "Two close dates moved."
    assert (verdict_of(after), said_of(after)) == ("done", "Next: Mon, Mar 9")
    # The week after, it is due again; when that has passed without a word, it is missed.
    assert verdict_of(stands(HUDDLE, now + WEEK)) == "due"
    later = stands(HUDDLE, now + 2 * WEEK)
    assert (later.streak, later.is_missed, later.missed[0].period.first) == (0, True, MONDAY + WEEK)
    # It was held all the same, and that is written down late.
    done(HUDDLE, maya, now + 2 * WEEK, period=MONDAY + WEEK)
    assert (stands(HUDDLE, now + 2 * WEEK).streak, stands(HUDDLE, now + 2 * WEEK).is_missed) == (2, False)


def test_three_times_a_week_is_kept_by_three_and_four_are_welcome(alex: User, now: datetime) -> None:
    held_since(now - 2 * DAY)
    first = stands(STAND_UP, now)
    assert [one.due_on for one in first.now] == [MONDAY, MONDAY + DAY, MONDAY + 3 * DAY, None]
    assert [one.verdict for one in first.now] == ["due", "due", "coming", "welcome"]
    for number in (1, 2, 3):
        assert stands(STAND_UP, now).streak == 0
        done(STAND_UP, alex, now, number=number)
    assert stands(STAND_UP, now).streak == 1
    done(STAND_UP, alex, now, number=4, came_of="One more")
    with pytest.raises(Refused, match="not held at that time") as refused:
        done(STAND_UP, alex, now, number=5)
    assert refused.value.code == "not_asked_for"
    assert stands(STAND_UP, now + WEEK).streak == 1


def test_what_is_skipped_for_a_reason_is_neither_missed_nor_kept(maya: User, now: datetime) -> None:
    held_since(now - 2 * WEEK)
    done(HUDDLE, maya, now, period=MONDAY - 2 * WEEK)
    with pytest.raises(Refused, match="Say why") as refused:
        skipped(HUDDLE, maya, now, period=MONDAY - WEEK, why=" ")
    assert refused.value.codes == ("needs_reason",)
    skipped(HUDDLE, maya, now, period=MONDAY - WEEK, why="Everybody was at the fair")
    done(HUDDLE, maya, now)
    found = stands(HUDDLE, now)
    assert (found.missed, found.streak, found.decided) == ([], 2, [True, True])


def test_a_slip_is_taken_back_and_stays_to_be_read(maya: User, mona: User, charlie: User, now: datetime) -> None:
    held_since(now - 2 * DAY)
    slip = done(HUDDLE, maya, now, came_of="The wrong one")
    with pytest.raises(Refused) as refused:
        take_back(slip, actor=charlie, at=now, via="test")
    assert refused.value.code == "forbidden"
    take_back(slip, actor=mona, at=now + DAY, via="test")
    take_back(slip, actor=maya, at=now + 2 * DAY, via="test")  # twice is no mistake
    slip.refresh_from_db()
    assert (slip.came_of, slip.taken_back_by, slip.taken_back_at) == ("The wrong one", mona, now + DAY)
    assert verdict_of(stands(HUDDLE, now)) == "due"
    done(HUDDLE, maya, now)
    assert Occasion.objects.count() == 2


def test_it_is_answered_by_whose_it_is_by_who_stands_in_and_by_managers(
    alex: User, ann: User, mona: User, charlie: User, robot: User, now: datetime
) -> None:
    held_since(now - 3 * WEEK)
    for nobody in (charlie, ann, robot):
        with pytest.raises(Refused) as refused:
            done("customer_voice", nobody, now)
        assert refused.value.code == "forbidden"
    done("customer_voice", alex, now)
    done("customer_voice", mona, now, period=MONDAY - WEEK)
    Absence.objects.create(user=alex, first_day=date(2026, 3, 1), last_day=date(2026, 3, 31), stand_in=ann)
    done("customer_voice", ann, now, period=MONDAY - 2 * WEEK)
    with pytest.raises(Refused, match="no such ritual"):
        done("customer_debriefs", mona, now)  # switched off
    for period, number in ((MONDAY + WEEK, 1), (MONDAY + DAY, 1), (MONDAY, 0)):
        with pytest.raises(Refused, match="not held at that time"):
            done("customer_voice", mona, now, period=period, number=number)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_answer_at_once_the_second_is_told_who_was_first(mona: User, root: User, now: datetime) -> None:
    held_since(now - 2 * DAY)
    results = race(
        partial(done, HUDDLE, mona, now),
        partial(done, HUDDLE, root, now),
        behind="SELECT pg_advisory_xact_lock(hashtextextended(%s, 7))",
        values=(f"ritual:{HUDDLE} {MONDAY} 1",),
    )
    (refused,) = [one for one in results if isinstance(one, Refused)]
    first = Occasion.objects.get().by
    assert (refused.code, refused.message) == ("answered", f"{first} has said already that it was done.")


def test_the_monthly_checkup_is_done_by_a_whole_run(root: User, now: datetime) -> None:
    held_since(now - 40 * DAY)
    first = date(2026, 3, 1)
    with rituals(CHECKUP):
        assert verdict_of(stands(CHECKUP, now)) == "due"
        with pytest.raises(Refused, match="whole run") as refused:
            done(CHECKUP, root, now, period=first)
        assert refused.value.code == "by_itself"
        common = {"by": root, "started_at": now, "finished_at": now, "handbook": "0"}
        Run.objects.create(why=Run.Why.ASKED, state=Run.State.DONE, rules=["data.labels"], **common)
        Run.objects.create(why=Run.Why.NIGHTLY, state=Run.State.DONE, **common)
        Run.objects.create(why=Run.Why.ASKED, state=Run.State.FAILED, **common)
        assert verdict_of(stands(CHECKUP, now)) == "due", "none of these looked at everything"
        run = Run.objects.create(why=Run.Why.MONTHLY, state=Run.State.DONE, **common)
        found = stands(CHECKUP, now)
    assert verdict_of(found) == "done"
    assert found.last_done is not None
    assert found.last_done.run == run


def test_nothing_is_missed_from_before_a_ritual_was_held_so_often(now: datetime) -> None:
    held_since(now - 60 * DAY)
    assert len(stands(HUDDLE, now).missed) > 6
    # A version in which it is held once a month came in between: what was weekly is weekly anew.
    version = HandbookVersion.objects.get()
    monthly = version.text.replace('key = "sales_huddle"', 'key = "sales_huddle"\ntimes = 2')
    HandbookVersion.objects.create(text=monthly, sha256="1" * 64, applied_at=now - 40 * DAY)
    HandbookVersion.objects.create(text=version.text, sha256=version.sha256, applied_at=now - 9 * DAY)
    found = stands(HUDDLE, now)
    assert found.began == date(2026, 2, 23)
    assert [one.period.first for one in found.missed] == [MONDAY - WEEK]
    # Its words may change without that.
    HandbookVersion.objects.create(text="other = 1", sha256="2" * 64, applied_at=now)
    assert stands(HUDDLE, now).times == [], "the handbook in force does not have it at all"


def test_who_answers_is_reminded_once_from_when_the_company_opens(
    maya: User, alex: User, now: datetime, settings: Any
) -> None:
    settings.CHAT_WEBHOOKS = {"rituals": "https://chat.example.com/hook"}
    held_since(now - 2 * DAY)
    early = datetime.fromisoformat("2026-03-09T05:59:00-07:00")
    with rituals(HUDDLE, "overnight_feedback"):
        remind(at=early)
        assert not Notification.objects.exists()
        for minutes in (1, 2, 600, 1440, 1441):
            remind(at=early + timedelta(minutes=minutes))
        told = [(one.to, one.title) for one in Notification.objects.filter(kind="ritual_due").order_by("pk")]
        assert set(told) == {(maya, "Sales huddle: due today"), (alex, "Overnight customer feedback: due today")}
        assert len(told) == 3, "the daily one once more the day after"
        assert Notification.objects.filter(kind="ritual_due", to=maya).get().address == "/admin/rituals/sales_huddle/"
    with rituals(HUDDLE):
        done(HUDDLE, maya, early + DAY, period=MONDAY + WEEK)
        assert remind(at=early + 2 * DAY) == 0
    assert Delivery.objects.filter(medium="chat", room="rituals").count() == 3, "each once"


def test_what_is_due_while_another_handbook_is_in_force_is_nobody_s_business(maya: User, now: datetime) -> None:
    held_since(now - 2 * DAY)
    HandbookVersion.objects.create(text="other = 1", sha256="2" * 64, applied_at=now)
    assert remind(at=now) == 0


def test_all_of_them_cost_the_same_queries_as_few(
    maya: User, alex: User, root: User, now: datetime, django_assert_max_num_queries: Any
) -> None:
    held_since(now - 300 * DAY)
    with django_assert_max_num_queries(12):
        assert len(standings(handbook.current(), at=now)) == 13
    assert period_words(stands("release_announcements", now).now[0].period) == "Feb 16 – Mar 8"
