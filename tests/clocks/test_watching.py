"""A sweep that stands still or is behind is seen: in /readyz, in the metrics, and by managers on every page."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from crm.clocks import watch_pages
from crm.clocks.models import Clock
from crm.clocks.tasks import sweep
from crm.jobs.heartbeats import note
from crm.jobs.metrics import operation
from crm.jobs.models import Heartbeat
from crm.jobs.schedule import SCHEDULE
from crm.people.models import User
from tests.access import client_of
from tests.clocks.clocks import make_clock

FIVE = timedelta(minutes=5)


@pytest.fixture(autouse=True)
def _asked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_pages, "BELIEVED_SECONDS", -1)


def word(client: Client) -> str:
    return str(client.get("/readyz").json()["sweep"])


def banner(user: User) -> str:
    return client_of(user).get("/admin/clocks/banner/").content.decode()


@pytest.mark.django_db
def test_it_says_how_the_sweep_is(client: Client) -> None:
    assert word(client) == "never ran"
    sweep()
    assert word(client) == "ok"
    note("sweep", at=timezone.now() - FIVE)
    assert word(client).startswith("silent for 30")


def test_a_sweep_that_is_behind_is_told_even_when_it_runs(client: Client, root: User) -> None:
    note("sweep", at=timezone.now())
    overdue(FIVE)
    assert word(client).startswith("behind by 30")
    assert client.get("/readyz").status_code == 200, "it takes no web server out"
    assert "watched too slowly" in banner(root)
    assert "for 5 minutes" in banner(root)


def overdue(by: timedelta) -> None:
    Clock.objects.filter(pk=make_clock().pk).update(next_at=timezone.now() - by)


def test_within_five_minutes_managers_see_that_it_stopped(mona: User, root: User) -> None:
    note("sweep", at=timezone.now())
    assert banner(mona).strip() == ""
    # Three minutes of patience, half a minute that an answer is believed, and a minute until a page asks again.
    note("sweep", at=timezone.now() - timedelta(minutes=3, seconds=1))
    for user in (mona, root):
        assert "Nobody watches response times" in banner(user)


def test_a_new_installation_has_no_banner_until_somebody_waits(mona: User) -> None:
    assert banner(mona).strip() == ""
    overdue(FIVE)
    assert "Nobody watches response times" in banner(mona)


def test_the_banner_is_on_every_page_of_a_manager_and_on_nobody_else_s(mona: User, alice: User) -> None:
    pages = [client_of(user).get("/admin/leads/lead/").content.decode() for user in (mona, alice)]
    assert ["/admin/clocks/banner/" in page for page in pages] == [True, False]
    assert client_of(alice).get("/admin/clocks/banner/").status_code == 403


@pytest.mark.django_db
def test_metrics_tell_how_far_behind_it_is() -> None:
    sweep()
    overdue(FIVE)
    text = operation().decode()
    assert "plumb_sweep_behind_seconds 30" in text
    assert "plumb_clocks_due 1.0" in text
    assert 'plumb_silent_seconds{part="sweep"}' in text


@pytest.mark.django_db
def test_beat_wakes_it_every_minute() -> None:
    assert SCHEDULE["sweep the clocks"]["task"] == sweep.name
    assert SCHEDULE["sweep the clocks"]["schedule"] <= 60
    sweep()
    assert Heartbeat.objects.filter(part="sweep").exists()
