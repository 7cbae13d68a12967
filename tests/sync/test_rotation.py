"""Another secret for a key: by the page, a command and the key itself, without one refused request in between."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from crm.core.errors import Refused
from crm.history.models import Change
from crm.people.models import User
from crm.sync.models import ApiKey
from crm.sync.rotation import rotate_api_key
from tests.keys import Program, make_key, program
from tests.sync.test_keys import problem, refused, whole_database

pytestmark = pytest.mark.django_db


def works(told: str) -> bool:
    """Whether a key lets a program in."""
    return bool(Program(told)("GET", "keys/self/").status_code == 200)


def test_both_secrets_work_until_the_old_one_ends_and_neither_is_kept(root: User, alice: User) -> None:
    old = make_key(alice, "leads:read")
    key = ApiKey.objects.get()
    at = timezone.now()
    key, new = rotate_api_key(key, actor=root, at=at, via="test", hours=2, reason="Every year")
    assert key.old_until == at + timedelta(hours=2)
    assert works(old)
    assert works(new)
    everything = whole_database()
    assert old.rpartition("_")[2] not in everything
    assert new.rpartition("_")[2] not in everything
    logged = Change.objects.of(key).order_by("version").last()
    assert logged is not None
    assert (list(logged.what or ()), logged.transaction.reason) == (["old_until"], "Every year")
    # Another one again: the one in the middle is the old one now, the first is none any more.
    _, newest = rotate_api_key(key, actor=root, at=at, via="test")
    assert [works(one) for one in (old, new, newest)] == [False, True, True]
    ApiKey.objects.update(old_until=timezone.now() - timedelta(seconds=1))
    assert [works(one) for one in (new, newest)] == [False, True]
    refused(Program(new)("GET", "leads/"))


def test_an_old_secret_that_ended_uses_up_nobodys_requests(root: User, alice: User) -> None:
    old = make_key(alice)
    _, new = rotate_api_key(ApiKey.objects.get(), actor=root, at=timezone.now(), via="test", hours=0)
    for _ in range(3):
        refused(Program(old)("GET", "leads/"))
    assert Program(new)("GET", "leads/").headers["RateLimit"].startswith('"key";r=99999;')


def test_one_query_still_lets_a_program_in_with_its_old_secret(
    root: User, alice: User, django_assert_num_queries: Any
) -> None:
    old = make_key(alice)
    rotate_api_key(ApiKey.objects.get(), actor=root, at=timezone.now(), via="test")
    ask = Program(old)
    ask("GET", "leads/")
    with django_assert_num_queries(2):
        assert ask("GET", "leads/").status_code == 200


def test_it_refuses_to_rotate_what_is_no_longer_in_use_and_by_whom_it_may_not(root: User, alice: User) -> None:
    make_key(alice)
    key = ApiKey.objects.get()
    at = timezone.now()
    for hours in (-1, 337):
        with pytest.raises(Refused) as caught:
            rotate_api_key(key, actor=root, at=at, via="test", hours=hours)
        assert caught.value.codes == ("invalid_hours",)
    with pytest.raises(Refused, match="Only administrators"):
        rotate_api_key(key, actor=alice, at=at, via="test")
    other = ApiKey.objects.get(prefix=make_key(alice).split("_")[1])
    with pytest.raises(Refused, match="Only administrators"):
        rotate_api_key(key, actor=alice, at=at, via="test", sent=other)
    with pytest.raises(Refused, match="somebody else"):
        rotate_api_key(key, actor=root, at=at, via="test", version=7)
    for state, change in (("expired", {"expires_at": at}), ("revoked", {"revoked_at": at})):
        ApiKey.objects.filter(pk=key.pk).update(**change)
        with pytest.raises(Refused, match=state):
            rotate_api_key(key, actor=root, at=at, via="test")


# --- by the key itself ------------------------------------------------------------------------------------------------


def test_a_key_says_what_it_is_whatever_its_scopes(alice: User) -> None:
    ask = program(alice, "leads:read")
    key = ApiKey.objects.get()
    found = json.loads(ask("GET", "keys/self/").content)
    assert (found["id"], found["name"], found["scopes"]) == (key.pk, key.name, ["leads:read"])
    assert found["user"] == {"id": alice.pk, "name": str(alice), "email": alice.email, "role": "sdr"}
    assert (found["requests_per_minute"], found["expires_at"]) == (100_000, None)
    assert (found["old_secret_until"], found["with_old_secret"]) == (None, False)
    refused(Client().get("/api/v1/keys/self/"))


def test_a_key_gives_itself_another_secret_and_asks_again_when_the_answer_was_lost(alice: User) -> None:
    first = make_key(alice, "keys:rotate")
    answer = Program(first)("PUT", "keys/self/secret/", {"hours": 5})
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    lost = json.loads(answer.content)["key"]
    until = ApiKey.objects.get().old_until
    said = json.loads(Program(first)("GET", "keys/self/").content)
    assert said["with_old_secret"]
    assert said["old_secret_until"] is not None
    # The first secret still works, and gets yet another: it does not live longer for that.
    again = json.loads(Program(first)("PUT", "keys/self/secret/", {"hours": 300}).content)["key"]
    assert [works(one) for one in (first, lost, again)] == [True, False, True]
    assert ApiKey.objects.get().old_until == until
    last = json.loads(Program(again)("PUT", "keys/self/secret/", {"hours": 0}).content)["key"]
    assert [works(one) for one in (first, again, last)] == [False, False, True]


def test_a_key_without_the_scope_keeps_its_secret(alice: User) -> None:
    ask = program(alice, "leads:read")
    assert problem(ask("PUT", "keys/self/secret/", {}))["code"] == "missing_scope"
    ask = program(alice, "keys:rotate")
    for wrong in ({"hours": 337}, {"hours": -1}, {"hours": "2"}, {"hours": True}, {"hours": 1.5}, {"days": 1}):
        answer = ask("PUT", "keys/self/secret/", wrong)
        assert answer.status_code == 400, wrong
        assert problem(answer)["errors"][0]["code"] in ("invalid_hours", "unknown_field")
    assert works(ask.key)
    assert not ApiKey.objects.exclude(old_until=None).exists()


# --- by people --------------------------------------------------------------------------------------------------------


def test_the_page_shows_the_new_secret_once(root: User, alice: User) -> None:
    old = make_key(alice)
    key = ApiKey.objects.get()
    client = Client()
    client.force_login(root, backend="crm.people.backends.EmailBackend")
    page = f"/admin/sync/apikey/{key.pk}/change/"
    assert f"/admin/sync/apikey/{key.pk}/rotate/" in client.get(page).content.decode()
    answer = client.post(f"/admin/sync/apikey/{key.pk}/rotate/", {"hours": "24", "version": key.version})
    shown = answer.content.decode()
    assert "no-store" in answer.headers["Cache-Control"]
    new = f"plumb_{key.prefix}_" + shown.partition(f"plumb_{key.prefix}_")[2][:64]
    assert works(new)
    assert works(old)
    again = client.get(page).content.decode()
    assert "Works until" in again
    assert new not in again
    # What is sent again, as a page loaded anew does, makes no third secret.
    answer = client.post(f"/admin/sync/apikey/{key.pk}/rotate/", {"hours": "24", "version": key.version})
    assert "changed by somebody else" in answer.content.decode()
    assert works(new)


def test_the_command_prints_the_key_with_its_new_secret(root: User, alice: User) -> None:
    old = make_key(alice)
    key = ApiKey.objects.get()
    out = StringIO()
    call_command("rotate_api_key", key.start, hours=0, stdout=out, stderr=StringIO())
    assert works(out.getvalue().strip())
    assert not works(old)
    with pytest.raises(CommandError, match="No key is called"):
        call_command("rotate_api_key", "plumb_ffffffff")
    with pytest.raises(CommandError, match="0 to 336 hours"):
        call_command("rotate_api_key", key.name, hours=400)
    with connection.cursor() as cursor:
        cursor.execute("SELECT old_hash FROM sync_apikey")
        assert cursor.fetchone() == ("",)
