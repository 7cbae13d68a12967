"""Another system is told of what changes: of what it asked for, once for each change, signed, until it takes it."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings
from standardwebhooks import Webhook as Verifier

from crm.core.acting import acting
from crm.core.errors import Refused
from crm.history.feed import number_transactions
from crm.history.models import Change
from crm.notifications.models import Notification
from crm.people.leaving import deactivate_user, what_ends
from crm.people.models import User
from crm.sync.models import Webhook, WebhookMessage
from crm.sync.webhooks.again import preview_replay, redeliver, replay, send_test
from crm.sync.webhooks.checks import check_webhooks
from crm.sync.webhooks.delivering import deliver
from crm.sync.webhooks.dispatching import dispatch, dispatch_page
from crm.sync.webhooks.services import (
    change_webhook,
    pause_webhook,
    resume_webhook,
    rotate_secret,
    stop_webhook,
)
from crm.sync.webhooks.tidying import tidy_messages
from leads.models import Lead
from tests.factories import make_account, make_lead
from tests.races import in_thread, outcomes, second_connection, wait_until_blocked
from tests.sync.receivers import Receiver, call, change, go, hook, receiver, states

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _private(settings: Settings) -> None:
    settings.OUTBOUND_PRIVATE_HOSTS = ["127.0.0.1"]


@pytest.fixture
def other() -> Iterator[Receiver]:
    """The other system."""
    with receiver() as here:
        yield here


def test_it_tells_each_change_once_signed_and_with_no_word_of_what_changed(other: Receiver, root: User) -> None:
    make_lead(first_name="Before")
    number_transactions()
    webhook, secret = hook(other, root)
    lead = make_lead(first_name="Grace", last_name="Hopper")
    change(lead, root, company="Navy")
    make_account(name="Nobody asked")
    go()
    (got,) = other.got
    assert got.changes == [("leads", lead.pk, 1, "created"), ("leads", lead.pk, 2, "updated")]
    assert got.data["count"] == 2
    assert got.path == "/plumb?from=crm"
    assert not any(word in got.body for word in (b"Grace", b"Hopper", b"Navy"))
    # The library of the standard takes it, and nothing that was touched.
    said: Any = Verifier(secret).verify(got.body, got.headers)
    assert said["type"] == "records.changed"
    with pytest.raises(Exception, match="signature"):
        Verifier(secret).verify(got.body.replace(b"created", b"deleted"), got.headers)
    go()
    assert (len(other.got), states(webhook)) == (1, ["delivered"])
    with acting(actor=root, via="admin", at=timezone.now()):
        Lead.objects.get(pk=lead.pk).delete()
    go()
    assert other.got[1].changes == [("leads", lead.pk, 2, "deleted")]
    # The log of changes has no secret, nor what one is made of.
    stored = str(list(Change.objects.filter(object="webhook").values()))
    assert secret not in stored
    assert webhook.salt not in stored


def test_it_tells_only_what_was_asked_for(other: Receiver, root: User, alice: User) -> None:
    asked: dict[str, Any] = {"objects": ["leads", "contacts"], "events": ["updated"], "fields": ["company"]}
    narrow, _ = hook(other, root, filter=f"owner_id={alice.pk}", **asked)
    hers, mine = make_lead(owner=alice), make_lead(owner=root)
    change(hers, root, company="A")
    change(mine, root, company="B")
    change(hers, root, title="no matter")
    go()
    assert other.changes == [("leads", hers.pk, 2, "updated")]
    # Whoever may see nothing any more is told nothing any more.
    change(hers, root, company="C")
    User.objects.filter(pk=root.pk).update(role="nobody")
    go()
    assert len(other.got) == 1
    assert Webhook.objects.get(pk=narrow.pk).paused_at is None


def test_two_dispatchers_at_once_make_no_message_twice(other: Receiver, root: User) -> None:
    webhook, _ = hook(other, root)
    made = [make_lead() for _ in range(3)]
    with ThreadPoolExecutor(2) as pool, second_connection() as gate:
        # The first one stands before its messages, and has the queue.
        gate.execute("LOCK TABLE sync_webhookmessage IN SHARE MODE")
        first = in_thread(pool, lambda: dispatch(at=timezone.now()))
        wait_until_blocked(1)
        second = in_thread(pool, lambda: dispatch_page(webhook.pk, at=timezone.now()))
        assert outcomes([second]) == [False], "the second one does not wait"
        gate.rollback()
        assert outcomes([first]) == [False]
    go()
    assert [one[1] for one in other.changes] == [lead.pk for lead in made]


def test_two_secrets_sign_while_one_is_exchanged(other: Receiver, root: User) -> None:
    webhook, old = hook(other, root)
    webhook, new = rotate_secret(webhook, hours=2, **call(root))
    send_test(webhook, **call(root))
    go()
    (got,) = other.got
    assert len(got.headers["webhook-signature"].split()) == 2
    for secret in (old, new):
        said: Any = Verifier(secret).verify(got.body, got.headers)
        assert said["type"] == "test"
    # By hand as well, as somebody without the library would.
    signed = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
    made = hmac.new(base64.b64decode(new.removeprefix("whsec_")), signed, hashlib.sha256).digest()
    assert f"v1,{base64.b64encode(made).decode()}" in got.headers["webhook-signature"].split()
    Webhook.objects.update(old_until=timezone.now() - timedelta(seconds=1))
    send_test(webhook, **call(root))
    go()
    assert len(other.got[1].headers["webhook-signature"].split()) == 1
    Verifier(new).verify(other.got[1].body, other.got[1].headers)


def test_it_tells_again_from_a_date_and_what_was_sent_before(other: Receiver, root: User) -> None:
    webhook, _ = hook(other, root, events=["created"])
    start = timezone.now()
    leads = [make_lead() for _ in range(3)]
    go()
    assert preview_replay(webhook, start, actor=root, at=timezone.now()).changes == 3
    replay(webhook, start, **call(root))
    go()
    assert [one[1] for one in other.changes] == [lead.pk for lead in (*leads, *leads)]
    assert len({got.headers["webhook-id"] for got in other.got}) == 2
    message = WebhookMessage.objects.order_by("pk")[0]
    redeliver(message, **call(root))
    with pytest.raises(Refused, match="waits"):
        redeliver(message, **call(root))
    go()
    assert other.got[-1].headers["webhook-id"] == message.message_id
    assert other.got[-1].body == other.got[0].body
    for wrong in (start - timedelta(days=400), timezone.now() + timedelta(days=1)):
        with pytest.raises(Refused, match="From when"):
            replay(webhook, wrong, **call(root))

    # What is a month old is forgotten, unless it still waits.
    WebhookMessage.objects.update(made_at=timezone.now() - timedelta(days=31))
    redeliver(message, **call(root))
    assert tidy_messages(at=timezone.now()) == 1
    assert list(WebhookMessage.objects.values_list("pk", flat=True)) == [message.pk]


def test_it_is_paused_stopped_and_changed_by_administrators_alone(other: Receiver, root: User, mona: User) -> None:
    webhook, _ = hook(other, root)
    for what in (pause_webhook, stop_webhook, rotate_secret):
        with pytest.raises(Refused, match="administrators"):
            what(webhook, **call(mona))
    changed = change_webhook(webhook, {"filter": "lead_status=new"}, **call(root))
    assert changed.version == webhook.version + 1
    with pytest.raises(Refused) as refused:
        change_webhook(
            webhook, {"filter": "nonsense=1", "events": ["exploded"], "objects_told": ["moons"]}, **call(root)
        )
    assert refused.value.codes == ("unknown_object", "unknown_event")
    with pytest.raises(Refused) as refused:
        change_webhook(webhook, {"filter": "nonsense=1"}, **call(root))
    assert refused.value.codes == ("invalid_filter",)
    pause_webhook(webhook, reason="They move.", **call(root))
    make_lead()
    go()
    assert other.got == []
    resume_webhook(webhook, **call(root))
    dispatch(at=timezone.now())
    stop_webhook(webhook, **call(root))
    deliver(seconds=5)
    assert (other.got, states(webhook)) == ([], ["failed"])
    with pytest.raises(Refused, match="stopped"):
        resume_webhook(webhook, **call(root))


def test_it_falls_silent_with_who_it_acts_as_and_administrators_hear_of_it(
    other: Receiver, root: User, robot: User
) -> None:
    hook(other, root, user=robot)
    assert any("Warehouse" in said for said in what_ends(robot))
    deactivate_user(robot, heir=None, **call(root))
    make_lead()
    go()
    assert other.got == []
    assert Webhook.objects.get().state(timezone.now()) == "idle"
    assert Notification.objects.get(kind="webhook_silent").to == root


def test_a_filter_that_is_not_understood_any_more_pauses_it(other: Receiver, root: User) -> None:
    webhook, _ = hook(other, root)
    Webhook.objects.update(filter="colour=red")
    assert [one.id for one in check_webhooks(databases=["default"])] == ["sync.E002"]
    make_lead()
    go()
    webhook.refresh_from_db()
    assert "colour" in webhook.paused_because
    assert states(webhook) == []
    assert Notification.objects.filter(kind="webhook_silent").exists()
