"""The page that explains a clock: the due instant, the drawing, the tables; for everybody who may see clocks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from crm.clocks.models import Clock, ClockEvent
from crm.clocks.services import pause_clock, resume_clock, stop_clock, void_clock
from crm.handbook.models import HandbookVersion
from crm.people.models import User
from tests.access import client_of
from tests.clocks.clocks import TEN, about, make_clock

HOUR = timedelta(hours=1)
# The eve of Thanksgiving, half an hour before closing in Los Angeles.
EVE = datetime(2026, 11, 25, 23, 30, tzinfo=UTC)
SUPPORT: dict[str, Any] = {"channel": "support", "priority": "p3", "segment": "customer", "tier": "premium"}


@pytest.fixture(autouse=True)
def _hers(alice: User) -> Iterator[None]:
    with about(alice, alice.team):
        yield


def page(user: User, clock: Clock) -> str:
    response = client_of(user).get(reverse("admin:clocks_clock_explain", args=[clock.pk]))
    assert response.status_code == 200
    return response.content.decode()


def test_it_says_which_time_did_not_count_and_why(alice: User) -> None:
    text = page(alice, make_clock(**SUPPORT, started_at=EVE))
    assert "Thanksgiving" in text
    assert "Weekend" in text
    assert "Support P3: 2 business days, counted only while we are open" in text
    # Two business days from half past three on Wednesday: Friday, Monday.
    assert "Mon, Nov 30, 2026, 15:30" in text
    assert '<rect class="ex-counted"' in text
    assert '<rect class="ex-closed"' in text


def test_it_speaks_in_the_readers_zone_and_in_the_companys(alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(zone="Europe/Berlin")
    text = page(User.objects.get(pk=alice.pk), make_clock(started_at=EVE))
    assert "Thu, Nov 26, 2026, 00:30" in text
    assert "Wed, Nov 25, 2026, 15:30" in text
    assert "Europe/Berlin" in text
    assert "America/Los Angeles" in text


def test_it_shows_what_was_held_up_and_when_it_was_answered(alice: User) -> None:
    clock = make_clock(**SUPPORT)
    pause_clock(clock, by=alice, reason="Waiting for <details>", at=TEN + HOUR)
    resume_clock(clock, by=alice, at=TEN + 3 * HOUR)
    stop_clock(clock, by=alice, how="response", at=TEN + 4 * HOUR, facts={})
    text = page(alice, clock)
    assert "Held up" in text
    assert '<rect class="ex-held"' in text
    assert "Waiting for &lt;details&gt;" in text
    assert 'data-verdict="met"' in text
    assert "Not needed" in text


def test_it_says_of_a_clock_that_is_held_up_when_it_would_be_due_if_it_went_on_now(alice: User) -> None:
    clock = make_clock(**SUPPORT)
    pause_clock(clock, by=alice, reason="", at=TEN + HOUR)
    assert "if it goes on now" in page(alice, clock)


def test_it_shows_a_voided_clock(alice: User) -> None:
    clock = make_clock()
    void_clock(clock, by=alice, reason="Spam", at=TEN + HOUR)
    assert 'data-verdict="voided"' in page(alice, clock)


def test_everybody_who_works_here_reads_it_and_nobody_else(alice: User, charlie: User, mona: User) -> None:
    clock = make_clock()
    for user in (alice, charlie, mona):
        page(user, clock)
    answer = Client().get(reverse("admin:clocks_clock_explain", args=[clock.pk]))
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(reverse("admin:login"))


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_it_only_reads(alice: User, method: str) -> None:
    address = reverse("admin:clocks_clock_explain", args=[make_clock().pk])
    assert getattr(client_of(alice), method)(address).status_code == 405


def test_there_is_no_page_of_a_clock_that_is_not_there(alice: User) -> None:
    for pk in (10**9, 10**30):
        address = reverse("admin:clocks_clock_explain", args=[pk])
        assert client_of(alice).get(address).status_code == 404


def test_a_clock_whose_handbook_cannot_be_read_any_more_says_so(alice: User) -> None:
    clock = make_clock()
    old = HandbookVersion.objects.create(text="[company]\nnothing = true", sha256="0" * 64, applied_at=TEN)
    Clock.objects.filter(pk=clock.pk).update(handbook=old)
    answer = client_of(alice).get(reverse("admin:clocks_clock_explain", args=[clock.pk]))
    assert answer.status_code == 409
    assert "cannot read" in answer.content.decode()


def test_it_takes_as_many_queries_however_much_happened(alice: User) -> None:
    client, clock = client_of(alice), make_clock(**SUPPORT)
    address = reverse("admin:clocks_clock_explain", args=[clock.pk])
    client.get(address)
    with CaptureQueriesContext(connection) as few:
        client.get(address)
    for n in range(5):
        pause_clock(clock, by=alice, reason="", at=TEN + n * HOUR)
        resume_clock(clock, by=alice, at=TEN + n * HOUR + HOUR / 2)
    assert ClockEvent.objects.filter(clock=clock).count() > 10
    with CaptureQueriesContext(connection) as many:
        client.get(address)
    assert len(many) == len(few)
    assert len(many) <= 12
