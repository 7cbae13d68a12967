"""Keys of programs: what lets one in, what it may do there, and that nothing of it can be read in the database."""

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

from crm.core.api.scopes import declared_right
from crm.core.errors import Refused
from crm.history.models import Change
from crm.people.leaving import deactivate_user
from crm.people.models import User
from crm.sync.models import ApiKey
from crm.sync.scopes import kind_of, scopes, within_rights
from crm.sync.services import make_api_key, revoke_api_key
from tests.factories import make_lead
from tests.keys import Program, make_key, program

pytestmark = pytest.mark.django_db


def new_key(root: User, user: User, *held: str, **more: Any) -> tuple[ApiKey, str]:
    """A key given by the administrator as on the page."""
    wanted = {"name": f"Sync of {user}", "scopes": held or ("leads:read",), **more}
    return make_api_key(user=user, actor=root, at=timezone.now(), via="test", **wanted)


def problem(answer: Any) -> dict[str, Any]:
    """An answer that is an error, in the one shape of all errors."""
    assert answer.headers["Content-Type"] == "application/problem+json"
    found: dict[str, Any] = json.loads(answer.content)
    assert found["status"] == answer.status_code
    return found


def refused(answer: Any) -> None:
    """No key, and not a word of what was wrong with it."""
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="Plumb"'
    found = problem(answer)
    assert (found["code"], found["errors"]) == ("not_authenticated", [])
    assert found["detail"] == "Send a key that is in use: Authorization: Bearer plumb_…"


def whole_database() -> str:
    """Every row of every table as text."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT string_agg(t::text, chr(10)) FROM "{table}" t')
            found.append(str(cursor.fetchone()[0]))
    return "\n".join(found)


def test_a_key_works_and_its_secret_is_nowhere_in_the_database(root: User, alice: User) -> None:
    key, told = new_key(root, alice)
    assert Program(told)("GET", "leads/").status_code == 200
    everything = whole_database()
    assert key.prefix in everything
    assert told.rpartition("_")[2] not in everything


def test_the_page_that_shows_a_key_keeps_it_nowhere(root: User, alice: User) -> None:
    client = Client()
    client.force_login(root, backend="crm.people.backends.EmailBackend")
    sent = {"name": "Web form", "user": alice.pk, "scopes": ["leads:read", "leads:write"], "per_minute": 60}
    answer = client.post("/admin/sync/apikey/add/", sent)
    page = answer.content.decode()
    key = ApiKey.objects.get()
    assert f"plumb_{key.prefix}_" in page
    assert "no-store" in answer.headers["Cache-Control"]
    secret = page.partition(f"plumb_{key.prefix}_")[2][:64]
    assert Program(f"plumb_{key.prefix}_{secret}")("GET", "leads/").status_code == 200
    assert secret not in whole_database()
    assert secret not in client.get(f"/admin/sync/apikey/{key.pk}/change/").content.decode()
    assert (key.user, key.scopes, key.per_minute, key.made_by) == (alice, ["leads:read", "leads:write"], 60, root)
    # Loading the page again asks to send the form again: that makes no second key.
    assert "There is a key of this name" in client.post("/admin/sync/apikey/add/", sent).content.decode()
    assert ApiKey.objects.count() == 1


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer nonsense",
        "Bearer plumb_",
        "Bearer plumb_00000000_" + "0" * 64,
        "Bearer plumb_00000000_" + "0" * 63,
        "Basic cm9vdDpyb290",
        "Token plumb_00000000_" + "0" * 64,
        "Bearer plumb_ü",
        "Bearer \x00",
        "Bearer " + "a" * 100_000,
    ],
)
def test_it_refuses_what_is_no_key(header: str) -> None:
    refused(Client().get("/api/v1/leads/", headers={"Authorization": header}))


def test_it_refuses_who_sends_none() -> None:
    refused(Client().get("/api/v1/leads/"))


def test_it_refuses_a_wrong_secret_as_an_unknown_key_and_counts_it_to_nobody(alice: User) -> None:
    told = make_key(alice)
    wrong = told[:-1] + ("0" if told[-1] != "0" else "1")
    for _ in range(3):
        refused(Program(wrong)("GET", "leads/"))
    answer = Program(told)("GET", "leads/")
    assert answer.headers["RateLimit"].startswith('"key";r=99999;')


def test_it_refuses_an_expired_key(alice: User) -> None:
    refused(program_until(alice, timedelta(seconds=-1))("GET", "leads/"))
    assert program_until(alice, timedelta(minutes=5))("GET", "leads/").status_code == 200


def program_until(user: User, after: timedelta) -> Program:
    """A program whose key ends so long after now."""
    return Program(make_key(user, expires_at=timezone.now() + after))


def test_it_refuses_a_revoked_key_at_once(root: User, alice: User) -> None:
    key, told = new_key(root, alice)
    ask = Program(told)
    assert ask("GET", "leads/").status_code == 200
    revoke_api_key(key, actor=root, at=timezone.now(), via="test", reason="It leaked")
    refused(ask("GET", "leads/"))
    with pytest.raises(Refused, match="revoked already"):
        revoke_api_key(key, actor=root, at=timezone.now(), via="test")
    logged = Change.objects.of(key).order_by("version").last()
    assert logged is not None
    assert list(logged.what or ()) == ["revoked_at"]
    assert logged.transaction.reason == "It leaked"


def test_the_keys_of_somebody_who_is_deactivated_stop_at_once(root: User, charlie: User) -> None:
    ask = program(charlie)
    assert ask("GET", "leads/").status_code == 200
    deactivate_user(charlie, heir=None, actor=root, at=timezone.now(), via="test")
    refused(ask("GET", "leads/"))


def test_it_notes_the_last_use_without_a_version(alice: User) -> None:
    ask = program(alice)
    key = ApiKey.objects.get()
    ask("GET", "leads/")
    first = ApiKey.objects.get()
    assert first.last_used_at is not None
    ask("GET", "leads/")
    second = ApiKey.objects.get()
    assert second.last_used_at == first.last_used_at
    assert (second.version, second.updated_at) == (key.version, key.updated_at)
    assert Change.objects.of(key).count() == 1
    ApiKey.objects.update(last_used_at=timezone.now() - timedelta(minutes=2))
    ask("GET", "leads/")
    assert timezone.now() - ApiKey.objects.get().last_used_at < timedelta(minutes=1)  # type: ignore[operator]


def test_one_query_lets_a_program_in(alice: User, django_assert_num_queries: Any) -> None:
    ask = program(alice)
    ask("GET", "leads/")
    with django_assert_num_queries(2) as seen:
        assert ask("GET", "leads/").status_code == 200
    assert "sync_count_use" in seen.captured_queries[0]["sql"]


# --- scopes -----------------------------------------------------------------------------------------------------------


def test_a_key_does_no_more_than_its_scopes(mona: User) -> None:
    lead = make_lead(owner=mona)
    asked: dict[str, tuple[str, str, Any]] = {
        "leads:read": ("GET", "leads/", None),
        "leads:write": ("PATCH", f"leads/{lead.pk}/", {"company": "Initech"}),
        "leads:delete": ("DELETE", f"leads/{make_lead().pk}/", None),
        "leads:move": ("POST", f"leads/{lead.pk}/moves/nurture/", {"facts": {"nurture_reason": "no_budget"}}),
    }
    for held in asked:
        ask = program(mona, held)
        for needed, (method, path, body) in asked.items():
            if needed == held:
                continue
            answer = ask(method, path, body)
            assert answer.status_code == 403
            assert problem(answer)["code"] == "missing_scope"
            assert needed in problem(answer)["detail"]
    assert lead.version == type(lead).objects.get(pk=lead.pk).version
    for held, (method, path, body) in asked.items():
        assert program(mona, held)(method, path, body).status_code in (200, 204)


def test_writing_does_not_include_reading(mona: User) -> None:
    lead = make_lead(owner=mona)
    found = json.loads(program(mona, "leads:write")("PATCH", f"leads/{lead.pk}/", {"company": "Initech"}).content)
    assert found == {"id": lead.pk, "version": lead.version + 1}
    body = {"facts": {"nurture_reason": "no_budget"}}
    found = json.loads(program(mona, "leads:move")("POST", f"leads/{lead.pk}/moves/nurture/", body).content)
    assert found == {"id": lead.pk, "version": lead.version + 2, "verb": "nurture"}


def test_a_key_does_no_more_than_its_user(charlie: User, alice: User) -> None:
    lead = make_lead(owner=alice)
    answer = program(charlie)("PATCH", f"leads/{lead.pk}/", {"company": "Mine"})
    assert (answer.status_code, problem(answer)["code"]) == (403, "forbidden")


def test_every_scope_is_about_a_kind_of_record() -> None:
    assert scopes()
    others = [name for name in scopes() if kind_of(name.partition(":")[0]) is None]
    # Rituals are the handbook's; a key's own secret is nobody's record.
    assert set(others) >= {"rituals:read", "keys:rotate"}
    assert [name for name in others if declared_right(name) is None] == []


def test_a_right_that_no_policy_answers_for_is_nobodys_without_a_role() -> None:
    declared = [name for name in scopes() if declared_right(name)]
    assert {"rituals:read", "meetings:read"} <= set(declared)
    assert [name for name in declared if within_rights(User(role="left_the_handbook"), name)] == []


# --- giving keys ------------------------------------------------------------------------------------------------------


def codes(root: User, user: User, *held: str, **more: Any) -> tuple[str, ...]:
    """Why a key is not given."""
    with pytest.raises(Refused) as caught:
        new_key(root, user, *held, **more)
    assert not ApiKey.objects.exists()
    return caught.value.codes


def test_only_administrators_give_keys(mona: User, alice: User) -> None:
    assert codes(mona, alice) == ("forbidden",)


def test_it_gives_no_key_for_what_the_user_may_not_do(root: User, alice: User, robot: User) -> None:
    assert codes(root, alice, "leads:read", "leads:delete") == ("beyond_user",)
    assert codes(root, alice, "leads:place") == ("beyond_user",)
    assert new_key(root, robot, "leads:place")[0].scopes == ["leads:place"]


def test_it_says_everything_that_is_wrong_with_a_new_key_at_once(root: User, alice: User) -> None:
    ended = timezone.now() - timedelta(days=1)
    found = codes(root, alice, "leads:fly", name=" ", expires_at=ended, per_minute=0)
    assert found == ("needs_name", "unknown_scope", "invalid_expires_at", "invalid_per_minute")


def test_it_gives_no_key_to_who_is_deactivated(root: User, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert "invalid_user" in codes(root, User.objects.get(pk=alice.pk))


def test_scopes_of_a_key_are_not_changed_by_its_form(root: User, alice: User) -> None:
    key, _ = new_key(root, alice)
    client = Client()
    client.force_login(root, backend="crm.people.backends.EmailBackend")
    sent = {"name": "Other", "per_minute": 5, "version": key.version, "scopes": ["leads:delete"], "user": root.pk}
    assert client.post(f"/admin/sync/apikey/{key.pk}/change/", sent).status_code == 302
    stored = ApiKey.objects.get()
    assert (stored.name, stored.per_minute) == ("Other", 5)
    assert (stored.scopes, stored.user) == (["leads:read"], alice)


def test_the_command_prints_a_key_that_works(root: User, alice: User) -> None:
    out = StringIO()
    call_command("make_api_key", user=alice.email, scopes=["leads:read"], stdout=out, stderr=StringIO())
    assert Program(out.getvalue().strip())("GET", "leads/").status_code == 200
    assert ApiKey.objects.get().made_by == root


def test_the_command_says_what_is_wrong(root: User, alice: User) -> None:
    with pytest.raises(CommandError, match="Nobody has the address"):
        call_command("make_api_key", user="nobody@example.com", scopes=["leads:read"])
    with pytest.raises(CommandError, match="may not do what leads:place is for"):
        call_command("make_api_key", user=alice.email, scopes=["leads:place"])
    listed = StringIO()
    call_command("make_api_key", stdout=listed)
    assert "leads:read" in listed.getvalue()
