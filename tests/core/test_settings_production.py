"""What production's pages send: only over HTTPS, only secure cookies, and what a browser may do with them.

The settings follow from the environment when they are read, so a child reads them as production would.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.children import PRODUCTION, run

ASK = """
import json
from django.conf import settings
# Collecting the static files is not what this is about.
settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
import django
django.setup()
from django.db import transaction
from django.test import Client
from crm.people.models import User

def told(response):
    return {
        "status": response.status_code,
        "headers": {name.lower(): value for name, value in response.headers.items()},
        "cookies": {name: dict(cookie) for name, cookie in response.cookies.items()},
    }

client = Client(raise_request_exception=False, SERVER_NAME="crm.example.com", REMOTE_ADDR="203.0.113.9")
form = {"username": "asked@example.com", "password": "correct horse", "next": "/nowhere"}
with transaction.atomic():
    User.objects.create_user("asked@example.com", "correct horse", role="sdr")
    print(json.dumps({
        "plain": told(client.get("/admin/login/")),
        "plain probe": told(client.get("/healthz")),
        "login page": told(client.get("/admin/login/", secure=True)),
        "login": told(client.post("/admin/login/", form, secure=True)),
        "after login": told(client.get("/nowhere", secure=True)),
        "host": told(client.get("/", secure=True, headers={"Host": "evil.example"})),
        "metrics": told(client.get("/metrics", secure=True)),
        "debug": settings.DEBUG,
        "production": settings.PRODUCTION,
    }))
    transaction.set_rollback(True)
"""


@pytest.fixture(scope="module")
def answers(django_db_setup: None) -> dict[str, Any]:
    """Responses of a process with production's environment."""
    child = run("-c", ASK, **PRODUCTION)
    assert child.returncode == 0, child.stderr
    found: dict[str, Any] = json.loads(child.stdout)
    return found


def pages(answers: dict[str, Any]) -> dict[str, Any]:
    return {name: page for name, page in answers.items() if isinstance(page, dict)}


def test_it_is_production_without_being_asked(answers: dict[str, Any]) -> None:
    assert answers["production"] is True
    assert answers["debug"] is False


def test_it_sends_people_to_https_and_answers_probes_as_they_come(answers: dict[str, Any]) -> None:
    assert answers["plain"]["status"] == 301
    assert answers["plain"]["headers"]["location"] == "https://crm.example.com/admin/login/"
    assert answers["plain probe"]["status"] == 200


def test_no_cookie_travels_in_the_open(answers: dict[str, Any]) -> None:
    seen = {name for page in pages(answers).values() for name in page["cookies"]}
    assert {"csrftoken", "sessionid"} <= seen
    for page in pages(answers).values():
        for cookie in page["cookies"].values():
            assert cookie["secure"] is True
            assert cookie["samesite"] == "Lax"
    assert answers["login"]["status"] == 302
    assert answers["login"]["cookies"]["sessionid"]["httponly"] is True


def test_browsers_are_told_to_stay_with_https(answers: dict[str, Any]) -> None:
    for name in ("login page", "login", "after login"):
        assert answers[name]["headers"]["strict-transport-security"] == "max-age=31536000; includeSubDomains; preload"


def test_every_response_says_what_may_be_loaded_and_where_it_may_be_shown(answers: dict[str, Any]) -> None:
    assert {page["status"] for page in pages(answers).values()} >= {200, 301, 302, 400, 403, 404}
    for name, page in pages(answers).items():
        policy = page["headers"]["content-security-policy"]
        assert "default-src 'self'" in policy, name
        assert "frame-ancestors 'none'" in policy, name
        if page["status"] not in (301, 400):
            assert page["headers"]["x-content-type-options"] == "nosniff", name


def test_another_host_is_refused_and_metrics_are_closed(answers: dict[str, Any]) -> None:
    assert answers["host"]["status"] == 400
    assert answers["metrics"]["status"] == 403
