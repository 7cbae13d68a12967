"""Rep activity: its figures against a plain count of every record, and against what its numbers open."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, Contact
from contracts.models import NextStep
from contracts.next_steps import keep_next_step
from crm import handbook
from crm.activities.models import Activity
from crm.core.acting import acting
from crm.core.door import move
from crm.core.errors import Refused
from crm.enquiries.attainment import attainment
from crm.enquiries.attainment_asked import Asked as AnswersAsked
from crm.jobs.models import Job
from crm.people.models import User
from crm.reviews.rep_activity.asked import Asked, read_asked
from crm.reviews.rep_activity.export import export_figures
from crm.reviews.rep_activity.figures import Figures, rep_activity
from crm.reviews.rep_activity.people import people_touched
from leads.models import Conversion, Lead
from tests.enquiries.asking import ask, touched
from tests.factories import START, make_account, make_contact, make_lead, make_opportunity
from tests.keys import program
from tests.leads.converting import convert, ready
from tests.reviews.reps import COUNTS, MOST, WINDOW, Twin, fill

pytestmark = pytest.mark.django_db
PAGE = "/admin/reviews/rep-activity/"
DAY, MOMENT = timedelta(days=1), timedelta(microseconds=1)


def log_in(user: User) -> Client:
    """Their browser."""
    client = Client()
    client.force_login(user, backend="crm.people.backends.EmailBackend")
    return client


@pytest.fixture
def world(alice: User, bob: User, charlie: User, ann: User, now: datetime) -> datetime:
    """Everything that reps do; the moment after it."""
    fill(alice, bob, charlie, ann, now)
    return now


def shown(figures: Figures) -> tuple[int, ...]:
    """Figures to compare."""
    return tuple(getattr(figures, name) for name in COUNTS)


def test_every_figure_is_a_plain_count_of_the_records(world: datetime) -> None:
    for days in (30, 11):
        asked = Asked.days(days, world)
        found, twin = rep_activity(asked, at=world), Twin(asked, world)
        assert shown(found.total) == twin.figures("total", None)
        lacks = [name for name in COUNTS if not getattr(found.total, name)]
        assert days < 30 or not lacks, "the world has some of everything"
        assert {key: shown(one) for key, one in found.owner.items()} == {
            key: twin.figures("owner", key) for key in {*found.owner, *twin.groups["owner"]}
        }
        assert {key: shown(one) for key, one in found.account.items()} == {
            key: twin.figures("account", key) for key in {*found.account, *twin.groups["account"]}
        }
        kinds = {name.removeprefix("kind:"): n for name, n in twin.groups["total"][None].items() if name[:5] == "kind:"}
        assert found.total.kinds == kinds
        people, count = people_touched(asked, at=world, too_often=True)
        assert {(one.kind, one.record.pk): one.most for one in people} == {
            person: most for person, most in twin.windows.items() if most > MOST
        }
        assert count == len(people) > 0


def test_it_is_narrowed_by_owner_team_and_account_and_outreach_of_others_still_counts(
    world: datetime, alice: User, charlie: User
) -> None:
    account = Account.objects.order_by("pk")[0]
    for more in ({"owner": charlie.pk}, {"team": alice.team_id}, {"account": account.pk}, {"account": 0}, {"team": 0}):
        asked = read_asked(
            {"since": "2026-02-03", "until": "2026-03-04", **{k: str(v or "none") for k, v in more.items()}}, at=world
        )
        found, twin = rep_activity(asked, at=world).total, Twin(asked, world)
        # Leads are counted once each, which the twin does not narrow.
        assert shown(found)[:11] == twin.figures("total", None)[:11]
        people, _ = people_touched(asked, at=world)
        assert {(one.kind, one.record.pk) for one in people} == twin.people["total", None]


def test_the_window_slides_by_the_moment_across_colleagues_and_a_change_of_clocks(
    alice: User, bob: User, now: datetime
) -> None:
    cora, asked_at = make_contact(), now + 20 * DAY
    first = now + DAY  # clocks change on 8 March, within the seven days
    for n in range(3):
        touched(cora, alice, first + n * timedelta(hours=1))
    last = touched(cora, bob, first + WINDOW)
    asked = Asked.days(30, asked_at)
    total = rep_activity(asked, at=asked_at).total
    assert (total.outreach, total.excess, total.each) == (4, 0, 4.0), "exactly seven days later is outside"
    Activity.objects.filter(pk=last.pk).update(happened_at=first + WINDOW - MOMENT)
    found = rep_activity(asked, at=asked_at)
    assert (found.owner[alice.pk].excess, found.owner[bob.pk].excess) == (0, 1), "the one too many was his"
    # What came before the period can make its first touch one too many; who asks only for Bob sees it all the same.
    day = handbook.current().today(first + WINDOW - MOMENT)
    alone = Asked(day, day, owner=bob.pk)
    (person,), count = people_touched(alone, at=asked_at, too_often=True)
    assert (person.record, person.outreach, person.most, person.by, count) == (cora, 1, 4, ["Bob"], 1)
    # Neither a meeting, nor a note, nor what they wrote is outreach, and an account alone is nobody.
    for kind, direction in (("meeting", "out"), ("note", "out"), ("email", "in")):
        touched(cora, alice, first + 2 * DAY, kind=kind, direction=direction)
    for _ in range(5):
        touched(make_account(), alice, first + 2 * DAY)
    total = rep_activity(asked, at=asked_at).total
    assert (total.touches, total.outreach, total.reached, total.people, total.excess) == (12, 9, 4, 1, 1)


def test_outreach_to_a_lead_and_to_the_contact_it_became_is_to_one_person(
    alice: User, ann: User, now: datetime
) -> None:
    lead = ready(owner=alice)
    Activity.objects.all().delete()
    touched(lead, alice, now - 2 * DAY)
    receipt = convert(lead, alice, now - DAY, opportunity_owner=ann)
    touched(receipt.contact, alice, now)
    found = rep_activity(Asked.days(30, now), at=now)
    assert (found.total.people, found.total.reached) == (1, 2)
    assert (found.owner[alice.pk].converted, found.owner[alice.pk].returned) == (1, 0)
    assert set(found.account) == {receipt.account_id}
    # Given back, it counts against whose conversion it was, not who gave it back.
    lead.refresh_from_db()
    move(lead, "return_lead", actor=ann, at=now, via="test", reason="Not a fit")
    found = rep_activity(Asked.days(30, now), at=now)
    assert (found.owner[alice.pk].converted, found.owner[alice.pk].returned) == (1, 1)
    # Also where somebody else's lead went into it later, and was not given back.
    receipt.refresh_from_db()
    another = make_lead()
    with acting(actor=ann, via="test", at=now):
        other = {"account": receipt.account, "contact": receipt.contact, "opportunity": receipt.opportunity}
        Conversion.objects.create(lead=another, at=now + DAY, by=ann, state="accepted", **other)
    found = rep_activity(Asked.days(30, now + DAY), at=now + DAY)
    assert (found.owner[alice.pk].returned, found.owner[ann.pk].converted, found.owner[ann.pk].returned) == (1, 1, 0)


def test_promises_count_by_their_due_day_for_the_owner(alice: User, ann: User, now: datetime) -> None:
    today = handbook.current().today(now)
    deal = make_opportunity(owner=ann)

    def plan(text: str, due: date | None, at: datetime) -> None:
        with acting(actor=alice, via="test", at=at):
            deal.refresh_from_db()
            deal.next_step, deal.next_step_due = text, due
            deal.save()

    plan("Call", today - 5 * DAY, now - 8 * DAY)
    keep_next_step(deal, actor=ann, at=now - 6 * DAY, via="test", next_step="Write", next_step_due=today - 4 * DAY)
    keep_next_step(deal, actor=ann, at=now - 2 * DAY, via="test", next_step="Meet", next_step_due=today + DAY)
    plan("Meet them all", today - DAY, now - DAY)
    asked = Asked.days(30, now)
    total = rep_activity(asked, at=now).owner[ann.pk]
    assert (total.kept, total.late, total.rewritten, total.past_due, total.open) == (1, 1, 0, 1, 0)
    assert (total.decided, total.keeping) == (3, 1 / 3), "what was due tomorrow counts then"
    tomorrow = rep_activity(Asked.days(30, now + DAY), at=now + DAY).owner[ann.pk]
    assert (tomorrow.rewritten, tomorrow.decided) == (1, 4)
    assert rep_activity(Asked.days(1, now), at=now).total.keeping is None


def test_answers_are_those_of_response_times(alice: User, mona: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    ask(now - DAY, email=lead.email)
    touched(lead, alice, now - DAY + timedelta(minutes=1))
    ask(now - 3 * DAY, email=make_lead(owner=alice).email)
    asked = Asked.days(30, now)
    found = rep_activity(asked, at=now)
    there = attainment(AnswersAsked(asked.since, asked.until), at=now)
    assert there.total.received == 2
    assert found.total.answers is not None
    assert (found.total.answers.met, found.total.answers.breached) == (there.total.met, there.total.breached)
    page = log_in(mona).get(PAGE)
    assert page.context["sees_answers"]
    assert not log_in(alice).get(PAGE).context["sees_answers"], "response times are for managers"


def listed(browser: Client, address: str) -> int:
    """How many records there are at this address."""
    answer = browser.get(address)
    assert answer.status_code == 200, address
    if "cl" in answer.context:
        return int(answer.context["cl"].result_count)
    return int(answer.context["count"])


def test_the_page_the_api_the_file_and_what_its_numbers_open_say_the_same(
    world: datetime, mona: User, robot: User, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("django.utils.timezone.now", lambda: world)
    browser, api = log_in(mona), program(robot, "activities:rep_activity")
    page = browser.get(PAGE)
    owner = next(one for one in page.context["tables"][0].lines if one.label == "Charlie")
    total = page.context["total"]
    numbers = [total.touches, total.kinds[0], total.outreach, total.people, total.excess, *total.promises, total.open]
    numbers += [total.converted, total.returned, owner.outreach, owner.excess]
    numbers += [page.context["often_count"], *page.context["often"][0][2:]]
    assert all(one.count for one in numbers)
    for one in numbers:
        assert listed(browser, one.address) == one.count, one.address
    sent = browser.post(f"{PAGE}export/", page.context["parameters"])
    text = b"".join(browser.get(sent["Location"]).streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    header, *rows = csv.reader(io.StringIO(text))
    file = {(row[0], row[1]): dict(zip(header, row, strict=True)) for row in rows}
    assert Job.objects.get(kind="rep_activity.export").by == mona
    for place, by in enumerate(("owner", "account")):
        body = api("GET", f"rep-activity/?by={by}").json()
        told = {one["label"]: one for one in body["results"]}
        assert len(told) == page.context["tables"][place].count
        for line in page.context["tables"][place].lines:
            one, cell = told[line.label], file[by.capitalize(), line.label]
            assert line.touches.count == one["touches"] == int(cell["Touches"])
            assert line.excess.count == one["too_often"] == int(cell["Too often"])
            promises = [one[f"promises_{name}"] for name in ("kept", "late", "rewritten", "dropped", "past_due")]
            assert [number.count for number in line.promises] == promises
            assert (line.converted.count, line.returned.count) == (one["converted"], one["returned"])
            assert [int(cell[name]) for name in ("Kept", "Past due", "Given back")] == [
                promises[0],
                promises[4],
                one["returned"],
            ]
        assert [one["most"] for one in body["touched_too_often"]] == [
            one.most for one in people_touched(Asked.days(30, world), at=world, too_often=True)[0]
        ]
    assert listed(browser, "/admin/activities/activity/?rep=what%3Dtouches%26since%3D2026-03-04") < total.touches.count


def test_what_will_not_do_is_said_at_every_door(mona: User, alice: User, robot: User, now: datetime) -> None:
    browser, api = log_in(mona), program(robot, "activities:rep_activity")
    page = browser.get(f"{PAGE}?since=yesterday&owner=x")
    assert page.status_code == 400
    assert "Since: a day" in page.content.decode()
    answer = api("GET", "rep-activity/?since=yesterday&owner=x")
    assert {one["code"] for one in answer.json()["errors"]} == {"invalid_since", "invalid_owner"}
    assert api("GET", "rep-activity/?by=moon").status_code == 400
    assert api("GET", "rep-activity/?page=0").status_code == 400
    assert program(alice, "activities:rep_activity")("GET", "rep-activity/").status_code == 403
    assert program(robot, "leads:read")("GET", "rep-activity/").status_code == 403
    with pytest.raises(Refused):
        export_figures(Asked.days(30, now), actor=alice, at=now, via="test")
    for given in ("what%3Dmoon", "person%3Dcontact-x", "what%3Dconverted", "moon%3D1", "since%3D2026-13-45"):
        there = browser.get(f"/admin/activities/activity/?rep={given}", follow=True)
        assert "The list is shown unfiltered." in there.content.decode(), given
    assert "Nothing was done in this time" in browser.get(PAGE).content.decode()


def test_more_records_cost_no_more_queries(
    alice: User, mona: User, ann: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("django.utils.timezone.now", lambda: now)
    browser = log_in(mona)

    def one_more(count: int) -> None:
        for _ in range(count):
            account = make_account()
            for n in range(4):
                touched(make_contact(account=account) if n else make_lead(), alice, now - n * DAY)
            NextStep.objects.create(
                opportunity=make_opportunity(owner=ann, account=account), text="Call", due_on=now.date(), made_at=START
            )
            Contact.objects.filter(account=account).update(title="CISO")

    def queries(of: Callable[[], object]) -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            of()
        return len(captured)

    one_more(1)
    pages = (PAGE, f"{PAGE}people/", f"{PAGE}promises/?what=open")
    few = [queries(lambda where=where: browser.get(where)) for where in pages]  # type: ignore[misc]
    one_more(4)
    assert [queries(lambda where=where: browser.get(where)) for where in pages] == few  # type: ignore[misc]
    assert queries(lambda: rep_activity(Asked.days(30, now), at=now)) == 5
    assert Lead.objects.count() == 5
