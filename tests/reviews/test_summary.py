"""The summary of the week: what it says, who gets it, when, and that it is told once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from io import StringIO
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from contracts.models import Opportunity
from crm import handbook
from crm.core.acting import acting
from crm.core.door import create, move
from crm.handbook.models import HandbookVersion
from crm.notifications.delivering import deliver
from crm.notifications.models import Delivery, Muted, Notification
from crm.people.models import Team, User
from crm.reviews.models import Quota
from crm.reviews.summary.figures import Summary, summary_of
from crm.reviews.summary.sending import KIND, send, send_due
from crm.reviews.summary.when import due_at, due_week, next_due
from tests.enquiries.asking import touched
from tests.factories import make_contact, make_lead, make_opportunity, make_user
from tests.notifications.conftest import use_mail_server
from tests.notifications.servers import chat_server, mail_server
from tests.races import race
from tests.reviews.holding import MONDAY, held_since

DAY, WEEK = timedelta(days=1), timedelta(days=7)
PAGE = "/admin/reviews/summary/"
OPENS = datetime.fromisoformat("2026-03-09T06:00:00-07:00")  # the Monday after, when the company opens
REGULAR = datetime.fromisoformat("2026-03-02T06:00:00-08:00")


@contextmanager
def handbook_with(**changed: Any) -> Iterator[None]:
    """The handbook's section about reviews is changed in these values."""
    book = handbook.current()
    handbook._in_use.append(book.model_copy(update={"reviews": book.reviews.model_copy(update=changed)}))
    try:
        yield
    finally:
        handbook._in_use.pop()


def log_in(user: User) -> Client:
    """Their browser."""
    client = Client()
    client.force_login(user, backend="crm.people.backends.EmailBackend")
    return client


def told() -> list[tuple[str, str]]:
    """Whom the bell told what, in order."""
    rows = Notification.objects.filter(kind=KIND).select_related("to").order_by("pk")
    return [(one.to.first_name, one.title) for one in rows]


@pytest.fixture
def north(team: Team, mona: User) -> Team:
    """Alice's team, which Mona manages."""
    Team.objects.filter(pk=team.pk).update(manager=mona)
    held_since(REGULAR - 30 * DAY)
    return team


@pytest.fixture
def max_(db: None) -> User:
    """A manager without a team."""
    return make_user("max", role="manager")


@pytest.mark.django_db
def test_it_is_due_when_the_company_opens_on_the_weekday_or_next(db: None) -> None:
    held_since(REGULAR - 100 * DAY)
    assert due_at(MONDAY) == REGULAR
    # Presidents' Day, Monday 16 February 2026, is a holiday.
    assert due_at(date(2026, 2, 16)) == datetime.fromisoformat("2026-02-17T06:00:00-08:00")
    assert due_week(REGULAR - timedelta(seconds=1)) == MONDAY - WEEK
    assert due_week(REGULAR) == due_week(REGULAR + 6 * DAY) == MONDAY
    assert next_due(REGULAR) == OPENS
    with handbook_with(summary="saturday"):
        assert due_at(MONDAY) == OPENS, "closed until the week after"
        assert due_week(OPENS) == MONDAY
    held_since(REGULAR + timedelta(seconds=1))
    assert due_week(REGULAR + DAY) is None, "Plumb was not there yet when it was due"


@pytest.mark.django_db
def test_each_manager_gets_their_team_s_or_everything_once_and_late_when_nobody_sent(
    north: Team, max_: User, root: User, alice: User, settings: Any
) -> None:
    settings.SENDS_EMAIL, settings.CHAT_WEBHOOKS = True, {"rituals": "https://chat.example.com/hook"}
    make_opportunity(owner=alice, amount=1000)
    make_opportunity(amount=500)
    assert send_due(at=REGULAR) == 2
    assert told() == [("Mona", "Week of 2 Mar 2026, North"), ("Max", "Week of 2 Mar 2026")]
    mona_s, all_s = Notification.objects.filter(kind=KIND).order_by("pk")
    assert mona_s.text.startswith("1 open opportunity, 1,000 USD")
    assert mona_s.address == f"{PAGE}?team={north.pk}"
    assert all_s.text.startswith("2 open opportunities, 1,500 USD")
    for later in (1, 300, 3600, 6 * 86400):
        assert send_due(at=REGULAR + timedelta(seconds=later)) == 0
    assert Delivery.objects.filter(kind=KIND).count() == 3, "two emails and one post"
    assert send_due(at=OPENS + 3 * DAY) == 2, "beat was down from Monday to Thursday"
    assert send_due(at=OPENS + 4 * DAY) == 0
    # A manager who manages two teams gets one of each; whoever leaves gets none.
    Team.objects.exclude(pk=north.pk).delete()
    Team.objects.create(name="West", manager=max_)
    User.objects.filter(first_name="Mona").update(is_active=False)
    assert send_due(at=OPENS + WEEK) == 1
    assert told()[-1] == ("Max", "Week of 16 Mar 2026, West")
    # Where nobody is a manager, administrators are.
    User.objects.filter(role="manager").update(is_active=False)
    assert send_due(at=OPENS + 2 * WEEK) == 1
    assert told()[-1] == ("Root", "Week of 23 Mar 2026")
    HandbookVersion.objects.create(text="other = 1", sha256="2" * 64, applied_at=OPENS)
    assert send_due(at=OPENS + 3 * WEEK) == 0, "another handbook is in force"


@pytest.mark.django_db
def test_who_wants_none_gets_none_and_costs_nothing(
    north: Team, mona: User, settings: Any, django_assert_max_num_queries: Any
) -> None:
    settings.SENDS_EMAIL, settings.CHAT_WEBHOOKS = True, {}
    Muted.objects.create(user=mona, kind=KIND, way="bell")
    assert send_due(at=REGULAR) == 1
    assert (told(), Delivery.objects.get().to) == ([], mona)
    assert send_due(at=REGULAR + DAY) == 0
    Muted.objects.create(user=mona, kind=KIND, way="email")
    with django_assert_max_num_queries(12):
        assert send_due(at=REGULAR + WEEK) == 0
    settings.SENDS_EMAIL = False
    Muted.objects.filter(way="email").delete()
    with django_assert_max_num_queries(12):
        assert send_due(at=REGULAR + WEEK) == 0, "her only way is not open on this server"


@pytest.mark.django_db(transaction=True)
def test_workers_that_send_at_the_same_time_send_once(mona: User, settings: Any) -> None:
    settings.SENDS_EMAIL, settings.CHAT_WEBHOOKS = True, {"rituals": "https://chat.example.com/hook"}
    make_opportunity(amount=500)
    calls = [lambda: send(MONDAY, at=REGULAR) for _ in range(3)]
    sent = race(*calls, behind="LOCK TABLE notifications_notification IN ACCESS EXCLUSIVE MODE")
    assert sorted(sent) == [0, 0, 1], sent
    assert told() == [("Mona", "Week of 2 Mar 2026")]
    assert Delivery.objects.filter(kind=KIND).count() == 2


def lines_of(summary: Summary) -> dict[str, list[str]]:
    """Its words by the first word of each section."""
    return {one.title.split(" ")[0].rstrip(","): [line.words for line in one.lines] for one in summary.sections}


@pytest.fixture
def week(north: Team, alice: User, charlie: User, mona: User, now: datetime) -> datetime:
    """What happened in a week, to Alice's team and to others; the moment at which it is told, a week after."""
    then = now + 8 * DAY
    system = User.objects.system()
    mine = make_opportunity(owner=alice, amount=1000, close_on=date(2026, 3, 20))
    make_opportunity(owner=charlie, amount=9000, close_on=date(2026, 3, 20))
    with acting(actor=system, via="test", at=now):
        mine.next_step, mine.next_step_due = "Call", (now + 2 * DAY).date()
        mine.save()
    with acting(actor=system, via="test", at=now + 4 * DAY):
        mine.refresh_from_db()
        mine.amount = 1500
        mine.save()
    new = Opportunity(name="New 2026", account=mine.account, owner=alice, amount=500, stage="meeting_set")
    create(new, actor=system, at=now + 4 * DAY, via="test", state="meeting_set")
    with acting(actor=mona, via="test", at=now):
        Quota.objects.create(owner=alice, quarter=date(2026, 1, 1), amount=4000, currency="USD")
    make_lead(owner=alice, at=now)
    make_lead(owner=charlie, at=now)
    touched(make_contact(), alice, now + 5 * DAY, kind="meeting", outcome="no_show")
    touched(make_contact(), charlie, now + 5 * DAY, kind="meeting", outcome="held")
    return then


@pytest.mark.django_db
def test_it_says_how_everything_stands_and_what_changed(
    week: datetime, north: Team, mona: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = summary_of(date(2026, 3, 9), north, at=week)
    said = lines_of(summary)
    assert said["Pipeline"][0].startswith("Open: 2, 2,000 USD, weighted 0, change +1, +1,000"), said
    assert said["Forecast"][0] == "Won: 0 USD of a quota of 4,000 USD (0%)"
    assert said["Promises"] == [
        "1 open opportunity whose promise was not kept",
        "Next steps due in the week: 0 of 1 kept (0%), 1 not kept",
    ]
    assert said["Leads"][0] == "1 lead over the limit of their status"
    assert said["Meetings"][0] == "1 meeting with customers not held: no-show, rescheduled or cancelled"
    assert any(line.endswith("missed 1 time") for line in said["Meetings"][1:]), "rituals are the company's"
    everything = lines_of(summary_of(date(2026, 3, 9), None, at=week))
    assert everything["Pipeline"][0].startswith("Open: 3, 11,000 USD"), everything
    # Each line's page has as many records as the line says.
    monkeypatch.setattr("django.utils.timezone.now", lambda: week)
    browser = log_in(mona)
    for section in summary.sections:
        assert browser.get(section.address).status_code == 200, section
        for line in section.lines:
            answer = browser.get(line.address)
            assert answer.status_code == 200, line
            first = line.words.split(" ")[0]
            if first.isdigit() and "cl" in answer.context:
                assert answer.context["cl"].result_count == int(first), line
    assert browser.get(said_address(summary, "Open: 2")).context["cl"].result_count == 2
    page = browser.get(PAGE)
    assert page.context["summary"].headline == summary.headline
    assert "to Mona" in page.content.decode()
    assert browser.get(f"{PAGE}?team=all").context["summary"].team is None
    assert browser.get(f"{PAGE}?team=99999").status_code == 404
    assert log_in(User.objects.get(first_name="Alice")).get(PAGE).status_code == 200, "everybody may look"


def said_address(summary: Summary, begins: str) -> str:
    """Where the line that begins so leads to."""
    return next(line.address for one in summary.sections for line in one.lines if line.words.startswith(begins))


@pytest.mark.django_db
def test_won_and_lost_leave_the_pipeline(north: Team, alice: User, mona: User, now: datetime) -> None:
    lost = make_opportunity(owner=alice, amount=700)
    move(lost, "lose", actor=mona, at=now + DAY, via="test", lost_reason="price")
    said = lines_of(summary_of(date(2026, 3, 2), north, at=now + WEEK))["Pipeline"]
    assert said[0].startswith("Open: 0, 0 USD, weighted 0, change −1, −700"), said
    assert any(line.startswith("Meeting set: 0") for line in said), "a stage that was left is told as well"


@pytest.mark.django_db
def test_it_tells_of_the_forecast_what_has_no_rate(north: Team, alice: User, mona: User, now: datetime) -> None:
    make_opportunity(owner=alice, amount=700, currency="CHF", close_on=date(2026, 3, 20), stated_forecast="commit")
    said = lines_of(summary_of(date(2026, 3, 2), north, at=now))
    assert said["Forecast"][1] == "Commit: 0 USD, and 700.00 CHF without a rate, 0 with what is won"
    assert said["Promises"][1] == "Next steps due in the week: none"


@pytest.mark.django_db
def test_it_tells_what_is_in_a_stage_that_left_the_handbook(
    north: Team, alice: User, mona: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_opportunity(owner=alice, amount=700, stage="scope")
    book = handbook.current()
    stages = tuple(one for one in book.opportunity.stages if one.key != "scope")
    opportunity = book.opportunity.model_copy(update={"stages": stages})
    monkeypatch.setattr(handbook, "_in_use", [book.model_copy(update={"opportunity": opportunity})])
    said = lines_of(summary_of(date(2026, 3, 2), north, at=now))["Pipeline"]
    assert "Counted nowhere: 1 in a stage that the handbook does not have" in said


@pytest.mark.django_db
def test_it_arrives_as_text_html_and_in_the_room_with_a_link_for_each_line(
    week: datetime, mona: User, settings: Any
) -> None:
    settings.PUBLIC_URL, settings.OUTBOUND_PRIVATE_HOSTS = "https://crm.example.com", ["127.0.0.1"]
    with mail_server() as box, chat_server() as room:
        use_mail_server(settings, box.port)
        settings.CHAT_WEBHOOKS = {"rituals": room.address}
        assert send(date(2026, 3, 9), at=week) == 1
        deliver(seconds=60)
    (email,), (posted,) = box.got, room.texts
    assert (email["Subject"], email["To"]) == ("Week of 9 Mar 2026, North", "mona@example.com")
    summary = summary_of(date(2026, 3, 9), Team.objects.get(name="North"), at=week)
    text, html = (email.get_body((kind,)).get_content() for kind in ("plain", "html"))  # type: ignore[union-attr]
    flat = " ".join(text.split())
    for words, path in summary.lines:
        if path:
            assert f"{words} https://crm.example.com{path}" in flat, words
            assert f'href="https://crm.example.com{path.replace("&", "&amp;")}"' in html, words
        else:
            assert f">{words}</h2>" in html
    assert summary.headline in flat
    whole = summary_of(date(2026, 3, 9), None, at=week)
    assert posted.startswith(f"Week of 9 Mar 2026\n{whole.headline}")
    assert f"https://crm.example.com{urlsplit(whole.lines[1][1]).path}" in posted


@pytest.mark.django_db
def test_the_command_shows_it_and_sends_it_once(north: Team, max_: User) -> None:
    def run(*words: str) -> str:
        out = StringIO()
        call_command("review_summary", *words, stdout=out)
        return out.getvalue()

    shown = run()
    assert [
        one for one in ("For mona@example.com.", "For max@example.com.", "Pipeline, change") if one not in shown
    ] == []
    assert run("--team", "north").splitlines()[0].endswith(", North")
    assert not Notification.objects.exists()
    assert run("--send").strip() == "Sent to 2."
    assert run("--send").strip() == "Sent to 0."
    for words in (("--team", "moon"), ("--team", "north", "--send")):
        with pytest.raises(CommandError):
            run(*words)
