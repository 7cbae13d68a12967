"""A huddle where people meet it: the page before it, the card of one opportunity, and the lists behind its numbers."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.template.loader import render_to_string
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from contracts.models import Opportunity
from crm.core.door import move
from crm.people.models import User
from crm.reviews.huddle.kind import HUDDLE
from crm.reviews.models import Item
from tests.access import client_of
from tests.conftest import NOW
from tests.factories import make_contact
from tests.reviews.huddling import DAY, LAST, SINCE, TODAY, change, deal, held, item_of, touch

pytestmark = pytest.mark.django_db
SILENT = NOW - 50 * DAY


@pytest.fixture(autouse=True)
def at_that_moment(monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    """Pages are asked for at that moment."""
    monkeypatch.setattr(timezone, "now", lambda: now)


def card(item: Item, user: User, *, writes: bool = True) -> tuple[dict[str, Any], str]:
    """What the card has, and how it is drawn."""
    record = HUDDLE.find([item.record_id])[item.record_id]
    context = HUDDLE.card(item, record, user=user, at=NOW)
    drawn = {"form": HUDDLE.form(record, at=NOW), "item": item, "record": record, "meeting": item.meeting}
    more = {"writes": writes, "here": "/admin/reviews/meetings/7/?a=1&b=2"}
    return context, unescape(render_to_string(HUDDLE.template, {**context, **drawn, **more}))


def test_the_card_tells_what_was_promised_what_changed_and_what_can_be_done(
    alice: User, bob: User, mona: User, charlie: User
) -> None:
    contact = make_contact(first_name="Nina", last_name="Vale")
    one = deal(owner=alice, contact=contact, next_step_due=TODAY - DAY)
    change(one, alice, LAST - timedelta(minutes=5), amount=Decimal(110))
    held(mona)
    change(one, bob, SINCE, amount=Decimal(1200), close_on=TODAY + 70 * DAY, confidence=10)
    change(one, bob, SINCE + timedelta(minutes=1), confidence=None)
    change(one, mona, SINCE + timedelta(minutes=5), owner=bob, amount=Decimal(1250), description="Keen")
    step: dict[str, Any] = {"next_step": "Meet the buyer", "next_step_due": TODAY + DAY, "next_step_kept": "on"}
    advanced = SINCE + timedelta(minutes=9)
    one.refresh_from_db()
    move(one, "advance", actor=bob, at=advanced, via="admin", criteria=["meeting_held"], **step)
    touch(NOW - 2 * DAY, alice, contact=contact)
    context, page = card(item_of(one, mona), mona)
    told = [(line.label, line.before, line.after, line.who) for line in context["changes"]]
    assert told == [
        ("Amount", "110", "1,250", "Mona"),
        ("Stage", "Meeting set", "Discovery", "Bob"),
        ("Close date", "May 3, 2026", "May 13, 2026", "Bob"),
        ("Opportunity owner", "Alice", "Bob", "Mona"),
    ]
    assert (context["promise"].step.text, context["promise"].outcome) == ("Call them", "kept late")
    assert dict(context["facts"]) == {
        "Owner": "Bob",
        "Amount": "1,250 USD",
        "Stage": "Discovery, for 0 days",
        "Close date": "May 13, 2026",
        "Forecast": "Pipeline",
        "Age": "0 days",
        "Last touch": "March 2, 2026 (2 days ago)",
    }
    assert "Promised last time" in page
    assert "Changed since March 2, 2026" in page
    assert "“Meet the buyer”, due March 5, 2026: was it done?" in page
    assert reverse("admin:contracts_opportunity_change", args=[one.pk]) == context["address"]
    # Each dialog knows the version that was looked at and the way back.
    version = Opportunity.objects.get(pk=one.pk).version
    assert f'/move/lose/?version={version}&next=/admin/reviews/meetings/7/%3Fa%3D1%26b%3D2" data-dialog' in page
    assert next(offer.verb for offer in context["moves"]) == "advance"
    assert "silent" not in page
    # Who follows reads the same and is offered nothing to write; who may not move it, no moves.
    context, follows = card(item_of(one, alice), charlie, writes=False)
    assert "Promised last time" in follows
    assert "<input" not in follows
    assert "data-dialog" not in follows
    assert context["moves"] == []
    # Holding the minutes gives no right to change it: the card says whose it is to do.
    _, refused = card(item_of(one, alice), charlie)
    assert "An opportunity is changed by: Owner, their team, a manager." in refused
    assert "<input" not in refused


def test_what_has_been_silent_for_too_long_is_offered_to_be_closed(alice: User, mona: User, root: User) -> None:
    dead = deal(name="Dead", owner=alice, at=SILENT, next_step="", next_step_due=None)
    # Neither an import nor a program is a sign of life.
    change(dead, root, NOW - 3 * DAY, via="import", amount=Decimal(5))
    change(dead, User.objects.system(), NOW - 3 * DAY, amount=Decimal(6))
    context, page = card(item_of(dead, mona), mona)
    assert context["silent"].startswith("Nobody has touched or changed it for 50 days.")
    assert "silent for 45 days" in page
    assert ">Close lost</a>" in page
    assert page.count("/move/lose/") == 1, "offered once"
    assert "Nothing is promised." in page
    assert "No huddle of this scope was held before." in page
    touched = deal(name="Touched", owner=alice, at=SILENT)
    touch(NOW - 44 * DAY, alice, account=touched.account)
    changed = deal(name="Changed", owner=alice, at=SILENT)
    change(changed, alice, NOW - 44 * DAY, description="They think about it")
    for one in (touched, changed, deal(name="Young", owner=alice, at=NOW - 44 * DAY)):
        assert card(item_of(one, mona), mona)[0]["silent"] == "", one.name


def test_a_card_costs_the_same_whatever_happened(alice: User, bob: User, mona: User) -> None:
    quiet, busy = deal(owner=alice), deal(owner=alice)
    held(mona)
    for number in range(12):
        change(busy, alice, SINCE + timedelta(minutes=number), amount=Decimal(number), next_step=f"Call {number}")
        change(busy, alice, SINCE + timedelta(minutes=number), owner=bob if number % 2 else mona)
        touch(SINCE, alice, opportunity=busy)

    def cost(one: Opportunity) -> int:
        item = item_of(one, mona)
        record = HUDDLE.find([one.pk])[one.pk]
        with CaptureQueriesContext(connection) as queries:
            HUDDLE.card(item, record, user=mona, at=NOW)
        return len(queries)

    # The names of owners are read where an owner changed: once for all of them.
    assert cost(busy) - cost(quiet) == 1


def test_every_number_of_the_page_opens_what_it_counts(alice: User, bob: User, mona: User, charlie: User) -> None:
    held(mona)
    for number in range(3):
        deal(owner=alice, next_step_due=TODAY - DAY, amount=Decimal(100 + number))
    deal(owner=bob, next_step="", next_step_due=None, stage="negotiation")
    deal(owner=charlie, close_on=None, stated_forecast="commit", amount=None)
    deal(amount=Decimal(9), currency="SEK")
    deal(owner=alice, stage="closed_lost")
    client = client_of(mona)
    pages: list[tuple[dict[str, str], int]] = [
        ({}, 99),
        ({"owner": str(alice.pk)}, 2),
        ({"team": str(alice.team_id)}, 2),
    ]
    for asked, most in pages:
        page = client.get(reverse("admin:huddle"), asked).content.decode()
        numbers = re.findall(r'<a class="pl-link" href="([^"]*\?huddle=[^"]*)">([\d,]+)</a>', page)
        assert len(numbers) >= 4, asked
        for address, count in numbers[:most]:
            opened = client.get(unescape(address))
            assert opened.status_code == 200
            assert str(opened.context["cl"].result_count) == count, address
    whole = unescape(client.get(reverse("admin:huddle")).content.decode())
    assert "Not in these sums, for want of a rate: 9 SEK." in whole
    assert "3 The next step is past due" in re.sub(r"<[^>]*>|\s+", " ", whole).replace("  ", " ").replace("  ", " ")
    assert "Begin the sales huddle" in whole
    assert "Last held on" in whole
    # What no number says is not taken for everything.
    for wrong in ("reason=tired", "category=hope", "owner=0", "colour=red"):
        refused = client.get(reverse("admin:contracts_opportunity_changelist"), {"huddle": wrong}, follow=True)
        assert "The list is shown unfiltered." in refused.content.decode()
    problem = client.get(reverse("admin:huddle"), {"owner": "nobody"})
    assert "There is no such owner. Everything is shown." in problem.content.decode()
    # Others see it, and join; they do not begin it.
    others = client_of(charlie).get(reverse("admin:huddle")).content.decode()
    assert "Begin the sales huddle" not in others
    assert "A manager begins the next one" in others


def test_a_page_of_nothing_says_what_to_do(mona: User, alice: User) -> None:
    client = client_of(mona)
    assert "Opportunities are made when leads are converted" in client.get(reverse("admin:huddle")).content.decode()
    deal()
    page = client.get(reverse("admin:huddle"), {"owner": alice.pk}).content.decode()
    assert "Alice: no open opportunities." in page


def test_the_page_costs_the_same_for_five_and_for_fifty(mona: User, alice: User) -> None:
    client = client_of(mona)

    def cost(count: int) -> int:
        for number in range(count):
            deal(owner=alice, next_step_due=TODAY - DAY, close_on=TODAY - number * DAY)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(reverse("admin:huddle")).status_code == 200
        return len(queries)

    cost(1)
    assert cost(4) == cost(45)


def test_a_whole_huddle_by_its_pages(mona: User, alice: User) -> None:
    one = deal(name="Hooli 2026", owner=alice, next_step_due=TODAY - DAY)
    client = client_of(mona)
    page = client.post(reverse("admin:meeting_start"), {"kind": "huddle"}, follow=True)
    assert "“Call them”, due March 3, 2026: was it done?" in unescape(page.content.decode())
    address = reverse("admin:meeting_do", args=[page.context["meeting"].pk, "answer"])
    typed = {"position": "1", "version": str(one.version), "step_kept": "yes", "next_step": "Call them"}
    typed |= {
        "next_step_due": "2026-03-03",
        "close_on": str(one.close_on),
        "amount": "250",
        "stated_forecast": "commit",
    }
    refused = unescape(client.post(address, typed).content.decode())
    assert "That step was done: say what is done next." in refused
    assert 'value="250"' in refused, "what was typed stands"
    change(one, alice, NOW, confidence=70)
    typed |= {"next_step": "Meet", "next_step_due": "2026-03-12", "confidence": ""}
    stale = client.post(address, typed)
    assert stale.status_code == 409
    shown = unescape(stale.content.decode())
    assert "It was changed since you opened it. Nothing was written." in shown
    assert re.search(r"Confidence: <del>\(empty\)</del>.*<ins>70</ins> by Alice", shown)
    typed |= {"version": str(Opportunity.objects.get().version), "confidence": "70"}
    done = unescape(client.post(address, typed, follow=True).content.decode())
    for words in ("Next step done, late", "Next step set", "Forecast category stated", "Amount changed"):
        assert words in done, words
    one.refresh_from_db()
    assert (one.amount, one.confidence) == (Decimal(250), 70)
    assert (one.next_step, one.stated_forecast) == ("Meet", "commit")
