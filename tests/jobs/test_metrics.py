"""`/metrics`: who may read it; that rate, errors and duration of requests and the use of what is scarce are in it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from crm.jobs.heartbeats import note

pytestmark = pytest.mark.django_db


def test_it_answers_this_machine(client: Client) -> None:
    assert client.get("/metrics").status_code == 200


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.0.0.7", "192.168.1.4"])
def test_it_answers_private_networks(client: Client, address: str) -> None:
    assert client.get("/metrics", REMOTE_ADDR=address).status_code == 200


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "", "unknown"])
def test_it_refuses_anybody_else(client: Client, address: str) -> None:
    response = client.get("/metrics", REMOTE_ADDR=address)
    assert response.status_code == 403
    assert b"plumb_" not in response.content


def test_it_refuses_everybody_in_production(client: Client, settings: Any) -> None:
    """Behind a proxy everybody comes from this machine."""
    settings.PRODUCTION = True
    response = client.get("/metrics")
    assert response.status_code == 403
    assert "METRICS_TOKEN" in response.content.decode()


def test_it_answers_the_token_from_anywhere_and_nothing_else(client: Client, settings: Any) -> None:
    settings.PRODUCTION = True
    settings.METRICS_TOKEN = "let-me-in"
    allowed = client.get("/metrics", REMOTE_ADDR="8.8.8.8", headers={"Authorization": "Bearer let-me-in"})
    assert allowed.status_code == 200
    for header in ("Bearer let-me-out", "Bearer ", "let-me-in", "Basic let-me-in", ""):
        assert client.get("/metrics", headers={"Authorization": header}).status_code == 403


def test_rate_errors_and_duration_are_counted(client: Client) -> None:
    def figure(name: str) -> float:
        found = re.findall(rf"^{re.escape(name)} (\S+)$", client.get("/metrics").content.decode(), re.MULTILINE)
        return float(found[0]) if found else 0.0

    rate = 'django_http_responses_total_by_status_view_method_total{method="GET",status="404",view="<unnamed view>"}'
    duration = "django_http_requests_latency_including_middlewares_seconds_count"
    before = figure(rate), figure(duration)
    client.get("/nowhere")
    # The scrapes themselves are requests too, so the count of all of them rises by more than one.
    assert figure(rate) == before[0] + 1
    assert figure(duration) >= before[1] + 1


def test_use_and_saturation_are_shown(client: Client) -> None:
    note("beat", at=datetime.now(tz=UTC))
    text = client.get("/metrics").content.decode()
    figures = dict(re.findall(r"^(plumb_[a-z_]+)(?:\{[^}]*\})? (\S+)$", text, re.MULTILINE))
    assert float(figures["plumb_database_connections"]) >= 1
    assert float(figures["plumb_database_connections_limit"]) >= 10
    assert figures["plumb_database_up"] == "1.0"
    assert {"plumb_queue_length", "plumb_queue_age_seconds", "plumb_feed_unnumbered"} <= set(figures)
    assert 'plumb_silent_seconds{part="beat"}' in text
