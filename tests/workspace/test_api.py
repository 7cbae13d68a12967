"""List views as programs read them: a key is shown what its user is shown."""

from __future__ import annotations

import pytest

from crm.core.acting import acting
from crm.people.models import User
from crm.workspace.models import ListView
from tests.factories import START
from tests.keys import program

pytestmark = pytest.mark.django_db


def test_a_key_sees_everybodys_shared_ones_and_its_users_own(alice: User, bob: User, root: User) -> None:
    conditions = [{"field": "type", "operator": "is", "values": ["customer"]}]
    with acting(actor=root, via="test", at=START):
        own, shared, private = (
            ListView.objects.create(
                object="account",
                title=title,
                user=user,
                shared=user == bob and title == "Shared",
                columns=["name", "owner"],
                filters=conditions,
            )
            for title, user in (("Mine", alice), ("Shared", bob), ("Bob's own", bob))
        )
    ask = program(alice, "list_views:read")
    rows = ask("GET", "list_views/?object=account&limit=1000").json()["results"]
    seen = {row["id"]: row for row in rows}
    assert {own.pk, shared.pk} <= set(seen)
    assert private.pk not in seen
    assert all(row["user_id"] in (None, alice.pk) or row["shared"] for row in rows)
    assert (seen[own.pk]["columns"], seen[own.pk]["filters"]) == (["name", "owner"], conditions)
    assert {row["id"] for row in ask("GET", f"list_views/?user_id={bob.pk}").json()["results"]} == {shared.pk}
    assert ask("GET", f"list_views/{private.pk}/").status_code == 404
    one = ask("GET", f"list_views/{own.pk}/")
    assert (one.json(), one["ETag"]) == (seen[own.pk], f'"{own.pk}.1"')
    assert ask("GET", f"list_views/{own.pk}/", if_none_match=one["ETag"]).status_code == 304
    # Whose somebody keeps to themselves, an administrator is not shown either.
    assert program(root)("GET", f"list_views/{private.pk}/").status_code == 404
    assert ask("GET", f"list_views/{own.pk}/?expand=user").json()["code"] == "missing_scope"
