"""Emails leave at least once under one id, and are tried until they are taken or it makes no sense any more."""

from __future__ import annotations

import smtplib
from datetime import timedelta

import pytest
from pytest_django import Settings

from crm.notifications.dead_ends import try_again
from crm.notifications.delivering import LONGEST_PAUSE, pause_after
from crm.notifications.mailing import judge
from crm.notifications.models import Delivery, Notification
from crm.people.models import User
from tests.notifications.conftest import use_mail_server
from tests.notifications.messages import NOW, go, later, states, tell
from tests.notifications.servers import Mailbox, mail_server

pytestmark = pytest.mark.django_db


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
