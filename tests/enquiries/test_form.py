"""The plain form for people outside, as a browser without cookies or script uses it."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.test.utils import override_settings
from django.utils import timezone

from crm import handbook
from crm.clocks.models import Clock
from crm.core.proxies import client_address
from crm.enquiries import form_views
from crm.enquiries.models import Enquiry
from crm.enquiries.voiding import unvoid_enquiry
from crm.notifications.models import Notification
from crm.people.models import User
from leads.models import Lead
from tests.factories import make_contact, make_lead
from tests.races import in_thread, second_connection, wait_until_blocked

pytestmark = pytest.mark.django_db
FORM, DONE = "/enquire/", "/enquire/received/"
SENT = {
    "channel": "contact_form",
    "name": "Nia Park",
    "email": "nia@hooli.example",
    "company": "Hooli",
    "message": "Do you support Windows?\r\nAnd Linux?",
}


@pytest.fixture
def visitor() -> Client:
    """A browser of somebody outside; a forged request would be refused where anything stood to be forged."""
    return Client(enforce_csrf_checks=True)


def send(visitor: Client, address: str = FORM, **changed: str) -> Any:
    """Send the form."""
    return visitor.post(address, {**SENT, **changed})


def words(answer: Any) -> str:
    """What a page says, without its marks."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


# --- what it does -----------------------------------------------------------------------------------------------------


def test_what_somebody_sends_is_received_with_its_lead_and_clock(visitor: Client) -> None:
    answer = send(visitor)
    assert (answer.status_code, answer.headers["Location"]) == (303, DONE)
    enquiry = Enquiry.objects.select_related("lead", "clock").get()
    assert (enquiry.came_by, enquiry.channel, enquiry.text) == (
        "form",
        "contact_form",
        "Do you support Windows?\nAnd Linux?",
    )
    assert enquiry.lead is not None
    assert (enquiry.lead.email, enquiry.lead.came_from) == ("nia@hooli.example", "Contact form (Form)")
    assert enquiry.clock is not None
    assert "Thank you" in words(visitor.get(DONE))


def test_it_is_the_system_s_doing_by_the_form(visitor: Client) -> None:
    from crm.history.models import Transaction

    send(visitor)
    told = Transaction.objects.order_by("-pk")[0]
    assert (told.via, told.actor_id) == ("form", User.objects.system().pk)


def test_it_needs_no_cookie_token_script_or_frame_and_no_other_host(visitor: Client) -> None:
    page = visitor.get(FORM)
    answers = [page, send(visitor), visitor.get(DONE), send(visitor, email="x")]
    assert all(not answer.cookies for answer in answers)
    text = page.content.decode()
    assert "csrfmiddlewaretoken" not in text
    assert "<script" not in text
    assert "<iframe" not in text
    assert not re.findall(r"(?:src|href|action)=\"(?:https?:)?//", text)
    assert "script-src" in page.headers["Content-Security-Policy"]
    assert page.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("address", ["/enquire/?channel=talk_to_expert", "/enquire?channel=talk_to_expert"])
def test_a_page_of_the_company_s_own_posts_the_same_fields(address: str, visitor: Client) -> None:
    answer = visitor.post(
        address,
        "name=Nia+Park&email=nia%40hooli.example&message=Hello",
        content_type="application/x-www-form-urlencoded",
        headers={"origin": "https://www.hooli.example", "referer": "https://www.hooli.example/contact"},
    )
    assert answer.status_code == 303
    assert Enquiry.objects.get().channel == "talk_to_expert"


def test_only_channels_that_people_outside_may_choose_are_offered(visitor: Client) -> None:
    page = visitor.get(FORM).content.decode()
    assert re.findall(r'<option value="(\w+)"', page) == [
        "talk_to_expert",
        "contact_form",
        "information_request",
        "merchandise_request",
    ]
    named = visitor.get(f"{FORM}?channel=merchandise_request").content.decode()
    assert "<h1>Merchandise request</h1>" in named
    assert '<input type="hidden" name="channel" value="merchandise_request">' in named
    assert "<select" not in named
    assert "<select" in visitor.get(f"{FORM}?channel=support").content.decode()
    assert send(visitor, channel="support").status_code == 400
    assert not Enquiry.objects.exists()


def test_where_the_handbook_offers_none_there_is_no_form(visitor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    book = handbook.current()
    channels = tuple(one.model_copy(update={"form": False}) for one in book.enquiry.channels)
    without = book.model_copy(update={"enquiry": book.enquiry.model_copy(update={"channels": channels})})
    monkeypatch.setattr(handbook, "current", lambda: without)
    assert visitor.get(FORM).status_code == 404


# --- what will not do -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "field", "said"),
    [
        ({"email": "nia at hooli"}, "email", "Email: Enter a valid email address."),
        ({"email": ""}, "email", "Give your email, your phone number or your LinkedIn profile URL"),
        ({"linkedin_url": "https://linkedin.com/company/hooli"}, "linkedin_url", "LinkedIn profile URL:"),
        ({"name": "N" * 300}, "name", "at most 255 characters"),
        ({"phone": "1" * 90}, "phone", "at most 60 characters"),
        ({"phone": "123", "email": ""}, "phone", "“123” is not a phone number."),
        ({"message": "x" * 100_001}, "message", "Text: 100,000 characters at most."),
        ({"channel": ""}, "channel", "Choose what it is about."),
    ],
)
def test_what_will_not_do_is_said_beside_its_field_and_all_that_was_entered_stays(
    changed: dict[str, str], field: str, said: str, visitor: Client
) -> None:
    answer = send(visitor, **changed)
    text = answer.content.decode()
    assert answer.status_code == 400
    assert re.search(rf'<p class="error" id="{field}-error">[^<]*{re.escape(said)}', text)
    assert re.search(rf'<a href="#{field}">[^<]*{re.escape(said)}', text)
    assert re.search(rf'<(?:input|select|textarea) id="{field}"[^>]*aria-invalid="true"', text)
    for name, value in {**SENT, **changed}.items():
        if name == "channel":
            assert f'value="{value}" selected' in text or not value
        elif name == "message":
            assert value.replace("\r\n", "\n") in text
        else:
            assert f'value="{value}"' in text, name
    assert "Please correct" in text
    assert not Enquiry.objects.exists()


def test_a_phone_that_is_understood_is_enough_and_beside_an_email_any_is_kept(visitor: Client) -> None:
    assert send(visitor, email="", phone="(415) 555-0134").status_code == 303
    assert send(visitor, phone="ext. 123").status_code == 303
    assert list(Enquiry.objects.order_by("id").values_list("phone", "phone_key")) == [
        ("(415) 555-0134", "+14155550134"),
        ("ext. 123", ""),
    ]


def test_all_that_is_wrong_is_said_at_once_and_nothing_is_taken_for_a_mark(visitor: Client) -> None:
    answer = send(visitor, channel="", email="x", name="<script>alert(1)</script>", message="</textarea><b>")
    text = answer.content.decode()
    assert re.findall(r'<li><a href="#(\w+)">', text) == ["channel", "email"]
    assert "<script" not in text
    assert "&lt;/textarea&gt;" in text


def test_what_is_too_large_is_refused_before_it_is_read(visitor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(form_views, "MOST_BYTES", 2 * 1024 * 1024)
    answer = send(visitor, message="x" * (2 * 1024 * 1024))
    assert (answer.status_code, answer.headers["Connection"]) == (413, "close")
    assert "That is more than 2 MB" in words(answer)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "application/x-www-form-urlencoded"),
        (b"name=%00%ff%zz&email=%C3%28", "application/x-www-form-urlencoded"),
        (b"\x00\xff" * 50, "multipart/form-data; boundary=x"),
        (b"--x\r\nbroken", "multipart/form-data"),
        (b'{"email": "nia@hooli.example"}', "application/json"),
        (b"name=x", "application/x-www-form-urlencoded; charset=utf-7"),
        (b"&".join(b"a%d=1" % number for number in range(1500)), "application/x-www-form-urlencoded"),
    ],
)
def test_nonsense_is_refused_and_never_a_fault(body: bytes, kind: str, visitor: Client) -> None:
    answer = visitor.generic("POST", FORM, body, content_type=kind)
    assert answer.status_code == 400
    assert not Enquiry.objects.exists()


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS"])
def test_other_methods_are_not_answered(method: str, visitor: Client) -> None:
    assert visitor.generic(method, FORM).status_code == 405
    assert visitor.generic(method, DONE).status_code == 405
    assert visitor.post(DONE).status_code == 405


def test_nobody_is_sent_elsewhere(visitor: Client) -> None:
    for name in ("next", "redirect", "return_to"):
        answer = visitor.post(f"{FORM}?{name}=https://evil.example/", {**SENT, name: "https://evil.example/"})
        assert answer.headers["Location"] == DONE


# --- who they are -----------------------------------------------------------------------------------------------------


def test_it_never_says_whether_somebody_is_known(visitor: Client, alice: User) -> None:
    from crm.activities.suppressing import suppress

    at = timezone.now()
    contact, lead = make_contact(), make_lead(owner=alice)
    suppress(actor=alice, at=at, via="test", reason="asked_us", emails=["never@hooli.example"])
    emails = ("new@hooli.example", contact.email, lead.email, "never@hooli.example")
    answers = [send(visitor, email=email) for email in emails]
    # Each request has a number of its own.
    headers = [sorted(item for item in one.headers.items() if item[0] != "X-Request-ID") for one in answers]
    assert len({(one.status_code, one.content, str(said)) for one, said in zip(answers, headers, strict=True)}) == 1
    assert Enquiry.objects.count() == 4
    pages = [send(visitor, email=email, linkedin_url="x y").content.decode().replace(email, "") for email in emails]
    assert len(set(pages)) == 1


# --- once, and not too often ------------------------------------------------------------------------------------------


def test_the_same_sent_twice_within_minutes_is_one_enquiry(visitor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    began = timezone.now()
    first = send(visitor)
    for minutes, there in ((1, 1), (9, 1), (11, 2), (12, 2)):
        monkeypatch.setattr(timezone, "now", lambda minutes=minutes: began + timedelta(minutes=minutes))
        again = send(visitor)
        assert (again.status_code, again.headers["Location"]) == (303, first.headers["Location"])
        assert Enquiry.objects.count() == there, minutes
    send(visitor, message="Something else")
    assert Enquiry.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_two_clicks_at_once_are_one_enquiry() -> None:
    with ThreadPoolExecutor(2) as pool, second_connection() as gate:
        gate.execute("LOCK TABLE enquiries_enquiry IN SHARE MODE")
        futures = [in_thread(pool, lambda: send(Client())) for _ in range(2)]
        wait_until_blocked(2)
        gate.rollback()
        assert [future.result(timeout=30).status_code for future in futures] == [303, 303]
    assert (Enquiry.objects.count(), Lead.objects.count()) == (1, 1)


def test_who_sends_too_much_is_asked_to_wait_and_keeps_what_they_wrote(
    visitor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = timezone.now().replace(second=20)
    monkeypatch.setattr(timezone, "now", lambda: at)
    for number in range(form_views.MOST_FROM_ONE):
        assert send(visitor, message=f"Number {number}").status_code == 303
    much = send(visitor, message="One more")
    assert (much.status_code, much.headers["Retry-After"]) == (429, "40")
    assert "One more" in much.content.decode()
    assert Enquiry.objects.count() == form_views.MOST_FROM_ONE
    elsewhere = Client(REMOTE_ADDR="203.0.113.9")
    assert send(elsewhere, message="From elsewhere").status_code == 303
    assert send(Client(REMOTE_ADDR="203.0.113.9", HTTP_X_FORWARDED_FOR="198.51.100.1")).status_code == 303
    monkeypatch.setattr(timezone, "now", lambda: at + timedelta(minutes=1))
    assert send(visitor, message="One more").status_code == 303


def test_all_together_send_only_so_much(visitor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(form_views, "MOST_FROM_ALL", 2)
    found = [send(Client(REMOTE_ADDR=f"203.0.{number}.9"), message=str(number)).status_code for number in range(3)]
    assert found == [303, 303, 429]


@pytest.mark.parametrize(
    ("forwarded", "trusted", "address"),
    [
        ("198.51.100.1", False, "127.0.0.1"),
        ("198.51.100.1", True, "198.51.100.1"),
        ("10.0.0.1, 198.51.100.1", True, "198.51.100.1"),
        ("198.51.100.1:4711", True, "198.51.100.1"),
        ("[2001:db8::1]:4711", True, "2001:db8::1"),
        ("2001:db8::1", True, "2001:db8::1"),
        ("nonsense", True, "127.0.0.1"),
        ("", True, "127.0.0.1"),
    ],
)
def test_where_somebody_is_says_a_proxy_only_where_it_is_trusted(
    forwarded: str, trusted: bool, address: str, rf: Any
) -> None:
    header = ("HTTP_X_FORWARDED_PROTO", "https") if trusted else None
    with override_settings(SECURE_PROXY_SSL_HEADER=header):
        assert client_address(rf.get("/", HTTP_X_FORWARDED_FOR=forwarded)) == address


# --- programs that fill in forms --------------------------------------------------------------------------------------


def test_what_a_program_fills_in_is_kept_as_spam_and_looks_like_any_other(visitor: Client) -> None:
    usual, spam = send(visitor), send(visitor, website="https://pills.example", email="bot@pills.example")
    assert (spam.status_code, spam.content, spam.headers["Location"]) == (303, usual.content, DONE)
    kept = Enquiry.objects.get(email="bot@pills.example")
    assert (kept.void_reason, kept.voided_by, kept.clock, kept.lead) == ("spam", User.objects.system(), None, None)
    assert not Lead.objects.filter(email="bot@pills.example").exists()
    assert not Notification.objects.filter(key__endswith=f":{kept.pk}").exists()


def test_what_was_no_spam_is_taken_up_again_with_its_lead_and_clock(visitor: Client, mona: User, alice: User) -> None:
    send(visitor, website="filled in by the browser")
    kept = Enquiry.objects.get()
    unvoid_enquiry(kept, actor=mona, at=timezone.now(), via="test")
    kept = Enquiry.objects.select_related("lead", "clock").get()
    assert kept.lead is not None
    assert kept.lead.email == "nia@hooli.example"
    assert (kept.clock, kept.voided_at) == (Clock.objects.get(), None)
    assert kept.clock is not None
    assert kept.clock.started_at == kept.received_at
    assert Notification.objects.filter(to=alice, key=f"enquiry_received:{kept.pk}").exists()
