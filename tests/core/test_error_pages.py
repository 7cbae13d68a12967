"""What people see when something is refused or broken: plain words, and nothing from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.test import Client, override_settings
from django.urls import path

from crm.theme import PRIMARY
from tests.children import ROOT

PAGES = sorted(ROOT.glob("templates/4*.html")) + sorted(ROOT.glob("templates/5*.html"))


def break_down(request: HttpRequest) -> HttpResponse:
    raise ZeroDivisionError("the secret reason")


def refuse(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied


def send(request: HttpRequest) -> HttpResponse:
    return HttpResponse("sent")


urlpatterns = [path("broken", break_down), path("refused", refuse), path("sent", send)]
here = override_settings(ROOT_URLCONF=__name__)


@pytest.fixture
def visitor() -> Client:
    return Client(raise_request_exception=False, enforce_csrf_checks=True)


@here
@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("/nowhere", 404, "There is nothing here"),
        ("/refused", 403, "not yours to do"),
        ("/broken", 500, "Something broke on our side"),
    ],
)
def test_it_says_what_happened(visitor: Client, address: str, status: int, words: str) -> None:
    response = visitor.get(address)
    assert response.status_code == status
    assert words in response.content.decode()
    assert "secret" not in response.content.decode()
    assert "default-src 'self'" in response["Content-Security-Policy"]


@here
def test_it_says_why_a_form_was_not_taken(visitor: Client) -> None:
    response = visitor.post("/sent")
    assert response.status_code == 403
    assert "too old to be sent" in response.content.decode()
    assert "Content-Security-Policy" in response


@here
def test_it_refuses_a_host_that_is_not_ours(visitor: Client) -> None:
    response = visitor.get("/sent", headers={"Host": "evil.example"})
    assert response.status_code == 400
    assert "cannot be answered" in response.content.decode()
    assert "Content-Security-Policy" in response


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/", "/admin/", "/admin/login/", "/static/nothing.js", "/healthz", "/admin/x/y/"])
def test_every_response_says_what_a_page_may_load(client: Client, address: str) -> None:
    policy = client.get(address)["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "script-src 'self' 'unsafe-eval'" in policy
    assert "http" not in policy


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_stands_alone(page: Path) -> None:
    text = render_to_string(page.name)  # without a request, a context or a database
    assert not re.search(r"https?://|//\w+\.|\{%|\{\{|\{#|<script|<img|<link", text)
    assert '<html lang="en">' in text
    assert 'name="viewport"' in text


def test_links_have_the_colour_that_they_have_elsewhere() -> None:
    text = render_to_string("403.html")
    assert re.findall(r"a \{ color: ([^;]+); \}", text) == [PRIMARY["600"], PRIMARY["500"]], "light, dark"


def test_there_is_a_page_for_each() -> None:
    names = {page.name for page in PAGES}
    assert names >= {"400.html", "403.html", "403_csrf.html", "404.html", "429_locked_out.html", "500.html"}


def test_the_lockout_page_is_the_configured_one(settings: Any) -> None:
    assert settings.AXES_LOCKOUT_TEMPLATE in {page.name for page in PAGES}
