"""The forecast where people and programs meet it: pages, the lists behind their numbers, quotas, files, the API."""

from __future__ import annotations

import csv
import io
import re
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from html import unescape
from typing import Any, cast

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from crm.core.errors import Refused, Stale
from crm.history.models import Change
from crm.people.models import User
from crm.reviews.forecast.asked import Asked
from crm.reviews.forecast.backtest import backtest
from crm.reviews.forecast.export import export_forecast
from crm.reviews.forecast.figures import forecast
from crm.reviews.forecast.quotas import Wanted, read_amount, set_quotas
from crm.reviews.forecast.snapshots import take_snapshots
from crm.reviews.models import Quota
from tests.factories import make_account, make_opportunity, make_user
from tests.keys import program
from tests.races import race
from tests.reviews.forecasting import QUARTER, company, set_quota, world

NUMBER = re.compile(
    r'<a class="pl-link" href="(/admin/contracts/opportunity/\?[^"]+)">([^<]+)<span class="pl-sr"> [^:]+: (\d+) '
)


@pytest.fixture
def at_that_moment(monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    """It is Wednesday in the first quarter of 2026."""
    monkeypatch.setattr(timezone, "now", lambda: now)


def client_of(user: User) -> Client:
    """Somebody who is logged in."""
    client = Client()
    client.force_login(user)
    return client


def text(response: Any) -> str:
    """What a page says."""
    return unescape(response.content.decode())


@pytest.mark.django_db
@pytest.mark.usefixtures("at_that_moment")
def test_every_number_of_the_page_opens_the_list_of_what_it_counts(
    alice: User, bob: User, mona: User, charlie: User, now: datetime
) -> None:
    with company():
        world([alice, bob, charlie, None], 60, seed=11)
        set_quota(alice, 250_000)
        take_snapshots(at=now)
        client, place = client_of(mona), reverse("admin:forecast")
        page = text(client.get(place))
        found = forecast(Asked(QUARTER), at=now)
        for said in ("Q1 2026", "Quota", "In no forecast", "Not added", "without an amount", "Nobody"):
            assert said in page, said
        assert f"{found.total['won'].worth:,.0f}" in page
        numbers = NUMBER.findall(page)
        assert len(numbers) > 20
        # One of each kind: every cell of the first owner, the team's, nobody's and the total.
        for address, _, count in numbers[:: max(1, len(numbers) // 12)]:
            listed = client.get(address)
            assert listed.context["cl"].result_count == int(count), address
        # The weeks, and the parts of the page that are asked for.
        narrow = text(client.get(place, {"team": str(alice.team_id)}))
        assert "Charlie" not in narrow.partition('data-section="owners"')[2]
        assert text(client.get(place, {"quarter": "2026-05-05"})).count("Q2 2026") >= 1
        assert "Nothing closes in Q1 2031" in text(client.get(place, {"quarter": "2031-01-01"}))
        wrong = client.get(place, {"quarter": "soon", "team": "x"})
        assert wrong.status_code == 400
        assert "Quarter: a day in it" in text(wrong)
        refused = text(
            client.get(reverse("admin:contracts_opportunity_changelist"), {"forecast_figures": "part=all"}, follow=True)
        )
        assert "The list is shown unfiltered." in refused
        # Everybody sees it; the number of queries does not grow with what there is.
        assert client_of(charlie).get(place).status_code == 200
        with CaptureQueriesContext(connection) as few:
            client.get(place)
        world([alice, bob, charlie, None], 60, seed=12)
        with CaptureQueriesContext(connection) as many:
            client.get(place)
        assert len(many) == len(few) <= 25


@pytest.mark.django_db
@pytest.mark.usefixtures("at_that_moment")
def test_programs_and_files_have_the_figures_of_the_page(
    alice: User, bob: User, mona: User, robot: User, now: datetime
) -> None:
    with company():
        world([alice, bob, None], 50, seed=5)
        set_quota(alice, 90_000)
        set_quota(bob, 70_000, currency="CHF")
        take_snapshots(at=now)
        found = forecast(Asked(QUARTER), at=now)
        api = program(robot, "opportunities:forecast")
        answer = api("GET", "forecast/?quarter=2026-02-02")
        assert answer.status_code == 200
        told = answer.json()
        assert (told["quarter"], told["label"], told["currency"], told["over"]) == (
            "2026-01-01",
            "Q1 2026",
            "USD",
            False,
        )
        mine = next(one for one in told["owners"] if one["owner_id"] == alice.pk)
        figures = found.owners[alice.pk]
        assert mine["commit"]["amount"] == f"{figures['commit'].worth:.2f}"
        assert mine["commit"]["count"] == figures["commit"].count
        assert mine["quota"] == "90000.00"
        assert told["total"]["quota_without_rate"] == {"CHF": "70000.00"}
        assert told["total"]["won"]["without_rate"] == {
            code: f"{amount:.2f}" for code, amount in found.total["won"].apart.items()
        }
        (week,) = api("GET", "forecast/snapshots/").json()["results"]
        assert (week["week"], week["commit"]) == ("2026-03-02", told["total"]["commit"]["amount"])
        assert api("GET", "forecast/backtest/").json()["currency"] == "USD"
        assert api("GET", "forecast/?quarter=never").status_code == 400
        assert api("GET", "forecast/?part=won").status_code == 400
        assert program(robot, "opportunities:read")("GET", "forecast/").status_code == 403

        sent = client_of(mona).post(reverse("admin:forecast_export"), {"what": "figures"}, follow=True)
        rows = list(csv.DictReader(io.StringIO(b"".join(cast(Any, sent).streaming_content).decode("utf-8-sig"))))
        assert [row["By"] for row in rows] == ["All", *["Owner"] * 3, *["Team"] * 2]
        assert Decimal(rows[0]["Commit"]) == found.total["commit"].worth
        assert Decimal(rows[0]["Weighted"]) == found.total.weighted.worth
        assert rows[0]["Quota: without a rate"] == "70,000.00 CHF"
        for what in ("snapshots", "backtest"):
            assert export_forecast(what, Asked(QUARTER), actor=mona, at=now, via="test").state == "done"
        assert client_of(mona).post(reverse("admin:forecast_export"), {"what": "all"}).status_code == 400
        with pytest.raises(Refused):
            export_forecast("figures", Asked(QUARTER), actor=robot, at=now, via="test")


@pytest.mark.django_db
@pytest.mark.usefixtures("at_that_moment")
def test_the_backtest_says_where_it_knows_from(mona: User, now: datetime) -> None:
    place, client = reverse("admin:forecast_backtest"), client_of(mona)
    assert "No quarter is over yet" in text(client.get(place))
    account = make_account()
    make_opportunity(
        account=account, owner=mona, stage="closed_won", amount=100, close_on=date(2025, 12, 1),
        created_at=datetime(2025, 11, 1, tzinfo=now.tzinfo),
    )  # fmt: skip
    page = text(client.get(place))
    assert [one.quarter.label for one in backtest(Asked(QUARTER), at=now).quarters] == ["Q4 2025"]
    assert "Q4 2025" in page
    assert "History" in page
    assert "mean absolute percentage error, MAPE" in page


@pytest.mark.django_db
@pytest.mark.usefixtures("at_that_moment")
def test_a_manager_sets_the_quotas_of_a_team_in_one_go(alice: User, bob: User, charlie: User, mona: User) -> None:
    place, client = reverse("admin:forecast_quotas"), client_of(mona)
    set_quota(bob, 40_000, quarter=date(2025, 10, 1))
    set_quota(charlie, 5, currency="CHF")
    page = text(client.get(place))
    assert "40,000 USD" in page
    assert "5 CHF" in page

    def sent(**more: str) -> Any:
        names = {f"quota_{one.pk}": "" for one in (alice, bob, mona)}
        return client.post(f"{place}?quarter=2026-01-01", {**names, **more}, follow=True)

    assert "2 quotas set" in text(sent(**{f"quota_{alice.pk}": "250k", f"quota_{bob.pk}": "1,000.50"}))
    stored = {one.owner_id: one for one in Quota.objects.filter(quarter=QUARTER)}
    assert (stored[alice.pk].amount, stored[bob.pk].amount) == (Decimal(250_000), Decimal("1000.50"))
    # All or nothing: a wrong amount, and one that somebody else changed meanwhile.
    versions = {f"version_{one.pk}": "1" for one in (alice, bob)}
    wrong = sent(**versions, **{f"quota_{alice.pk}": "a lot", f"quota_{bob.pk}": "7"})
    assert wrong.status_code == 422
    assert "Write an amount, as 250000." in text(wrong)
    stale = sent(**{f"quota_{alice.pk}": "9"})
    assert stale.status_code == 422
    assert "Somebody else changed it: it is 250000 now." in text(stale)
    assert Quota.objects.get(pk=stored[bob.pk].pk).amount == Decimal("1000.50")
    # Pasted, by name or address; an empty one removes it.
    pasted = sent(**versions, pasted="alice@example.com\t300,000\nBob\t")
    assert "2 quotas set" in text(pasted)
    assert {one.owner_id: one.amount for one in Quota.objects.filter(quarter=QUARTER, currency="USD")} == {
        alice.pk: Decimal(300_000)
    }
    assert "Nobody on this page is called “zoe”" in text(sent(pasted="Zoe\t5"))
    ops = Change.objects.filter(object="quota", record_id=stored[bob.pk].pk).order_by("pk").values_list("op", flat=True)
    assert list(ops) == ["I", "D"]
    # Others look on.
    seen = text(client_of(alice).get(place)).partition('data-section="quotas"')[2]
    assert ("Save" in seen, "300,000</td>" in seen) == (False, True)
    assert client_of(alice).post(place, {}).status_code == 403

    add = reverse("admin:reviews_quota_add")
    entered = {"owner": alice.pk, "quarter": "2026-02-01", "amount": "5", "currency": "USD"}
    assert "A fiscal quarter begins on 1 January 2026 and on 1 April 2026." in text(client.post(add, entered))
    twice = text(client.post(add, {**entered, "quarter": "2026-01-01"}))
    assert "They have a quota for this quarter already" in twice
    assert client.post(add, {**entered, "quarter": "2026-04-01"}).status_code == 302


@pytest.mark.parametrize("text_", ["-1", "nan", "1e99", "k", "12.3.4", "infinity", "250000,50", "1.234,56", "2kk"])
def test_it_refuses_an_amount_that_is_none(text_: str) -> None:
    with pytest.raises(ValueError, match="amount"):
        read_amount(text_)


@pytest.mark.django_db
@pytest.mark.usefixtures("at_that_moment")
def test_who_saves_quotas_twice_or_after_somebody_else_is_told_so_and_loses_nothing_typed(
    alice: User, bob: User, mona: User
) -> None:
    place, client = reverse("admin:forecast_quotas") + "?quarter=2026-01-01", client_of(mona)
    typed = {f"quota_{alice.pk}": "100", f"quota_{bob.pk}": "200"}
    assert "2 quotas set" in text(client.post(place, typed, follow=True))
    # The second of two clicks sends the same versions again.
    assert "Nothing changed." in text(client.post(place, typed, follow=True))
    assert Quota.objects.get(owner=alice).version == 1
    # Somebody else was there first: what was typed stays, and saving what the page now shows replaces theirs.
    late = client.post(place, {f"quota_{alice.pk}": "300", f"quota_{bob.pk}": "200"})
    assert (late.status_code, "it is 100 now" in text(late), "it is 200 now" in text(late)) == (422, True, True)
    shown = dict(re.findall(r'name="((?:quota|version)_\d+)"[^>]* value="([^"]*)"', text(late)))
    assert (shown[f"quota_{alice.pk}"], shown[f"version_{alice.pk}"]) == ("300", "1")
    assert "1 quota set" in text(client.post(place, shown, follow=True))
    assert Quota.objects.get(owner=alice).amount == 300
    # What is pasted is for one person, and says one amount.
    User.objects.filter(pk=make_user("alan", role="ae").pk).update(first_name="Alice")
    versions = {f"version_{one.owner_id}": one.version for one in Quota.objects.all()}
    for pasted, why in (("Alice\t5", "Several people are called “alice”"), ("Bob\t5\nbob\t6", "“bob” is there twice")):
        answer = client.post(place, {**typed, **versions, "pasted": pasted})
        assert (answer.status_code, why in text(answer), pasted in text(answer)) == (422, True, True), pasted
    assert set(Quota.objects.values_list("amount", flat=True)) == {200, 300}


@pytest.mark.django_db
@pytest.mark.usefixtures("at_that_moment")
def test_the_page_tells_what_it_could_not_add_and_quotas_of_another_fiscal_year(alice: User, mona: User) -> None:
    set_quota(alice, 100)
    make_opportunity(owner=alice, amount=700, currency="CHF", close_on=None)
    with company(fiscal_year_start=2):
        page = text(client_of(mona).get(reverse("admin:forecast")))
    assert "1 quota of Jan 1, 2026" in page
    outside = re.sub(r"<[^>]+>", "", page.partition('data-section="outside">')[2].partition("</p>")[0])
    assert outside.startswith("In no forecast: 1 open without a close date (0 USD, and 700.00 CHF).")


@pytest.mark.django_db(transaction=True)
def test_of_two_managers_at_once_the_second_is_told_what_the_first_set(alice: User, mona: User, now: datetime) -> None:
    setting = [
        partial(set_quotas, QUARTER, {alice: Wanted(Decimal(amount))}, actor=mona, at=now, via="test")
        for amount in (100, 200)
    ]
    behind = "SELECT pg_advisory_xact_lock(hashtextextended('quotas:2026-01-01', 7))"
    answers = race(*setting, behind=behind)
    assert sorted(type(one) is Stale for one in answers) == [False, True]
    assert Quota.objects.count() == 1
