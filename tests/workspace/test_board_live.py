"""A board that is open: asked again and again for little, paged by column, with figures that are always right."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from contracts.models import Opportunity
from contracts.worth import totals_by_stage
from crm import handbook
from crm.core.door import move
from crm.handbook.schema import ExchangeRate
from crm.people.models import User
from crm.reviews.pipeline.valued import present
from crm.workspace.board_rows import MOST_CARDS
from tests.access import client_of
from tests.factories import START, make_account, make_lead, make_opportunity
from tests.workspace.test_board import column, counts, limit, open_board
from tests.workspace.views import LISTS

MINUTE = timedelta(minutes=1)


def ask(client: Client, kind: str, tag: str = "", **query: Any) -> Any:
    """What an open board asks."""
    headers = {"If-None-Match": tag} if tag else {}
    return client.get(f"{LISTS[kind]}board/", {"display": "board", **query}, headers=headers)


def places(answer: Any, key: str) -> list[str]:
    """Where the cards of a column stand, in their order."""
    found = next(one for one in answer.context["cl"].board.columns if one.key == key)
    return [card.place for card in found.cards]


@pytest.mark.django_db(transaction=True)
def test_nothing_written_is_answered_by_three_queries_and_a_move_by_the_columns(alice: User, mona: User) -> None:
    lead, other = make_lead(owner=alice), make_lead(owner=alice, company="Umbrella")
    client = client_of(alice)
    tag = ask(client, "lead").headers["ETag"]
    for _ in range(20):  # sessions of other databases of this server may write meanwhile: that only costs more
        with CaptureQueriesContext(connection) as queries:
            answer = ask(client, "lead", tag)
        assert answer.status_code == 304
        assert answer.content == b""
        tag = answer.headers["ETag"]
        if len(queries) == 3:
            break
    assert len(queries) == 3, "who asks (2), and whether anything at all was written"
    # Something was written that this board does not show: nothing is drawn, and the next question is cheap again.
    make_account()
    with CaptureQueriesContext(connection) as queries:
        answer = ask(client, "lead", tag)
    assert answer.status_code == 304
    assert len(queries) <= 9
    assert answer.headers["ETag"] != tag
    tag = answer.headers["ETag"]
    move(lead, "work", actor=mona, at=START + MINUTE, via="test")
    answer = ask(client, "lead", tag)
    assert answer.status_code == 200
    assert counts(answer) == {"new": 1, "working_to_engage": 1}
    assert f'data-record="{lead.pk}" data-version="{lead.version}"' in answer.content.decode()
    filtered = ask(client, "lead", answer.headers["ETag"], q="umbrella")
    assert filtered.status_code == 200, "another address is another board"
    assert counts(filtered) == {"new": 1}
    other.delete()
    assert counts(ask(client, "lead", answer.headers["ETag"])) == {"working_to_engage": 1}


@pytest.mark.django_db
@pytest.mark.parametrize("few", [True, False], ids=["few", "many"])
def test_pages_of_a_column_skip_nobody_while_cards_come_and_go(
    few: bool, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not few:
        limit(monkeypatch, 1)
    # Some came in at the very same moment.
    leads = [make_lead(owner=alice, at=START + MINUTE * (number // 3)) for number in range(2 * MOST_CARDS + 5)]
    expected = [lead.pk for lead in sorted(leads, key=lambda one: (one.status_since, one.pk), reverse=True)]
    client = client_of(alice)
    first = open_board(alice)
    shown = [card.pk for card in column(first, "new").cards]
    assert shown == expected[:MOST_CARDS]
    last = column(first, "new").cards[-1].place
    newcomer = make_lead(owner=alice, at=START + timedelta(days=1))
    move(leads[-1], "work", actor=alice, at=START + timedelta(days=1), via="test")
    more = ask(client, "lead", more="new", after=last)
    ids = [card.pk for card in more.context["cards"]]
    assert ids == expected[MOST_CARDS : 2 * MOST_CARDS]
    assert b"data-column" not in more.content
    # What is open stays open, the newcomer on top, and the one that moved is on top of its new column.
    again = ask(client, "lead", upto=f"new:{more.context['cards'][-1].place}")
    now = [card.pk for card in column(again, "new").cards]
    assert now == [newcomer.pk, *expected[1 : 2 * MOST_CARDS]]
    assert [card.pk for card in column(again, "working_to_engage").cards] == [leads[-1].pk]
    # As if two were many, no more are counted: what is left is not known then.
    assert ("Show 5 more" in again.content.decode()) == few
    assert len(places(ask(client, "lead"), "new")) == MOST_CARDS
    rest = ask(client, "lead", more="new", after=more.context["cards"][-1].place)
    assert [card.pk for card in rest.context["cards"]] == expected[2 * MOST_CARDS :]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "query",
    [{"upto": "new:x"}, {"upto": "new"}, {"upto": "new:999999999999999999-1"}, {"more": "new"}, {"owner": "nobody!"}],
)
def test_what_no_board_asks_is_refused_with_a_sentence(query: dict[str, str], alice: User) -> None:
    answer = ask(client_of(alice), "lead", **query)
    assert answer.status_code == 400
    assert answer.json()["message"]
    assert ask(client_of(alice), "lead", nonsense="1").status_code == 400


@pytest.mark.django_db
def test_columns_of_opportunities_say_what_they_come_to(alice: User, now: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    book = handbook.current()
    rates = tuple(
        ExchangeRate(currency=currency, since=since, rate=rate)
        for currency, since, rate in (
            ("EUR", date(2026, 1, 1), "1.101"), ("EUR", date(2026, 7, 1), "2"), ("GBP", date(2026, 9, 1), "3"),
        )
    )  # fmt: skip
    company = book.company.model_copy(update={"rates": rates, "currency": "USD"})
    monkeypatch.setattr(handbook, "current", lambda: book.model_copy(update={"company": company}))
    account = make_account()
    for amount, currency, close_on in (
        (Decimal("100.00"), "USD", date(2026, 5, 1)),
        (Decimal("10.05"), "EUR", date(2026, 6, 30)),  # 11.06505: to the cent
        (Decimal("10.05"), "EUR", date(2026, 6, 30)),
        (Decimal("10.00"), "EUR", date(2026, 7, 1)),
        (Decimal("7.00"), "GBP", date(2026, 8, 31)),  # before there was a rate
        (Decimal("5.00"), "CHF", date(2026, 8, 31)),
        (None, "USD", None),
    ):
        make_opportunity(owner=alice, account=account, amount=amount, currency=currency, close_on=close_on)
    found = totals_by_stage(Opportunity.objects.all(), now)["meeting_set"]
    assert (found.count, found.worth, found.without) == (7, Decimal("142.14"), 1)
    assert found.apart == {"CHF": Decimal("5.00"), "GBP": Decimal("7.00")}
    assert found.worth_words == "142.14 USD"
    assert found.apart_words == "5 CHF, no rate; 7 GBP, no rate; 1 without an amount"
    statement, values = present(now)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT sum(worth) FROM ({statement}) one", values)
        assert cursor.fetchone() == (found.worth,), "as forecasts and reviews add it"
    page = open_board(alice, "opportunity").content.decode()
    assert "142.14 USD" in page
    assert "5 CHF, no rate; 7 GBP, no rate; 1 without an amount" in page
    # What a filter leaves is what is added.
    assert "0 USD" in open_board(alice, "opportunity", owner="none").content.decode()


@pytest.mark.django_db
def test_every_one_of_many_opportunities_is_counted_and_added(alice: User) -> None:
    account, number = make_account(), 10_050
    first = make_opportunity(owner=alice, account=account, amount=Decimal(2), currency="USD")
    fields = [one for one in Opportunity._meta.concrete_fields if not one.primary_key and not one.generated]
    columns = ", ".join(connection.ops.quote_name(str(one.column)) for one in fields)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            f"INSERT INTO contracts_opportunity ({columns}) SELECT {columns} FROM contracts_opportunity, "
            "generate_series(2, %s) WHERE id = %s",
            [number, first.pk],
        )
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")
    client = client_of(alice)
    with CaptureQueriesContext(connection) as queries:
        shown = ask(client, "opportunity")
    found = column(shown, first.stage)
    assert (found.count, found.total.worth if found.total else 0) == (number, 2 * number)
    assert found.next_page == MOST_CARDS
    assert len(queries) <= 12
    page = shown.content.decode()
    assert f"All {number:,} in the list" in page
    assert f"{number:,} opportunities" in page
    assert "10,000+" not in page
