"""What people see of a do not contact: its pages, the banner on records, marks in lists, and the bell."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from crm.activities.models import Suppression
from crm.activities.suppressing import suppress
from crm.notifications.models import Notification
from crm.notifications.services import Notice, notify
from crm.people.models import User
from leads.home import home_parts
from leads.models import Lead
from tests.factories import make_contact, make_lead

pytestmark = pytest.mark.django_db
LIST = "/admin/activities/suppression/"


def logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def suppress_email(email: str, actor: User, at: datetime, reason: str = "asked_us") -> Suppression:
    return suppress(actor=actor, at=at, via="test", reason=reason, emails=[email]).suppressions[0]


def test_everybody_notes_an_address_without_a_lead(alice: User) -> None:
    answer = logged_in(alice).post(f"{LIST}add/", {"email": "LEA@globex.example", "reason": "asked_us", "note": "Call"})
    made = Suppression.objects.get()
    assert answer.headers["Location"] == f"{LIST}{made.pk}/change/"
    assert (made.by, made.scope, made.came_from) == (alice, "person", "Noted by hand")


def test_what_is_missing_is_said_at_its_field(alice: User) -> None:
    answer = logged_in(alice).post(f"{LIST}add/", {"email": "nobody", "phone": "12"})
    assert answer.status_code == 200
    errors = answer.context["form"].errors
    assert set(errors) == {"email", "phone"}
    answer = logged_in(alice).post(f"{LIST}add/", {"reason": "asked_us"})
    assert "email" in answer.context["form"].errors


@pytest.mark.parametrize("asked", ["Lea@Globex.example", "lea+x@globex.example.", "mailto", "globex.example"])
def test_the_list_is_searched_by_any_form_of_an_address(asked: str, alice: User, now: datetime) -> None:
    suppress_email("lea@globex.example", alice, now)
    page = logged_in(alice).get(LIST, {"q": asked})
    assert page.status_code == 200
    assert len(page.context["cl"].result_list) == (1 if "@" in asked else 0)


def test_a_domain_is_listed_as_it_is_matched_however_it_was_entered(alice: User) -> None:
    client = logged_in(alice)
    client.post(f"{LIST}add/", {"domain": "https://www.Bulk9.example/about", "reason": "company_asked"})
    made = Suppression.objects.get()
    for address in (LIST, f"{LIST}{made.pk}/change/"):
        page = client.get(address).content.decode()
        assert "bulk9.example" in page
        assert "Bulk9.example/about" not in page


def test_a_manager_lifts_on_its_page_and_others_do_not(alice: User, mona: User, now: datetime) -> None:
    made = suppress_email("lea@globex.example", alice, now)
    url = f"{LIST}{made.pk}/change/"
    assert 'data-section="lift"' not in logged_in(alice).get(url).content.decode()
    assert logged_in(alice).post(url, {"reason": "x"}).status_code == 403
    boss = logged_in(mona)
    assert 'data-section="lift"' in boss.get(url).content.decode()
    assert boss.post(url, {"reason": " "}).status_code == 400
    assert boss.post(url, {"reason": "They wrote"}).status_code == 302
    made.refresh_from_db()
    assert (made.lifted_by, made.lifted_reason) == (mona, "They wrote")
    assert boss.get(f"{LIST}?state=in_force").context["cl"].result_count == 0


def test_its_page_shows_whom_it_names_and_what_went_against_it(alice: User, now: datetime) -> None:
    from leads.working import log_touch

    lead, contact = make_lead(email="lea@globex.example"), make_contact(email="LEA+c@globex.example")
    made = suppress_email("lea@globex.example", alice, now)
    touch = log_touch(lead, actor=alice, at=now, via="test", kind="email", outcome="sent", happened_at=now)
    page = logged_in(alice).get(f"{LIST}{made.pk}/change/").content.decode()
    for address in (f"leads/lead/{lead.pk}", f"accounts/contact/{contact.pk}", f"activities/activity/{touch.pk}"):
        assert f"/admin/{address}/change/" in page


def test_records_say_why_since_when_and_by_whom(alice: User, mona: User, now: datetime) -> None:
    lead, contact = make_lead(owner=alice, email="lea@globex.example"), make_contact(email="lea@globex.example")
    clean = make_lead(owner=alice)
    made = suppress_email("lea@globex.example", alice, now)
    for url in (f"/admin/leads/lead/{lead.pk}/change/", f"/admin/accounts/contact/{contact.pk}/change/"):
        page = logged_in(alice).get(url).content.decode()
        assert "Do not contact: They asked us not to contact them" in page
        assert "since March 4, 2026, noted by Alice" in page
        assert "Lift…" not in page
        assert f"{LIST}{made.pk}/change/#lift" in logged_in(mona).get(url).content.decode()
    assert (
        'data-section="do-not-contact"'
        not in logged_in(alice).get(f"/admin/leads/lead/{clean.pk}/change/").content.decode()
    )
    assert logged_in(alice).get("/admin/leads/lead/").content.decode().count(">Do not contact</span>") == 1
    assert logged_in(alice).get("/admin/accounts/contact/").content.decode().count(">Do not contact</span>") == 1


def test_home_offers_nobody_who_is_not_to_be_contacted(alice: User, now: datetime) -> None:
    lead, other = make_lead(email="lea@globex.example"), make_lead(email="leo@globex.example")
    suppress_email("lea@globex.example", alice, now)
    (part,) = [part for part in home_parts(alice, at=now) if part.kind == "unowned"]
    assert ([row.pk for row in part.rows], part.count) == ([other.pk], "1")
    assert Lead.objects.open().unowned().count() == 2
    assert lead.pk != other.pk


def test_a_list_asks_once_for_all_its_rows(alice: User, now: datetime) -> None:
    client = logged_in(alice)
    for n in range(3):
        make_lead(email=f"p{n}@globex.example")
    client.get("/admin/leads/lead/")
    with CaptureQueriesContext(
        connection,
    ) as few:
        client.get("/admin/leads/lead/")
    for n in range(3, 20):
        make_lead(email=f"p{n}@globex.example")
    suppress(actor=alice, at=now, via="test", reason="company_asked", domains=["globex.example"])
    with CaptureQueriesContext(connection) as many:
        client.get("/admin/leads/lead/")
    assert len(many) == len(few)
    assert sum("suppressed_now(" in one["sql"] for one in many.captured_queries) == 1


def test_the_bell_counts_and_puts_aside(alice: User, bob: User, now: datetime) -> None:
    client = logged_in(alice)
    notify([Notice(alice.pk, "test", str(n), f"Thing {n}", address="/admin/leads/lead/") for n in range(3)], at=now)
    notify([Notice(bob.pk, "test", "x", "His")], at=now)
    assert ">3<" in client.get("/admin/notifications/bell/").content.decode()
    page = client.get("/admin/notifications/").content.decode()
    assert "Thing 2" in page
    assert "His" not in page
    one = Notification.objects.get(title="Thing 0")
    answer = client.post(f"/admin/notifications/{one.pk}/aside/", {"open": "1"})
    assert answer.headers["Location"] == "/admin/leads/lead/"
    assert ">2<" in client.get("/admin/notifications/bell/").content.decode()
    theirs = Notification.objects.get(title="His")
    assert client.post(f"/admin/notifications/{theirs.pk}/aside/").status_code == 403
    client.post("/admin/notifications/aside/")
    assert client.get("/admin/notifications/bell/").content.decode().strip() == ""
    theirs.refresh_from_db()
    assert theirs.read_at is None


def test_no_next_touch_is_asked_for_who_is_not_to_be_contacted(alice: User, now: datetime) -> None:
    lead = make_lead(email="lea@globex.example", owner=alice)
    client, address = logged_in(alice), f"/admin/leads/lead/{lead.pk}/change/"
    assert "Plan the next touch" in client.get(address).content.decode()
    suppress_email("lea@globex.example", alice, now)
    page = client.get(address).content.decode()
    assert "Nothing is planned: they are not to be contacted." in page
    assert "Plan the next touch" not in page
    cleared = client.post(f"/admin/leads/lead/{lead.pk}/next-touch/", {"clear": "1"}, headers={"HX-Request": "true"})
    assert "Plan the next touch" not in cleared.content.decode()


def test_who_opted_out_of_email_alone_may_still_ask_for_all_of_it(alice: User, now: datetime) -> None:
    contact = make_contact(email="lea@globex.example")
    client, address = logged_in(alice), f"/admin/accounts/contact/{contact.pk}/change/"
    suppress_email("lea@globex.example", alice, now, "no_emails")
    assert "Do not contact…" in client.get(address).content.decode()
    suppress_email("lea@globex.example", alice, now)
    assert "Do not contact…" not in client.get(address).content.decode()


def test_taking_a_closing_back_says_that_it_lifts_nothing(alice: User, now: datetime) -> None:
    lead = make_lead(email="lea@globex.example", owner=alice)
    client, address = logged_in(alice), f"/admin/leads/lead/{lead.pk}/move"
    client.post(f"{address}/do_not_contact/", {"do_not_contact_reason": "asked_us"})
    assert "They are still not to be contacted" in client.get(f"{address}/take_back/").content.decode()
