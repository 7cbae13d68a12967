"""What is written into rooms of the chat: its words, its id, and what becomes of a room that has trouble."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pytest_django import Settings

from crm.notifications.chatting import wait_asked
from crm.notifications.models import Delivery, Notification
from crm.notifications.services import Post, notify
from crm.people.models import User
from tests.notifications.messages import NOW, go, later, post, states, tell
from tests.notifications.servers import Mailbox, Room, chat_server

pytestmark = pytest.mark.django_db


def test_a_room_reads_it_with_its_id_and_its_link(room: Room) -> None:
    post()
    go()
    delivery = Delivery.objects.get()
    assert room.ids == [str(delivery.message_id)]
    assert room.texts == ["A limit has passed: Web chat\nWaiting.\nhttps://crm.example.com/admin/enquiries/enquiry/1/"]
    assert delivery.state == "sent"


def test_a_room_reads_who_is_responsible_for_it(room: Room, mona: User) -> None:
    User.objects.filter(pk=mona.pk).update(email="maya.manager@plumb.example")
    post()
    go()
    assert room.texts[0].endswith("Directly Responsible Individual (DRI) for Response times: Mona")


def test_a_name_calls_nobody_in_a_room(room: Room) -> None:
    post(title="A limit has passed: <!channel> <https://bad.example|click> @here & @Channel")
    go()
    (text,) = room.texts
    assert text.startswith(
        "A limit has passed: &lt;!channel&gt; &lt;https://bad.example|click&gt; @\u200bhere &amp; @\u200bChannel"
    )


@pytest.mark.parametrize("status", [400, 403, 404, 410, 302, 308])
def test_a_room_that_is_not_there_is_a_dead_end_at_once(room: Room, root: User, status: int) -> None:
    room.answers = [(status, {"Location": "https://elsewhere.example/"})]
    post()
    go()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts) == ("dead", 1)
    assert "the chat room Response times" in Notification.objects.get(to=root).title


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_a_room_that_has_trouble_is_tried_again(room: Room, status: int) -> None:
    room.answers = [(status, {})]
    post()
    go()
    assert states() == ["waiting"]
    later()
    go()
    assert (states(), len(room.got)) == (["sent"], 1)


def test_a_room_that_asks_for_quiet_gets_it_for_all_its_messages(room: Room) -> None:
    room.answers = [(429, {"Retry-After": "600"})]
    post("one")
    post("two")
    go()
    later(timedelta(minutes=9))
    go()
    assert (states(), room.got) == (["waiting", "waiting"], [])
    later(timedelta(minutes=10))
    go()
    assert states() == ["sent", "sent"]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("30", 30),
        ("86400", 3600),
        ("Wed, 04 Mar 2026 18:01:00 GMT", 60),
        ("Wed, 04 Mar 2026 17:00:00 GMT", 0),
        ("soon", None),
        ("", None),
        ("-5", None),
        ("9" * 500, 3600),
    ],
)
def test_it_reads_how_long_to_wait(said: str, meant: int | None) -> None:
    found = wait_asked(said, now=NOW)
    assert found == (None if meant is None else timedelta(seconds=meant))


def test_a_slow_room_holds_up_neither_email_nor_another_room(
    alice: User, mailbox: Mailbox, room: Room, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crm.notifications.chatting.SECONDS", 0.5)
    room.slow = 2
    for n in range(3):
        post(f"cause {n}")
    with chat_server() as other:
        settings.CHAT_WEBHOOKS = {**settings.CHAT_WEBHOOKS, "enquiries": other.address}
        notify([], posts=[Post("enquiry_received", "x", "An enquiry came in")], at=NOW)
        tell(alice)
        go()
        assert len(other.got) == 1
    assert len(mailbox.got) == 1
    slow = Delivery.objects.filter(room="response_times")
    assert sorted(slow.values_list("attempts", flat=True)) == [0, 0, 1]


def test_no_address_of_a_room_is_stored_told_or_logged(
    room: Room, root: User, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    room.answers = [(404, {}), (500, {})]
    post("one")
    post("two")
    go()
    said = [f"{one.last_error} {one.title} {one.text}" for one in Delivery.objects.all()]
    said += [f"{one.title} {one.text}" for one in Notification.objects.all()]
    out = capsys.readouterr()
    said += [out.out, out.err, caplog.text]
    assert "404" in " ".join(said)
    assert not [text for text in said if "secret-token" in text or "/hooks/" in text]


def test_a_room_on_a_private_network_is_refused_unless_it_is_allowed(room: Room, settings: Settings) -> None:
    settings.OUTBOUND_PRIVATE_HOSTS = []
    post()
    go()
    assert (states(), room.got) == (["dead"], [])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_other_tools_get_it_by_the_library_for_them(room: Room, settings: Settings) -> None:
    settings.CHAT_WEBHOOKS = {"response_times": room.address.replace("http://", "json://")}
    settings.OUTBOUND_PRIVATE_HOSTS = []
    post("refused")
    go()
    assert (states(), room.got) == (["dead"], []), "the guard holds for them too"
    settings.OUTBOUND_PRIVATE_HOSTS = ["127.0.0.1"]
    room.answers = [(500, {})]
    post("taken")
    go()
    assert (states(), room.got) == (["dead", "waiting"], [])
    later()
    go()
    assert states() == ["dead", "sent"]
    assert room.texts[0].startswith("A limit has passed: Web chat\nWaiting.")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_address_of_no_tool_is_a_dead_end(settings: Settings) -> None:
    settings.CHAT_WEBHOOKS = {"response_times": "nosuchtool://whatever"}
    post()
    go()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.last_error) == (
        "dead",
        "The room's address is of no chat tool that is known here.",
    )
