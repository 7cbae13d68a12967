"""Waiting for a change: who waits is answered when one commits, and too many who wait keep nobody out."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from crm.people.models import User
from crm.sync.feed import waiting
from crm.sync.feed.reading import Page
from tests.factories import make_account, make_lead
from tests.keys import Program, program
from tests.races import in_thread, second_connection
from tests.sync.following import Follower, told

pytestmark = pytest.mark.django_db(transaction=True)


class Pauses:
    """The pauses of those who wait: how many there were, whose, and a word when one has begun."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.count = 0
        self.threads: set[int] = set()

    def __call__(self, seconds: float) -> None:
        self.count += 1
        self.threads.add(threading.get_ident())
        self.begun.release()
        time.sleep(min(seconds, 0.02))


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Pauses:
    """Short ones."""
    made = Pauses()
    monkeypatch.setattr(waiting, "pause", made)
    return made


def ask_and_wait(ask: Program, cursor: str, seconds: int) -> Any:
    """The page that is answered."""
    answer = Program(ask.key)("GET", f"changes/?cursor={cursor}&wait={seconds}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_who_waits_is_answered_when_a_change_of_theirs_commits(root: User, pauses: Pauses) -> None:
    follower = Follower(program(root), "leads")
    lead = make_lead()
    follower.read()
    with second_connection() as writer, ThreadPoolExecutor(1) as pool:
        writer.execute("UPDATE leads_lead SET title = 'Boss' WHERE id = %s", [lead.pk])
        answer = in_thread(pool, partial(ask_and_wait, follower.ask, follower.cursor, 30))
        assert pauses.begun.acquire(timeout=10)
        make_account()
        seen = pauses.count
        assert all(pauses.begun.acquire(timeout=10) for _ in range(seen + 2))
        assert not answer.done(), "what it does not follow, or is not committed, is no answer"
        writer.commit()
        page = answer.result(timeout=10)
    changes = [change for one in page["transactions"] for change in one["changes"]]
    assert told(changes) == [("leads", lead.pk, 2, "updated")]
    follower.cursor = page["cursor"]
    assert follower.read() == []


def test_who_waits_in_vain_is_told_so_with_a_cursor_that_went_on(root: User, pauses: Pauses) -> None:
    follower = Follower(program(root), "leads")
    make_account()
    page = follower.page(wait=1)
    assert pauses.count > 1
    assert (page["transactions"], page["more"]) == ([], False)
    assert page["cursor"] != follower.cursor


@pytest.mark.parametrize(
    ("lost", "status", "code"),
    [
        ("UPDATE sync_apikey SET revoked_at = now()", 401, "not_authenticated"),
        ("UPDATE people_user SET is_active = false WHERE role = 'administrator'", 401, "not_authenticated"),
        ("UPDATE sync_apikey SET scopes = '{tasks:read}'", 403, "missing_scope"),
    ],
)
def test_who_waits_is_told_nothing_of_what_happens_after_they_lost_the_right(
    lost: str, status: int, code: str, root: User, pauses: Pauses
) -> None:
    follower = Follower(program(root), "leads")
    address = f"changes/?cursor={follower.cursor}&wait=30"
    with second_connection() as writer, ThreadPoolExecutor(1) as pool:
        answer = in_thread(pool, partial(Program(follower.ask.key), "GET", address))
        assert pauses.begun.acquire(timeout=10)
        writer.execute(lost)
        writer.commit()
        make_lead()
        refused = answer.result(timeout=10)
    assert (refused.status_code, refused.json()["code"]) == (status, code)


def test_too_many_who_wait_are_answered_at_once(root: User, pauses: Pauses, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_seats", threading.BoundedSemaphore(2))
    follower = Follower(program(root), "leads")
    with ThreadPoolExecutor(2) as pool:
        waiters = [in_thread(pool, partial(ask_and_wait, follower.ask, follower.cursor, 30)) for _ in range(2)]
        while len(pauses.threads) < 2:
            assert pauses.begun.acquire(timeout=10)
        assert follower.page(wait=30)["transactions"] == []
        assert threading.get_ident() not in pauses.threads, "it waited"
        assert not any(one.done() for one in waiters), "nobody waited: the test proves nothing"
        lead = make_lead()
        for one in waiters:
            assert one.result(timeout=10)["transactions"][0]["changes"][0]["id"] == lead.pk
    follower.read()
    begun = pauses.count
    follower.page(wait=1)
    assert pauses.count > begun, "their places were given back"


def test_a_place_is_given_back_by_who_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_seats", threading.BoundedSemaphore(1))
    monkeypatch.setattr(waiting, "pause", lambda seconds: None)

    def read(before: Page | None) -> Page:
        if before is not None:
            raise ZeroDivisionError
        return Page([], None, False)  # type: ignore[arg-type]

    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            waiting.wait_for_page(read, 5)
