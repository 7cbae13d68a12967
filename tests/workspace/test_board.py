"""The board of a list: the same rows by status or stage, with the view, the filters and the search kept."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contracts.stages import stage_choices, stage_keys
from crm.activities.suppressing import suppress
from crm.core.paging import COUNT_LIMIT
from crm.people.models import User
from crm.workspace import board, board_rows
from crm.workspace.board import BoardColumn
from crm.workspace.board_rows import MOST_CARDS
from leads.statuses import Status
from tests.access import client_of
from tests.factories import START, make_account, make_lead, make_opportunity
from tests.workspace.views import LISTS, chips, condition, ids, make_view, open_list

pytestmark = pytest.mark.django_db


def open_board(user: User, kind: str = "lead", **query: Any) -> Any:
    shown = open_list(client_of(user), kind, display="board", **query)
    assert shown.status_code == 200
    return shown


def column(shown: Any, key: str) -> BoardColumn:
    found: BoardColumn = next(one for one in shown.context["cl"].board.columns if one.key == key)
    return found


def limit(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """As if no more rows than these were few."""
    monkeypatch.setattr(board, "COUNT_LIMIT", most)
    monkeypatch.setattr(board_rows, "COUNT_LIMIT", most)


def counts(shown: Any) -> dict[str, int]:
    """How many rows each column that is not empty says it has."""
    return {one.key: one.count for one in shown.context["cl"].board.columns if one.count}


def card_names(shown: Any) -> set[str]:
    return {str(card.name) for one in shown.context["cl"].board.columns for card in one.cards}


def switch(shown: Any, label: str) -> str:
    found: str = next(one.address for one in shown.context["cl"].switches if one.label == label)
    return found


def test_list_and_board_of_one_view_keep_its_filters(alice: User, bob: User) -> None:
    mine, other = make_lead(owner=alice, status="engaged"), make_lead(owner=bob, status="engaged")
    elsewhere = make_lead(owner=alice, status="engaged", company="Umbrella")
    view = make_view(alice, filters=[condition("company", "contains", "glob")])
    client = client_of(alice)
    listed = open_list(client, "lead", view=view.pk, owner="me", q="lea", o="-1")
    board = client.get(LISTS["lead"] + switch(listed, "Board"))
    assert card_names(board) == {mine.name}
    assert {other.name, elsewhere.name}.isdisjoint(card_names(board))
    assert chips(board) == chips(listed) == [("Company", "contains “glob”"), ("owner", "Me"), ("Search", "lea")]
    assert board.context["cl"].hidden_words == listed.context["cl"].hidden_words == "2"
    assert board.context["cl"].view.view == view
    again = client.get(LISTS["lead"] + switch(board, "List"))
    assert ids(again) == ids(listed) == [mine.pk]
    assert chips(again) == chips(listed)
    assert again.wsgi_request.GET == listed.wsgi_request.GET


def test_searching_and_filtering_on_a_board_and_clearing_a_chip_stay_on_it(alice: User) -> None:
    make_lead()
    shown = open_board(alice, owner="me")
    # The form of the search, and that of the filters.
    assert shown.content.decode().count('<input type="hidden" name="display" value="board"') == 2
    assert parse_qs(shown.context["cl"].chips[0].without[1:]) == {"display": ["board"]}
    entries = [entry for group in shown.context["cl"].menu.groups for entry in group.entries]
    assert entries
    assert all("display=board" in entry.address for entry in entries), "another view is shown as a board too"
    assert "display" not in shown.context["cl"].menu.save_as


def test_columns_are_the_statuses_in_their_order_with_exact_counts(alice: User) -> None:
    for _ in range(MOST_CARDS + 2):
        newest = make_lead()
    make_lead(status="engaged")
    shown = open_board(alice)
    assert [one.key for one in shown.context["cl"].board.columns] == list(Status.values)
    assert counts(shown) == {"new": MOST_CARDS + 2, "engaged": 1}
    assert len(column(shown, "new").cards) == MOST_CARDS
    assert column(shown, "new").cards[0].name == newest.name, "the newest first"
    page = shown.content.decode()
    assert f"All {MOST_CARDS + 2} in the list" in page
    assert ">In the list<" in page
    assert "All 1 in" not in page
    assert "No leads here" in page
    assert page.count("No leads here with these filters") == 0
    assert BoardColumn("new", "New", COUNT_LIMIT + 1, "").count_words == "10,000+"


def test_the_list_of_a_column_has_as_many_rows_as_the_column_says(alice: User, bob: User) -> None:
    view = make_view(alice, filters=[condition("status", "is", "engaged", "new")])
    make_lead(owner=alice), make_lead(owner=alice, status="engaged"), make_lead(owner=bob, status="engaged")
    make_lead(owner=alice, status="working_to_engage")
    shown = open_board(alice, view=view.pk, owner="me")
    assert counts(shown) == {"new": 1, "engaged": 1}
    listed = client_of(alice).get(LISTS["lead"] + column(shown, "engaged").address)
    assert listed.context["cl"].board is None
    assert len(ids(listed)) == 1
    assert chips(listed) == [("status", "Engaged"), ("owner", "Me")]


def test_a_lead_hidden_by_the_view_is_on_no_card(alice: User) -> None:
    hidden, seen = make_lead(company="Umbrella"), make_lead()
    view = make_view(alice, filters=[condition("company", "contains", "glob")])
    shown = open_board(alice, view=view.pk)
    assert card_names(shown) == {seen.name}
    assert hidden.name not in shown.content.decode()
    assert shown.context["cl"].hidden_words == "1"


def test_opportunities_are_by_stage_with_what_a_seller_looks_for(alice: User) -> None:
    deal = make_opportunity(
        account=make_account(name="Initrode"),
        owner=alice,
        amount=12000,
        next_step="Send the offer",
        next_step_due=START.date() + timedelta(days=3),
    )
    shown = open_board(alice, "opportunity")
    assert [one.key for one in shown.context["cl"].board.columns] == [key for key, _ in stage_choices()]
    assert counts(shown) == {stage_keys("open")[0]: 1}
    card = column(shown, stage_keys("open")[0]).cards[0]
    assert card.name == str(deal)
    told = " ".join(str(fact) for _, fact in card.facts)
    assert all(word in told for word in ("Initrode", str(alice), "12,000", "Send the offer")), told
    assert f'href="/admin/contracts/opportunity/{deal.pk}/change/#pl-moves"' in shown.content.decode()
    assert 'id="pl-moves"' in client_of(alice).get(card.address).content.decode()


@pytest.mark.parametrize("most", [COUNT_LIMIT, 0], ids=["few", "many"])
def test_a_stage_that_the_handbook_has_no_more_keeps_its_column(
    most: int, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(monkeypatch, most)
    deal = make_opportunity(owner=alice)
    make_opportunity(owner=alice)
    # As it is after the handbook's file lost a stage: no move would lead there.
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE contracts_opportunity SET stage = 'gone' WHERE id = %s", [deal.pk])
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")
    found = column(open_board(alice, "opportunity"), "gone")
    assert (found.label, found.count, found.address) == ("gone", 1, "")
    assert [card.name for card in found.cards] == [str(deal)]


@pytest.mark.parametrize("query", [{}, {"owner": "me"}, {"q": "globex"}, {"status": ["new", "engaged"]}])
def test_many_rows_have_the_same_cards_in_the_same_order_as_few(
    query: dict[str, Any], alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(MOST_CARDS + 2):
        make_lead(owner=alice), make_lead(), make_lead(company="Umbrella", owner=alice)
    make_lead(status="engaged", owner=alice), make_lead(status="engaged"), make_lead(status="closed_nurture")
    view = make_view(alice, columns=["name"])
    few = open_board(alice, view=view.pk, **query).context["cl"].board
    limit(monkeypatch, 1)
    many = open_board(alice, view=view.pk, **query).context["cl"].board
    assert any(one.cards for one in few.columns)
    assert [(one.key, one.cards) for one in many.columns] == [(one.key, one.cards) for one in few.columns]
    # Where no index has the answer, all are counted by one look at the rows.
    most = COUNT_LIMIT if "q" in query else 2
    assert [one.count for one in many.columns] == [min(one.count, most) for one in few.columns]


def test_a_card_says_that_somebody_is_not_to_be_contacted(alice: User) -> None:
    lead = make_lead(email="never@globex.example")
    suppress(actor=alice, at=START, via="test", reason="asked_us", emails=[lead.email])
    assert "plumb-label-danger" in str(column(open_board(alice), "new").cards[0].name)


@pytest.mark.parametrize("kind", ["lead", "opportunity"])
def test_a_board_takes_as_many_queries_for_many_rows_as_for_few(
    kind: str, alice: User, root: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(root)

    def taken() -> int:
        open_list(client, kind, display="board")
        with CaptureQueriesContext(connection) as queries:
            assert open_list(client, kind, display="board").context["cl"].board.columns
        return len(queries)

    def make(number: int) -> None:
        for _ in range(number):
            if kind == "lead":
                make_lead(owner=alice), make_lead(owner=alice, status="engaged")
            else:
                make_opportunity(owner=alice), make_opportunity(owner=alice, stage=stage_keys("open")[1])

    make(1)
    few = taken()
    make(6)
    if kind == "lead":
        make_lead(status="working_to_engage")
    assert taken() == few
    limit(monkeypatch, 1)
    more = 2 if kind == "lead" else 0
    assert taken() == few + more, "the statuses, their counts and their newest by a query each; amounts count by stage"
    assert few <= 14


@pytest.mark.parametrize("kind", ["account", "contact", "contract"])
def test_other_lists_have_no_board(kind: str, root: User) -> None:
    shown = open_list(client_of(root), kind, display="board")
    assert shown.status_code == 200
    assert shown.context["cl"].board is None
    assert shown.context["cl"].switches == []


@pytest.mark.parametrize(
    "query",
    [
        {"display": "chart"},
        {"display": ""},
        {"display": ["board", "list"]},
        {"display": "board", "p": "999"},
        {"display": "board", "p": "x", "o": "9.-9.x"},
        {"display": "board", "all": "1"},
        {"display": "board", "view": "gone"},
        {"display": "board", "without": "a,b"},
        {"display": "board", "q": "%"},
        {"display": "board", "_popup": "1"},
    ],
)
def test_odd_parameters_show_the_list_or_the_board(query: dict[str, Any], alice: User) -> None:
    make_lead()
    assert open_list(client_of(alice), "lead", **query).status_code == 200


def test_a_status_that_is_none_is_told_and_nothing_breaks(alice: User) -> None:
    shown = client_of(alice).get(LISTS["lead"], {"display": "board", "status": "nonsense"}, follow=True)
    assert shown.status_code == 200
    assert "has no “nonsense”" in shown.content.decode()


def test_a_filter_that_is_none_is_refused_on_a_board_as_on_the_list(alice: User) -> None:
    assert open_list(client_of(alice), "lead", display="board", displays="board").status_code == 400
