"""Messages are sent until they are taken, for about three days, and nobody waits for a server that does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings
from standardwebhooks import Webhook as Verifier

from crm.core.acting import acting
from crm.core.errors import Refused
from crm.notifications.models import Notification
from crm.people.models import User
from crm.sync.feed.cursors import read_cursor
from crm.sync.feed.reading import read_page
from crm.sync.models import Webhook, WebhookAttempt, WebhookHost, WebhookMessage, WebhookQueue
from crm.sync.webhooks import delivering
from crm.sync.webhooks.again import redeliver_failed, send_test
from crm.sync.webhooks.delivering import DELAYS, LEASE, claim, deliver, send, settle
from crm.sync.webhooks.dispatching import dispatch
from crm.sync.webhooks.services import (
    resume_webhook,
)
from leads.models import Lead
from tests.children import running, wait_for
from tests.factories import make_lead
from tests.races import in_thread, outcomes
from tests.sync.receivers import Receiver, call, change, go, hook, later, receiver, states

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _private(settings: Settings) -> None:
    settings.OUTBOUND_PRIVATE_HOSTS = ["127.0.0.1"]


@pytest.fixture
def other() -> Iterator[Receiver]:
    """The other system."""
    with receiver() as here:
        yield here


def test_one_that_hangs_keeps_nobody_else_waiting(other: Receiver, root: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivering, "SECONDS", 30.0)
    with receiver(hangs=True) as dead:
        stuck, _ = hook(dead, root, name="Dead")
        healthy, _ = hook(other, root, name="Healthy")
        monkeypatch.setattr("crm.sync.webhooks.messages.MOST_CHANGES", 1)
        monkeypatch.setattr("crm.sync.webhooks.dispatching.MOST_CHANGES", 1)
        for _ in range(5):
            make_lead()
        while dispatch(at=timezone.now()):
            pass
        WebhookQueue.objects.filter(webhook=stuck).update(next_at=timezone.now() - timedelta(hours=1))
        with ThreadPoolExecutor(1) as pool:
            turn = in_thread(pool, lambda: deliver(seconds=20))
            # All five of the healthy one's arrive while the other one's first hangs.
            wait_for(lambda: len(other.got) == 5)
            assert dead.asked.wait(10)
            assert not dead.got
            assert not turn.done()
            wait_for(lambda: states(healthy) == ["delivered"] * 5)
            assert WebhookAttempt.objects.filter(message__webhook=stuck).count() == 0
            dead.answers = [(500, {})]
            dead.free.set()
            outcomes([turn])
        assert states(stuck) == ["waiting"] * 5
        assert WebhookAttempt.objects.get(message__webhook=stuck).status == 500
        # It is not waited for without end either.
        dead.free.clear()
        monkeypatch.setattr(delivering, "SECONDS", 0.3)
        later(timedelta(minutes=1))
        deliver(seconds=1)
    attempt = WebhookAttempt.objects.filter(message__webhook=stuck)[0]
    assert (attempt.status, "no answer" in attempt.error) == (None, True)
    queue = WebhookQueue.objects.get(webhook=stuck)
    assert (queue.failures, WebhookMessage.objects.filter(attempts__gt=0, webhook=stuck).count()) == (2, 1)


def test_it_tries_for_three_days_then_pauses_and_says_so_and_goes_on_where_it_stood(
    other: Receiver, root: User, mona: User
) -> None:
    admin = root
    webhook, secret = hook(other, admin)
    first = make_lead()
    other.answers = [
        (500, {}),
        (503, {"Retry-After": "1200"}),
        (302, {"Location": "/elsewhere"}),
        (429, {"Retry-After": "999999"}),
        *[(400, {})] * 7,
    ]
    go()
    waited = timedelta(0)
    for n, delay in enumerate(DELAYS):
        queue = WebhookQueue.objects.get(webhook=webhook)
        assert queue.next_at is not None
        assert queue.failures == n + 1
        span = queue.next_at - timezone.now()
        wanted = {1: timedelta(minutes=20), 3: timedelta(hours=1)}.get(n, delay)
        assert abs(span - wanted) < timedelta(seconds=20), n
        deliver(seconds=5)
        assert len(other.got) == n + 1, "not before it is due"
        waited += span
        later(span)
        go()
    assert timedelta(days=3) < waited < timedelta(days=4)
    # The same id and the same bytes at every try; the time and the signature are each try's own.
    assert len({(one.headers["webhook-id"], one.body) for one in other.got}) == 1
    assert len(other.got) == len(DELAYS) + 1 == WebhookAttempt.objects.count()
    webhook = Webhook.objects.get()
    assert (states(webhook), webhook.state(timezone.now())) == (["failed"], "paused")
    assert "about three days" in webhook.paused_because
    (notice,) = Notification.objects.filter(kind="webhook_silent")
    assert notice.to == admin
    assert "Warehouse" in notice.title
    said = list(WebhookAttempt.objects.order_by("pk").values_list("status", "error"))
    assert said[2] == (302, "It answers 302, a redirect, which is not followed.")
    kept = WebhookAttempt.objects.order_by("pk").first()
    assert kept is not None
    assert kept.answer.startswith("words of the other side \N{REPLACEMENT CHARACTER}")
    assert len(kept.answer) == delivering.MOST_ANSWER

    # While it is paused nothing is sent, and nothing is lost.
    second = make_lead()
    go()
    with pytest.raises(Refused, match="paused"):
        send_test(webhook, **call(admin))
    assert len(other.got) == len(DELAYS) + 1
    resume_webhook(webhook, **call(admin))
    assert redeliver_failed(webhook, **call(admin)) == 1
    go()
    assert [one[1] for one in other.changes[-2:]] == [first.pk, second.pk]
    assert other.got[-2].headers["webhook-id"] == other.got[0].headers["webhook-id"]
    assert states(webhook) == ["delivered", "delivered"]
    Verifier(secret).verify(other.got[-1].body, other.got[-1].headers)
    assert WebhookQueue.objects.get().failures == 0


def test_who_says_gone_is_asked_no_more(other: Receiver, root: User) -> None:
    webhook, _ = hook(other, root)
    make_lead()
    other.answers = [(410, {})]
    go()
    webhook.refresh_from_db()
    assert (states(webhook), webhook.state(timezone.now())) == (["failed"], "paused")
    assert "410" in webhook.paused_because


def test_it_goes_nowhere_that_was_not_allowed(other: Receiver, root: User, settings: Settings) -> None:
    with pytest.raises(Refused) as refused:
        hook("http://localhost:1/", root)
    assert "host_not_allowed" in refused.value.codes or "invalid_url" in refused.value.codes
    for url in ("ftp://127.0.0.1/", "https://user:secret@127.0.0.1/", "https://hooks.example.com/", "nonsense", ""):
        with pytest.raises(Refused):
            hook(url, root)
    webhook, _ = hook(other, root)
    make_lead()
    WebhookHost.objects.all().delete()
    go()
    assert other.got == []
    assert WebhookAttempt.objects.get().error.startswith("127.0.0.1 is not among the allowed hosts")
    assert Webhook.objects.get().paused_at is None
    # Allowed again, but on a private network that the server's settings do not name.
    WebhookHost.objects.create(host="127.0.0.1")
    settings.OUTBOUND_PRIVATE_HOSTS = []
    Webhook.objects.filter(pk=webhook.pk).update(url=other.url.replace("http:", "https:"))
    later(timedelta(minutes=1))
    go()
    assert other.got == []
    assert "private" in WebhookAttempt.objects.order_by("-pk")[0].error


def test_only_whose_lease_it_is_notes_a_failure(other: Receiver, root: User) -> None:
    webhook, _ = hook(other, root)
    make_lead()
    dispatch(at=timezone.now())
    other.answers = [(500, {})]
    first = claim()
    assert first is not None
    assert claim() is None, "its lease is not over"
    result = send(first)
    later(LEASE)
    second = claim()
    assert second is not None
    settle(first, result)
    assert WebhookQueue.objects.get().failures == 0
    settle(second, send(second))
    assert states(webhook) == ["delivered"]
    assert WebhookAttempt.objects.count() == 2


KILLED = """
import os, signal
import django
django.setup()
from crm.sync.webhooks import delivering
delivering.settle = lambda *given: os.kill(os.getpid(), signal.SIGKILL)
delivering.deliver(seconds=60)
"""


@pytest.mark.crash
def test_a_worker_killed_between_sending_and_noting_leaves_a_message_that_is_sent_again(
    other: Receiver, root: User, tmp_path: Path
) -> None:
    webhook, _ = hook(other, root)
    make_lead()
    dispatch(at=timezone.now())
    env = {"DJANGO_SETTINGS_MODULE": "crm.settings", "OUTBOUND_PRIVATE_HOSTS": "127.0.0.1"}
    with running("-c", KILLED, log=tmp_path / "log", **env) as child:
        wait_for(lambda: child.poll() is not None)
    assert child.returncode == -9, (tmp_path / "log").read_text()
    assert (states(webhook), len(other.got)) == (["waiting"], 1)
    go()
    assert len(other.got) == 1, "its lease is not over"
    later(LEASE)
    go()
    assert states(webhook) == ["delivered"]
    one, two = other.got
    assert (one.headers["webhook-id"], one.body) == (two.headers["webhook-id"], two.body)
    assert WebhookMessage.objects.count() == 1


def test_who_was_away_reads_the_feed_on_from_the_first_hint_and_has_everything(root: User) -> None:
    """The endpoint is down, comes back, and follows the feed from the cursor of the oldest message that it gets."""
    with receiver() as gone:
        port = gone.port
    webhook, _ = hook(f"http://127.0.0.1:{port}/plumb", root)
    kept = [make_lead() for _ in range(4)]
    go()
    change(kept[0], root, company="Later")
    with acting(actor=root, via="admin", at=timezone.now()):
        Lead.objects.get(pk=kept[1].pk).delete()
    go()
    assert WebhookQueue.objects.get().failures == 1
    with receiver(port) as back:
        later(timedelta(hours=1))
        go()
        go()
        assert states(webhook) == ["delivered"] * 2
        place = read_cursor(back.got[0].data["cursor"])
    assert place.objects == ("leads",)
    copy: dict[int, dict[str, Any]] = {}
    page = read_page(place.objects, place.cursor, at=timezone.now())
    for group in page.transactions:
        for one in group["changes"]:
            if one["op"] == "created":
                copy[one["id"]] = one["record"]
            elif one["op"] == "deleted":
                del copy[one["id"]]
            else:
                copy[one["id"]] |= {name: values["new"] for name, values in one["changed"].items()}
                copy[one["id"]]["version"] = one["version"]
    stored = {row.pk: (row.company, row.version) for row in Lead.objects.all()}
    assert {pk: (row["company"], row["version"]) for pk, row in copy.items()} == stored
    assert len(stored) == 3
