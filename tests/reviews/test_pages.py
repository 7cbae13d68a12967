"""Rituals where people meet them: the page, one ritual's history, its dialogs, home, lists, the command, checkups."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from html import unescape
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from crm import handbook
from crm.checkups.looking import look_at
from crm.checkups.models import Run
from crm.checkups.rules import Look, Outcome, rule_of
from crm.people.models import User
from crm.reviews.models import Occasion
from tests.reviews.holding import MONDAY, done, held_since, rituals, skipped

pytestmark = pytest.mark.django_db
HUDDLE = "sales_huddle"
DAY = timedelta(days=1)
WEEK = 7 * DAY


@pytest.fixture(autouse=True)
def at_that_moment(monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    """It is Wednesday, and the rituals have been held for three weeks."""
    held_since(now - 3 * WEEK)
    monkeypatch.setattr(timezone, "now", lambda: now)


def opened(user: User, name: str = "rituals", *args: Any, **asked: Any) -> str:
    """A page as this person gets it."""
    client = Client()
    client.force_login(user)
    response = client.get(reverse(f"admin:{name}", args=args), asked)
    assert response.status_code == 200, response.status_code
    return unescape(response.content.decode())


def sent(user: User, name: str, *args: Any, **facts: Any) -> Any:
    """What comes of a form."""
    client = Client()
    client.force_login(user)
    return client.post(reverse(f"admin:{name}", args=args), facts, follow=True)


def group(page: str, key: str) -> str:
    """One part of the page of rituals; empty where it is not there."""
    return page.partition(f'data-section="rituals-{key}"')[2].partition("</section>")[0]


def test_the_page_says_what_is_due_done_and_missed(maya: User, alex: User, charlie: User, now: datetime) -> None:
    for number in (1, 2, 3):
        done(HUDDLE, maya, now, period=MONDAY - number * WEEK, came_of="Hooli slipped to <April>")
    done("lead_pipeline_review", maya, now)
    page = opened(maya)
    due = group(page, "due")
    assert "Sales huddle" in due
    assert "Due since Mon, Mar 2, until Sun, Mar 8" in due
    assert "3 weeks in a row" in due
    assert "Hooli slipped to <April>" in due
    assert "Lead pipeline review" in group(page, "done")
    assert "Missed 3 times within a year" in group(page, "done")
    assert "Customer debriefs, Product review, Advisory meetings" in page
    assert f'href="{reverse("admin:huddle")}"' in due
    # Who may not answer sees all of it, without the buttons; what they may not open they are not led to.
    others = opened(charlie)
    assert "Sales huddle" in group(others, "due")
    assert reverse("admin:ritual_do", args=[HUDDLE, "done"]) not in others
    assert f'href="{reverse("admin:checkups")}"' not in others
    assert reverse("admin:ritual_do", args=["customer_voice", "done"]) in opened(alex)


def test_done_asks_what_came_of_it_and_says_who_was_first(maya: User, mona: User, charlie: User) -> None:
    asked = {"period": MONDAY.isoformat(), "number": "1"}
    assert "What came of it?" in opened(maya, "ritual_do", HUDDLE, "done", **asked)
    page = sent(maya, "ritual_do", HUDDLE, "done", **asked, came_of="Two promises kept", next="/admin/rituals/")
    assert page.redirect_chain == [("/admin/rituals/", 302)]
    assert "Sales huddle: written down as done." in page.content.decode()
    history = opened(maya, "ritual", HUDDLE)
    assert "Two promises kept" in history
    assert "1 of 4, 1 week in a row" in history
    again = sent(mona, "ritual_do", HUDDLE, "done", **asked, came_of="Mine")
    assert again.status_code == 409
    assert "Maya has said already that it was done." in again.content.decode()
    assert sent(charlie, "ritual_do", HUDDLE, "skip", **asked, came_of="No").status_code == 403
    missed = {"period": (MONDAY - WEEK).isoformat(), "number": "1"}
    assert "Say why it is skipped." in sent(maya, "ritual_do", HUDDLE, "skip", **missed).content.decode()
    sent(maya, "ritual_do", HUDDLE, "skip", **missed, came_of="At the fair", next="https://elsewhere.example/")
    first, second = Occasion.objects.order_by("-period")
    assert (first.came_of, second.came_of, second.state) == ("Two promises kept", "At the fair", "skipped")
    assert sent(charlie, "ritual_take_back", first.pk).status_code == 403
    assert "Taken back: it waits" in sent(maya, "ritual_take_back", first.pk).content.decode()
    page_after = opened(maya, "ritual", HUDDLE)
    assert "Taken back by Maya" in page_after
    assert "Due since" in page_after


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"period": "2026-03-02", "number": "9"},
        {"period": "2026-03-02", "number": "¹"},
        {"period": "yesterday", "number": "1"},
        {"period": "2036-03-02", "number": "1"},
    ],
)
def test_a_time_that_is_not_there_is_not_found(maya: User, asked: dict[str, str]) -> None:
    client = Client()
    client.force_login(maya)
    assert client.get(reverse("admin:ritual_do", args=[HUDDLE, "done"]), asked).status_code == 404
    assert client.post(reverse("admin:ritual_do", args=[HUDDLE, "done"]), asked).status_code == 404
    assert client.get(reverse("admin:ritual_do", args=[HUDDLE, "burn"]), asked).status_code == 404
    assert client.get(reverse("admin:ritual", args=["customer_debriefs"])).status_code == 404


def test_the_checkup_s_history_leads_to_the_run_s_report(root: User, now: datetime) -> None:
    run = Run.objects.create(
        why=Run.Why.MONTHLY, state=Run.State.DONE, by=root, started_at=now, finished_at=now, handbook="0"
    )
    assert reverse("admin:checkup_report", args=[run.pk]) in opened(root, "ritual", "contributor_checkup")


def test_an_installation_without_rituals_says_so(maya: User, now: datetime) -> None:
    with rituals():
        assert "No ritual is on" in opened(maya)
    held_since(now + DAY)  # nothing counts yet
    page = opened(maya)
    assert "Nothing is due now." in group(page, "due")
    assert "Nothing was due yet; the first time is" in opened(maya, "ritual", HUDDLE)


def test_home_and_the_list_lead_whose_it_is_there(maya: User, alex: User, charlie: User, now: datetime) -> None:
    assert "Rituals due" in opened(alex, "index")
    assert "Customer voice" in opened(alex, "index")
    assert "Rituals due" not in opened(charlie, "index")
    done(HUDDLE, maya, now)
    done("lead_pipeline_review", maya, now)
    assert "Rituals due" not in opened(maya, "index")
    address = reverse("admin:ritual", args=[HUDDLE])
    assert address in opened(charlie, "contracts_opportunity_changelist", view="open_opportunities")
    assert address not in opened(charlie, "contracts_opportunity_changelist", view="all_opportunities")
    # A tab for managers, none for the others.
    assert f'href="{reverse("admin:rituals")}"' in opened(maya, "contracts_opportunity_changelist")
    assert f'href="{reverse("admin:rituals")}"' not in opened(charlie, "contracts_opportunity_changelist")


def test_the_command_says_the_same(maya: User, now: datetime) -> None:
    done(HUDDLE, maya, now, came_of="Fine")
    out = StringIO()
    call_command("rituals", stdout=out)
    assert "done    Sales huddle (weekly), maya.manager@plumb.example" in out.getvalue()
    out = StringIO()
    call_command("rituals", "--json", stdout=out)
    found = json.loads(out.getvalue())
    one = next(ritual for ritual in found["rituals"] if ritual["key"] == HUDDLE)
    assert (one["state"], one["streak"], one["next_due"]) == ("done", 1, "2026-03-09")
    assert one["last_done"] == {"at": now.isoformat(), "by": "maya.manager@plumb.example", "came_of": "Fine"}
    assert one["missed"] == ["2026-02-23", "2026-02-16", "2026-02-09"]
    assert found["off"] == ["customer_debriefs", "product_review", "advisory_meetings"]


def looked(rule: str, at: datetime) -> Outcome:
    """One look of a rule."""
    found = rule_of(rule)
    assert found is not None
    outcome = look_at(found, Look(at, handbook.current()))
    assert not outcome.crash
    return outcome


def test_a_missed_one_is_a_finding_until_it_is_held_or_answered_for(maya: User, now: datetime) -> None:
    with rituals(HUDDLE, "lead_pipeline_review"):
        outcome = looked("process.ritual_missed", now)
        assert outcome.looked_at == 2
        assert {one.subject for one in outcome.sights} == {f"ritual:{HUDDLE}", "ritual:lead_pipeline_review"}
        assert outcome.sights[0].expected == "Held: weekly"
        assert outcome.sights[0].found == "Missed for the last time in Feb 23 – Mar 1"
        assert list(outcome.sights[0].evidence) == [("Missed within a year", "3 times")]
        done(HUDDLE, maya, now)
        for weeks in (1, 2, 3):
            skipped("lead_pipeline_review", maya, now, period=MONDAY - weeks * WEEK)
        assert not looked("process.ritual_missed", now).sights
        assert len(looked("process.ritual_missed", now + 2 * WEEK).sights) == 2


def test_a_ritual_whose_dri_is_nobody_is_a_finding(maya: User, root: User, now: datetime) -> None:
    with rituals(HUDDLE):
        assert not looked("configuration.rituals_without_dri", now).sights
    with rituals(HUDDLE, dri="nobody@example.com"):
        (sight,) = looked("configuration.rituals_without_dri", now).sights
        assert (sight.subject, sight.detail) == (f"ritual:{HUDDLE}", "dri")
        assert "<dd>You</dd>" in opened(root, "ritual", HUDDLE), "administrators have what is nobody's"
    with rituals(HUDDLE, dri="sdr"):
        (sight,) = looked("configuration.rituals_without_dri", now).sights
        assert sight.found == "Nobody active has the role"
