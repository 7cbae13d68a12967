"""Do not contact over the API: an address alone, read back in any spelling, lifted by a manager's key with a reason."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from crm.activities.gate import bar_of
from crm.activities.models import Suppression
from crm.people.models import User
from tests.factories import make_lead
from tests.keys import make_key

pytestmark = pytest.mark.django_db
URL = "/api/v1/suppressions/"
EVERY = ("suppressions:read", "suppressions:write", "suppressions:lift")


class Program:
    """A client with a key."""

    def __init__(self, user: User, *scopes: str) -> None:
        self.client, self.key = Client(), make_key(user, *scopes)

    def __call__(self, method: str, url: str = URL, body: Any = None) -> Any:
        call = getattr(self.client, method.lower())
        more = {} if method == "GET" else {"data": body or {}, "content_type": "application/json"}
        return call(url, HTTP_AUTHORIZATION=f"Bearer {self.key}", **more)


@pytest.fixture
def ask(robot: User) -> Program:
    return Program(robot, *EVERY)


@pytest.fixture
def boss(mona: User) -> Program:
    return Program(mona, *EVERY)


def codes(answer: Any) -> set[str]:
    assert answer.headers["Content-Type"] == "application/problem+json"
    return {one["code"] for one in answer.json()["errors"]}


def test_an_address_alone_is_enough_and_is_found_in_any_spelling(ask: Program) -> None:
    made = ask("POST", body={"email": "Lea.P+x@GMail.com", "reason": "asked_us", "note": "By phone"})
    assert made.status_code == 201, made.content
    body = made.json()
    assert (body["scope"], body["reason"]) == ("person", "asked_us")
    assert made.headers["Location"].endswith(f"{URL}{body['id']}/")
    assert bar_of("lead", make_lead(email="leap@googlemail.com").pk) is not None
    for query in ("email=l.e.a.p%40gmail.com", "reason=asked_us", "in_force=true", "scope=person"):
        assert [one["id"] for one in ask("GET", f"{URL}?{query}").json()["results"]] == [body["id"]], query
    for query in ("email=someone%40gmail.com", "in_force=false", "phone=4155552671"):
        assert ask("GET", f"{URL}?{query}").json()["results"] == [], query
    told = ask("GET", f"{URL}{body['id']}/?expand=computed").json()
    assert (told["emails"], told["phones"]) == (["Lea.P+x@GMail.com"], [])


def test_several_at_once_and_the_same_twice(ask: Program) -> None:
    sent = {"email": ["a@b.example", "a2@b.example"], "phone": "(415) 555-2671", "reason": "no_calls"}
    first, again = ask("POST", body=sent), ask("POST", body=sent)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    (told,) = ask("GET", f"{URL}?expand=computed").json()["results"]
    assert (told["phones"], len(told["emails"])) == (["(415) 555-2671"], 2)
    assert Suppression.objects.count() == 1


def test_a_domain_covers_what_is_below_it(ask: Program) -> None:
    made = ask("POST", body={"domain": "globex.example", "reason": "company_asked", "since": "2026-01-02T10:00:00Z"})
    assert made.status_code == 201
    assert made.json()["since"].startswith("2026-01-02T10:00:00")
    found = ask("GET", f"{URL}?email=lea%40mail.globex.example").json()["results"]
    assert [one["id"] for one in found] == [made.json()["id"]]


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ({}, {"needs_reason", "needs_address"}),
        ({"email": "a@b.example"}, {"needs_reason"}),
        ({"email": "nobody", "reason": "asked_us"}, {"invalid_email"}),
        ({"email": 7, "reason": "asked_us"}, {"type"}),
        ({"email": ["a@b.example"] * 101, "reason": "asked_us"}, {"too_many"}),
        ({"email": "a@b.example", "reason": ["asked_us"]}, {"type"}),
        ({"email": "a@b.example", "reason": "x"}, {"invalid_reason"}),
        ({"email": "a@b.example", "reason": "asked_us", "since": "yesterday"}, {"invalid"}),
        ({"email": "a@b.example", "reason": "asked_us", "since": "2999-01-01T00:00:00Z"}, {"invalid_since"}),
        ({"email": "a@b.example", "reason": "asked_us", "scope": "domain"}, {"unknown_field"}),
        ({"domain": "gmail.com", "reason": "company_asked"}, {"invalid_domain"}),
        ({"email": "a\x00@b.example", "reason": "asked_us"}, {"null_characters_not_allowed"}),
        ({"email": "a@b.example", "reason": "asked_us", "note": "x" * 10_001}, {"max_length"}),
    ],
)
def test_what_will_not_do_is_named(body: dict[str, Any], wanted: set[str], ask: Program) -> None:
    answer = ask("POST", body=body)
    assert answer.status_code == 400, answer.content
    assert codes(answer) == wanted
    assert not Suppression.objects.exists()


def test_lifting_takes_a_managers_key_and_a_reason(ask: Program, boss: Program, mona: User) -> None:
    one = ask("POST", body={"email": "a@b.example", "reason": "asked_us"}).json()
    url = f"{URL}{one['id']}/"
    assert ask("DELETE", url, {"reason": "They wrote"}).status_code == 403
    nothing = boss("DELETE", url)
    assert (nothing.status_code, codes(nothing)) == (400, {"needs_reason"})
    assert codes(boss("DELETE", url, {"because": "x"})) == {"unknown_field"}
    assert boss("DELETE", url, {"reason": "They wrote"}).status_code == 204
    lifted = boss("GET", url).json()
    assert (lifted["lifted_by_id"], lifted["lifted_reason"]) == (mona.pk, "They wrote")
    again = boss("DELETE", url, {"reason": "They wrote"})
    assert (again.status_code, again.json()["code"]) == (409, "already_lifted")
    assert boss("DELETE", f"{URL}999999/", {"reason": "x"}).status_code == 404


def test_each_thing_takes_its_own_scope(mona: User) -> None:
    writer, reader = Program(mona, "suppressions:write"), Program(mona, "suppressions:read")
    made = writer("POST", body={"email": "a@b.example", "reason": "asked_us"})
    assert set(made.json()) == {"id", "version"}
    url = f"{URL}{made.json()['id']}/"
    assert writer("GET").status_code == 403
    assert writer("DELETE", url, {"reason": "x"}).status_code == 403
    assert reader("POST", body={"email": "a@b.example", "reason": "asked_us"}).status_code == 403
    assert reader("GET", url).status_code == 200
    assert writer("PATCH", url, {"note": "x"}).status_code == 405
