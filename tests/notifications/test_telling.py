"""Telling people stores one row for each recipient, cause and way, as the handbook and they themselves have it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from crm.core.errors import Refused
from crm.notifications.models import Delivery, Muted, Notification
from crm.notifications.preferences import choose_notices, offers_of
from crm.notifications.services import Notice, Post, notify
from crm.people.leaving import deactivate_user
from crm.people.models import User
from tests.factories import make_user
from tests.races import race

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 4, 18, 0, tzinfo=UTC)
WARNED, BREACHED, RECEIVED = "response_warned", "response_breached", "enquiry_received"
ROOMS = {"response_times": "https://chat.example/a", "enquiries": "https://chat.example/b"}


@pytest.fixture(autouse=True)
def _ways(settings: Settings) -> None:
    settings.SENDS_EMAIL = True
    settings.CHAT_WEBHOOKS = ROOMS


def notice(to: User, kind: str = WARNED, key: str = "cause") -> Notice:
    return Notice(to.pk, kind, key, "A limit is near", "Waiting.", "/admin/")


def told(user: User) -> tuple[int, int]:
    """How many by the bell, how many by email."""
    return Notification.objects.filter(to=user).count(), Delivery.objects.filter(to=user).count()


def test_one_row_for_each_way_however_often_it_is_told(alice: User) -> None:
    for _ in range(3):
        notify([notice(alice), notice(alice)], posts=[Post(WARNED, "cause", "x"), Post(WARNED, "cause", "x")], at=NOW)
    assert told(alice) == (1, 1)
    assert Delivery.objects.filter(medium="chat", room="response_times").count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_who_tell_the_same_at_once_tell_it_once(alice: User, bob: User) -> None:
    def tell(*people: User) -> None:
        notify([notice(one) for one in people], posts=[Post(WARNED, "cause", "x")], at=NOW)

    found = race(
        lambda: tell(alice, bob),
        lambda: tell(bob, alice),
        behind="LOCK TABLE notifications_notification IN SHARE ROW EXCLUSIVE MODE",
    )
    assert found == [None, None]
    assert (told(alice), told(bob)) == ((1, 1), (1, 1))
    assert Delivery.objects.filter(medium="chat").count() == 1


def test_a_kind_that_is_not_sent_by_email_is_not(alice: User) -> None:
    notify([notice(alice, RECEIVED)], posts=[Post(RECEIVED, "cause", "x")], at=NOW)
    assert told(alice) == (1, 0)
    assert Delivery.objects.get().room == "enquiries"


def test_a_kind_of_the_program_s_own_is_told_by_the_bell_alone(alice: User) -> None:
    notify([notice(alice, "contract_renewal")], posts=[Post("contract_renewal", "cause", "x")], at=NOW)
    assert told(alice) == (1, 0)
    assert not Delivery.objects.exists()


def test_everybody_chooses_what_they_are_told_of_and_how(alice: User, bob: User) -> None:
    choose_notices(alice, off={(WARNED, "email")}, actor=alice)
    choose_notices(bob, off={(WARNED, "bell")}, actor=bob)
    notify([notice(alice), notice(bob)], at=NOW)
    assert (told(alice), told(bob)) == ((1, 0), (0, 1))
    choose_notices(alice, off=(), actor=alice)
    notify([notice(alice, key="another")], at=NOW)
    assert told(alice) == (2, 1)


def test_a_breach_is_never_off(alice: User) -> None:
    with pytest.raises(Refused, match="always sent"):
        choose_notices(alice, off={(BREACHED, "email")}, actor=alice)
    # Even one that was turned off while the handbook let it.
    Muted.objects.create(user=alice, kind=BREACHED, way="email")
    Muted.objects.create(user=alice, kind=BREACHED, way="bell")
    notify([notice(alice, BREACHED)], at=NOW)
    assert told(alice) == (1, 1)
    offer = next(one for one in offers_of(alice) if one.kind == BREACHED)
    assert (offer.bell, offer.email, offer.always) == (True, True, True)
    assert offer.why


def test_nobody_chooses_for_somebody_else(alice: User, mona: User, robot: User) -> None:
    for user, actor in ((alice, mona), (robot, robot)):
        with pytest.raises(Refused) as refused:
            choose_notices(user, off=(), actor=actor)
        assert refused.value.code == "forbidden"


@pytest.mark.parametrize("off", [("nonsense", "bell"), (WARNED, "pigeon")])
def test_it_refuses_to_turn_off_what_is_not_there(alice: User, off: tuple[str, str]) -> None:
    with pytest.raises(Refused):
        choose_notices(alice, off={off}, actor=alice)
    assert not Muted.objects.exists()


def test_no_email_is_made_for_a_program_or_for_who_left(robot: User, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)
    notify([notice(robot, BREACHED), notice(alice, BREACHED)], at=NOW)
    assert not Delivery.objects.exists()


def test_without_a_mail_server_or_a_room_s_address_nothing_waits_in_vain(alice: User, settings: Settings) -> None:
    settings.SENDS_EMAIL, settings.CHAT_WEBHOOKS = False, {}
    notify([notice(alice)], posts=[Post(WARNED, "cause", "x")], at=NOW)
    assert told(alice) == (1, 0)
    assert not Delivery.objects.exists()


def test_nothing_is_told_of_what_did_not_happen(alice: User) -> None:
    with transaction.atomic():
        notify([notice(alice)], posts=[Post(WARNED, "cause", "x")], at=NOW)
        transaction.set_rollback(True)
    assert (told(alice), Delivery.objects.count()) == ((0, 0), 0)


def test_ten_thousand_are_told_in_as_many_statements_as_two(alice: User, bob: User) -> None:
    counts = []
    for many in (1, 5000):
        notices = [notice(one, key=f"{many}:{n}") for n in range(many) for one in (alice, bob)]
        posts = [Post(WARNED, f"{many}:{n}", "x") for n in range(many)]
        with CaptureQueriesContext(connection) as taken:
            notify(notices, posts=posts, at=NOW)
        counts.append(len(taken))
    assert counts[0] == counts[1] <= 6
    assert (Notification.objects.count(), Delivery.objects.count()) == (10_002, 15_003)


def test_a_title_is_one_line_and_fits(alice: User) -> None:
    notify([Notice(alice.pk, WARNED, "k" * 300, "A\nlimit\x00 \x07is\tnear " + "x" * 300, "one\r\ntwo\x1b")], at=NOW)
    row, mail = Notification.objects.get(), Delivery.objects.get()
    assert row.title == mail.title
    assert row.title.startswith("A limit is near xxx")
    assert len(row.title) <= 255
    assert mail.text == "one \ntwo"


def test_what_waits_for_who_leaves_goes_to_who_takes_over(alice: User, bob: User, root: User) -> None:
    notify([notice(alice, key="sent"), notice(alice, key="waits")], at=NOW)
    Delivery.objects.filter(key="sent").update(state="sent")
    deactivate_user(alice, heir=bob, actor=root, at=NOW, via="test")
    assert told(bob) == (2, 1), "both by the bell; the email that has left already is not sent again"
    assert Delivery.objects.get(to=bob).key == "waits"
    assert sorted(Delivery.objects.filter(to=alice).values_list("key", "state")) == [
        ("sent", "sent"),
        ("waits", "dropped"),
    ]


def test_people_who_join_are_told_of_everything(db: None) -> None:
    zoe = make_user("zoe", role="sdr")
    assert all(offer.bell for offer in offers_of(zoe))
