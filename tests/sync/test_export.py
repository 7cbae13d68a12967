"""All records of a kind in one answer: whole or not at all, from one moment, with the place that continues it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from crm.people.models import User
from tests.factories import make_lead
from tests.keys import Program, program

pytestmark = pytest.mark.django_db(transaction=True)


def taken(answer: Any) -> tuple[list[Any], Any]:
    """The records and the last line."""
    assert answer.status_code == 200, answer.content
    *records, end = [json.loads(line) for line in answer.getvalue().splitlines()]
    return records, end


def test_x(root: User) -> None:
    make_lead()
    make_lead()
    ask = program(root)
    answer = ask("get", "leads/export/")
    records, end = taken(answer)
    print(answer.headers, end)
    assert records == sorted(ask("get", "leads/").json()["results"], key=lambda one: one["id"])
    print(ask("get", "leads/export/?format=csv&fields=email,own").getvalue().decode())
