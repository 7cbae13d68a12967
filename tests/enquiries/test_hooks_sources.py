"""Sources in the admin: added with a secret that is shown once, exchanged, stopped; administrators' alone."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from crm.core.errors import Refused, Stale
from crm.enquiries.hooks.leaving import said
from crm.enquiries.hooks.sources import add_source, rotate_secret, stop_source
from crm.enquiries.models import Enquiry, Source
from crm.people.leaving import Leaving
from crm.people.leaving import _endings as endings
from crm.people.models import Team, User
from tests.enquiries.signed import Tool, make_source, tool
from tests.factories import START, make_user

pytestmark = pytest.mark.django_db
LIST = "/admin/enquiries/source/"


@pytest.fixture
def browser(root: User) -> Client:
    """The administrator's."""
    client = Client()
    client.force_login(root)
    return client


def text_of(html: str, name: str) -> str:
    found = re.search(rf'<code id="{name}"[^>]*>(.*?)</code>', html, re.DOTALL)
    assert found is not None
    return found[1].replace("&#x27;", "'").replace("&quot;", '"').replace("&amp;", "&")


def add(browser: Client, robot: User, **values: str) -> Any:
    given = {"name": "Website chat", "kind": "chat", "channel": "web_chat", "user": str(robot.pk)}
    return browser.post(f"{LIST}add/", {**given, **values})


def test_a_new_source_shows_its_secret_this_once_and_it_works(browser: Client, robot: User) -> None:
    page = add(browser, robot)
    source = Source.objects.get()
    html = page.content.decode()
    secret = text_of(html, "secret")
    assert "no-store" in page.headers["Cache-Control"]
    assert text_of(html, "address") == f"http://testserver/hooks/chat/{source.pk}/"
    assert secret in text_of(html, "example")
    sent = Tool(source, secret).send("chat.message", {"conversation": "c-1", "text": "Hello."})
    assert sent.status_code == 200
    shown = browser.get(f"{LIST}{source.pk}/change/").content.decode()
    assert secret not in shown
    assert source.salt not in shown
    assert f"/admin/enquiries/enquiry/{Enquiry.objects.get().pk}/change/" in shown


def test_what_was_refused_is_listed_with_the_reason(browser: Client, robot: User, root: User) -> None:
    chat = tool(robot)
    chat.send("chat.reply", {"conversation": "c-1", "text": "Hello."})
    html = browser.get(f"{LIST}{chat.source.pk}/change/").content.decode()
    assert "Nothing of this conversation is known" in html


@pytest.mark.parametrize(
    "values", [{"name": ""}, {"kind": "pigeon"}, {"channel": "pigeon"}, {"user": ""}, {"user": "alice"}]
)
def test_a_source_that_will_not_do_is_not_made(
    browser: Client, robot: User, alice: User, values: dict[str, str]
) -> None:
    if values.get("user") == "alice":
        values = {"user": str(alice.pk)}
    answer = add(browser, robot, **values)
    assert "errorlist" in answer.content.decode() or "error" in answer.content.decode()
    assert not Source.objects.exists()


def test_a_source_does_not_act_as_an_account_that_reaches_one_team_alone(browser: Client, team: Team) -> None:
    narrow = make_user("narrow", role="sdr", team=team, is_service=True)
    answer = add(browser, narrow)
    assert (answer.status_code, Source.objects.exists()) == (200, False)
    assert "give it the role Service account" in answer.content.decode()


def test_the_secret_is_exchanged_on_a_page(browser: Client, robot: User, root: User) -> None:
    old = tool(robot)
    address = f"{LIST}{old.source.pk}/rotate/"
    assert browser.get(address).status_code == 200
    html = browser.post(address, {"hours": "2", "version": "1"}).content.decode()
    new = Tool(old.source, text_of(html, "secret"))
    hello = {"conversation": "c-1", "text": "Hello."}
    assert [one.send("chat.message", hello).status_code for one in (old, new)] == [200, 200]
    source = Source.objects.get()
    assert source.old_until is not None
    assert timedelta(hours=1) < source.old_until - timezone.now() <= timedelta(hours=2)
    html = browser.post(address, {"hours": "0", "version": str(source.version)}).content.decode()
    assert [one.send("chat.message", hello).status_code for one in (old, new)] == [401, 401]
    assert Tool(source, text_of(html, "secret")).send("chat.message", hello).status_code == 200


def test_a_page_that_is_out_of_date_exchanges_nothing(browser: Client, robot: User, root: User) -> None:
    old = tool(robot)
    rotate_secret(old.source, actor=root, at=timezone.now(), via="test")
    html = browser.post(f"{LIST}{old.source.pk}/rotate/", {"hours": "2", "version": "1"}).content.decode()
    assert "changed by somebody else" in html
    assert 'id="secret"' not in html


def test_a_source_is_stopped_on_a_page_for_good(browser: Client, robot: User, root: User) -> None:
    chat = tool(robot)
    browser.post(f"{LIST}{chat.source.pk}/stop/", {"reason": "Another tool.", "version": "1"})
    assert chat.send("chat.message", {"conversation": "c-1", "text": "Hello."}).status_code == 401
    with pytest.raises(Refused) as refused:
        rotate_secret(chat.source, actor=root, at=timezone.now(), via="test")
    assert refused.value.code == "stopped"


@pytest.mark.parametrize("who", ["alice", "mona"])
def test_others_neither_see_nor_change_sources(who: str, alice: User, mona: User, robot: User, root: User) -> None:
    source, _ = make_source(robot)
    person = {"alice": alice, "mona": mona}[who]
    client = Client()
    client.force_login(person)
    for address in (LIST, f"{LIST}add/", f"{LIST}{source.pk}/change/", f"{LIST}{source.pk}/rotate/"):
        assert client.get(address).status_code == 403
    calls: list[Any] = [
        lambda: add_source(name="x", kind="chat", channel="web_chat", user=robot, actor=person, at=START, via="test"),
        lambda: rotate_secret(source, actor=person, at=START, via="test"),
        lambda: stop_source(source, actor=person, at=START, via="test"),
    ]
    for call in calls:
        with pytest.raises(Refused) as refused:
            call()
        assert refused.value.code == "forbidden"


def test_two_cannot_exchange_the_same_secret(robot: User, root: User) -> None:
    source, _ = make_source(robot)
    rotate_secret(source, version=1, actor=root, at=START, via="test")
    with pytest.raises(Stale):
        rotate_secret(source, version=1, actor=root, at=START, via="test")


def test_what_acts_as_somebody_who_leaves_stops(robot: User, root: User) -> None:
    chat = tool(robot, name="Website chat")
    assert said(robot) == "1 source of enquiries (Website chat): stopped, what they send is refused"
    for ending in endings:
        ending.carry_out(Leaving(robot, None, root, timezone.now(), "test", ""))
    assert chat.send("chat.message", {"conversation": "c-1", "text": "Hello."}).status_code == 401
    assert said(robot) == ""
