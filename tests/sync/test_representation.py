"""What is told of a record is the same in the list, in SQL and out of the change log, whatever it holds."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from django.db import connection

from crm.core.api.representation import finish, record_sql
from crm.core.api.resources import followed
from crm.people.models import User
from tests.keys import program
from tests.samples import SAMPLES

pytestmark = pytest.mark.django_db
FOLLOWED = sorted(followed())


def by_list(root: User, resource: str) -> dict[int, Any]:
    found = program(root)("get", f"{resource}/?limit=1000")
    assert found.status_code == 200, found.content
    return {one["id"]: one for one in found.json()["results"]}


def by_sql(resource: str) -> dict[int, Any]:
    view = followed()[resource]
    mend = finish(view)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {record_sql(view)}::text FROM {view.model._meta.db_table} r")
        rows = [orjson.loads(text) for (text,) in cursor.fetchall()]
    for row in rows:
        if mend is not None:
            mend(row)
    return {row["id"]: row for row in rows}


@pytest.mark.parametrize("resource", FOLLOWED)
def test_a_record_is_the_same_in_the_list_and_in_sql(resource: str, root: User) -> None:
    view = followed()[resource]
    SAMPLES[view.model._meta.label](root)
    listed = by_list(root, resource)
    assert listed
    assert by_sql(resource) == listed
