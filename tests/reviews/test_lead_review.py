"""The lead pipeline review: every figure is what is counted lead by lead, and opens the very leads behind it (P2)."""

from __future__ import annotations

import csv
import io
import os
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from crm import handbook
from crm.core.acting import acting
from crm.history.models import Move
from crm.people.models import User
from crm.reviews.lead_review.asked import NOW, OPEN, SINCE, Asked, of_days, of_last_days, read_asked
from crm.reviews.lead_review.figures import DIMENSIONS, counted, pipeline
from crm.reviews.models import Meeting
from leads import statuses
from leads.models import Lead
from leads.statuses import Status
from tests.factories import make_lead
from tests.keys import make_key
from tests.reviews.leading import DAY, MANY, Seen, look, make_world, needs_of, percentile, went

pytestmark = pytest.mark.django_db
PAGE, API = "/admin/reviews/leads/", "/api/v1/lead-review/"
SEED = int(os.environ.get("LEADS_SEED", "7"))


@pytest.fixture
def many(now: datetime, alice: User, bob: User, charlie: User, monkeypatch: pytest.MonkeyPatch) -> list[Seen]:
    """The world, looked at lead by lead; it is that moment."""
    monkeypatch.setattr(timezone, "now", lambda: now)
    make_world(now, (alice, bob, charlie), seed=SEED)
    return look(now)


def log_in(user: User) -> Client:
    """Their browser."""
    client = Client()
    client.force_login(user, backend="crm.people.backends.EmailBackend")
    return client


def held(mona: User, at: datetime, **scope: int) -> Meeting:
    """A review that was held and ended at a moment."""
    key = "&".join(f"{name}={value}" for name, value in scope.items())
    return Meeting.objects.create(
        kind="leads", scope=scope, scope_key=key, state="held", started_at=at - timedelta(hours=1), started_by=mona,
        ended_at=at, ended_by=mona,
    )  # fmt: skip


def within(leads: list[Seen], asked: Asked) -> list[Seen]:
    """Those in scope."""
    found = leads
    for name in ("owner", "team"):
        wanted = getattr(asked, name)
        if wanted is not None:
            found = [one for one in found if (getattr(one, name) or 0) == wanted]
    if asked.source:
        found = [one for one in found if one.source == ("" if asked.source == "none" else asked.source)]
    return found


def test_every_figure_is_what_is_counted_lead_by_lead_and_opens_those_leads(
    many: list[Seen], now: datetime, alice: User, charlie: User
) -> None:
    today = handbook.current().today(now)
    month = of_last_days(30, now)
    past = of_days(today - 45 * DAY, today - 20 * DAY)
    assert alice.team_id
    seen = set[str]()
    # With every list that a number opens; of the others the figures alone, since the condition is the same.
    seen |= compare(month, many, now, lists=True)
    seen |= compare(replace(past, team=alice.team_id), within(many, replace(past, team=alice.team_id)), now, lists=True)
    for asked in (
        past,
        replace(month, owner=alice.pk),
        replace(past, owner=0),
        replace(month, team=alice.team_id),
        replace(month, team=0),
        replace(month, source="website", team=charlie.team_id),
        replace(past, source="none"),
    ):
        leads = within(many, asked)
        seen |= compare(asked, leads, now)
    missing = {*NOW, *SINCE} - seen
    assert not missing or SEED != 7, f"the world has none that is {missing}"


def compare(asked: Asked, leads: list[Seen], now: datetime, *, lists: bool = False) -> set[str]:
    """Whether the figures, and the lists that they open, are those that were counted; which of them are not nothing."""
    found = pipeline(asked, at=now)
    told = needs_of(leads)
    assert (found.total.count, found.total.open) == (len(leads), told["open"])
    assert {name: getattr(found.total, name) for name in NOW} == {name: told[name] for name in NOW}
    flows, seen = went(leads, asked.since, asked.before, now), {name for name in NOW if told[name]}
    for status in Status.values:
        among = [one for one in leads if one.status == status]
        one, told = found.status[status], needs_of(among)
        assert (one.count, one.open) == (len(among), told["open"])
        assert {name: getattr(one, name) for name in NOW} == {name: told[name] for name in NOW}
        ages = [each.age for each in among]
        expected = [percentile(ages, part) for part in (0.5, 0.9)]
        assert [one.median, one.ninetieth] == [age if age is None else pytest.approx(age, abs=0.01) for age in expected]
        flow = {fate: flows.get((status, fate), set()) for fate in SINCE if fate != "arrived"}
        flow["arrived"] = set().union(*(flow[fate] for fate in ("on", "here", "aside", "back")))
        assert {fate: getattr(found.flow[status], fate) for fate in flow} == {k: len(v) for k, v in flow.items()}
        seen |= {fate for fate, ids in flow.items() if ids}
        listed = flow | {name: {each.pk for each in among if name in each.needs} for name in NOW}
        for what, ids in (listed | {"": {each.pk for each in among}}).items() if lists else ():
            assert opened(replace(asked, status=status, what=what), now) == ids, (status, what)
    for name in NOW if lists else ():
        assert opened(replace(asked, what=name), now) == {each.pk for each in leads if name in each.needs}
    assert opened(replace(asked, status=OPEN), now) == {each.pk for each in leads if each.status in statuses.OPEN}
    for by in DIMENSIONS[1:]:
        values = {getattr(each, by) for each in leads if each.status in statuses.OPEN or each.needs}
        assert set(found.by(by)) == values
        for value in values:
            told = needs_of([each for each in leads if getattr(each, by) == value])
            one = found.by(by)[value]
            assert {name: getattr(one, name) for name in ("open", *NOW)} == {n: told[n] for n in ("open", *NOW)}
    return seen


def opened(asked: Asked, now: datetime) -> set[int]:
    """The leads that a number opens."""
    return set(Lead.objects.filter(counted(asked, at=now)).values_list("pk", flat=True))


def test_the_page_the_api_the_file_and_the_lists_say_the_same(
    many: list[Seen], now: datetime, alice: User, mona: User, robot: User
) -> None:
    browser, program = log_in(alice), Client()
    key = make_key(robot, "leads:review")
    asked = of_last_days(30, now).parameters
    page = browser.get(PAGE, asked)
    assert page.status_code == 200
    written = read_file(browser, asked)
    assert written["All", ""][:2] == [str(MANY), str(needs_of(many)["open"])]
    opens = []
    for by in DIMENSIONS:
        answer = program.get(API, {"by": by, **asked}, headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == 200, answer.content
        told = {one["label"]: one for one in answer.json()["results"]}
        if by == "status":
            lines = {line.label: [line.leads, *line.needs, line.arrived, line.left] for line in page.context["lines"]}
            assert list(lines) == list(told) == [str(label) for label in Status.labels]
        else:
            (rows,) = [rows for name, _, rows in page.context["tables"] if name == by]
            lines = {row.label: [row.open, *row.needs] for row in rows}
        names = ("breached", "at_risk", "over", "unowned", "stale", "no_next")
        for label, numbers in lines.items():
            one = told[label]
            expected = [one["leads" if by == "status" else "open"], *(one[name] for name in names)]
            if by == "status":
                expected += [one["flow"]["arrived"], one["flow"]["left"]]
                assert written["Status", label][8] == (
                    "" if one["median_seconds"] is None else str(round(one["median_seconds"]))
                )
            assert [number.count for number in numbers] == expected
            assert written[{"source": "Lead source"}.get(by, by.capitalize()), label][1:8] == [
                str(one[name]) for name in ("open", *NOW)
            ]
            opens += [number for number in numbers if number.count]
            if by == "status" and label in ("SAO Converted", "Closed nurture", "Closed do not contact"):
                # Nobody goes further from where the path ends, and no part of none is told anywhere.
                assert (one["flow"]["share"], written["Status", label][-1]) == (None, "")
    opens += [number for number in page.context["tiles"] if number.count]
    opens += [one for step in page.context["steps"] for one in (step.arrived, *step.numbers) if one.count]
    for number in opens[:: max(1, len(opens) // 20)]:
        assert browser.get(number.address).context["cl"].result_count == number.count, number.address
    board = browser.get(page.context["board"])
    assert sum(column.count for column in board.context["cl"].board.columns) == needs_of(many)["open"]
    # Who has no such scope reads nothing, and what is misspelt is said.
    refused = program.get(API, headers={"Authorization": f"Bearer {make_key(mona, 'leads:read')}"})
    assert refused.json()["code"] == "missing_scope"
    wrong = program.get(API, {"owner": "x", "source": "moon"}, headers={"Authorization": f"Bearer {key}"})
    assert wrong.status_code == 400
    assert {one["code"] for one in wrong.json()["errors"]} == {"invalid_owner", "invalid_source"}
    assert program.get(API, {"by": "moon"}, headers={"Authorization": f"Bearer {key}"}).status_code == 400


def read_file(browser: Client, asked: dict[str, str]) -> dict[tuple[str, str], list[str]]:
    """The file of these figures, by dimension and value."""
    sent = browser.post("/admin/reviews/leads/export/", asked)
    assert sent.status_code == 302
    answer: Any = browser.get(sent["Location"])
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    header, *rows = csv.reader(io.StringIO(text))
    assert header[:4] == ["By", "Value", "Leads", "Open"]
    return {(row[0], row[1]): row[2:] for row in rows}


def test_arrivals_are_since_the_last_review_and_the_page_asks_as_many_queries_for_many_leads_as_for_few(
    now: datetime, alice: User, mona: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timezone, "now", lambda: now)
    browser = log_in(mona)
    before = make_lead(at=now - 3 * DAY, owner=alice)
    browser.get(PAGE)
    with CaptureQueriesContext(connection) as few:
        page = browser.get(PAGE)
    assert page.context["lines"][0].arrived.count == 1
    meeting = held(mona, now - 2 * DAY)
    held(mona, now - DAY, owner=alice.pk)
    make_world(now, (alice, mona), seed=1, count=8)
    page = browser.get(PAGE)
    with CaptureQueriesContext(connection) as many:
        page = browser.get(PAGE)
    assert page.context["asked"].since == meeting.ended_at
    assert "since the review of 2 Mar 2026" in page.content.decode()
    # The meetings that were held, and what their agendas came to, are two more.
    assert len(many) <= len(few) + 3
    # Who arrived before the review is not among those who did since.
    assert before.pk not in opened(replace(page.context["asked"], status="new", what="arrived"), now)
    # Of her leads the review of her leads counts; and it can be asked for by its number, or by days.
    assert read_asked({"owner": str(alice.pk)}, at=now).since == now - DAY
    assert read_asked({"review": str(meeting.pk), "owner": str(alice.pk)}, at=now).since == now - 2 * DAY
    assert browser.get(PAGE, {"review": "999"}).status_code == 400
    assert browser.get(PAGE, {"since": "2026-03-09", "until": "2026-03-01"}).status_code == 400
    for none in ("what=moon", "moon"):
        unknown = browser.get("/admin/leads/lead/", {"review": none}, follow=True)
        assert "The list is shown unfiltered." in unknown.content.decode(), none
    assert "No leads here" in browser.get(PAGE, {"source": "webinar"}).content.decode()


def test_moves_of_another_system_count_and_a_lead_began_where_its_first_move_led_out_of(
    now: datetime, alice: User
) -> None:
    today, system = handbook.current().today(now), User.objects.system()
    # It came placed in Engaged 3 days ago; elsewhere it was made 30 days ago, and worked since 12 days ago.
    lead = make_lead(status=Status.ENGAGED, at=now - 3 * DAY, owner=alice)
    with acting(actor=system, via="test", at=now - 3 * DAY):
        Lead.objects.filter(pk=lead.pk).update(created_at=now - 30 * DAY)
        Move.objects.create(
            object="lead", record_id=lead.pk, version=0, from_state="new", to_state="working_to_engage", verb="place",
            actor_id=system.pk, at=now - 12 * DAY,
        )  # fmt: skip

    def flow(first: int, last: int) -> dict[str, tuple[int, int]]:
        """Who arrived and left between so many days ago, by status, where anybody did."""
        found = pipeline(of_days(today - first * DAY, today - last * DAY), at=now).flow
        return {status: (one.arrived, one.left) for status, one in found.items() if one.arrived or one.left}

    assert flow(40, 20) == {"new": (1, 0)}
    assert flow(15, 10) == {"new": (0, 1), "working_to_engage": (1, 0)}
    assert flow(5, 0) == {"working_to_engage": (0, 1), "engaged": (1, 0)}
    assert flow(40, 0) == {"new": (1, 1), "working_to_engage": (1, 1), "engaged": (1, 0)}
    assert opened(replace(of_days(today - 40 * DAY, today), status="new", what="on"), now) == {lead.pk}
