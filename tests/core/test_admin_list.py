"""Lists: counted and turned so far and no further, ordered by indexes only, with every filter in sight."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from crm.core import admin_list, paging
from crm.people.models import User
from crm.workspace import lists
from leads.models import Lead
from leads.statuses import Status
from tests.access import client_of
from tests.factories import make_account, make_contact, make_lead

LEADS = "/admin/leads/lead/"


def test_it_counts_no_further_than_the_limit(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "COUNT_LIMIT", 3)
    for _ in range(5):
        make_lead()
    with CaptureQueriesContext(connection) as taken:
        assert paging.capped_count(Lead.objects.all()) == 4
    assert "LIMIT 4" in taken[0]["sql"]
    assert paging.count_words(4) == "3+"


def test_beyond_the_deepest_page_it_says_to_narrow_the_filter(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin_list, "DEEPEST_PAGE", 2)
    monkeypatch.setattr(admin_list, "COUNT_LIMIT", 3)
    for _ in range(5):
        make_lead()
    with CaptureQueriesContext(connection) as taken:
        shown = client_of(alice).get(LEADS, {"p": "3"}).content.decode()
    assert "narrow the filter" in shown.lower()
    assert not [query for query in taken if "OFFSET" in query["sql"]]


def test_it_orders_many_rows_only_as_an_index_does(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = make_lead(company="Abel"), make_lead(company="Zorg")
    client = client_of(alice)
    columns = [getattr(column, "__name__", column) for column in client.get(LEADS).context["cl"].list_display]
    created, company = columns.index("created"), columns.index("company")
    assert _ids(client.get(LEADS, {"o": str(company)})) == [first.pk, second.pk]
    monkeypatch.setattr(lists, "COUNT_LIMIT", 1)
    assert _ids(client.get(LEADS, {"o": str(created)})) == [first.pk, second.pk]
    assert _ids(client.get(LEADS, {"o": f"-{created}"})) == [second.pk, first.pk]
    shown = client.get(LEADS, {"o": str(company)})
    assert _ids(shown) == [second.pk, first.pk], "as if nothing was asked"
    assert "Sorting by Company needs filters that leave at most 1 leads" in shown.content.decode()


def _ids(response: object) -> list[int]:
    return [row.pk for row in response.context["cl"].result_list]  # type: ignore[attr-defined]


def test_it_filters_by_several_values_and_shows_what_is_hidden(alice: User, bob: User) -> None:
    mine = make_lead(owner=alice)
    make_lead(owner=alice, status=Status.ENGAGED)
    make_lead(owner=bob)
    response = client_of(alice).get(LEADS, {"status": ["new", "new_enriched"], "owner": "me"})
    assert _ids(response) == [mine.pk]
    cl = response.context["cl"]
    assert [(chip.title, chip.value) for chip in cl.chips] == [("status", "New or New enriched"), ("owner", "Me")]
    assert cl.chips[0].without == "?owner=me"
    assert cl.hidden_words == "2"


def test_it_finds_leads_without_an_owner(alice: User) -> None:
    make_lead(owner=alice)
    nobodys = make_lead()
    assert _ids(client_of(alice).get(LEADS, {"owner": "none"})) == [nobodys.pk]


def test_an_unknown_filter_is_an_error_not_everything(alice: User) -> None:
    make_lead()
    assert client_of(alice).get(LEADS, {"description__contains": "x"}).status_code == 400


def test_an_unknown_value_is_said(alice: User) -> None:
    shown = client_of(alice).get(LEADS, {"status": "nonsense"}, follow=True)
    assert "has no “nonsense”" in shown.content.decode()


@pytest.mark.parametrize(
    ("address", "term"),
    [(LEADS, "haddad"), ("/admin/accounts/account/", "initro"), ("/admin/accounts/contact/", "LANE@")],
)
def test_it_finds_by_three_letters(alice: User, address: str, term: str) -> None:
    make_lead(last_name="Haddad")
    make_account(name="Initrode")
    make_contact(email="lane@initrode.example")
    make_lead(), make_account(), make_contact()
    view = "all_accounts" if "accounts/account" in address else ""
    assert len(_ids(client_of(alice).get(address, {"q": term, "view": view}))) == 1


def test_one_or_two_letters_find_what_begins_with_them(alice: User) -> None:
    begins = make_lead(last_name="Haddad")
    make_lead(last_name="Shah")
    for term in ("h", "Ha"):
        assert _ids(client_of(alice).get(LEADS, {"q": term})) == [begins.pk]


def test_an_empty_list_says_what_to_do(alice: User) -> None:
    assert "bring them in from Salesforce" in client_of(alice).get(LEADS).content.decode()


def test_choosing_a_related_record_searches_the_same_way(alice: User) -> None:
    make_account(name="Initrode")
    asked = {"app_label": "accounts", "model_name": "contact", "field_name": "account"}
    client, address = client_of(alice), reverse("admin:autocomplete")
    assert [one["text"] for one in client.get(address, asked | {"term": "initr"}).json()["results"]] == ["Initrode"]
    assert [one["text"] for one in client.get(address, asked | {"term": "in"}).json()["results"]] == ["Initrode"]
    assert client.get(address, asked | {"term": "it"}).json()["results"] == []


@pytest.mark.parametrize("limit", [2, 10])
def test_a_search_is_made_once(alice: User, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    """Whether more is found than is counted, or less."""
    monkeypatch.setattr(paging, "COUNT_LIMIT", limit)
    for number in range(5):
        make_lead(last_name=f"Sought {number}", owner=alice if number else None)
    make_lead(last_name="Unwanted")
    client = client_of(alice)
    with CaptureQueriesContext(connection) as asked:
        page = client.get(LEADS, {"q": "sought", "owner": "me"}).content.decode()
    assert [name for name in range(5) if f"Sought {name}" in page] == [1, 2, 3, 4]
    assert page.index("Sought 4") < page.index("Sought 1"), "in the list's order"
    assert "Unwanted" not in page
    found = [one["sql"] for one in asked if "%sought%" in one["sql"]]
    assert len(found) == (1 if limit == 10 else 2)


def test_a_whole_address_is_found_however_it_is_spelled_and_a_part_of_one_anywhere(alice: User) -> None:
    make_lead(last_name="Whole", email="whole@found.example")
    make_lead(last_name="Longer", email="a.whole@found.example")
    client = client_of(alice)

    def found(term: str) -> set[str]:
        page = client.get(LEADS, {"q": term}).content.decode()
        return {name for name in ("Whole", "Longer") if f"Lea {name}" in page}

    assert found("WHOLE+tag@Found.example") == {"Whole"}
    assert found("whole@found.example") == {"Whole"}
    assert found("hole@found.example") == {"Whole", "Longer"}
