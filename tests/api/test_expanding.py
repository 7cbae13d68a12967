"""What is told besides a record's own columns: what is computed, its ids elsewhere, and the records it refers to."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contracts.models import Contract, Opportunity
from crm.activities.models import Activity
from crm.api import RESOURCES
from crm.core.api.expanding import expandable
from crm.people.models import User
from leads.models import Lead
from tests.api.conftest import Keyed
from tests.factories import make_account, make_contact, make_lead, make_opportunity
from tests.keys import program
from tests.samples import SAMPLES
from tests.sync.test_by_id import name_elsewhere

pytestmark = pytest.mark.django_db


def test_a_link_adds_the_record_as_its_own_address_answers_it(alice: User, bob: User) -> None:
    ask, account = program(alice), make_account(owner=bob)
    contact = make_contact(account=account, owner=None)
    name_elsewhere(contact, "erp", "7")
    name_elsewhere(contact, "erp", "07")
    path = f"contacts/{contact.pk}/"
    told = ask("GET", f"{path}?expand=account,owner,external_ids,reports_to&fields=last_name")
    assert (told.status_code, "ETag" in told) == (200, False)
    assert told.json() == {
        "id": contact.pk,
        "version": contact.version,
        "last_name": contact.last_name,
        "account": ask("GET", f"accounts/{account.pk}/").json(),
        "owner": None,
        "reports_to": None,
        "external_ids": {"erp": ["07", "7"]},
    }
    (listed,) = ask("GET", "contacts/?expand=reports_to,account,external_ids,owner&fields=last_name").json()["results"]
    assert listed == told.json()
    by_id = ask("GET", "contacts/by/erp/7/?expand=account&fields=account_id").json()
    assert (by_id["account"]["id"], by_id["account_id"]) == (account.pk, account.pk)


def test_a_link_takes_the_scope_of_what_it_leads_to_and_what_is_no_link_is_refused(alice: User) -> None:
    lead = make_lead(owner=alice)
    narrow = program(alice, "leads:read")
    for path in ("leads/", f"leads/{lead.pk}/"):
        refused = narrow("GET", f"{path}?expand=owner")
        assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")
        assert "users:read" in refused.json()["detail"]
        assert narrow("GET", f"{path}?expand=external_ids,computed").status_code == 200
        for unknown in ("owner_id", "team", "computed,secret", "account", "\x00", "own", "id"):
            wrong = narrow("GET", f"{path}?expand={unknown}")
            assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (400, "expand"), unknown
        assert narrow("GET", f"{path}?expand=,").status_code == 200


def test_every_resource_tells_all_that_may_be_asked_of_it_by_one_query_each(root: User) -> None:
    ask = program(root)
    for view in [one for one in RESOURCES if one.model._meta.label in SAMPLES]:
        counts = []
        for _ in range(2):
            for _ in range(2):
                SAMPLES[view.model._meta.label](root)
            ask("GET", f"{view.resource}/")
            with CaptureQueriesContext(connection) as taken:
                plain = ask("GET", f"{view.resource}/")
            links = [name for name in expandable(view) if name != "computed"]
            address = f"{view.resource}/?expand={','.join(links)}"
            with CaptureQueriesContext(connection) as more:
                told = ask("GET", address)
            assert told.status_code == 200, (address, told.content)
            rows: list[dict[str, Any]] = told.json()["results"]
            assert [{name: row[name] for name in plain.json()["results"][0]} for row in rows] == plain.json()["results"]
            assert all(set(links) <= set(row) for row in rows)
            assert len(more) <= len(taken) + len(links), (view.resource, [one["sql"][:90] for one in more])
            counts.append(len(taken))
        assert counts[0] == counts[1], view.resource


def test_what_a_sale_refers_to_is_followed_by_each_of_its_links(alice: User) -> None:
    for view in RESOURCES:
        if view.model in (Lead, Opportunity, Contract, Activity):
            assert {"external_ids"} < set(expandable(view)), view.resource
    ask, account = program(alice), make_account(owner=alice)
    sales = [make_opportunity(account=account, owner=alice) for _ in range(3)]
    rows = ask("GET", "opportunities/?expand=account,owner,computed&fields=name&ordering=id").json()["results"]
    assert [row["id"] for row in rows] == [sale.pk for sale in sales]
    for row in rows:
        assert (row["account"]["name"], row["owner"]["email"]) == (account.name, alice.email)
        assert "probability" in row
        assert "account_id" not in row


def test_who_polls_a_page_is_told_that_nothing_is_new(alice: User, keyed: Keyed) -> None:
    client = keyed(alice)
    lead, _ = make_lead(owner=alice), make_lead(owner=alice)
    address = "/api/v1/leads/?limit=1&ordering=id"
    page = client.get(address)
    assert page["ETag"].startswith('W/"')
    same = client.get(address, headers={"if-none-match": page["ETag"]})
    assert (same.status_code, same.content, same["ETag"]) == (304, b"", page["ETag"])
    assert "Content-Type" not in same
    assert client.get(f"{address}&fields=id", headers={"if-none-match": page["ETag"]}).status_code == 200
    Lead.objects.filter(pk=lead.pk).update(first_name="Other")
    other = client.get(address, headers={"if-none-match": f'"x", {page["ETag"]}'})
    assert (other.status_code, other["ETag"] == page["ETag"]) == (200, False)
    assert client.get(address, headers={"if-none-match": "nonsense"}).json()["code"] == "invalid_header"
    assert "ETag" not in client.get(f"{address}&expand=computed", headers={"if-none-match": "*"})
