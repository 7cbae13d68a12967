"""Mail from standard input: whose it is, once each, and what no person wrote starts no clock."""

from __future__ import annotations

import io
import os
import sys
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import OperationalError
from django.utils import timezone

from crm.activities.models import Activity
from crm.enquiries.holding_up import hold_up
from crm.enquiries.mail.reading import read_mail
from crm.enquiries.mail.receiving import take_mail
from crm.enquiries.models import Enquiry
from crm.enquiries.responding import note_responses
from crm.people.models import User
from leads.models import Lead
from tests.enquiries.asking import ask, clock_of
from tests.enquiries.mails import mail, multipart
from tests.enquiries.test_calendar_ics import ics
from tests.factories import make_account, make_contact, make_lead, make_opportunity
from tests.races import race

pytestmark = pytest.mark.django_db
NIA = "nia@hooli.example"


def receive(raw: bytes, monkeypatch: pytest.MonkeyPatch, *options: str) -> str:
    """The command, as a mail server runs it."""
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))
    call_command("receive_mail", *options, stdout=out)
    note_responses(at=timezone.now())
    return out.getvalue().strip()


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The command on one message."""
    return lambda raw, *options: receive(raw, monkeypatch, *options)


def code_of(call: Any) -> tuple[int, str]:
    with pytest.raises(CommandError) as refused:
        call()
    return refused.value.returncode, str(refused.value)


def test_a_mail_is_an_enquiry_of_who_wrote_it(pipe: Any, alice: User) -> None:
    pipe(mail(message_id="<one@hooli.example>"))
    enquiry, lead = Enquiry.objects.get(), Lead.objects.get()
    assert (enquiry.channel, enquiry.came_by, enquiry.lead) == ("email", "mail", lead)
    assert (enquiry.subject, enquiry.text, enquiry.email) == ("Windows", "Do you support Windows?", NIA)
    assert (enquiry.system, enquiry.external_id) == ("mail", "one@hooli.example")
    assert (lead.first_name, lead.last_name, lead.email) == ("Nia", "Park", NIA)
    assert clock_of(enquiry).policy == "email"


def test_the_same_message_is_taken_once(pipe: Any, alice: User) -> None:
    raw = mail()
    pipe(raw)
    assert pipe(raw) == "This message is here already."
    assert Enquiry.objects.count() == 1
    # Also one without an id of its own.
    raw = mail(message_id="", from_="gavin@hooli.example")
    pipe(raw)
    pipe(raw)
    assert Enquiry.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_the_same_message_twice_at_once_is_taken_once(alice: User) -> None:
    at = timezone.now()
    read = read_mail(mail(message_id="<one@hooli.example>"), at=at)
    outcomes = race(
        *[lambda: take_mail(read, channel="email", actor=User.objects.system(), at=at)] * 2,
        behind="SELECT pg_advisory_xact_lock(hashtextextended(%s, 7))",
        values=("thread:mail\none@hooli.example",),
    )
    assert sorted(one.outcome for one in outcomes) == ["known", "received"]
    assert Enquiry.objects.count() == 1


def test_a_customers_mail_is_promised_what_customers_are(pipe: Any, ann: User) -> None:
    contact = make_contact(account=make_account(owner=ann, type="customer"))
    pipe(mail(from_=contact.email))
    enquiry = Enquiry.objects.get()
    assert (enquiry.contact, enquiry.responsible) == (contact, ann)
    assert clock_of(enquiry).policy == "customer_email"


def test_it_was_received_when_our_own_server_had_it(pipe: Any, alice: User) -> None:
    had = (timezone.now() - timedelta(hours=2)).replace(microsecond=0)
    lines = f"Received: from mx by plumb.example with ESMTP id 1; {format_datetime(had)}\n"
    lines += f"Received: from pc by mx; {format_datetime(had - timedelta(days=9))}\n"
    pipe(mail(lines, date="Mon, 1 Jan 1990 00:00:00 +0000"))
    assert Enquiry.objects.get().received_at == had


def test_a_time_that_cannot_be_is_none(pipe: Any, alice: User) -> None:
    before = timezone.now()
    pipe(mail("Received: from mx; Fri, 31 Feb 2031 99:00:00 +9999"))
    assert Enquiry.objects.get().received_at >= before


# --- replies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header", ["In-Reply-To: <one@hooli.example>", "References: <x@y.example> <one@hooli.example>"]
)
def test_more_words_of_who_waits_are_of_the_same_enquiry(pipe: Any, alice: User, header: str) -> None:
    pipe(mail(message_id="<one@hooli.example>"))
    pipe(mail(header, body="And Linux?", subject="Re: Windows", message_id="<two@hooli.example>"))
    enquiry = Enquiry.objects.get()
    assert enquiry.text == "Do you support Windows?\n\nRe: Windows\n\nAnd Linux?"
    # What answers the second message belongs to it as well.
    pipe(mail("In-Reply-To: <two@hooli.example>", body="And a Mac?"))
    assert Enquiry.objects.get().text.endswith("And a Mac?")


def test_a_reply_after_the_answer_is_a_new_enquiry(pipe: Any, alice: User) -> None:
    pipe(mail(message_id="<one@hooli.example>"))
    pipe(from_alice("In-Reply-To: <one@hooli.example>", to=NIA, message_id="<answer@example.com>"))
    pipe(mail("In-Reply-To: <answer@example.com>", body="And Linux?"))
    first, second = Enquiry.objects.order_by("pk")
    assert clock_of(first).stopped_at is not None
    assert clock_of(second).stopped_at is None
    assert second.lead == first.lead


def test_their_mail_ends_the_wait_for_them(pipe: Any, alice: User, mona: User) -> None:
    pipe(mail(message_id="<one@hooli.example>"))
    enquiry = Enquiry.objects.get()
    hold_up(enquiry, reason="waiting_for_details", actor=mona, at=timezone.now(), via="test")
    pipe(mail("In-Reply-To: <one@hooli.example>", body="Here they are."))
    assert clock_of(enquiry).paused_at is None


# --- what nobody wrote ------------------------------------------------------------------------------------------------


AUTOMATIC = [
    "Auto-Submitted: auto-replied",
    "Auto-Submitted: auto-generated; type=x",
    "Precedence: bulk",
    "Precedence: auto_reply",
    "X-Auto-Response-Suppress: All",
    "X-Autoreply: yes",
    "List-Id: News <news.hooli.example>",
    "List-Unsubscribe: <https://hooli.example/no-more>",
    "Content-Type: multipart/report; report-type=delivery-status; boundary=x",
]


@pytest.mark.parametrize("header", AUTOMATIC)
def test_what_no_person_wrote_starts_no_clock_and_is_written_down(pipe: Any, alice: User, header: str) -> None:
    lead = make_lead(owner=alice, email=NIA)
    assert "not counted" in pipe(mail(header, subject="Out of office"))
    assert not Enquiry.objects.exists()
    touch = Activity.objects.get()
    assert (touch.lead, touch.direction, touch.outcome) == (lead, "in", "")
    assert "Out of office" in touch.text


def test_a_null_return_path_is_automatic_and_of_nobody_known_nothing_is_made(pipe: Any, alice: User) -> None:
    assert "nobody is known" in pipe(mail(return_path="<>", from_="mailer-daemon@mx.example"))
    assert [kind.objects.count() for kind in (Enquiry, Lead, Activity)] == [0, 0, 0]


def test_an_automatic_reply_to_an_enquiry_stops_nothing(pipe: Any, alice: User) -> None:
    pipe(mail(message_id="<one@hooli.example>"))
    pipe(mail("In-Reply-To: <one@hooli.example>\nAuto-Submitted: auto-replied"))
    pipe(from_alice("Auto-Submitted: auto-replied", to=NIA))
    assert clock_of(Enquiry.objects.get()).stopped_at is None


@pytest.mark.parametrize("header", ["Auto-Submitted: no", "Auto-Submitted: No (written by hand)", "Precedence: normal"])
def test_what_says_that_a_person_wrote_it_counts(pipe: Any, alice: User, header: str) -> None:
    pipe(mail(header))
    assert Enquiry.objects.get().clock is not None


def test_a_mailing_list_of_our_own_is_a_way_to_us(pipe: Any, alice: User, settings: Any) -> None:
    settings.MAIL_LISTS = ["sales.plumb.example"]
    pipe(mail("List-Id: Sales <sales.plumb.example>\nPrecedence: list"))
    assert Enquiry.objects.get().clock is not None
    pipe(mail("List-Id: Other <other.plumb.example>\nPrecedence: list"))
    assert Enquiry.objects.count() == 1


def test_accepting_an_invitation_asks_for_nothing(pipe: Any, alice: User) -> None:
    header, body = multipart(
        "alternative",
        "Content-Type: text/plain\n\nAccepted.",
        "Content-Type: text/calendar; method=REPLY\n\nBEGIN:VCALENDAR\nMETHOD:REPLY\nEND:VCALENDAR",
    )
    pipe(mail(header, body=body, subject="Accepted: Demo"))
    assert not Enquiry.objects.exists()


# --- what a colleague wrote -------------------------------------------------------------------------------------------


def from_alice(headers: str = "", *, to: str = NIA, **given: str) -> bytes:
    """Alice's mail to somebody, Plumb's address among those who get it."""
    values = {"from_": "Alice <Alice@example.com>", "return_path": "<alice@example.com>", "to": to, "body": "We do."}
    return mail(headers, **{**values, "bcc": "log@plumb.example", **given})


def test_a_colleagues_mail_is_theirs_and_stops_the_clocks_of_who_got_it(pipe: Any, alice: User) -> None:
    enquiry = ask(timezone.now() - timedelta(hours=1), email=NIA)
    gavin = ask(timezone.now() - timedelta(hours=1), email="gavin@hooli.example")
    other = ask(timezone.now() - timedelta(hours=1), email="monica@hooli.example")
    sent = (timezone.now() - timedelta(minutes=20)).replace(microsecond=0)
    raw = from_alice(
        to="Nia <NIA+x@hooli.example>, nobody@elsewhere.example",
        cc="gavin@hooli.example, Bob <bob@example.com>",
        date=format_datetime(sent),
    )
    assert pipe(raw) == "Written down as sent by Alice, to 2."
    touches = Activity.objects.order_by("pk")
    assert {one.lead_id for one in touches} == {enquiry.lead_id, gavin.lead_id}
    assert {(one.by, one.kind, one.outcome, one.happened_at) for one in touches} == {(alice, "email", "sent", sent)}
    assert clock_of(enquiry).stopped_at == clock_of(gavin).stopped_at == sent
    assert clock_of(other).stopped_at is None
    assert Enquiry.objects.count() == 3
    pipe(raw)
    assert Activity.objects.count() == 2


def test_a_mail_to_a_contact_is_with_their_account(pipe: Any, ann: User, alice: User) -> None:
    account = make_account(owner=ann)
    contact = make_contact(account=account)
    sale = make_opportunity(account=account, owner=ann)
    pipe(from_alice(to=contact.email))
    touch = Activity.objects.get()
    assert (touch.contact, touch.account, touch.opportunity) == (contact, account, sale)


def test_an_answer_to_another_address_of_theirs_is_seen_by_what_it_answers(pipe: Any, alice: User) -> None:
    pipe(mail(message_id="<one@hooli.example>"))
    pipe(from_alice("In-Reply-To: <one@hooli.example>", to="nia@private.example"))
    assert clock_of(Enquiry.objects.get()).stopped_at is not None


def test_a_colleagues_mail_to_nobody_known_is_no_enquiry(pipe: Any, alice: User, bob: User) -> None:
    assert "nobody who is known" in pipe(from_alice(to="bob@example.com"))
    assert [kind.objects.count() for kind in (Enquiry, Activity)] == [0, 0]


def test_a_time_to_come_or_long_ago_is_not_when_it_was_sent(pipe: Any, alice: User) -> None:
    ask(timezone.now() - timedelta(hours=1), email=NIA)
    pipe(from_alice(date="Mon, 1 Jan 2001 00:00:00 +0000"))
    pipe(from_alice(date="Mon, 1 Jan 2101 00:00:00 +0000"))
    assert all(timezone.now() - one.happened_at < timedelta(minutes=1) for one in Activity.objects.all())


@pytest.mark.parametrize(
    ("results", "counts"),
    [
        ("mx.plumb.example; dmarc=fail (p=none) header.from=example.com", False),
        ("mx.plumb.example; spf=fail; dkim=none", False),
        ("mx.plumb.example; spf=softfail smtp.mailfrom=x", False),
        ("mx.plumb.example 1; dmarc=pass; spf=fail", True),
        ("mx.plumb.example; spf=fail; dkim=pass", True),
        ("mx.plumb.example; none", True),
        ("mx.elsewhere.example; dmarc=fail", True),
        ("mx.elsewhere.example; dmarc=pass (mx.plumb.example; dmarc=fail)", True),
        ("", True),
    ],
)
def test_a_colleagues_address_counts_unless_our_relay_says_it_is_forged(
    pipe: Any, alice: User, settings: Any, results: str, counts: bool
) -> None:
    settings.MAIL_RELAY = "MX.plumb.example"
    enquiry = ask(timezone.now() - timedelta(hours=1), email=NIA)
    raw = from_alice(f"Authentication-Results: {results}" if results else "")
    if counts:
        pipe(raw)
    else:
        code, said = code_of(lambda: pipe(raw))
        assert (code, said) == (os.EX_NOPERM, "It says it is from Alice, and the mail server found that it is not.")
    note_responses(at=timezone.now())
    assert (clock_of(enquiry).stopped_at is not None) is counts


# --- invitations ------------------------------------------------------------------------------------------------------


def test_an_invitation_that_comes_by_mail_is_a_booking(pipe: Any, alice: User) -> None:
    header, body = multipart(
        "mixed",
        "Content-Type: text/plain\n\nNia booked a slot.",
        f"Content-Type: text/calendar; method=REQUEST; charset=utf-8\n\n{ics().decode().replace(chr(13), '')}",
    )
    pipe(mail(header + "\nAuto-Submitted: auto-generated", body=body, from_="tool@calendar.example"))
    enquiry, lead = Enquiry.objects.get(), Lead.objects.get()
    assert (enquiry.channel, enquiry.email, lead.status) == ("talk_to_expert", NIA, "meeting_scheduled")
    assert clock_of(enquiry).stopped_by == "meeting"


def test_an_invitation_that_cannot_be_taken_is_read_as_a_mail(pipe: Any, alice: User) -> None:
    body = ics(RRULE="RRULE:FREQ=WEEKLY").decode().replace("\r", "")
    header, text = multipart(
        "mixed",
        "Content-Type: text/plain\n\nShall we meet each week?",
        f"Content-Type: text/calendar; method=REQUEST\n\n{body}",
    )
    pipe(mail(header, body=text))
    assert Enquiry.objects.get().text == "Shall we meet each week?"
    assert Enquiry.objects.get().meeting_at is None


# --- what the mail server is told -------------------------------------------------------------------------------------


def test_it_is_to_try_again_when_the_database_is_away(pipe: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("could not connect to server")

    monkeypatch.setattr("crm.enquiries.management.commands.receive_mail.take_mail", away)
    assert code_of(lambda: pipe(mail())) == (75, "The database did not answer: try again.")


def test_a_fault_of_ours_keeps_the_message_with_the_mail_server(pipe: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crm.enquiries.management.commands.receive_mail.take_mail", lambda *a, **k: 1 / 0)
    assert code_of(lambda: pipe(mail()))[0] == 75


@pytest.mark.parametrize("raw", [b"", b"\n\n", b" "])
def test_nothing_is_no_message(pipe: Any, raw: bytes) -> None:
    assert code_of(lambda: pipe(raw))[0] == 65


def test_a_message_of_nobody_about_nothing_is_returned(pipe: Any, alice: User) -> None:
    assert code_of(lambda: pipe(b"X-Nothing: 1\n\n\n"))[0] == 65
    assert not Enquiry.objects.exists()


def test_a_message_beyond_the_limit_is_returned(pipe: Any, settings: Any, alice: User) -> None:
    settings.MAIL_LIMIT = 1024 * 1024
    code, said = code_of(lambda: pipe(mail(body="x" * 2 * 1024 * 1024)))
    assert (code, said) == (65, "The message is larger than 1 MB: it was not taken.")


def test_a_message_nested_too_deeply_to_be_read_is_returned(pipe: Any, alice: User) -> None:
    deep = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(3000))
    code, said = code_of(lambda: pipe(mail(f"MIME-Version: 1.0\n{deep}")))
    assert (code, said) == (65, "This message is nested too deeply to be read.")


def test_a_channel_that_is_none_is_a_fault_of_the_set_up(pipe: Any) -> None:
    assert code_of(lambda: pipe(mail(), "--channel", "pigeon"))[0] == 78


def test_a_mailbox_may_have_another_channel(pipe: Any, alice: User) -> None:
    pipe(mail(), "--channel", "information_request")
    assert Enquiry.objects.get().channel == "information_request"
