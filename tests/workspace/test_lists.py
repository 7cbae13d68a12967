"""Lists by their views: which one a tab opens on, what is in sight, and what happens to what is gone (C16, K5)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contracts.models import Contract
from crm import handbook
from crm.core import paging
from crm.core.acting import acting
from crm.core.door import create
from crm.handbook import SHIPPED, read
from crm.people.models import User
from crm.workspace import lists
from crm.workspace.lists import rows_of
from crm.workspace.models import ListView, RoleTabs
from leads.models import Lead
from tests.access import client_of
from tests.factories import START, make_account, make_contact, make_lead, make_opportunity, make_user
from tests.workspace.views import LISTS, chips, condition, ids, make_view, open_list, shown_columns

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("kind", "title", "filters"),
    [
        ("account", "Customers", [("type", "Customer")]),
        ("opportunity", "All opportunities", []),
        ("contact", "All contacts", []),
        ("lead", "All leads", []),
    ],
)
@pytest.mark.parametrize("role", ["sdr", "ae"])
def test_each_tab_opens_on_its_roles_view(kind: str, title: str, filters: Any, role: str) -> None:
    shown = open_list(client_of(make_user("opens", role=role)), kind)
    assert shown.context["cl"].view.view.title == title
    assert chips(shown) == filters


def test_a_tab_opens_on_its_roles_view_whatever_was_pinned(alice: User) -> None:
    own = make_view(alice, filters=[condition("status", "is", "engaged")])
    client = client_of(alice)
    client.post(f"/admin/views/{own.pk}/pin/", {"pinned": "yes"})
    shown = open_list(client, "lead")
    assert shown.context["cl"].view.view.title == "All leads"
    groups = [(group.title, [entry.view.title for entry in group.entries]) for group in shown.context["cl"].menu.groups]
    assert groups == [("Pinned", ["A view"]), ("Everybody's", ["All leads"])]


@pytest.mark.parametrize("view", ["customers", "all_accounts", "customer_health"])
def test_columns_are_those_of_the_view_in_its_order(alice: User, view: str) -> None:
    wanted = next(one for one in handbook.current().views if one.key == view)
    assert shown_columns(open_list(client_of(alice), "account", view=view)) == list(wanted.columns)


def test_every_view_of_the_handbook_shows_all_of_its_columns(root: User) -> None:
    client = client_of(root)
    for view in handbook.current().views:
        shown = open_list(client, view.object, view=view.key)
        assert shown_columns(shown) == list(view.columns)
        assert shown.context["cl"].notes == []


def test_customers_are_those_with_a_contract_in_force(alice: User) -> None:
    customer, stated, prospect = make_account(), make_account(type="customer"), make_account(type="prospect")
    signed = Contract(account=customer, name="Agreement", effective_date=date(2020, 1, 1), close_date=date(2020, 1, 1))
    create(signed, actor=User.objects.system(), at=START, via="test", state="signed")
    shown = open_list(client_of(alice), "account")
    assert set(ids(shown)) == {customer.pk, stated.pk}
    assert prospect.pk not in ids(shown)
    assert shown.context["cl"].hidden_words == "1"
    cleared = client_of(alice).get(LISTS["account"] + shown.context["cl"].chips[0].without)
    assert len(ids(cleared)) == 3
    assert chips(cleared) == []


def test_one_click_clears_all_filters_the_views_and_ones_own(alice: User, bob: User) -> None:
    make_lead(owner=bob), make_lead(owner=alice, status="engaged")
    view = make_view(alice, filters=[condition("status", "is", "engaged"), condition("company", "contains", "glob")])
    client = client_of(alice)
    shown = open_list(client, "lead", view=view.pk, owner="me", q="lea")
    assert chips(shown) == [
        ("Lead status", "Engaged"),
        ("Company", "contains “glob”"),
        ("owner", "Me"),
        ("Search", "lea"),
    ]
    cleared = client.get(LISTS["lead"] + shown.context["cl"].clear_all)
    assert chips(cleared) == []
    assert len(ids(cleared)) == 2
    assert cleared.context["cl"].view.view == view, "the view itself stays"


def test_a_filter_of_ones_own_stands_instead_of_the_views_on_the_same_field(alice: User) -> None:
    prospect, customer = make_account(type="prospect"), make_account(type="customer")
    shown = open_list(client_of(alice), "account", type="prospect")
    assert ids(shown) == [prospect.pk]
    assert chips(shown) == [("type", "Prospect")]
    assert customer.pk not in ids(shown)


def test_searching_keeps_the_view(alice: User) -> None:
    make_account(name="Initrode", type="prospect")
    shown = open_list(client_of(alice), "account", view="customers", q="initro")
    assert ids(shown) == []
    page = shown.content.decode()
    assert '<input type="hidden" name="view" value="customers">' in page
    assert len(ids(open_list(client_of(alice), "account", view="all_accounts", q="initro"))) == 1


# --- what is gone -----------------------------------------------------------------------------------------------------


def test_a_view_whose_field_is_gone_says_which_and_shows_the_rest(alice: User) -> None:
    lead = make_lead()
    view = make_view(
        alice,
        title="Old",
        columns=["name", "shoe_size", "company"],
        filters=[condition("mood", "is", "good"), condition("status", "is", "new")],
        sort="-shoe_size",
    )
    shown = open_list(client_of(alice), "lead", view=view.pk)
    assert shown_columns(shown) == ["name", "company"]
    assert ids(shown) == [lead.pk]
    assert chips(shown) == [("Lead status", "New")]
    notes = " ".join(shown.context["cl"].notes)
    for said in (
        "“shoe_size” of the view “Old” is gone",
        "no field “mood”",
        "leads are shown without it",
        "sorted by is gone",
    ):
        assert said in notes
    assert "no field “mood”" in shown.content.decode()


def test_a_value_that_left_the_handbook_is_said_and_still_found(alice: User) -> None:
    with acting(actor=User.objects.system(), via="test", at=START):
        Lead.objects.filter(pk=make_lead().pk).update(lead_source="carrier_pigeon")
    make_lead()
    view = make_view(alice, filters=[condition("lead_source", "is", "carrier_pigeon")])
    shown = open_list(client_of(alice), "lead", view=view.pk)
    assert len(ids(shown)) == 1
    assert "“carrier_pigeon” is no Lead source any more" in " ".join(shown.context["cl"].notes)


@pytest.mark.parametrize("asked", ["no_such", "99999999", "x'--", "🙂"])
def test_a_view_that_is_gone_is_said_and_the_tabs_own_is_shown(alice: User, asked: str) -> None:
    shown = open_list(client_of(alice), "account", view=asked)
    assert shown.context["cl"].view.view.title == "Customers"
    assert f"There is no view “{asked}” here any more" in " ".join(shown.context["cl"].notes)


def test_somebody_elses_own_view_is_as_good_as_gone(alice: User, bob: User) -> None:
    theirs = make_view(bob)
    shown = open_list(client_of(alice), "lead", view=theirs.pk)
    assert shown.context["cl"].view.view.title == "All leads"
    assert "not shared with you" in " ".join(shown.context["cl"].notes)


def test_a_tab_whose_view_was_deleted_shows_everything_and_says_so(alice: User) -> None:
    prospect = make_account(type="prospect")
    ListView.objects.filter(key="customers").delete()
    shown = open_list(client_of(alice), "account")
    assert ids(shown) == [prospect.pk]
    assert "The view “customers”, which your tab opens on, is gone." in shown.context["cl"].notes


def test_a_list_without_any_view_has_the_handbooks_columns(alice: User) -> None:
    ListView.objects.all().delete()
    RoleTabs.objects.all().delete()
    make_lead()
    shown = open_list(client_of(alice), "lead")
    assert shown_columns(shown) == list(next(v for v in handbook.current().views if v.key == "all_leads").columns)
    assert len(ids(shown)) == 1


@pytest.mark.parametrize(
    "broken", [{"columns": "name"}, {"filters": {"a": 1}}, {"filters": ["x", 3]}, {"columns": [None, 4]}]
)
def test_a_view_that_is_stored_oddly_opens_all_the_same(alice: User, broken: dict[str, Any]) -> None:
    make_lead()
    view = make_view(alice, **broken)
    assert len(ids(open_list(client_of(alice), "lead", view=view.pk))) == 1


# --- order ------------------------------------------------------------------------------------------------------------


def test_a_view_is_sorted_as_it_says(alice: User) -> None:
    later, sooner, never = (
        make_opportunity(close_on=date(2026, 9, 1)),
        make_opportunity(close_on=date(2026, 5, 1)),
        make_opportunity(),
    )
    shown = open_list(client_of(alice), "opportunity", view="open_opportunities")
    assert ids(shown) == [sooner.pk, later.pk, never.pk]


def test_it_sorts_by_a_computed_field_only_while_few_are_left(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    big, small, none = make_account(name="Big"), make_account(name="Small"), make_account(name="None")
    for account, count in ((big, 3), (small, 1)):
        for _ in range(count):
            make_opportunity(account=account)
    view = make_view(alice, object="account", columns=["name", "total_opportunities"], sort="-total_opportunities")
    client = client_of(alice)
    assert ids(open_list(client, "account", view=view.pk)) == [big.pk, small.pk, none.pk]
    monkeypatch.setattr(lists, "COUNT_LIMIT", 2)
    shown = open_list(client, "account", view=view.pk)
    assert ids(shown) == [none.pk, small.pk, big.pk]
    assert "needs filters that leave at most 2 accounts" in " ".join(shown.context["cl"].notes)


def test_sorting_by_a_computed_field_pages_and_searches(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = [make_account(name=f"Initech {number:02}") for number in range(60)]
    for account in accounts[:5]:
        make_opportunity(account=account)
    view = make_view(alice, object="account", columns=["name", "total_opportunities"], sort="-total_opportunities")
    client = client_of(alice)
    first = ids(open_list(client, "account", view=view.pk))
    second = ids(open_list(client, "account", view=view.pk, p=2))
    assert set(first[:5]) == {account.pk for account in accounts[:5]}
    assert (len(first), len(second)) == (50, 10)
    assert set(first) | set(second) == {account.pk for account in accounts}
    assert ids(open_list(client, "account", view=view.pk, q="initech 03")) == [accounts[3].pk]


def test_empty_values_come_last_both_ways(alice: User) -> None:
    none, few, many = make_lead(), make_lead(employees=5), make_lead(employees=900)
    client = client_of(alice)
    for sort, wanted in (("employees", [few, many, none]), ("-employees", [many, few, none])):
        view = make_view(alice, title=sort, columns=["name", "employees"], sort=sort)
        assert ids(open_list(client, "lead", view=view.pk)) == [one.pk for one in wanted]


# --- queries ----------------------------------------------------------------------------------------------------------


def test_one_query_finds_the_tabs_and_one_the_views(alice: User) -> None:
    for number in range(5):
        make_view(alice, title=f"View {number}")
    client = client_of(alice)
    open_list(client, "lead")
    with CaptureQueriesContext(connection) as asked:
        open_list(client, "lead")
    assert len([one for one in asked if "workspace_roletabs" in one["sql"]]) == 1
    assert len([one for one in asked if "workspace_listview" in one["sql"]]) == 1


@pytest.mark.parametrize("kind", list(LISTS))
def test_any_columns_take_as_many_queries_for_many_rows_as_for_few(root: User, alice: User, kind: str) -> None:
    from crm.workspace.fields import fields_of
    from crm.workspace.lists_chosen import kind_named
    from tests.samples import SAMPLES

    model = kind_named(kind)
    view = make_view(root, object=kind, columns=[field.name for field in fields_of(model)])
    client = client_of(root)
    counts = []
    for more in (2, 6):
        for _ in range(more):
            SAMPLES[model._meta.label](alice)
        open_list(client, kind, view=view.pk)
        with CaptureQueriesContext(connection) as asked:
            assert len(ids(open_list(client, kind, view=view.pk))) >= more
        counts.append(len(asked))
    assert counts[0] == counts[1]


# --- own fields -------------------------------------------------------------------------------------------------------


@pytest.fixture
def own(tmp_path: Any) -> Any:
    """A handbook with fields of the company's own."""
    path = tmp_path / "own.toml"
    fields = """
[[own_fields]]
object = "account"
key = "region"
label = "Region"
type = "choice"
kept_as = "Region__c"
choices = [{ key = "emea", label = "Europe" }, { key = "apac", label = "Asia" }]

[[own_fields]]
object = "account"
key = "seats"
label = "Seats"
type = "number"

[[own_fields]]
object = "account"
key = "signed"
label = "Signed"
type = "date"

[[own_fields]]
object = "account"
key = "friendly"
label = "Friendly"
type = "yes_no"

"""
    text = SHIPPED.read_text()
    path.write_text(text.replace("[[views]]", fields + "[[views]]", 1))
    with handbook.use(read(path)):
        yield


def test_own_fields_are_columns_and_filters(alice: User, own: Any) -> None:
    here = make_account(kept={"Region__c": "emea", "seats": "40", "signed": "2026-02-03", "friendly": "true"})
    there = make_account(kept={"Region__c": "apac", "seats": "9", "signed": "soon"})
    bare = make_account()
    view = make_view(alice, object="account", columns=["name", "region", "seats", "signed", "friendly"])
    client = client_of(alice)
    page = open_list(client, "account", view=view.pk).content.decode()
    for said in ("Europe", "Asia", "40", "Feb 3"):
        assert said in page
    assert ids(open_list(client, "account", view=view.pk, region="emea")) == [here.pk]
    cases = [
        (condition("region", "is", "apac"), {there}),
        (condition("region", "is_not", "apac"), {here, bare}),
        (condition("region", "empty"), {bare}),
        (condition("seats", "at_least", "10"), {here}),
        (condition("seats", "is_not", "40"), {there, bare}),
        (condition("signed", "at_most", "2026-12-31"), {here}),
        (condition("friendly", "is", "yes"), {here}),
    ]
    for stored, wanted in cases:
        with acting(actor=User.objects.system(), via="test", at=START):
            ListView.objects.filter(pk=view.pk).update(filters=[stored])
        assert set(ids(open_list(client, "account", view=view.pk))) == {one.pk for one in wanted}, stored


# --- the same rows elsewhere ------------------------------------------------------------------------------------------


def test_the_rows_of_a_view_are_the_same_for_whoever_asks_by_it(alice: User, bob: User, now: Any) -> None:
    mine, theirs = make_lead(owner=alice), make_lead(owner=bob)
    view = make_view(None, title="Mine", filters=[condition("owner", "is", "me"), condition("gone", "is", "x")])
    assert list(rows_of(view, reader=alice, at=now)) == [mine]
    assert list(rows_of(view, reader=bob, at=now)) == [theirs]


def test_a_bulk_action_on_all_that_match_takes_the_views_conditions(mona: User) -> None:
    make_account(type="prospect"), make_account(type="customer")
    page = client_of(mona).get("/admin/accounts/account/bulk/export/", {"all": "1", "view": "customers"})
    assert "All 1 that match (type: Customer)" in page.content.decode()


def test_a_list_of_related_records_is_not_narrowed_by_an_empty_view(alice: User) -> None:
    account = make_account()
    contact = make_contact(account=account)
    make_contact()
    assert ids(open_list(client_of(alice), "contact", account=account.pk)) == [contact.pk]


def test_counting_what_is_hidden_stops_at_the_limit(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    from crm.core import admin_list

    monkeypatch.setattr(paging, "COUNT_LIMIT", 3)
    monkeypatch.setattr(admin_list, "COUNT_LIMIT", 3)
    for _ in range(5):
        make_account(type="prospect")
    make_account(type="customer")
    assert open_list(client_of(alice), "account").context["cl"].hidden_words == "more than 10,000"


def test_days_of_conditions_move_with_the_calendar(alice: User, now: Any) -> None:
    today = handbook.current().today(now)
    soon, late = (
        make_opportunity(close_on=today + timedelta(days=3)),
        make_opportunity(close_on=today + timedelta(days=9)),
    )
    view = make_view(alice, object="opportunity", filters=[condition("close_on", "at_most", "today+7")])
    assert list(rows_of(view, reader=alice, at=now)) == [soon]
    assert list(rows_of(view, reader=alice, at=now + timedelta(days=2)).order_by("pk")) == [soon, late]
