"""Logging in: wrong passwords are counted, and somebody who only tries is locked out."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from crm.people.models import User
from tests.factories import PASSWORD

pytestmark = pytest.mark.django_db
LOGIN = "/admin/login/"


def log_in(client: Client, email: str, password: str, **extra: Any) -> Any:
    return client.post(LOGIN, {"username": email, "password": password, "next": "/admin/"}, **extra)


def is_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def lock(client: Client, email: str) -> None:
    for _ in range(10):
        log_in(client, email, "wrong")


def test_it_lets_the_right_password_in_whatever_the_case_of_the_address(client: Client, alice: User) -> None:
    assert log_in(client, "ALICE@Example.com", PASSWORD).status_code == 302
    assert is_in(client)


def test_it_locks_out_after_ten_wrong_passwords_also_the_right_one(client: Client, alice: User) -> None:
    for _ in range(9):
        assert log_in(client, alice.email, "wrong").status_code == 200
    assert log_in(client, alice.email, "wrong").status_code == 429
    response = log_in(client, alice.email, PASSWORD)
    assert response.status_code == 429
    assert not is_in(client)
    page = response.content.decode()
    assert "Too many wrong passwords" in page
    assert "fifteen minutes" in page
    assert alice.email not in page


def test_nine_wrong_ones_are_forgotten_after_the_right_one(client: Client, alice: User) -> None:
    for _ in range(2):
        for _ in range(9):
            log_in(client, alice.email, "wrong")
        assert log_in(client, alice.email, PASSWORD).status_code == 302


def test_others_log_in_as_before(client: Client, alice: User, bob: User) -> None:
    lock(client, alice.email)
    assert log_in(client, bob.email, PASSWORD).status_code == 302
    assert is_in(client)


def test_somebody_elses_tries_from_elsewhere_do_not_lock_the_owner_out(client: Client, alice: User) -> None:
    for _ in range(10):
        log_in(client, alice.email, "wrong", REMOTE_ADDR="203.0.113.9")
    assert log_in(client, alice.email, PASSWORD).status_code == 302


def test_spellings_of_one_address_count_together(client: Client, alice: User) -> None:
    spellings = [
        "alice@example.com",
        "ALICE@example.com",
        "Alice@Example.COM",
        " alice@example.com",
        "alice+1@example.com",
    ]
    for spelling in spellings * 2:
        log_in(client, spelling, "wrong")
    assert log_in(client, alice.email, PASSWORD).status_code == 429


def test_unknown_addresses_are_counted_too(client: Client, db: None) -> None:
    """Else a lock would tell which addresses exist."""
    lock(client, "nobody@example.com")
    assert log_in(client, "nobody@example.com", "wrong").status_code == 429


def test_a_program_cannot_log_in(client: Client, robot: User) -> None:
    assert log_in(client, robot.email, PASSWORD).status_code == 200
    assert not is_in(client)


def test_it_lets_in_again_after_a_quarter_of_an_hour(client: Client, alice: User) -> None:
    from datetime import timedelta

    from axes.models import AccessAttempt
    from django.utils import timezone

    lock(client, alice.email)
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    assert log_in(client, alice.email, PASSWORD).status_code == 302


def test_a_refused_login_says_what_was_wrong_once_and_in_plain_words(client: Client) -> None:
    answer = log_in(client, "nobody@example.com", "wrong")
    assert answer.status_code == 200
    page = answer.content.decode()
    assert page.count("Nobody who may log in has this email and password.") == 1
    assert "staff account" not in page
