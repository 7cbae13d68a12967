"""What the tests of list views share: a stored view, a list page, and what stands on it."""

from __future__ import annotations

from typing import Any

from django.test import Client

from crm.core.acting import acting
from crm.people.models import User
from crm.workspace.models import ListView
from tests.factories import START

LISTS = {
    "lead": "/admin/leads/lead/",
    "account": "/admin/accounts/account/",
    "contact": "/admin/accounts/contact/",
    "opportunity": "/admin/contracts/opportunity/",
    "contract": "/admin/contracts/contract/",
}
Filter = dict[str, Any]


def make_view(user: User | None = None, **fields: Any) -> ListView:
    """A view of leads that shows all of them by company."""
    values = {"object": "lead", "title": "A view", "columns": ["name", "company"], "user": user, **fields}
    with acting(actor=User.objects.system(), via="test", at=START):
        return ListView.objects.create(**values)


def condition(field: str, operator: str, *values: str) -> Filter:
    """A condition as it is stored."""
    return {"field": field, "operator": operator, "values": list(values)}


def ids(response: Any) -> list[int]:
    """The ids of the rows on a list page, in their order."""
    assert response.status_code == 200
    return [row.pk for row in response.context["cl"].result_list]


def shown_columns(response: Any) -> list[str]:
    """The fields that are columns of a list page."""
    names = [getattr(column, "__name__", str(column)) for column in response.context["cl"].list_display]
    return [name for name in names if name != "action_checkbox"]


def chips(response: Any) -> list[tuple[str, str]]:
    """The filters in sight."""
    return [(chip.title, chip.value) for chip in response.context["cl"].chips]


def open_list(client: Client, kind: str, **query: Any) -> Any:
    """A list page."""
    return client.get(LISTS[kind], query)
