"""Messages leave at least once under one id, and are tried until they are taken or it makes no sense any more."""

from __future__ import annotations

import smtplib
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.db.models import F
from pytest_django import Settings

from crm.jobs.schedule import SCHEDULE
from crm.notifications.chatting import wait_asked
from crm.notifications.dead_ends import try_again
from crm.notifications.delivering import LEASE, LONGEST_PAUSE, Turn, claim, deliver, pause_after, settle
from crm.notifications.mailing import judge
from crm.notifications.models import Delivery, Notification
from crm.notifications.services import Notice, Post, notify
from crm.notifications.storing import TASK
from crm.people.models import User
from tests.children import running, wait_for
from tests.notifications.conftest import use_mail_server
from tests.notifications.servers import Mailbox, Room, chat_server, mail_server
from tests.races import in_thread, outcomes

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 4, 18, 0, tzinfo=UTC)
BREACH = "response_breached"


def tell(
    *people: User, key: str = "cause", title: str = "A limit has passed: Web chat", text: str = "Waiting."
) -> None:
    """Tell these people of a breach."""
    notices = [Notice(one.pk, BREACH, key, title, text, "/admin/enquiries/enquiry/1/") for one in people]
    notify(notices, at=NOW)


def post(key: str = "cause", title: str = "A limit has passed: Web chat") -> None:
    """Write of a breach into its room."""
    notify([], posts=[Post(BREACH, key, title, "Waiting.", "/admin/enquiries/enquiry/1/")], at=NOW)


def go() -> None:
    """A worker's turn."""
    deliver(seconds=60)


def later(span: timedelta = timedelta(hours=1)) -> None:
    """That time passes: what waits has been waiting for so much longer."""
    Delivery.objects.waiting().update(next_at=F("next_at") - span, give_up_at=F("give_up_at") - span)


def states() -> list[str]:
    return list(Delivery.objects.order_by("pk").values_list("state", flat=True))


# --- email ------------------------------------------------------------------------------------------------------------


def test_an_email_says_what_it_is_about_and_where(alice: User, mailbox: Mailbox) -> None:
    tell(alice, title="A limit has passed: Nia <b>Park</b>", text="Waiting since ten.\nIt is yours.")
    go()
    (mail,) = mailbox.got
    assert mailbox.envelopes == [["alice@example.com"]]
    assert mail["Subject"] == "A limit has passed: Nia <b>Park</b>"
    assert mail["From"] == "Plumb <plumb@crm.example.com>"
    assert mail["Auto-Submitted"] == "auto-generated"
    delivery = Delivery.objects.get()
    assert mail["Message-ID"] == f"<{delivery.message_id}@crm.example.com>"
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert "Waiting since ten.\nIt is yours." in plain.get_content().replace("\r\n", "\n")
    assert "https://crm.example.com/admin/enquiries/enquiry/1/" in plain.get_content()
    assert "always sent" in plain.get_content()
    assert 'href="https://crm.example.com/admin/enquiries/enquiry/1/"' in html.get_content()
    assert "&lt;b&gt;Park" in html.get_content()
    assert (delivery.state, delivery.attempts, delivery.last_error) == ("sent", 1, "")
    assert delivery.sent_at is not None


def test_what_is_sent_is_not_sent_again(alice: User, mailbox: Mailbox) -> None:
    tell(alice)
    go()
    tell(alice)
    later()
    go()
    assert len(mailbox.got) == 1


def test_a_name_with_a_line_break_adds_no_header(alice: User, mailbox: Mailbox) -> None:
    tell(alice, title="A limit has passed: Nia\r\nBcc: everybody@example.com\r\n\r\nHello")
    go()
    (mail,) = mailbox.got
    assert mail["Bcc"] is None
    assert mail["Subject"] == "A limit has passed: Nia Bcc: everybody@example.com Hello"
    assert mailbox.envelopes == [["alice@example.com"]]


def test_any_alphabet_arrives(alice: User, mailbox: Mailbox) -> None:
    tell(alice, title="A limit has passed: 山田さん 🙂 Ünal", text="Ждёт с десяти.")
    go()
    (mail,) = mailbox.got
    assert mail["Subject"].strip() == "A limit has passed: 山田さん 🙂 Ünal"
    body = mail.get_body(("plain",))
    assert body is not None
    assert "Ждёт с десяти." in body.get_content()


def test_a_server_that_is_down_gets_it_when_it_is_up(alice: User, bob: User, settings: Settings) -> None:
    with mail_server() as box:
        port = box.port
    use_mail_server(settings, port)
    tell(alice, bob)
    go()
    tried, untried = Delivery.objects.order_by("-attempts")
    assert (tried.attempts, untried.attempts) == (1, 0), "one try is enough to know that nobody answers"
    assert tried.last_error == "The mail server does not answer (ConnectionRefusedError)."
    ids = {one.message_id for one in (tried, untried)}
    with mail_server(port) as box:
        later()
        go()
        assert {mail["Message-ID"] for mail in box.got} == {f"<{one}@crm.example.com>" for one in ids}
    assert states() == ["sent", "sent"]


def test_a_recipient_who_is_refused_for_good_is_a_dead_end_at_once(
    alice: User, bob: User, root: User, mailbox: Mailbox
) -> None:
    mailbox.answers["alice@example.com"] = "550 5.1.1 no such user"
    tell(alice, bob)
    go()
    dead = Delivery.objects.get(to=alice)
    assert (dead.state, dead.attempts, dead.last_error) == ("dead", 1, "The mail server refuses the recipient (550).")
    assert Delivery.objects.get(to=bob).state == "sent"
    told = Notification.objects.get(to=root)
    assert "did not reach Alice by email" in told.title
    assert told.address == "/admin/notifications/delivery/?state=dead"


@pytest.mark.parametrize("said", ["450 4.2.1 busy", "421 4.3.2 going down"])
def test_a_recipient_who_is_refused_for_now_is_tried_again(alice: User, mailbox: Mailbox, said: str) -> None:
    mailbox.answers["alice@example.com"] = said
    tell(alice)
    go()
    assert states() == ["waiting"]
    mailbox.answers.clear()
    later()
    go()
    assert states() == ["sent"]


def test_a_message_that_is_refused_for_good_is_a_dead_end(alice: User, mailbox: Mailbox) -> None:
    mailbox.answers["DATA"] = "554 5.7.1 spam"
    tell(alice)
    go()
    assert states() == ["dead"]


def test_a_sender_or_a_login_that_is_refused_can_be_mended(alice: User) -> None:
    for error in (
        smtplib.SMTPSenderRefused(553, b"no", "plumb@crm.example.com"),
        smtplib.SMTPAuthenticationError(535, b"wrong"),
        smtplib.SMTPServerDisconnected("gone"),
        TimeoutError(),
    ):
        failure = judge(error)
        assert (failure.final, failure.away) == (False, True)


def test_trying_ends_when_the_handbook_says(alice: User, root: User, settings: Settings) -> None:
    with mail_server() as box:
        use_mail_server(settings, box.port)
    tell(alice)
    go()
    later(timedelta(days=2, hours=23))
    go()
    assert states() == ["waiting"]
    later(timedelta(hours=2))
    go()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts) == ("dead", 3)
    assert Notification.objects.filter(to=root, kind="delivery_given_up").count() == 1


def test_administrators_are_told_once_a_day_of_many_dead_ends(alice: User, root: User, mailbox: Mailbox) -> None:
    mailbox.answers["alice@example.com"] = "550 no"
    for n in range(5):
        tell(alice, key=f"cause {n}")
    go()
    assert states() == ["dead"] * 5
    assert Notification.objects.filter(to=root).count() == 1


def test_a_dead_end_that_is_tried_again_keeps_its_id(alice: User, root: User, mailbox: Mailbox) -> None:
    mailbox.answers["alice@example.com"] = "550 no"
    tell(alice)
    go()
    before = Delivery.objects.get().message_id
    mailbox.answers.clear()
    assert try_again([Delivery.objects.get().pk], actor=root, at=NOW) == 1
    go()
    assert states() == ["sent"]
    assert mailbox.got[0]["Message-ID"] == f"<{before}@crm.example.com>"


def test_who_was_deactivated_meanwhile_gets_none_and_nobody_is_bothered(
    alice: User, root: User, mailbox: Mailbox
) -> None:
    tell(alice)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    go()
    assert (states(), mailbox.got) == (["dropped"], [])
    assert not Notification.objects.filter(to=root).exists()


def test_each_pause_is_longer_than_the_one_before_to_a_limit() -> None:
    middle = [sum(pause_after(n).total_seconds() for _ in range(200)) / 200 for n in (1, 2, 3, 4)]
    assert middle == sorted(middle)
    assert max(pause_after(1000) for _ in range(100)) <= LONGEST_PAUSE * 1.25
    assert len({pause_after(3) for _ in range(10)}) > 1, "not all at the same moment"


# --- chat -------------------------------------------------------------------------------------------------------------


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


# --- whatever happens -------------------------------------------------------------------------------------------------


def test_what_is_claimed_is_nobody_else_s_until_the_lease_is_over(alice: User, mailbox: Mailbox) -> None:
    tell(alice)
    assert claim(set()) is not None
    go()
    assert (states(), mailbox.got) == (["waiting"], [])
    later(LEASE)
    go()
    assert (states(), len(mailbox.got)) == (["sent"], 1)


def test_a_worker_whose_lease_is_over_does_not_note_a_failure(alice: User, mailbox: Mailbox) -> None:
    mailbox.answers["alice@example.com"] = "550 no"
    tell(alice)
    first = claim(set())
    assert first is not None
    with closing(Turn()) as turn:
        outcome = turn.send(first)
    assert outcome is not None
    # While the first one sent, its lease ended and another claimed.
    later(LEASE)
    claim(set())
    settle(first, outcome)
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts) == ("waiting", 2)


def test_beat_wakes_it_and_so_does_a_commit(alice: User, mailbox: Mailbox) -> None:
    assert TASK in {entry["task"] for entry in SCHEDULE.values()}
    tell(alice)
    assert any(getattr(call, "args", None) == (TASK,) for _, call, *_ in connection.run_on_commit)


@pytest.mark.django_db(transaction=True)
def test_two_workers_share_what_waits_and_send_nothing_twice(alice: User, mailbox: Mailbox) -> None:
    for n in range(40):
        tell(alice, key=f"cause {n}")
    with ThreadPoolExecutor(2) as pool:
        found = outcomes([in_thread(pool, lambda: deliver(seconds=60)) for _ in range(2)])
    assert found == [False, False]
    assert set(states()) == {"sent"}
    assert len(mailbox.got) == 40
    assert len({mail["Message-ID"] for mail in mailbox.got}) == 40


KILLED = """
import os, signal
import django
django.setup()
from django.conf import settings
settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
from crm.notifications import delivering
delivering.settle = lambda *given: os.kill(os.getpid(), signal.SIGKILL)
delivering.deliver(seconds=60)
"""


@pytest.mark.crash
@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_killed_before_it_noted_the_success_leaves_one_row_that_is_sent_again(
    alice: User, mailbox: Mailbox, tmp_path: Path
) -> None:
    tell(alice)
    with running(
        "-c",
        KILLED,
        log=tmp_path / "log",
        DJANGO_SETTINGS_MODULE="crm.settings",
        EMAIL_URL=f"smtp://127.0.0.1:{mailbox.port}",
        DEFAULT_FROM_EMAIL="plumb@crm.example.com",
        PUBLIC_URL="https://crm.example.com",
    ) as child:
        wait_for(lambda: child.poll() is not None)
    assert child.returncode == -9, (tmp_path / "log").read_text()
    assert (states(), len(mailbox.got)) == (["waiting"], 1)
    go()
    assert len(mailbox.got) == 1, "its lease is not over"
    later(LEASE)
    go()
    assert states() == ["sent"]
    assert Delivery.objects.count() == 1
    one, other = mailbox.got
    assert one["Message-ID"] == other["Message-ID"]
