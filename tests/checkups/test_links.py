"""Links that everybody is given: where they may lead, and asking real servers whether they answer, politely."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from crm import handbook
from crm.checkups import links as rules
from crm.checkups.links import ask_all, problem_of
from crm.checkups.looking import look_at
from crm.checkups.models import Finding, Result, Run
from crm.checkups.rules import Look, Outcome, rule_of
from crm.checkups.running import start_run
from crm.checkups.storing import settle
from crm.handbook.document import Handbook
from crm.people.models import User
from crm.workspace.models import PageLayout

HERE = frozenset({"127.0.0.1"})


@dataclass
class Site:
    """A web server: what it answers for each path, with which headers, and what it was asked."""

    address: str = ""
    answers: dict[str, tuple[int, dict[str, str]]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)
    times: list[float] = field(default_factory=list)
    sent: int = 0


@contextmanager
def site() -> Iterator[Site]:
    """A site on this machine until the end. `/endless` has no end, `/slow` takes longer than anybody waits."""
    found = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer()

        def do_GET(self) -> None:
            self.answer()

        def answer(self) -> None:
            found.asked.append((self.command, self.path))
            found.agents.add(str(self.headers["User-Agent"]))
            found.times.append(time.monotonic())
            status, headers = found.answers.get(self.path, (200, {}))
            if self.path == "/slow":
                time.sleep(3)
            if self.command == "HEAD" and self.path in ("/endless", "/no-head"):
                status = 405
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            while self.command == "GET" and self.path == "/endless":
                found.sent += self.wfile.write(b"a" * 65536)

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:  # the other side had enough
                return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def here(settings: Settings) -> Iterator[Site]:
    """A site that may be asked, though it is on this machine."""
    settings.OUTBOUND_PRIVATE_HOSTS = ["127.0.0.1"]
    with site() as found:
        yield found


def test_an_address_that_answers_is_asked_once_and_without_its_page(here: Site, settings: Settings) -> None:
    settings.PUBLIC_URL = "https://crm.example.com"
    assert problem_of(f"{here.address}/terms", HERE) == ""
    assert here.asked == [("HEAD", "/terms")]
    (agent,) = here.agents
    assert agent.startswith("Plumb")
    assert "https://crm.example.com" in agent


def test_who_does_not_answer_without_the_page_is_asked_for_the_beginning_of_it(here: Site) -> None:
    assert problem_of(f"{here.address}/no-head", HERE) == ""
    assert here.asked == [("HEAD", "/no-head"), ("GET", "/no-head")]
    assert problem_of(f"{here.address}/endless", HERE) == ""
    assert here.sent < 8 * 1024 * 1024  # what the network held when the line was closed after 64 kB


def test_it_says_what_is_wrong_with_an_address(here: Site) -> None:
    here.answers = {"/gone": (404, {}), "/broken": (500, {}), "/private": (403, {}), "/busy": (429, {})}
    assert problem_of(f"{here.address}/gone", HERE) == "It answers with the status 404"
    assert problem_of(f"{here.address}/broken", HERE) == "It answers with the status 500"
    assert problem_of(f"{here.address}/private", HERE) == ""  # it is there, for others
    assert problem_of(f"{here.address}/busy", HERE) == ""
    assert problem_of("http://127.0.0.1:1/", HERE) == "Nobody answers. 127.0.0.1: nobody listens there."
    assert "no answer" in problem_of(f"{here.address}/slow", HERE, seconds=0.3)


def test_it_follows_redirects_within_the_allowed_hosts_and_no_further(here: Site) -> None:
    here.answers = {
        "/old": (301, {"Location": "/new"}),
        "/lost": (302, {"Location": "/gone"}),
        "/gone": (410, {}),
        "/round": (302, {"Location": "/round"}),
        "/away": (302, {"Location": "https://93.184.215.14/login"}),
        "/odd": (302, {"Location": "http://[1"}),
    }
    assert problem_of(f"{here.address}/old", HERE) == ""
    assert here.asked[-1] == ("HEAD", "/new")
    assert problem_of(f"{here.address}/lost", HERE) == "It answers with the status 410"
    assert problem_of(f"{here.address}/round", HERE) == "It leads on more than 3 times"
    assert problem_of(f"{here.address}/away", HERE) == ""  # an address of the internet that nobody may ask: not asked
    assert problem_of(f"{here.address}/odd", HERE) == "It leads on to what is no address"


@pytest.mark.parametrize("target", ["https://10.0.0.1/", "https://169.254.169.254/latest/", "https://[::1]/"])
def test_a_redirect_to_a_private_address_is_never_followed(here: Site, target: str) -> None:
    here.answers = {"/trap": (302, {"Location": target})}
    assert "It leads where nothing is asked." in problem_of(f"{here.address}/trap", HERE)
    assert here.asked == [("HEAD", "/trap")]


def test_it_never_asks_a_private_address_nor_a_host_that_is_not_allowed(here: Site, settings: Settings) -> None:
    assert problem_of(f"{here.address}/", frozenset({"fleetdm.com"})) == ""  # another host: judged, not asked
    settings.OUTBOUND_PRIVATE_HOSTS = []
    assert "It leads where nothing is asked." in problem_of(f"{here.address}/", HERE)
    assert here.asked == []


def test_it_leaves_a_host_alone_for_a_while_and_ends_in_time(here: Site) -> None:
    addresses = [f"{here.address}/{n}" for n in range(3)]
    assert ask_all(addresses, HERE, pause=0.2) == dict.fromkeys(addresses, "")
    first, second, third = here.times
    assert min(second - first, third - second) >= 0.19
    assert ask_all(addresses, HERE, seconds=rules.SECONDS_EACH + 0.1, pause=0.2) == {addresses[0]: ""}
    many = [f"{here.address}/many/{n}" for n in range(rules.MOST_ASKED + 5)]
    assert len(ask_all(many, HERE, pause=0.0)) == rules.MOST_ASKED


# --- the rules --------------------------------------------------------------------------------------------------------


def working_by(**checkups: Any) -> Handbook:
    """The handbook with other words about checkups."""
    book = handbook.current()
    return book.model_copy(update={"checkups": book.checkups.model_copy(update=checkups)})


def look(rule: str, book: Handbook) -> Outcome:
    """One look of a rule."""
    found = rule_of(rule)
    assert found is not None
    outcome = look_at(found, Look(timezone.now() + timedelta(minutes=1), book))
    assert not outcome.crash
    return outcome


@pytest.mark.django_db
def test_links_have_to_be_well_formed_and_to_lead_to_allowed_hosts() -> None:
    assert look("data.useful_links", handbook.current()).sights == []
    found = look("data.useful_links", working_by(link_hosts=("drive.google.com", "example.com")))
    assert {(one.subject, one.detail, one.found) for one in found.sights} == {
        ("link:terms", "Standard terms", "It leads to fleetdm.com")
    }
    row = PageLayout.objects.get(object="lead")
    row.body["links"] = [{"label": "Odd", "url": "http://{name}.example.com/"}]
    row.save()
    (sight,) = look("data.useful_links", handbook.current()).sights
    assert (sight.subject, sight.detail) == ("link:lead", "Odd")
    assert not look("configuration.workspace_drift", handbook.current()).sights  # one thing, one finding


@pytest.mark.django_db
def test_while_it_is_off_no_address_is_asked_and_the_run_says_that_this_is_no_pass() -> None:
    rule = rule_of("process.links_answer")
    assert rule is not None
    at = timezone.now() + timedelta(minutes=1)
    run = start_run(why=Run.Why.ASKED, by=User.objects.system(), at=at, rules=[rule.id], woken=False)
    result = settle(look_at(rule, Look(at, handbook.current())), run=run, at=at)
    assert (result.state, result.looked_at) == (Result.State.OFF, 0)
    assert "checkups.links is off" in result.note


@pytest.mark.django_db
def test_only_addresses_of_allowed_hosts_are_asked_and_without_the_name_of_anybody(here: Site) -> None:
    book = working_by(links=True, link_hosts=("127.0.0.1",))
    row = PageLayout.objects.get(object="lead")
    address = here.address.replace("http:", "https:")  # which this site does not speak
    row.body["links"] = [{"label": "Papers", "url": f"{address}/search?q={{name}}&of={{domain}}"}]
    row.save()
    (link,) = (one for one in rules.links(book) if one.subject == "link:lead")
    assert link.address == f"{address}/search?q=Plumb&of=example.com"
    found = look("process.links_answer", book)
    assert [(one.subject, one.detail, one.found) for one in found.sights] == [
        ("link:lead", "Papers", "Nobody answers. 127.0.0.1: no encrypted connection.")
    ]
    assert found.looked_at == 1
    assert "Not asked, since checkups.link_hosts does not name their hosts: 10." in found.note


@pytest.mark.django_db
def test_what_was_found_stays_while_there_is_no_time_to_ask_again(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = rule_of("process.links_answer")
    assert rule is not None
    at = timezone.now()
    Finding.objects.create(
        rule=rule.id,
        area="process",
        severity="warning",
        subject="link:terms",
        detail="Standard terms",
        label="Terms of contracts: Standard terms",
        expected="An answer",
        found="It answers with the status 404",
        first_seen=at,
        last_seen=at,
    )
    monkeypatch.setattr(rules, "MOST_ASKED", 0)
    found = look(rule.id, working_by(links=True))
    assert [(one.subject, one.found) for one in found.sights] == [("link:terms", "It answers with the status 404")]
    assert (found.looked_at, found.note) == (0, "Not asked this time: 10.")
