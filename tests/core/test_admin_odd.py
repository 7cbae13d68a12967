"""What no form of ours sends: the form comes back with an error at its field, and a link's odd value is let be."""

from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.models import Account, Contact
from crm.activities.models import Activity
from crm.people.models import User
from leads.models import Lead
from tests.access import client_of
from tests.factories import make_account, make_lead
from tests.samples import make_touch

LEADS = "/admin/leads/lead/"
ODD = ["abc", "🙂", "1\x00", "²", "9" * 30, "x" * 100_000]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: ascii(odd[:5]))
def test_a_related_record_that_is_none_is_said_at_its_field(odd: str, alice: User) -> None:
    client = client_of(alice)
    pages = {"accounts_contact": "account", "accounts_account": "parent", "leads_lead": "owner"}
    for name, field in pages.items():
        response = client.post(reverse(f"admin:{name}_add"), {field: odd, "last_name": "Lea", "name": "Globex"})
        assert response.status_code == 200, name
        assert field in response.context["adminform"].form.errors, name
    assert [kind.objects.count() for kind in (Lead, Contact, Account)] == [0, 0, 0]


@pytest.mark.parametrize("odd", ODD[:-1], ids=ascii)
def test_a_link_that_names_no_record_leaves_the_field_as_it_is(odd: str, alice: User) -> None:
    client = client_of(alice)
    for name, field in (("leads_lead", "owner"), ("accounts_contact", "account"), ("activities_activity", "lead")):
        assert client.get(reverse(f"admin:{name}_add"), {field: odd}).status_code == 200, name
    assert client.get(reverse("admin:activities_activity_add"), {"happened_at": odd}).status_code == 200
    form = client.get(reverse("admin:leads_lead_add"), {"owner": odd}).context["adminform"].form
    assert form.initial["owner"] == str(alice.pk)


def test_a_link_that_names_a_record_fills_it_in(alice: User) -> None:
    account = make_account(name="Globex")
    page = client_of(alice).get(reverse("admin:accounts_contact_add"), {"account": account.pk})
    assert f'<option value="{account.pk}" selected>Globex</option>' in page.content.decode()


@pytest.mark.parametrize("day", ["0001-01-01", "1900-01-01", "9999-12-31"])
def test_a_day_beyond_all_reason_is_said_at_its_field(day: str, alice: User) -> None:
    touch = make_touch(alice)
    posted = {"kind": "call", "direction": "out", "outcome": "voicemail", "lead": touch.lead_id, "version": 1}
    posted |= {"happened_at_0": day, "happened_at_1": "23:59:00", "text": "Left a message"}
    response = client_of(alice).post(reverse("admin:activities_activity_change", args=[touch.pk]), posted)
    assert response.status_code == 200
    assert "happened_at" in response.context["adminform"].form.errors
    assert Activity.objects.get().happened_at == touch.happened_at


def test_a_page_after_the_last_is_the_last(alice: User) -> None:
    rows = [make_lead() for _ in range(51)]
    for page in ("3", "201", "999999"):
        cl = client_of(alice).get(LEADS, {"p": page}).context["cl"]
        assert [row.pk for row in cl.result_list] == [rows[0].pk], page
        assert (cl.page_num, cl.at_the_end) == (2, False)


def test_a_search_for_what_cannot_be_stored_is_no_error(alice: User) -> None:
    asked = {"term": "glo\x00bex", "app_label": "accounts", "model_name": "contact", "field_name": "account"}
    make_account(name="Globex")
    found = client_of(alice).get("/admin/autocomplete/", asked)
    assert [row["text"] for row in found.json()["results"]] == ["Globex"]


def test_an_unknown_filter_is_named(alice: User) -> None:
    response = client_of(alice).get(LEADS, {"foo": "<b>"})
    assert response.status_code == 400
    assert "“foo”" in response.content.decode()
    assert f'href="{LEADS}"' in response.content.decode()


def test_where_a_link_was_found_is_no_filter(alice: User) -> None:
    lead = make_lead()
    response = client_of(alice).get(LEADS, {"utm_source": "newsletter", "utm_campaign": "spring"})
    assert [row.pk for row in response.context["cl"].result_list] == [lead.pk]


def test_clearing_the_search_keeps_the_other_filters(alice: User) -> None:
    page = client_of(alice).get(LEADS, {"q": "globex", "queue": "none"})
    without = {chip.title: chip.without for chip in page.context["cl"].chips}
    assert "queue=none" in without["Search"]
    assert "q=globex" in without["queue"]
    assert "q=" not in without["Search"].replace("queue=", "")


@pytest.mark.parametrize("asked", [{"o": "999"}, {"o": "x"}, {"o": "-999.1"}, {"view": "abc"}, {"view": "9" * 30}])
@pytest.mark.parametrize("page", ["999", "x", "-1", "0"])
def test_an_odd_page_in_an_odd_order_is_a_calm_page(alice: User, asked: dict[str, str], page: str) -> None:
    rows = [make_lead(owner=alice) for _ in range(51)]
    response = client_of(alice).get(LEADS, {**asked, "p": page, "owner": "me"}, follow=True)
    assert response.status_code == 200
    assert {row.pk for row in response.context["cl"].result_list} <= {row.pk for row in rows}


def test_a_view_that_is_not_there_is_said(alice: User) -> None:
    for kind in ("leads/lead", "accounts/account", "contracts/opportunity"):
        page = client_of(alice).get(f"/admin/{kind}/", {"view": "abc"}, follow=True)
        assert "“abc”" in page.content.decode(), kind
