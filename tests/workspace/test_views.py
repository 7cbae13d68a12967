"""Views of one's own: saved, renamed, edited, shared, pinned and deleted; nobody's change is lost (K5)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from threading import Barrier
from typing import Any

import pytest
from django.db import connections

from crm.core.errors import Refused, Stale
from crm.history.models import Change
from crm.people.leaving import deactivate_user, what_ends
from crm.people.models import User
from crm.workspace.lists_services import delete_view, pin_view, save_view, share_view
from crm.workspace.models import ListView, Pin
from tests.access import client_of
from tests.factories import START, make_account, make_contact, make_lead
from tests.workspace.views import condition, ids, make_view, open_list, shown_columns

pytestmark = pytest.mark.django_db
ADD = "/admin/views/add/"


def sent(**fields: Any) -> dict[str, Any]:
    """The editor's form, filled in."""
    return {
        "title": "Mine",
        "columns": ["name", "company"],
        "conditions": "0",
        "sort": "",
        "audience": "me",
        "do": "save",
    } | fields


def saved(client: Any, name: str = "lead", **fields: Any) -> ListView:
    """Save a new view by the form."""
    response = client.post(f"{ADD}?object={name}", sent(**fields))
    assert response.status_code == 302, [one.message for one in response.context["editor"].problems]
    return ListView.objects.latest("id")


def codes(response: Any) -> list[str]:
    """What the form says is wrong."""
    assert response.status_code == 400
    return [one.code for one in response.context["editor"].problems]


# --- saving -----------------------------------------------------------------------------------------------------------


def test_what_a_list_shows_becomes_a_view(alice: User, bob: User) -> None:
    mine = make_lead(owner=alice, status="engaged")
    make_lead(owner=bob, status="engaged"), make_lead(owner=alice)
    client = client_of(alice)
    listed = open_list(client, "lead", status="engaged", owner=["me"], o="-9")
    menu = listed.context["cl"].menu
    assert menu.changed
    form = client.get(menu.save_as)
    view = form.context["view"]
    assert [(one["field"], one["values"]) for one in view.filters] == [("status", ["engaged"]), ("owner", ["me"])]
    assert view.columns == shown_columns(listed)
    assert view.sort == "-created"
    fields: dict[str, Any] = {"columns": view.columns, "conditions": "2", "sort": "created", "downwards": "yes"}
    for place, one in enumerate(view.filters):
        fields |= {f"field_{place}": one["field"], f"operator_{place}": "is", f"values_{place}": one["values"]}
    stored = saved(client, title="  My   engaged ", **fields)
    assert (stored.user, stored.shared, stored.title) == (alice, False, "My   engaged")
    assert ids(open_list(client, "lead", view=stored.pk)) == [mine.pk]
    assert Change.objects.filter(object="listview", record_id=stored.pk).count() == 1


@pytest.mark.parametrize(
    ("query", "filters"),
    [
        ({"next": "due"}, [("next_touch", "at_most", ["today"])]),
        ({"next": "none"}, [("next_touch", "empty", []), ("open", "is", ["yes"])]),
        ({"queue": ["mine", "none"]}, [("queue", "is", ["my_team", "nobody"]), ("owner", "is", ["nobody"])]),
        ({"owner": ["none", "me"]}, [("owner", "is", ["nobody", "me"])]),
        ({"source": "website"}, [("lead_source", "is", ["website"])]),
    ],
)
def test_every_filter_of_the_list_can_be_kept(alice: User, query: dict[str, Any], filters: Any) -> None:
    leads = [make_lead(owner=alice), make_lead(), make_lead(queue=alice.team), make_lead(lead_source="website")]
    client = client_of(alice)
    listed = open_list(client, "lead", **query)
    view = client.get(listed.context["cl"].menu.save_as).context["view"]
    assert [(one["field"], one.get("operator", "is"), one["values"]) for one in view.filters] == filters
    stored = make_view(alice, filters=view.filters)
    assert ids(open_list(client, "lead", view=stored.pk)) == ids(listed)
    assert len(leads) == 4


def test_a_view_keeps_the_conditions_that_were_not_cleared(alice: User) -> None:
    view = make_view(alice, filters=[condition("status", "is", "new"), condition("rating", "is", "hot")])
    client = client_of(alice)
    listed = open_list(client, "lead", view=view.pk, without="rating")
    kept = client.get(listed.context["cl"].menu.save_as).context["view"]
    assert [one["field"] for one in kept.filters] == ["status"]


def test_a_condition_on_a_related_record_is_chosen_by_its_name(alice: User) -> None:
    wanted, other = make_account(name="Quillon Works"), make_account(name="Quillon Labs")
    theirs = make_contact(account=wanted)
    make_contact(account=other)
    client, address = client_of(alice), f"{ADD}?object=contact"
    fields = {"columns": ["name"], "conditions": "1", "field_0": "account", "operator_0": "is"}

    def row(**more: Any) -> Any:
        return client.post(address, sent(**fields, do="refresh", **more)).context["editor"].conditions[0]

    assert row().choices == []
    found = row(find_0="quillon")
    assert {label for _, label, _ in found.choices} == {"Quillon Works", "Quillon Labs"}
    assert not any(chosen for _, _, chosen in found.choices)
    # What was chosen stays, by its name, while another is looked for.
    again = row(find_0="labs", values_0=str(wanted.pk))
    assert again.choices == [(str(wanted.pk), "Quillon Works", True), (str(other.pk), "Quillon Labs", False)]
    assert row(values_0="999999").choices == [("999999", "Number 999999, which is gone", True)]
    view = saved(client, "contact", **fields, values_0=str(wanted.pk), find_0="labs")
    assert ids(open_list(client, "contact", view=view.pk)) == [theirs.pk]


def test_columns_are_added_moved_and_taken_away(alice: User) -> None:
    client, address = client_of(alice), f"{ADD}?object=lead"

    def after(do: str, **fields: Any) -> list[str]:
        response = client.post(address, sent(columns=["name", "company", "owner"], do=do, **fields))
        assert response.status_code == 200
        return list(response.context["view"].columns)

    assert after("add:columns", add_column="rating") == ["name", "company", "owner", "rating"]
    assert after("up:company") == ["company", "name", "owner"]
    assert after("up:name") == ["name", "company", "owner"]
    assert after("down:company") == ["name", "owner", "company"]
    assert after("down:owner") == ["name", "company", "owner"]
    assert after("take:company") == ["name", "owner"]
    assert after("refresh") == ["name", "company", "owner"]
    assert not ListView.objects.filter(user=alice).exists()


def test_conditions_are_added_and_taken_away(alice: User) -> None:
    client, address = client_of(alice), f"{ADD}?object=lead"
    one = {"conditions": "1", "field_0": "employees", "operator_0": "at_least", "values_0": "500"}
    more = client.post(address, sent(**one, do="add:conditions", add_condition="status"))
    rows = more.context["editor"].conditions
    assert [(row.name, row.operator) for row in rows] == [("employees", "at_least"), ("status", "is")]
    assert rows[0].typed == ["500"]
    assert ("engaged", "Engaged", False) in rows[1].choices
    less = client.post(address, sent(**one, do="drop:0"))
    assert less.context["view"].filters == []


def test_with_a_script_only_the_form_is_drawn_anew(alice: User) -> None:
    client = client_of(alice)
    part = client.post(f"{ADD}?object=lead", sent(do="up:company"), headers={"HX-Request": "true"})
    assert part.content.decode().lstrip().startswith("<form")
    done = client.post(f"{ADD}?object=lead", sent(), headers={"HX-Request": "true"})
    assert done.headers["HX-Redirect"] == f"/admin/leads/lead/?view={ListView.objects.latest('id').pk}"


def test_what_is_wrong_is_said_where_it_is(alice: User) -> None:
    client, address = client_of(alice), f"{ADD}?object=lead"
    assert codes(client.post(address, sent(title=" "))) == ["needs_title"]
    assert codes(client.post(address, sent(title="x" * 81))) == ["too_long"]
    assert codes(client.post(address, sent(columns=[]))) == ["needs_columns"]
    assert codes(client.post(address, sent(columns=["name", "shoe_size"]))) == ["unknown_field"]
    assert codes(client.post(address, sent(sort="shoe_size"))) == ["unknown_field"]
    wrong = {"conditions": "1", "field_0": "employees", "operator_0": "at_least", "values_0": "many"}
    response = client.post(address, sent(**wrong))
    assert codes(response) == ["bad_value"]
    page = response.content.decode()
    assert "“many” is no number" in page
    assert 'value="many"' in page, "what was typed is still there"
    assert not ListView.objects.filter(user=alice).exists()


def test_a_name_is_there_once_for_each_person_and_once_for_everybody(alice: User, bob: User, root: User) -> None:
    client = client_of(alice)
    saved(client, title="Hot ones")
    response = client.post(f"{ADD}?object=lead", sent(title="HOT ones"))
    assert codes(response) == ["name_taken"]
    assert "You have a view called “HOT ones” already" in response.content.decode()
    saved(client_of(bob), title="Hot ones")
    saved(client, "account", title="Hot ones", columns=["name"])
    response = client_of(root).post(f"{ADD}?object=lead", sent(title="all Leads", audience="everybody"))
    assert "Everybody has a view called “all Leads” already" in response.content.decode()


@pytest.mark.parametrize("name", ["user", "transaction", "nonsense", ""])
def test_there_are_views_of_the_five_kinds_of_records_only(alice: User, name: str) -> None:
    assert client_of(alice).get(f"{ADD}?object={name}").status_code == 404


def test_odd_forms_are_no_server_errors(alice: User) -> None:
    client = client_of(alice)
    odd: list[dict[str, Any]] = [
        {"conditions": "999999999999"},
        {"conditions": "-1", "columns": [""] * 500},
        {"conditions": "2", "field_0": "", "operator_0": "🙂", "values_0": ["\x00"] * 3},
        {"do": "drop:x", "audience": "nobody", "sort": "__class__", "downwards": "1"},
        {"do": "add:conditions", "add_condition": "kept"},
    ]
    for fields in odd:
        assert client.post(f"{ADD}?object=lead", sent(**fields)).status_code in (200, 302, 400)


# --- changing ---------------------------------------------------------------------------------------------------------


def test_a_view_is_renamed_and_edited(alice: User) -> None:
    view = make_view(alice)
    client = client_of(alice)
    change = f"/admin/views/{view.pk}/change/"
    assert client.get(change).context["editor"].audience == "me"
    client.post(change, sent(title="Renamed", columns=["company"], version=view.version))
    view.refresh_from_db()
    assert (view.title, view.columns, view.version) == ("Renamed", ["company"], 2)


def test_somebody_elses_change_meanwhile_is_said_and_never_overwritten(root: User) -> None:
    view = ListView.objects.get(key="all_leads")
    theirs = ListView.objects.get(pk=view.pk)
    theirs.title = "Every lead"
    save_view(theirs, actor=root, at=START, via="test")
    response = client_of(root).post(
        f"/admin/views/{view.pk}/change/", sent(title="All of them", audience="everybody", version=view.version)
    )
    assert response.status_code == 409
    assert "Somebody else changed the name, columns" in response.content.decode()
    view.refresh_from_db()
    assert view.title == "Every lead"


def test_who_may_change_which_view(alice: User, bob: User, mona: User, root: User) -> None:
    own, shared = make_view(alice, title="Own"), make_view(alice, title="Shared", shared=True)
    everybodys = ListView.objects.get(key="all_leads")
    allowed = {
        (user.first_name, view.title)
        for user in (alice, bob, mona, root)
        for view in (own, shared, everybodys)
        if client_of(user).get(f"/admin/views/{view.pk}/change/").status_code == 200
    }
    assert allowed == {("Alice", "Own"), ("Alice", "Shared"), ("Root", "Shared"), ("Root", "All leads")}
    assert client_of(bob).get(f"/admin/views/{own.pk}/change/").status_code == 404, "as if it were not there"
    assert client_of(bob).get(f"/admin/views/{shared.pk}/change/").status_code == 403


def test_only_administrators_make_views_of_everybody(alice: User, root: User) -> None:
    assert client_of(alice).post(f"{ADD}?object=lead", sent(audience="everybody")).status_code == 403
    view = saved(client_of(root), audience="everybody")
    assert (view.user, view.shared) == (None, False)
    assert "Mine" in open_list(client_of(alice), "lead").content.decode()


def test_a_shared_view_is_in_everybodys_menu_by_its_name(alice: User, bob: User) -> None:
    view = make_view(alice, title="Alices best")
    client = client_of(alice)
    assert "Alices best" not in open_list(client_of(bob), "lead").content.decode()
    client.post(f"/admin/views/{view.pk}/share/", {"shared": "yes", "version": view.version})
    page = open_list(client_of(bob), "lead").content.decode()
    assert "Alices best" in page
    assert "by Alice" in page
    client.post(f"/admin/views/{view.pk}/share/", {"shared": "no", "version": view.version + 1})
    assert "Alices best" not in open_list(client_of(bob), "lead").content.decode()


def test_sharing_what_was_changed_meanwhile_is_said(alice: User, now: datetime) -> None:
    view = make_view(alice)
    with pytest.raises(Stale):
        share_view(view, shared=True, version=view.version - 1, actor=alice, at=now, via="test")
    response = client_of(alice).post(f"/admin/views/{view.pk}/share/", {"shared": "yes", "version": "77"}, follow=True)
    assert "was changed by somebody else meanwhile" in response.content.decode()


def test_a_view_of_everybody_is_nobodys_to_share(root: User, now: datetime) -> None:
    with pytest.raises(Refused) as refused:
        share_view(ListView.objects.get(key="all_leads"), shared=True, version=None, actor=root, at=now, via="test")
    assert refused.value.code == "not_yours"


# --- pinning and deleting ---------------------------------------------------------------------------------------------


def test_pins_are_ones_own_and_come_first(alice: User, bob: User) -> None:
    view = make_view(alice, shared=True)
    client = client_of(alice)
    here = "/admin/leads/lead/?view=all_leads&owner=me"
    for _ in range(2):
        back = client.post(f"/admin/views/{view.pk}/pin/", {"pinned": "yes", "next": here})
        assert back.headers["Location"] == here
    assert Pin.objects.filter(user=alice, view=view).count() == 1
    first = open_list(client, "lead").context["cl"].menu.groups[0]
    assert (first.title, first.entries[0].view) == ("Pinned", view)
    assert open_list(client_of(bob), "lead").context["cl"].menu.groups[0].title == "Everybody's"
    client.post(f"/admin/views/{view.pk}/pin/", {"pinned": "no"})
    assert not Pin.objects.exists()


def test_pinning_leads_to_no_other_site(alice: User) -> None:
    view = make_view(alice)
    for elsewhere in ("https://evil.example/", "//evil.example/admin/leads/lead/", "/admin/logout/", ""):
        back = client_of(alice).post(f"/admin/views/{view.pk}/pin/", {"next": elsewhere})
        assert back.headers["Location"] == f"/admin/leads/lead/?view={view.pk}"


def test_nobody_pins_what_is_not_shown_to_them(alice: User, bob: User, now: datetime) -> None:
    view = make_view(alice)
    assert client_of(bob).post(f"/admin/views/{view.pk}/pin/").status_code == 404
    with pytest.raises(Refused):
        pin_view(view, pinned=True, actor=bob, at=now, via="test")


def test_deleting_asks_first_and_says_whom_it_concerns(alice: User, bob: User, root: User, now: datetime) -> None:
    view = make_view(alice, shared=True, title="Going")
    pin_view(view, pinned=True, actor=bob, at=now, via="test")
    client = client_of(alice)
    asked = client.get(f"/admin/views/{view.pk}/delete/").content.decode()
    assert "Delete the view “Going”?" in asked
    assert "1 other person has pinned it" in asked
    assert ListView.objects.filter(pk=view.pk).exists()
    done = client.post(f"/admin/views/{view.pk}/delete/", follow=True)
    assert "“Going” is deleted" in done.content.decode()
    assert not Pin.objects.exists()
    customers = ListView.objects.get(key="customers")
    asked = client_of(root).get(f"/admin/views/{customers.pk}/delete/").content.decode()
    assert "A tab opens on it for the roles" in asked


def test_nobody_deletes_anothers_view(alice: User, bob: User, now: datetime) -> None:
    view = make_view(alice, shared=True)
    assert client_of(bob).post(f"/admin/views/{view.pk}/delete/").status_code == 403
    with pytest.raises(Refused):
        delete_view(view, actor=bob, at=now, via="test")


# --- leaving ----------------------------------------------------------------------------------------------------------


def test_what_somebody_shared_stays_for_everybody_when_they_leave(
    alice: User, bob: User, root: User, now: datetime
) -> None:
    own, shared = make_view(alice, title="Own"), make_view(alice, title="All Leads", shared=True)
    assert what_ends(alice) == ["1 list view that they share: it becomes everybody's, and administrators look after it"]
    deactivate_user(alice, heir=bob, actor=root, at=now, via="test")
    own.refresh_from_db()
    shared.refresh_from_db()
    assert (own.user, own.shared) == (alice, False)
    assert (shared.user, shared.title) == (None, "All Leads (Alice)")
    assert "All Leads (Alice)" in open_list(client_of(bob), "lead").content.decode()
    assert client_of(root).get(f"/admin/views/{shared.pk}/change/").status_code == 200


# --- two at once ------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_at_once_with_one_name_make_one_view(alice: User, now: datetime) -> None:
    barrier = Barrier(2)

    def save(_: int) -> str:
        try:
            view = ListView(object="lead", title="Same", columns=["name"], user=alice)
            barrier.wait(10)
            save_view(view, actor=alice, at=now, via="test")
        except Refused as refused:
            return refused.codes[0]
        finally:
            connections.close_all()
        return "saved"

    with ThreadPoolExecutor(2) as pool:
        answers = sorted(pool.map(save, range(2)))
    assert answers == ["name_taken", "saved"]
    assert ListView.objects.filter(user=alice, title="Same").count() == 1
