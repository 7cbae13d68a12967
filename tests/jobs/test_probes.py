"""`/healthz` and `/readyz`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from crm import handbook
from crm.jobs import readiness
from crm.jobs.heartbeats import note
from crm.people.models import User

WELL = dict.fromkeys(("database", "migrations", "broker", "worker", "beat", "handbook", "sweep"), "ok")


@pytest.fixture
def alive(db: None) -> None:
    """Beat, worker and sweep have just been seen."""
    for part in ("beat", "worker", "sweep"):
        note(part, at=timezone.now())


def test_healthz_asks_nobody(client: Client) -> None:
    """Without the fixture for it, any query would fail this test."""
    response = client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert response["Cache-Control"] == "no-store"


@pytest.mark.django_db
def test_healthz_does_not_look_up_who_asks(client: Client, alice: User, django_assert_num_queries: Any) -> None:
    client.force_login(alice, backend="crm.people.backends.EmailBackend")
    with django_assert_num_queries(0):
        assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
@pytest.mark.django_db
def test_a_probe_may_name_the_process_by_its_address(client: Client, path: str) -> None:
    assert client.get(path, headers={"Host": "10.1.2.3:8000"}).status_code == 200


@pytest.mark.django_db
def test_it_is_ready_when_everything_is_well(client: Client, alive: None) -> None:
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (200, {"status": "ready", **WELL})


@pytest.mark.django_db
def test_it_is_quick(client: Client, alive: None, django_assert_max_num_queries: Any) -> None:
    client.get("/readyz")
    with django_assert_max_num_queries(7):
        client.get("/readyz")


@pytest.mark.django_db
def test_a_stopped_beat_does_not_take_the_web_servers_out(client: Client, alive: None) -> None:
    note("beat", at=timezone.now() - timedelta(minutes=5))
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json()["status"] == "degraded"
    assert response.json()["beat"].startswith("silent for 30")


@pytest.mark.django_db
def test_it_says_when_another_handbook_is_in_force(client: Client, alive: None) -> None:
    other = handbook.current().model_copy()
    other._text = "another"
    with handbook.use(other):
        response = client.get("/readyz")
    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    assert "not the one in force" in response.json()["handbook"]


@pytest.mark.django_db
def test_it_is_not_ready_with_migrations_to_apply(client: Client, alive: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'leads' AND name LIKE '0001%%'")
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"status": "unavailable", "database": "ok", "migrations": "1 not applied"}


@pytest.mark.django_db
def test_it_is_not_ready_without_its_database(client: Client) -> None:
    with patch.object(readiness, "check_database", side_effect=OperationalError("password=secret host=db.internal")):
        response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"status": "unavailable", "database": "does not answer"}


@pytest.mark.django_db
def test_it_says_when_the_queue_is_missing(client: Client, alive: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pgmq.drop_queue('celery')")
    response = client.get("/readyz")
    assert (response.status_code, response.json()["broker"]) == (200, "its queue is missing")


@pytest.mark.django_db
def test_it_says_when_a_broker_of_its_own_does_not_answer(client: Client, alive: None, settings: Any) -> None:
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    with patch.object(readiness, "ask_broker", readiness.ask_broker.__wrapped__), patched_app(settings):  # type: ignore[attr-defined]
        response = client.get("/readyz")
    assert (response.status_code, response.json()["broker"]) == (200, "does not answer")


def patched_app(settings: Any) -> Any:
    """Celery's application as it would be with another broker's address."""
    from celery import Celery

    other = Celery("other", broker=settings.CELERY_BROKER_URL, set_as_current=False)
    return patch.object(readiness, "current_app", other)
