"""A POST under an Idempotency-Key is done once, however often and by however many at once it is sent."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from crm.enquiries.models import Enquiry
from crm.history.models import Change
from crm.people.models import User
from crm.sync.idempotency import KEPT, tidy_answers
from crm.sync.models import IdempotencyKey
from crm.sync.tasks import tidy_answers as tidy_task
from leads.models import Lead
from tests.children import ROOT, environment
from tests.factories import make_lead
from tests.keys import Program, make_key, program
from tests.races import in_thread, outcomes, second_connection, wait_until_blocked

BODY = {"channel": "contact_form", "name": "Nia Park", "email": "nia@hooli.example", "text": "Zürich?"}


def send(ask: Program, key: str = "k-1", body: Any = None, path: str = "enquiries/", **headers: str) -> Any:
    """One request with its key."""
    return ask("POST", path, BODY if body is None else body, idempotency_key=key, **headers)


def quiet(key: str) -> Program:
    """A program that gets a 500 for a fault, as it would over the wire."""
    ask = Program(key)
    ask.client.raise_request_exception = False
    return ask


# --- the same again ---------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_same_again_is_answered_byte_for_byte_and_says_so(mona: User) -> None:
    ask = program(mona)
    first, second = send(ask), send(ask)
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.content == first.content
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    for name in ("ETag", "Location", "Content-Type", "Cache-Control"):
        assert second.headers[name] == first.headers[name], name
    assert Enquiry.objects.count() == 1
    Enquiry.objects.update(name="Somebody else")
    assert send(ask).content == first.content


@pytest.mark.django_db
def test_a_replay_counts_as_a_request_of_its_own(mona: User) -> None:
    ask = Program(make_key(mona, "enquiries:write", per_minute=2))
    assert [send(ask).status_code for _ in range(3)] == [201, 201, 429]


@pytest.mark.django_db
def test_the_same_json_is_the_same_request_and_a_quoted_key_the_same_key(mona: User) -> None:
    ask = program(mona)
    first = send(ask)
    turned = json.dumps(dict(reversed(BODY.items())), indent=2).encode()
    assert send(ask, '"k-1"', turned).content == first.content
    assert ask("POST", "enquiries", BODY, idempotency_key="k-1").content == first.content
    assert Enquiry.objects.count() == 1


@pytest.mark.django_db
def test_another_request_under_the_same_key_is_refused_and_not_done(mona: User) -> None:
    ask, lead = program(mona), make_lead(owner=mona)
    send(ask)
    other = send(ask, body=BODY | {"text": "Something else"})
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    assert other.headers["Content-Type"] == "application/problem+json"
    assert Enquiry.objects.count() == 1
    path = f"leads/{lead.pk}/moves/qualify/"
    first = send(ask, "m-1", {"reason": "x"}, path)
    assert send(ask, "m-1", {"reason": "x"}, path, if_match=f'"{lead.pk}.1"').status_code == 422
    assert send(ask, "m-1", {"reason": "x"}, path).content == first.content


@pytest.mark.django_db
def test_a_key_belongs_to_whose_it_is_and_to_the_address(mona: User, alice: User) -> None:
    ask = program(mona)
    assert send(ask).status_code == 201
    assert send(program(alice)).status_code == 201
    assert send(Program(make_key(mona))).status_code == 201
    assert send(ask, body={"name": "Hooli"}, path="accounts/").status_code == 201
    assert Enquiry.objects.count() == 3


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", " ", "two words", "k" * 256, '"open', "ключ"])
def test_what_is_no_key_is_refused_and_nothing_done(key: str, mona: User) -> None:
    answer = send(program(mona), key)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_header")
    assert not Enquiry.objects.exists()


# --- what is kept -----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_refusal_is_kept_as_well_with_nothing_of_what_was_refused(mona: User, alice: User) -> None:
    ask, lead = program(mona), make_lead(owner=alice)
    path = f"leads/{lead.pk}/moves/meet/"
    before = Change.objects.count()
    first = send(ask, body={}, path=path)
    assert first.status_code >= 400
    second = send(ask, body={}, path=path)
    assert (second.content, second.headers["Idempotent-Replayed"]) == (first.content, "true")
    assert second.headers["Content-Type"] == "application/problem+json"
    assert Change.objects.count() == before


@pytest.mark.django_db
def test_what_was_turned_away_before_it_began_is_not_kept(mona: User) -> None:
    ask = program(mona)
    assert send(Program(make_key(mona, "leads:read"))).status_code == 403
    assert send(ask, body=b"{garbage").json()["code"] == "malformed"
    assert not IdempotencyKey.objects.exists()
    assert send(ask).status_code == 201


@pytest.mark.django_db(transaction=True)
def test_a_fault_is_never_kept_and_leaves_nothing(mona: User) -> None:
    ask = quiet(make_key(mona))
    with patch("crm.enquiries.receiving.tell_received", side_effect=ZeroDivisionError):
        assert send(ask).status_code == 500
    with patch("crm.enquiries.receiving.tell_received", side_effect=OperationalError):
        assert send(ask).status_code == 503
    with patch("crm.sync.idempotency.keep", side_effect=ZeroDivisionError):
        assert send(ask).status_code == 500
    assert not Enquiry.objects.exists()
    assert not Lead.objects.exists()
    assert not IdempotencyKey.objects.exists()
    assert send(ask).status_code == 201


@pytest.mark.django_db
def test_it_is_kept_for_a_day(mona: User, monkeypatch: pytest.MonkeyPatch) -> None:
    ask, began = program(mona), timezone.now()
    send(ask)
    monkeypatch.setattr(timezone, "now", lambda: began + KEPT - timedelta(minutes=1))
    assert send(ask).headers["Idempotent-Replayed"] == "true"
    monkeypatch.setattr(timezone, "now", lambda: began + KEPT + timedelta(minutes=1))
    assert "Idempotent-Replayed" not in send(ask).headers
    assert (Enquiry.objects.count(), IdempotencyKey.objects.count()) == (2, 1)


@pytest.mark.django_db
def test_old_answers_are_tidied_away(mona: User, now: datetime) -> None:
    ask = program(mona)
    for key in ("a", "b"):
        send(ask, key)
    IdempotencyKey.objects.filter(pk=IdempotencyKey.objects.order_by("pk")[0].pk).update(
        at=timezone.now() - KEPT - timedelta(minutes=1)
    )
    tidy_task()
    assert IdempotencyKey.objects.count() == 1
    assert tidy_answers(at=timezone.now()) == 0


@pytest.mark.django_db
def test_without_the_header_or_on_a_read_nothing_is_kept(mona: User) -> None:
    ask = program(mona)
    assert [ask("POST", "enquiries/", BODY).status_code for _ in range(2)] == [201, 201]
    assert ask("GET", "enquiries/", idempotency_key="k").status_code == 200
    assert (Enquiry.objects.count(), IdempotencyKey.objects.count()) == (2, 0)


# --- at the same time -------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_twenty_at_once_are_one_row_and_one_answer(mona: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crm.sync.idempotency.PATIENCE", "60s")  # a busy machine starts twenty slowly
    key = make_key(mona)
    with ThreadPoolExecutor(20) as pool, second_connection() as gate:
        # All of them meet at what the first one has to wait for.
        gate.execute("LOCK TABLE enquiries_enquiry IN SHARE MODE")
        futures = [in_thread(pool, lambda: send(Program(key))) for _ in range(20)]
        wait_until_blocked(20)
        gate.rollback()
        answers = [future.result(timeout=60) for future in futures]
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("Idempotent-Replayed" in answer.headers for answer in answers) == 19
    assert (Enquiry.objects.count(), Lead.objects.count(), IdempotencyKey.objects.count()) == (1, 1, 1)


@pytest.mark.django_db(transaction=True)
def test_who_asks_while_the_first_is_still_running_is_told_so(mona: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crm.sync.idempotency.PATIENCE", "200ms")
    ask = program(mona)
    with ThreadPoolExecutor(1) as pool, second_connection() as gate:
        gate.execute("LOCK TABLE enquiries_enquiry IN SHARE MODE")
        first = in_thread(pool, lambda: send(ask))
        wait_until_blocked(1)
        second = send(Program(ask.key))
        assert (second.status_code, second.json()["code"]) == (409, "still_running")
        assert second.headers["Retry-After"] == "1"
        gate.rollback()
        assert first.result(timeout=30).status_code == 201
    again = send(ask)
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert Enquiry.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_who_waited_waits_for_other_locks_as_long_as_ever(mona: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crm.sync.idempotency.PATIENCE", "60s")
    key = make_key(mona)
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        (before,) = cursor.fetchone()
    seen: list[str] = []

    def look(*args: Any, **kwargs: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SHOW lock_timeout")
            seen.append(cursor.fetchone()[0])
        if len(seen) == 1:
            raise ZeroDivisionError

    told = patch("crm.enquiries.receiving.tell_received", side_effect=look)
    with told, ThreadPoolExecutor(2) as pool, second_connection() as gate:
        gate.execute("LOCK TABLE enquiries_enquiry IN SHARE MODE")
        futures = [in_thread(pool, lambda: send(quiet(key))) for _ in range(2)]
        wait_until_blocked(2)
        gate.rollback()
        found = [answer.status_code for answer in outcomes(futures)]
    # The one that failed left nothing, and the one that had waited did it.
    assert sorted(found) == [201, 500]
    assert seen == [before, before]


# --- a server that dies -----------------------------------------------------------------------------------------------

# Processes of a web server that die each at its place: the request is whole, and nobody gets an answer.
DYING = """
import json, os, signal, sys
import django
django.setup()
from django.db import connection
from django.test import Client
import crm.api
from crm.core.api.views import ApiView
from crm.enquiries import api
from crm.sync import idempotency

def die_in(module, name, first):
    real = getattr(module, name)
    def dies(*args, **kwargs):
        if first:
            real(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)
    setattr(module, name, dies)

PLACES = {
    "before the effect": (api, "receive_enquiry", False),
    "between the effect and the answer": (idempotency, "keep", False),
    "when both are stored and nothing is committed": (idempotency, "keep", True),
    "when both are committed and nobody is told": (ApiView, "finalize_response", False),
}
for number, place in enumerate(PLACES):
    connection.close()
    pid = os.fork()
    if pid == 0:
        die_in(*PLACES[place])
        Client(SERVER_NAME="localhost").post("/api/v1/enquiries/", sys.argv[2], content_type="application/json",
              headers={"authorization": "Bearer " + sys.argv[1], "idempotency-key": f"k-{number}"})
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        print(place)
"""
PLACES = [
    "before the effect",
    "between the effect and the answer",
    "when both are stored and nothing is committed",
    "when both are committed and nobody is told",
]


@pytest.mark.django_db(transaction=True)
def test_a_server_that_dies_leaves_the_effect_with_its_answer_or_neither(mona: User) -> None:
    key = make_key(mona)
    died = subprocess.run(
        [sys.executable, "-c", DYING, key, json.dumps(BODY)],
        cwd=ROOT,
        env=environment(DJANGO_SETTINGS_MODULE="crm.settings", DEBUG="1"),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert died.stdout.splitlines() == PLACES, died.stderr
    committed = PLACES[-1]
    assert (Enquiry.objects.count(), IdempotencyKey.objects.count()) == (1, 1)
    first = Enquiry.objects.get().pk
    again = {place: send(Program(key), f"k-{number}") for number, place in enumerate(PLACES)}
    assert {answer.status_code for answer in again.values()} == {201}
    assert [place for place, answer in again.items() if "Idempotent-Replayed" in answer.headers] == [committed]
    assert again[committed].json()["id"] == first
    assert {answer.json()["id"] for answer in again.values()} == {one.pk for one in Enquiry.objects.all()}
    assert (Enquiry.objects.count(), Lead.objects.count()) == (len(PLACES), 1)
