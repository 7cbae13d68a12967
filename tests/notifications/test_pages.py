"""Pages about notices: what one is told of, what left, what did not, and trying again."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.core.checks import CheckMessage
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from crm.jobs.metrics import operation
from crm.notifications.checks import check_email, check_public_url, check_rooms
from crm.notifications.models import Delivery, Muted
from crm.notifications.services import Notice, notify
from crm.people.models import User
from tests.access import client_of
from tests.samples import make_delivery

pytestmark = pytest.mark.django_db
LIST = "/admin/notifications/delivery/"


def page(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_profile_offers_each_kind_and_keeps_what_is_chosen(alice: User) -> None:
    client = client_of(alice)
    text = page(client, "/admin/profile/")
    assert "A limit is near, by email" in text
    assert "Always sent, so that nobody waits unseen." in text
    others = ["checkup_done", "checkup_rose", "finding_assigned", "ritual_due", "meeting_minutes", "review_summary"]
    others += ["webhook_silent", "key_expires"]
    rest = [f"{kind}:{way}" for kind in others for way in ("bell", "email")]
    sent = {"on": ["response_warned:bell", "enquiry_received:bell", *rest]}
    answer = client.post(reverse("admin:notifications_preferences"), sent)
    assert answer.headers["Location"] == "/admin/profile/#notices"
    assert list(Muted.objects.values_list("user", "kind", "way")) == [(alice.pk, "response_warned", "email")]
    client.post(reverse("admin:notifications_preferences"), {"on": ["nonsense", "response_warned:email", *rest]})
    off = set(Muted.objects.values_list("kind", "way"))
    assert off == {("response_warned", "bell"), ("enquiry_received", "bell")}


def test_a_breach_cannot_be_turned_off_by_leaving_it_out(alice: User) -> None:
    client_of(alice).post(reverse("admin:notifications_preferences"), {})
    assert not Muted.objects.filter(kind="response_breached").exists()


def test_the_bell_s_page_says_what_kind_it_is_and_how_to_choose(alice: User, now: datetime) -> None:
    notify([Notice(alice.pk, "enquiry_received", "x", "Web chat from Nia")], at=now)
    text = page(client_of(alice), "/admin/notifications/")
    assert "An enquiry came in" in text
    assert "/admin/profile/#notices" in text
    assert "No email leaves this server now" in text
    assert LIST not in text, "the list of messages is an administrator's"


def test_administrators_read_what_keeps_notices_from_people(root: User, settings: Settings) -> None:
    text = page(client_of(root), "/admin/notifications/")
    assert "No email is sent: no mail server is set (EMAIL_URL, DEFAULT_FROM_EMAIL)." in text
    assert "Nothing is written into the chat room “Response times”" in text
    settings.SENDS_EMAIL = True
    settings.CHAT_WEBHOOKS = {
        "response_times": "https://chat.example/secret",
        "enquiries": "https://chat.example/secret",
        "old_room": "https://chat.example/secret",
    }
    text = page(client_of(root), LIST)
    assert "CHAT_WEBHOOKS names rooms that the handbook does not have: old_room." in text
    assert "chat.example" not in text
    assert "No email is sent" not in text


def test_messages_that_nobody_tries_are_told(root: User, alice: User) -> None:
    make_delivery(alice)
    Delivery.objects.update(state="waiting", attempts=0, made_at=timezone.now() - timedelta(hours=1))
    assert "Messages wait and nobody tries to send them" in page(client_of(root), LIST)


def test_an_administrator_finds_dead_ends_and_tries_them_again(root: User, alice: User) -> None:
    dead, other = make_delivery(alice), make_delivery(alice)
    Delivery.objects.filter(pk=other.pk).update(state="sent", title="This one arrived")
    client = client_of(root)
    text = page(client, f"{LIST}?state=dead")
    assert "The mail server refuses the recipient (550)." in text
    assert "This one arrived" not in text
    text = page(client, f"{LIST}{dead.pk}/change/")
    assert str(dead.message_id) in text
    assert "Try again" in text
    client.post(reverse("admin:notifications_delivery_tryone", args=[dead.pk]))
    dead.refresh_from_db()
    assert (dead.state, dead.attempts) == ("waiting", 9)
    assert dead.give_up_at > timezone.now() + timedelta(days=2)
    assert Delivery.objects.due().filter(pk=dead.pk).exists()
    Delivery.objects.filter(pk=dead.pk).update(state="dead")
    client.post(reverse("admin:notifications_delivery_tryall"))
    assert set(Delivery.objects.values_list("state", flat=True)) == {"waiting", "sent"}


def test_what_was_not_given_up_is_not_sent_twice_by_trying_again(root: User, alice: User) -> None:
    sent = make_delivery(alice)
    Delivery.objects.update(state="sent")
    client_of(root).post(reverse("admin:notifications_delivery_tryone", args=[sent.pk]))
    assert Delivery.objects.get().state == "sent"


@pytest.mark.parametrize("name", ["alice", "mona"])
def test_nobody_else_sees_or_tries_messages(name: str, request: pytest.FixtureRequest, bob: User) -> None:
    client = client_of(request.getfixturevalue(name))
    dead = make_delivery(bob)
    assert client.get(LIST).status_code == 403
    assert client.post(reverse("admin:notifications_delivery_tryone", args=[dead.pk])).status_code == 403
    assert client.post(reverse("admin:notifications_delivery_tryall")).status_code == 403
    assert Delivery.objects.get().state == "dead"


def test_metrics_count_what_waits_and_what_was_given_up(alice: User) -> None:
    make_delivery(alice)
    text = operation().decode()
    assert 'plumb_deliveries{state="given_up"} 1.0' in text
    assert 'plumb_deliveries{state="waiting"} 0.0' in text
    assert "plumb_delivery_waiting_seconds 0.0" in text


def ids(found: list[CheckMessage]) -> list[str]:
    return [str(one.id) for one in found]


def test_checks_say_what_is_not_set_and_what_to_do(settings: Settings) -> None:
    settings.SENDS_EMAIL, settings.CHAT_WEBHOOKS = False, {}
    assert ids([*check_email(), *check_rooms()]) == ["notifications.I001", "notifications.I002"]
    assert all(one.hint for one in [*check_email(), *check_rooms()])
    settings.SENDS_EMAIL = True
    settings.EMAIL_HOST, settings.EMAIL_HOST_PASSWORD = "mail.example.com", "secret"
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.OUTBOUND_PRIVATE_HOSTS = ["chat.inside"]
    rooms = {
        "response_times": "http://chat.example/s",
        "enquiries": "http://chat.inside/s",
        "checkups": "https://chat.example/c",
        "rituals": "https://chat.example/r",
        "none": "https://x.example/",
    }
    settings.CHAT_WEBHOOKS = rooms
    found = [*check_email(), *check_rooms()]
    assert ids(found) == ["notifications.W001", "notifications.W002", "notifications.W003"]
    assert not [one for one in found if "secret" in f"{one.msg} {one.hint}" or "example/s" in f"{one.msg}{one.hint}"]
    settings.EMAIL_USE_TLS = True
    settings.CHAT_WEBHOOKS = {**rooms, "response_times": "https://a.example/", "enquiries": "json://b.example/"}
    del settings.CHAT_WEBHOOKS["none"]
    assert ids([*check_email(), *check_rooms()]) == []


@pytest.mark.parametrize(
    ("address", "hosts", "fine"),
    [
        ("https://crm.example.com", ["crm.example.com"], True),
        ("https://crm.example.com", [".example.com"], True),
        ("https://crm.example.com", ["other.example.com"], False),
        ("http://127.0.0.1:8000", ["127.0.0.1"], True),
    ],
)
def test_links_lead_to_a_host_that_is_served(address: str, hosts: list[str], fine: bool, settings: Settings) -> None:
    settings.PUBLIC_URL, settings.ALLOWED_HOSTS = address, hosts
    assert (check_public_url() == []) is fine
