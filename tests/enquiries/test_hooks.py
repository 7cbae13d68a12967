"""Signed messages: who gets in, each once, and nothing said to who does not."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from crm.enquiries.hooks.receiving import KEPT, forget_received
from crm.enquiries.hooks.sources import rotate_secret, stop_source
from crm.enquiries.models import Enquiry, Received, Source
from crm.people.models import User
from tests.enquiries.signed import Tool, tool
from tests.races import race

pytestmark = pytest.mark.django_db
HELLO = {"conversation": "c-1", "text": "Do you support Windows?", "visitor": {"name": "Nia"}}


@pytest.fixture
def chat(robot: User, root: User) -> Tool:
    """A chat tool that acts as the robot."""
    return tool(robot)


def test_a_signed_message_is_received_and_noted(chat: Tool) -> None:
    answer = chat.send("chat.message", HELLO, message_id="msg_a")
    enquiry = Enquiry.objects.get()
    assert answer.status_code == 200
    assert answer.json() == {
        "outcome": "received",
        "made_lead": False,
        "enquiry": enquiry.pk,
        "lead": None,
        "contact": None,
    }
    assert (enquiry.channel, enquiry.came_by, enquiry.text) == ("web_chat", "chat", "Do you support Windows?")
    assert enquiry.clock is not None
    received = Received.objects.get()
    assert (received.source, received.message_id, received.status) == (chat.source, "msg_a", 200)
    assert Source.objects.get().last_used_at is not None
    assert Source.objects.get().version == 1
    assert not answer.cookies


def test_the_same_message_again_has_the_same_answer_and_no_second_effect(chat: Tool) -> None:
    first = chat.send("chat.message", HELLO, message_id="msg_a", at=timezone.now() - timedelta(minutes=1))
    body = first.wsgi_request.body
    again = chat.send(message_id="msg_a", body=body)
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert (Enquiry.objects.count(), Enquiry.objects.get().text) == (1, "Do you support Windows?")
    assert Received.objects.count() == 1


def test_an_id_that_was_another_messages_is_refused(chat: Tool) -> None:
    chat.send("chat.message", HELLO, message_id="msg_a")
    other = chat.send("chat.message", {**HELLO, "text": "And Linux?"}, message_id="msg_a")
    assert (other.status_code, other.json()["code"]) == (409, "other_message")
    assert Enquiry.objects.get().text == "Do you support Windows?"


@pytest.mark.django_db(transaction=True)
def test_the_same_message_many_times_at_once_counts_once(chat: Tool) -> None:
    body = json.dumps({"type": "chat.message", "timestamp": timezone.now().isoformat(), "data": HELLO}).encode()
    answers = race(
        *[lambda: chat.send(message_id="msg_a", body=body)] * 4,
        behind="SELECT pg_advisory_xact_lock(hashtextextended(%s, 7))",
        values=(f"received:{chat.source.pk}\nmsg_a",),
    )
    assert [one.status_code for one in answers] == [200] * 4
    assert all(one.json() == answers[0].json() for one in answers)
    assert (Enquiry.objects.count(), Received.objects.count()) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_two_messages_of_one_conversation_at_once_are_one_enquiry(chat: Tool) -> None:
    answers = race(
        lambda: chat.send("chat.message", HELLO),
        lambda: chat.send("chat.message", {**HELLO, "text": "And Linux?"}),
        behind="SELECT pg_advisory_xact_lock(hashtextextended(%s, 7))",
        values=(f"thread:{chat.source.system}\nc-1",),
    )
    assert sorted(one.json()["outcome"] for one in answers) == ["appended", "received"]
    assert set(Enquiry.objects.get().text.split("\n\n")) == {"Do you support Windows?", "And Linux?"}


def wrong_headers(chat: Tool, body: bytes) -> dict[str, dict[str, str]]:
    now = datetime.now(UTC)
    good = chat.headers(body, "msg_a")
    return {
        "none": {},
        "no signature": {**good, "webhook-signature": ""},
        "another secret": Tool(chat.source, "whsec_" + "A" * 43 + "=").headers(body, "msg_a"),
        "another id": {**good, "webhook-id": "msg_b"},
        "another time": {**good, "webhook-timestamp": str(int(now.timestamp()) - 60)},
        "another version": {**good, "webhook-signature": good["webhook-signature"].replace("v1,", "v2,")},
        "not a time": {**good, "webhook-timestamp": "yesterday"},
        "a huge time": {**good, "webhook-timestamp": "9" * 400},
        "odd bytes": {**good, "webhook-signature": "v1,\xe4\xf6\xfc"},
    }


@pytest.mark.parametrize("what", list(wrong_headers(Tool(Source(pk=1), "whsec_AAAA"), b"")))
def test_what_is_not_signed_as_it_should_be_is_refused_alike(chat: Tool, what: str) -> None:
    body = json.dumps({"type": "chat.message", "timestamp": timezone.now().isoformat(), "data": HELLO}).encode()
    answer = post(chat.address, body, wrong_headers(chat, body)[what])
    assert (answer.status_code, answer.headers["Content-Type"]) == (401, "application/problem+json")
    assert answer.json()["code"] == "not_authenticated"
    assert said(answer) == said(post("/hooks/chat/999999/", body, chat.headers(body, "msg_a")))
    assert not Received.objects.exists()


@pytest.mark.parametrize(
    "address", ["/hooks/chat/0/", "/hooks/chat/x/", "/hooks/mail/1/", "/hooks/calendar/%s/", "/hooks/chat/٣/"]
)
def test_nothing_is_said_of_which_sources_there_are(chat: Tool, address: str) -> None:
    if "%s" in address:
        address %= chat.source.pk
    assert said(chat.send("chat.message", HELLO, address=address)) == said(post(chat.address, b"{}", {}))


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_message_of_another_time_is_refused_to_who_knows_the_secret(chat: Tool, minutes: int) -> None:
    body = b"{}"
    answer = post(chat.address, body, chat.headers(body, "msg_a", datetime.now(UTC) + timedelta(minutes=minutes)))
    assert answer.status_code == 401
    assert "five minutes" in answer.json()["detail"]


def test_a_changed_body_is_refused(chat: Tool) -> None:
    body = json.dumps({"type": "chat.message", "timestamp": timezone.now().isoformat(), "data": HELLO}).encode()
    assert post(chat.address, body + b" ", chat.headers(body, "msg_a")).status_code == 401


def test_an_old_secret_works_until_it_ends_and_either_signature_will_do(chat: Tool, root: User) -> None:
    _, secret = rotate_secret(chat.source, hours=24, actor=root, at=timezone.now(), via="test")
    new = Tool(chat.source, secret)
    assert new.secret != chat.secret
    assert chat.send("chat.message", {**HELLO, "conversation": "c-2"}).status_code == 200
    assert new.send("chat.message", {**HELLO, "conversation": "c-3"}).status_code == 200
    body = json.dumps({"type": "chat.message", "timestamp": timezone.now().isoformat(), "data": HELLO}).encode()
    both = new.headers(body, "msg_a")
    both["webhook-signature"] = (
        f"{Tool(chat.source, 'whsec_AAAA').headers(body, 'msg_a')['webhook-signature']} " + (both["webhook-signature"])
    )
    assert post(new.address, body, both).status_code == 200
    Source.objects.update(old_until=timezone.now())
    assert chat.send("chat.message", HELLO).status_code == 401
    assert new.send("chat.message", HELLO).status_code == 200


def test_a_stopped_source_and_one_whose_user_left_are_refused(chat: Tool, root: User, robot: User) -> None:
    User.objects.filter(pk=robot.pk).update(is_active=False)
    assert chat.send("chat.message", HELLO).status_code == 401
    User.objects.filter(pk=robot.pk).update(is_active=True)
    stop_source(chat.source, actor=root, at=timezone.now(), via="test")
    assert chat.send("chat.message", HELLO).status_code == 401


def test_the_secret_is_stored_nowhere(chat: Tool) -> None:
    source = Source.objects.get()
    assert chat.secret not in json.dumps({name: str(value) for name, value in vars(source).items()})
    assert chat.secret.removeprefix("whsec_") not in source.salt


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b" ", "malformed"),
        (b"{", "malformed"),
        (b"[]", "not_an_object"),
        (b'{"type": "chat.message", "type": "x"}', "invalid"),
        (b'{"type": "chat.message", "timestamp": "2026-03-04T18:00:00", "data": {}}', "invalid"),
        (b'{"type": "chat.message", "timestamp": "2999-03-04T18:00:00Z", "data": {}}', "invalid"),
        (b'{"type": "chat.party", "timestamp": "2026-03-04T18:00:00Z", "data": {}}', "invalid"),
        (b'{"type": "chat.message", "timestamp": "2026-03-04T18:00:00Z", "data": {"convresation": "c"}}', "invalid"),
        (b'{"type": "chat.message", "timestamp": "2026-03-04T18:00:00Z", "data": 17}', "invalid"),
        (b"\xff\xfe", "malformed"),
    ],
)
def test_a_signed_message_that_will_not_do_is_told_why(chat: Tool, body: bytes, code: str) -> None:
    sent = Tool(chat.source, chat.secret)
    answer = post(chat.address, body, sign(sent, body))
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert not Enquiry.objects.exists()
    # It is there for who looks why nothing came in.
    assert Received.objects.get().status == 400


def test_what_was_refused_is_tried_again_when_it_is_sent_again(chat: Tool, alice: User) -> None:
    reply = {"conversation": "c-1", "text": "We do.", "agent": {"email": "alice@example.com"}}
    at = timezone.now()
    early = chat.send("chat.reply", reply, message_id="msg_r", at=at)
    assert (early.status_code, early.json()["code"]) == (409, "unknown_conversation")
    chat.send("chat.message", HELLO, at=at - timedelta(seconds=9))
    assert chat.send(message_id="msg_r", body=early.wsgi_request.body).status_code == 200
    assert Received.objects.get(message_id="msg_r").status == 200


def test_a_message_that_is_too_large_is_refused(chat: Tool) -> None:
    answer = chat.send("chat.message", {**HELLO, "text": "x" * 300_000})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_only_a_post_is_answered_and_only_json(chat: Tool) -> None:
    asked = Client().get(chat.address)
    assert (asked.status_code, asked.json()["code"], asked.headers["Allow"]) == (405, "method_not_allowed", "POST")
    assert chat.send("chat.message", HELLO, content_type="text/plain").status_code == 415
    assert chat.send("chat.message", HELLO, accept="text/html").status_code == 200


def test_it_needs_no_token_of_a_form(chat: Tool) -> None:
    body = json.dumps({"type": "chat.message", "timestamp": timezone.now().isoformat(), "data": HELLO}).encode()
    strict = Client(enforce_csrf_checks=True)
    headers = chat.headers(body, "msg_a")
    assert strict.post(chat.address, body, content_type="application/json", headers=headers).status_code == 200


def test_a_source_that_sends_too_much_waits(chat: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crm.enquiries.hooks.views.PER_MINUTE", 2)
    codes = [chat.send("chat.message", HELLO).status_code for _ in range(3)]
    assert codes == [200, 200, 429]


def test_guessing_is_slowed_down(chat: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crm.sync.throttle.MOST_FAILURES", 2)
    answers = [post(chat.address, b"{}", {}) for _ in range(3)]
    assert [one.status_code for one in answers] == [401, 401, 429]
    assert answers[-1].headers["Retry-After"]
    # Who has the secret is not held up by who has not.
    assert chat.send("chat.message", HELLO).status_code == 200


def test_who_guesses_behind_a_proxy_holds_up_nobody_else(
    chat: Tool, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    monkeypatch.setattr("crm.sync.throttle.MOST_FAILURES", 1)
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    for address, statuses in (("203.0.113.7", [401, 429]), ("198.51.100.9", [401])):
        asked = [
            Client(headers={"x-forwarded-for": address}).post(chat.address, b"{}", content_type="application/json")
            for _ in statuses
        ]
        assert [one.status_code for one in asked] == statuses


def test_old_messages_are_forgotten(chat: Tool) -> None:
    chat.send("chat.message", HELLO)
    assert forget_received(at=timezone.now() + KEPT - timedelta(minutes=1)) == 0
    assert forget_received(at=timezone.now() + KEPT + timedelta(minutes=1)) == 1


def said(answer: Any) -> dict[str, Any]:
    """What an answer says, but for the id of its request, which no two have."""
    return {name: value for name, value in answer.json().items() if name != "request_id"}


def post(address: str, body: bytes, headers: dict[str, str]) -> Any:
    return Client().generic("POST", address, body, content_type="application/json", headers=headers)


def sign(sender: Tool, body: bytes) -> dict[str, str]:
    """By hand: the library signs text only."""
    from crm.enquiries.hooks.signing import sign as signature

    at = int(datetime.now(UTC).timestamp())
    return {
        "webhook-id": "msg_x",
        "webhook-timestamp": str(at),
        "webhook-signature": signature(sender.secret, "msg_x", at, body),
    }
