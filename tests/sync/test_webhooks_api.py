"""Programs of administrators look after webhooks: they make, change, pause, stop them, and see what was sent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings
from standardwebhooks import Webhook as Verifier

from crm.core.errors import Refused
from crm.people.models import User
from crm.sync.models import IdempotencyKey, Webhook, WebhookHost, WebhookMessage
from crm.sync.services import make_api_key
from tests.access import client_of
from tests.factories import make_lead
from tests.keys import program
from tests.sync.receivers import Receiver, go, receiver

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def other(settings: Settings) -> Iterator[Receiver]:
    """The other system."""
    settings.OUTBOUND_PRIVATE_HOSTS = ["127.0.0.1"]
    with receiver() as here:
        yield here


def test_a_program_makes_a_webhook_and_looks_after_it(other: Receiver, root: User, robot: User) -> None:
    ask = program(root, "webhooks:read", "webhooks:write")
    new = {"name": "Warehouse", "url": other.url, "user_id": robot.pk, "objects": ["leads"], "events": ["created"]}
    refused = ask("POST", "webhooks/", new)
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (400, "host_not_allowed")
    WebhookHost.objects.create(host="127.0.0.1")
    wrong = ask("POST", "webhooks/", {**new, "events": ["exploded"], "filter": "colour=red", "fields": ["moon"]})
    assert {(one["field"], one["code"]) for one in wrong.json()["errors"]} == {
        ("events", "unknown_event"),
        ("filter", "invalid_filter"),
        ("fields", "unknown_field"),
    }
    made = ask("POST", "webhooks/", new, Idempotency_Key="one")
    assert made.status_code == 201
    hook = f"webhooks/{made.json()['id']}/"
    assert "secret" not in made.json()
    assert made.json()["objects"] == ["leads"]
    # The secret is told once, and the answers that are kept know nothing of it.
    told = ask("PUT", f"{hook}secret/", {"hours": 0})
    secret = told.json()["secret"]
    assert told.headers["Cache-Control"] == "no-store"
    assert secret not in str(list(IdempotencyKey.objects.values()))

    sent = ask("POST", f"{hook}test/", {})
    assert (sent.status_code, sent.json()["state"]) == (202, "waiting")
    since = timezone.now()
    lead = make_lead()
    go()
    assert Verifier(secret).verify(other.got[0].body, other.got[0].headers)["type"] == "test"
    assert other.got[1].changes == [("leads", lead.pk, 1, "created")]

    page = ask("GET", f"{hook}messages/?state=delivered&limit=1").json()
    assert [one["event"] for one in page["results"]] == ["records.changed"]
    one = ask("GET", f"{hook}messages/{page['results'][0]['id']}/").json()
    assert one["body"]["data"]["count"] == 1
    assert [(this["status"], this["error"]) for this in one["tries"]] == [(204, "")]
    again = ask("POST", f"{hook}messages/{one['id']}/redeliver/", {})
    assert (again.status_code, again.json()["message_id"]) == (202, one["message_id"])
    counted = ask("POST", f"{hook}replay/", {"since": since.isoformat(), "preview": True}).json()
    assert (counted["changes"], counted["messages"], counted["more"]) == (1, 1, False)
    assert ask("POST", f"{hook}replay/", {"since": since.isoformat()}).json() == {"preview": False}
    go()
    assert [got.changes for got in other.got[1:]] == [other.got[1].changes] * 3
    for body in ({"since": "yesterday"}, {"since": (since - timedelta(days=999)).isoformat()}, {}, {"until": 1}):
        assert ask("POST", f"{hook}replay/", body).status_code in (400, 409)

    # It is changed as other records are: named fields, and not over another's change.
    read = ask("GET", hook)
    changed = ask("PATCH", hook, {"filter": "lead_status=new"}, If_Match=read.headers["ETag"])
    assert (changed.status_code, changed.json()["filter"]) == (200, "lead_status=new")
    assert ask("PATCH", hook, {"filter": ""}, If_Match=read.headers["ETag"]).status_code == 412
    assert ask("POST", f"{hook}pause/", {"reason": "They move"}).json()["state"] == "paused"
    assert ask("POST", f"{hook}pause/", {}).status_code == 409
    now = ask("GET", "webhooks/?state=paused&expand=computed").json()["results"][0]
    assert (now["state"], now["waiting"], now["given_up"], now["failures"]) == ("paused", 0, 0, 0)
    assert ask("POST", f"{hook}test/", {}).json()["code"] == "paused"
    assert ask("POST", f"{hook}resume/", {}).json()["state"] == "active"
    assert ask("POST", f"{hook}redeliver/", {}).json() == {"messages": 0}
    assert ask("DELETE", hook).status_code == 204
    assert ask("DELETE", hook).json()["code"] == "stopped"
    assert ask("PATCH", hook, {"filter": ""}).json()["code"] == "stopped"
    assert Webhook.objects.get().stopped_at is not None
    assert ask("GET", "webhooks/999/messages/").status_code == 404


def test_it_is_for_the_keys_of_administrators(root: User, mona: User) -> None:
    with pytest.raises(Refused) as refused:
        make_api_key(name="x", user=mona, scopes=["webhooks:write"], actor=root, at=timezone.now(), via="test")
    assert refused.value.codes == ("beyond_user",)
    ask = program(mona, "webhooks:read", "webhooks:write")
    assert ask("GET", "webhooks/").status_code == 403
    reader = program(root, "webhooks:read")
    assert reader("GET", "webhooks/").status_code == 200
    assert reader("POST", "webhooks/1/pause/", {}).json()["code"] == "missing_scope"


def test_an_administrator_looks_after_webhooks_on_pages(other: Receiver, root: User, mona: User) -> None:
    admin = client_of(root)
    list_page, hosts = reverse("admin:sync_webhook_changelist"), reverse("admin:sync_webhookhost_add")
    assert client_of(mona).get(list_page).status_code == 403
    assert "A host as hooks.example.com" in admin.post(hosts, {"host": "https://x/"}).content.decode()
    assert admin.post(hosts, {"host": "127.0.0.1", "note": "Here"}).status_code == 302
    new = {"name": "Warehouse", "url": other.url, "user": root.pk, "objects_told": ["leads"], "events": ["created"]}
    wrong = admin.post(reverse("admin:sync_webhook_add"), {**new, "fields": "moon", "filter": "colour=red"})
    assert "“moon” is no field" in wrong.content.decode()
    assert "“colour” is no parameter" in wrong.content.decode()
    made = admin.post(reverse("admin:sync_webhook_add"), {**new, "events": ["created", "updated"]})
    assert "no-store" in made.headers["Cache-Control"]
    secret = made.context["secret"]
    webhook = Webhook.objects.get()
    page = f"{list_page}{webhook.pk}/"
    lead = make_lead()
    go()
    # What the page tells the other system to do, does.
    known: dict[str, Any] = {}
    exec(made.context["verify"], known)
    (got,) = other.got
    assert known["is_from_plumb"](secret, got.headers, got.body)
    assert not known["is_from_plumb"](secret, got.headers, got.body + b" ")

    saved = {**new, "name": "Billing", "events": ["created", "deleted"], "version": webhook.version}
    assert admin.post(f"{page}change/", {**saved, "_save": "1"}).status_code == 302
    webhook.refresh_from_db()
    assert (webhook.name, webhook.events) == ("Billing", ["created", "deleted"])
    today = {"since_0": "2020-01-01", "since_1": "00:00"}
    assert "From when: a moment of the last" in admin.post(f"{page}replay/", today).content.decode()
    day = timezone.localdate(timezone=ZoneInfo("America/Los_Angeles"))
    asked = admin.post(f"{page}replay/", {"since_0": day.isoformat(), "since_1": "00:00"}).content.decode()
    assert "<strong>1</strong> change" in asked
    again = {"since_0": day.isoformat(), "since_1": "00:00", "confirmed": "1", "version": webhook.version}
    assert admin.post(f"{page}replay/", again).status_code == 302
    assert admin.post(f"{page}test/").status_code == 302
    other.answers = [(500, {})]
    go()
    seen = admin.get(f"{page}change/").content.decode()
    assert "1 time in a row" in seen
    message = WebhookMessage.objects.filter(event="records.changed").order_by("pk")[0]
    tries = admin.get(reverse("admin:sync_webhookmessage_change", args=[message.pk])).content.decode()
    assert f"&quot;id&quot;: {lead.pk}" in tries
    assert (f"{page}history/" in seen, f"webhookmessage/{message.pk}/history/" in tries) == (True, False)
    assert admin.post(reverse("admin:sync_webhookmessage_redeliver", args=[message.pk])).status_code == 302
    go()
    assert len({one.headers["webhook-id"] for one in other.got}) == 3
    for what, state in (("pause", "Paused"), ("resume", "Active"), ("stop", "Stopped")):
        assert admin.get(f"{page}{what}/").status_code == 200
        webhook.refresh_from_db()
        assert admin.post(f"{page}{what}/", {"reason": "So", "version": webhook.version}).status_code == 302
        assert state in admin.get(f"{page}change/").content.decode()
        if what == "pause":
            host = reverse("admin:sync_webhookhost_delete", args=[WebhookHost.objects.get().pk])
            assert "Nothing is sent to Billing any more" in admin.get(host).content.decode()
    assert "stopped" in admin.post(f"{page}rotate/", {"hours": 1}).content.decode()
    assert "No webhook is sent there." in admin.get(host).content.decode()
