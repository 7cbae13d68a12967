"""Following every change over the API: none is missed, each is told by names and values of the API, and a cursor that
leads nowhere any more says so."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core import signing
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Account
from crm.core.acting import acting
from crm.handbook import SHIPPED, read, use
from crm.history.feed import number_transactions
from crm.history.models import Change
from crm.people.models import User
from crm.sync.feed.api import Changes
from crm.sync.feed.cursors import SALT, read_cursor
from crm.sync.models import ApiKey
from leads.models import Lead
from tests.factories import make_account, make_contact, make_lead
from tests.keys import Program, program
from tests.races import second_connection
from tests.sync.following import Follower, told

pytestmark = pytest.mark.django_db(transaction=True)


def refused(ask: Program, said: str, status: int, code: str) -> dict[str, Any]:
    """The problem that is answered."""
    answer = ask("GET", f"changes/?{said}")
    assert answer["Content-Type"] == "application/problem+json", answer.content
    found: dict[str, Any] = answer.json()
    assert (answer.status_code, found["code"]) == (status, code), found
    return found


def test_it_tells_who_did_what_by_the_names_and_values_of_the_api(root: User, alice: User, now: datetime) -> None:
    ask = program(root)
    lead, follower = make_lead(owner=alice), Follower(ask)
    with acting(actor=alice, via="admin", at=now, reason="They called"):
        account = Account.objects.create(name="Globex", created_at=now, updated_at=now)
        Lead.objects.filter(pk=lead.pk).update(title="Head", kept={"inner": "kept"})
        Lead.objects.filter(pk=lead.pk).update(kept={"inner": "only"})
    (one,) = follower.page()["transactions"]
    made, titled, kept = one.pop("changes")
    assert one.pop("id")
    assert one.pop("at").endswith("Z")
    assert one == {
        "actor": {"id": alice.pk, "name": str(alice)},
        "via": "admin",
        "reason": "They called",
        "request_id": "",
        "complete": True,
    }
    assert made["op"] == "created"
    assert made["record"] == ask("GET", f"accounts/{account.pk}/").json()
    assert (titled["op"], titled["version"]) == ("updated", 2)
    assert titled["changed"] == {"job_title": {"old": "", "new": "Head"}}
    assert (kept["version"], kept["changed"]) == (3, {}), "what nobody is told of is a version all the same"
    assert kept["updated_at"] == ask("GET", f"leads/{lead.pk}/").json()["updated_at"]


def test_it_tells_the_request_and_never_what_the_api_does_not_tell(root: User, alice: User) -> None:
    ask = program(root)
    follower = Follower(ask)
    lead = make_lead(owner=alice)
    changed = ask("PATCH", f"leads/{lead.pk}/", {"city": "Berlin"}, X_Request_ID="abc-123-def-456")
    assert changed.status_code == 200
    alice.set_password("never-told-anybody")
    alice.save(update_fields=["password"])
    with connection.cursor() as cursor:
        cursor.execute("UPDATE people_user SET last_login = now(), first_name = 'Alicia' WHERE id = %s", [alice.pk])
    answer = follower.answer()
    groups = answer.json()["transactions"]
    assert groups[1]["request_id"] == "abc-123-def-456"
    assert (groups[-1]["actor"], groups[-1]["via"]) == (None, "database"), "written past every door"
    assert groups[-1]["changes"][0]["changed"] == {"first_name": {"old": "Alice", "new": "Alicia"}}
    for word in ("password", "md5", "last_login", "search", "kept", "phone_key", "email_key", "sessions_ended"):
        assert word not in answer.content.decode()


def test_a_change_that_commits_late_is_told_after_one_that_committed_early(root: User) -> None:
    follower = Follower(program(root))
    a, b = make_account(), make_account()
    follower.read()
    with second_connection() as late:
        late.execute("UPDATE accounts_account SET description = 'late' WHERE id = %s", [a.pk])
        Account.objects.filter(pk=b.pk).update(description="early")
        first = follower.read()
        late.commit()
    second = follower.read()
    assert told(first) == [("accounts", b.pk, 2, "updated")]
    assert told(second) == [("accounts", a.pk, 2, "updated")]
    ids = dict(Change.objects.filter(version=2, object="account").values_list("record_id", "id"))
    assert ids[a.pk] < ids[b.pk], "it was not written first: the test proves nothing"


def test_pages_cut_transactions_and_may_be_read_again(root: User, now: datetime) -> None:
    ask = program(root)
    follower = Follower(ask)
    begin = follower.cursor
    for word in ("Old", "Older"):
        with acting(actor=root, via="test", at=now):
            Account.objects.bulk_create([Account(name=f"{word} {n}") for n in range(3)])
    make_lead()
    (whole,) = follower.pages()
    assert [(len(one["changes"]), one["complete"]) for one in whole["transactions"]] == [
        (3, True),
        (3, True),
        (1, True),
    ]
    cut = Follower(ask)
    cut.cursor = begin
    pages = cut.pages(limit=2)
    assert [[(len(one["changes"]), one["complete"]) for one in page["transactions"]] for page in pages] == [
        [(2, False)],
        [(1, True), (1, False)],
        [(2, True)],
        [(1, True)],
    ]
    assert [one["more"] for one in pages] == [True, True, True, False]
    assert pages[-1]["cursor"] == whole["cursor"]
    once, twice = Follower(ask), Follower(ask)
    once.cursor = twice.cursor = begin
    once.read()
    for page in (pages[0], pages[0], pages[1], pages[0], pages[2], pages[3], pages[1], pages[3]):
        for one in page["transactions"]:
            for change in one["changes"]:
                twice.apply(change)
    assert once.copy == twice.copy
    assert len(once.copy) == 7


def test_it_follows_the_objects_that_were_asked_for_and_passes_the_others_by(root: User, now: datetime) -> None:
    ask = program(root)
    leads, both = Follower(ask, "leads"), Follower(ask, "leads,accounts")
    account = make_account()
    before = leads.cursor
    assert leads.read() == []
    assert leads.cursor != before, "what it does not follow would make its cursor old"
    lead = make_lead()
    assert told(leads.read()) == [("leads", lead.pk, 1, "created")]
    assert told(both.read()) == [("accounts", account.pk, 1, "created"), ("leads", lead.pk, 1, "created")]
    assert ask("GET", f"changes/?cursor={both.cursor}&objects=accounts,leads").status_code == 200
    assert "leads" in refused(ask, f"cursor={leads.cursor}&objects=accounts", 400, "other_cursor")["detail"]
    refused(ask, "cursor=now&objects=leads,wolves", 400, "unknown_object")


def test_what_is_asked_for_wrongly_is_named(root: User) -> None:
    ask = program(root)
    cursor = Follower(ask).cursor
    refused(ask, "", 400, "needs_cursor")
    for text in ("nonsense", "a:b:c", cursor[:40], signing.Signer(salt=SALT).sign_object([1]), "ü"):
        refused(ask, f"cursor={text}", 400, "invalid_cursor")
    refused(ask, f"cursor={cursor}&limit=10001", 400, "invalid_limit")
    refused(ask, f"cursor={cursor}&limit=0", 400, "invalid_limit")
    refused(ask, f"cursor={cursor}&wait=31", 400, "invalid_wait")
    refused(ask, f"cursor={cursor}&since=1", 400, "unknown_parameter")
    refused(ask, f"cursor={cursor}&cursor={cursor}", 400, "repeated_parameter")
    assert ask("POST", "changes/").status_code == 405
    assert Program("plumb_no")("GET", "changes/?cursor=now").status_code == 401


def test_a_cursor_of_another_installation_or_history_is_gone(root: User) -> None:
    ask = program(root)
    make_lead()
    follower = Follower(ask, "leads")
    place = signing.Signer(salt=SALT).unsign_object(follower.cursor)
    foreign = signing.Signer(key="another", salt=SALT).sign_object(place)
    resync = refused(ask, f"cursor={foreign}&objects=leads", 410, "foreign_cursor")["resync"]
    assert resync == {"exports": ["http://testserver/api/v1/leads/export/"]}
    # A backup that is older than the cursor was restored.
    with transaction.atomic(), connection.cursor() as session:
        session.execute("SELECT set_config('crm.upkeep', 'on', true)")
        session.execute("DELETE FROM history_change WHERE transaction_id = (SELECT max(id) FROM history_transaction)")
        session.execute("DELETE FROM history_transaction WHERE id = (SELECT max(id) FROM history_transaction)")
    found = refused(ask, f"cursor={follower.cursor}", 410, "lost_cursor")
    assert found["resync"] == resync
    make_account()
    number_transactions()
    refused(ask, f"cursor={follower.cursor}", 410, "lost_cursor")


def test_a_copy_begins_anew_when_the_company_has_other_fields_of_its_own(root: User, tmp_path: Path) -> None:
    ask = program(root)
    lead = make_lead()
    leads, accounts = Follower(ask, "leads"), Follower(ask, "accounts")
    told_before = ask("GET", f"leads/{lead.pk}/").json()["own"]
    path = tmp_path / "ours.toml"
    field = '[[own_fields]]\nobject = "lead"\nkey = "seats"\nlabel = "Seats"\ntype = "{}"\n'
    path.write_text(SHIPPED.read_text() + field.format("number"))
    with use(read(path)):
        told_now = ask("GET", f"leads/{lead.pk}/").json()["own"]
        assert (told_before, told_now) == ({}, {"seats": None}), "no version says so"
        found = refused(ask, f"cursor={leads.cursor}", 410, "changed_fields")
        assert found["resync"] == {"exports": ["http://testserver/api/v1/leads/export/"]}
        assert accounts.read() == [], "of others nothing is told otherwise"
        again = Follower(ask, "leads")
        assert again.read() == []
    path.write_text(SHIPPED.read_text() + field.format("text"))
    with use(read(path)):
        refused(ask, f"cursor={again.cursor}", 410, "changed_fields")
    refused(ask, f"cursor={again.cursor}", 410, "changed_fields")
    assert leads.read() == []


def test_a_cursor_is_answered_for_ninety_days(root: User, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    follower = Follower(program(root), "leads")
    started, days = timezone.now(), [0]
    monkeypatch.setattr(Changes, "now", lambda self: started + timedelta(days=days[0]))
    days[0] = 400
    assert follower.page()["transactions"] == [], "nothing happened: it missed nothing, however long ago"
    make_lead()
    with acting(actor=root, via="test", at=now):
        Lead.objects.update(title="Head")
        Lead.objects.update(title="Boss")
    days[0] = 89
    cut = follower.page(limit=2)
    assert [one["complete"] for one in cut["transactions"]] == [True, False]
    days[0] = 91
    found = refused(follower.ask, f"cursor={follower.cursor}", 410, "expired_cursor")
    assert found["resync"]["exports"] == ["http://testserver/api/v1/leads/export/"]
    refused(follower.ask, f"cursor={cut['cursor']}", 410, "expired_cursor")
    days[0] = 89
    follower.read()
    days[0] = 91
    assert follower.read() == [], "it was told everything"


def test_a_key_that_loses_an_object_is_told_which(root: User, bob: User) -> None:
    ask = program(root, "leads:read", "accounts:read")
    follower = Follower(ask)
    assert read_cursor(follower.cursor).objects == ("accounts", "leads"), "all that the key may read"
    ApiKey.objects.update(scopes=["accounts:read"])
    assert "leads:read" in refused(ask, f"cursor={follower.cursor}", 403, "missing_scope")["detail"]
    refused(ask, "cursor=now&objects=leads", 403, "missing_scope")
    assert Follower(ask, "accounts").read() == []
    ApiKey.objects.update(scopes=["suppressions:read"])
    refused(ask, "cursor=now", 403, "missing_scope")


def test_the_same_few_questions_whatever_the_size_of_a_page(root: User, alice: User, now: datetime) -> None:
    ask = program(root)
    follower = Follower(ask)

    def write(many: int) -> None:
        for _ in range(many):
            lead, contact = make_lead(owner=alice), make_contact()
            Lead.objects.filter(pk=lead.pk).update(title="Head")
            contact.delete()

    def questions() -> int:
        with CaptureQueriesContext(connection) as asked:
            changes = follower.read()
        assert {one["op"] for one in changes} == {"created", "updated", "deleted"}
        assert len(changes) >= 4
        return len(asked)

    write(1)
    few = questions()
    write(12)
    assert questions() == few <= 30


def test_what_did_not_change_is_304_and_every_answer_says_the_limit(root: User) -> None:
    ask = program(root)
    follower = Follower(ask, "leads")
    follower.cursor = follower.page()["cursor"]
    empty = follower.answer()
    assert empty["RateLimit"].startswith('"key";r=')
    again = ask("GET", f"changes/?cursor={follower.cursor}", If_None_Match=empty["ETag"])
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", empty["ETag"])
    make_lead()
    page = ask("GET", f"changes/?cursor={follower.cursor}", If_None_Match=empty["ETag"])
    assert page.status_code == 200
    assert "ETag" not in page, "what it says may be erased one day"
