"""Where tabs, views and layouts depart from the handbook, and putting them back: by command and by page (K5)."""

from __future__ import annotations

import json
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from crm.handbook import SHIPPED, read, use
from crm.handbook.services import apply_handbook
from crm.history.models import Change
from crm.people.models import User
from crm.workspace.drift import departures
from crm.workspace.editing import restore
from crm.workspace.models import ListView, PageLayout, RoleTabs
from tests.access import client_of
from tests.leads.pages import text_of

pytestmark = pytest.mark.django_db


def run(*options: str) -> tuple[int, str]:
    """The command's exit code and what it printed."""
    out = StringIO()
    try:
        call_command("workspace", *options, stdout=out)
    except SystemExit as ended:
        return int(str(ended.code)), out.getvalue()
    return 0, out.getvalue()


def change_everything() -> None:
    """A layout, a view and the tabs of a role as somebody changed them."""
    layout = PageLayout.objects.get(object="contact")
    layout.body = {**layout.body, "top": ["name", "email"], "right": ["activity_feed"]}
    layout.save()
    view = ListView.objects.get(object="account", key="customers")
    view.filters, view.sort = [], "-name"
    view.save()
    row = RoleTabs.objects.get(role="sdr")
    row.tabs = row.tabs[:2]
    row.save()


def test_a_fresh_installation_departs_in_nothing() -> None:
    assert run() == (0, "Tabs, list views and layouts are as the handbook says.\n")
    assert run("--diff", "--json") == (0, "[]\n")


def test_what_was_changed_is_said_side_by_side_with_exit_code_1() -> None:
    change_everything()
    code, text = run("--diff")
    assert code == 1
    assert "layout.contact: Page of contacts" in text
    assert "    here:     Name, Email" in text
    assert "    handbook: Type is customer" in text
    code, written = run("--diff", "--json")
    found = {one["item"]: one["departs"] for one in json.loads(written)}
    assert code == 1
    assert set(found) == {"layout.contact", "view.account.customers", "tabs.sdr"}
    [line] = found["tabs.sdr"]
    assert line["here"] == "Contacts (opens on all contacts), Opportunities (opens on all opportunities)"


def test_one_item_is_put_back_and_the_others_stay() -> None:
    change_everything()
    assert run("--restore", "layout.contact") == (0, "Put back: layout.contact\n")
    assert {one.item for one in departures()} == {"view.account.customers", "tabs.sdr"}
    assert run("--restore")[0] == 0
    assert departures() == []
    assert run("--restore")[1] == "There was nothing to put back.\n"


@pytest.mark.parametrize("item", ["layout.weather", "view.account", "view.account.none", "tabs.nobody", "nonsense", ""])
def test_an_unknown_item_is_refused(item: str) -> None:
    with pytest.raises(CommandError, match="There is no"):
        run("--restore", item)


def test_what_an_administrator_takes_away_stays_away_when_the_handbook_is_applied_again() -> None:
    PageLayout.objects.get(object="lead").delete()
    ListView.objects.get(object="account", key="customer_health").delete()
    RoleTabs.objects.get(role="ae").delete()
    apply_handbook(at=timezone.now())
    assert not PageLayout.objects.filter(object="lead").exists()
    assert not RoleTabs.objects.filter(role="ae").exists()
    gone = {one.item: [line.here for line in one.lines] for one in departures()}
    assert gone == {
        "tabs.ae": ["taken away"],
        "view.account.customer_health": ["taken away"],
        "layout.lead": ["taken away"],
    }
    run("--restore")
    assert departures() == []


def test_a_changed_handbook_shows_as_drift_and_is_put_back_by_a_click(root: User, tmp_path: Path) -> None:
    text = SHIPPED.read_text()
    path = tmp_path / "ours.toml"
    path.write_text(text.replace('top = ["name", "lead_source", "status", "rating"]', 'top = ["name", "status"]'))
    with use(read(path)):
        apply_handbook(at=timezone.now())
        [one] = departures()
        assert (one.item, one.lines[0].handbook) == ("layout.lead", "Name, Lead status")
        client = client_of(root)
        assert "layout.lead" in text_of(client.get("/admin/workspace/"))
        assert client.post("/admin/workspace/", {"item": "layout.lead"}).status_code == 302
        assert departures() == []
    assert PageLayout.objects.get(object="lead").body["top"] == ["name", "status"]


def test_an_item_the_handbook_no_longer_has_departs_and_is_taken_away_by_restoring() -> None:
    ListView.objects.create(object="lead", key="old_one", title="Old one", columns=["name"])
    assert [one.item for one in departures()] == ["view.lead.old_one"]
    run("--restore")
    assert not ListView.objects.filter(key="old_one").exists()


def test_views_that_people_made_are_no_drift(alice: User) -> None:
    ListView.objects.create(object="lead", title="Mine", columns=["name"], user=alice)
    assert departures() == []


def test_the_page_puts_everything_back_after_a_confirmation(root: User) -> None:
    change_everything()
    client = client_of(root)
    page = text_of(client.get("/admin/workspace/"))
    assert "Put everything back" in page
    assert "Put all 3 back" in page
    client.post("/admin/workspace/", {"item": "all"})
    assert departures() == []
    change = Change.objects.of(RoleTabs.objects.get(role="sdr"))[0]
    assert (change.transaction.actor_name, change.transaction.reason) == (
        str(root),
        "Put back to what the handbook says",
    )


def test_only_administrators_come_in(mona: User, alice: User) -> None:
    for user in (mona, alice):
        for address in ("/admin/workspace/", "/admin/workspace/layouts/lead/", "/admin/workspace/tabs/sdr/"):
            assert client_of(user).get(address).status_code == 403
            assert client_of(user).post(address, {"item": "all", "op": "save"}).status_code == 403


def test_an_item_nobody_knows_is_said_on_the_page(root: User) -> None:
    shown = client_of(root).post("/admin/workspace/", {"item": "layout.weather"}, follow=True)
    assert "There is no “layout.weather” here, nor in the handbook." in text_of(shown)


def test_fields_and_panels_are_listed_for_who_writes_a_handbook() -> None:
    _, text = run("--fields", "account")
    assert "billing_address" in text
    assert "Invoice sent (latest) (date)" in text
    assert "meeting_notes_reminder" in text
    found = json.loads(run("--fields", "account", "--json")[1])
    assert {"name": "ciso_employees", "label": "CISO employees (#)", "kind": "number"} in found["fields"]
    assert not {"kept", "version"} & {one["name"] for one in found["fields"]}


def test_restoring_what_is_as_it_should_be_writes_nothing(now: datetime) -> None:
    row: Any = PageLayout.objects.get(object="lead")
    run("--restore", "layout.lead")
    assert PageLayout.objects.get(object="lead").version == row.version


def test_a_name_that_somebody_gave_a_view_of_everybody_meanwhile_makes_room(root: User, now: datetime) -> None:
    view = ListView.objects.get(object="account", key="customers")
    view.title = "Buyers"
    view.save()
    theirs = ListView.objects.create(object="account", title="CUSTOMERS", columns=["name"])
    restore("view.account.customers", actor=root, at=now, via="admin")
    view.refresh_from_db()
    theirs.refresh_from_db()
    assert (view.title, theirs.title) == ("Customers", "CUSTOMERS (2)")
    assert departures() == []


def test_names_that_were_swapped_are_put_back_together(root: User) -> None:
    one = ListView.objects.get(object="account", key="customers")
    other = ListView.objects.get(object="account", key="all_accounts")
    other.title = "For a moment"
    other.save()
    one.title = "All accounts"
    one.save()
    other.title = "Customers"
    other.save()
    client_of(root).post("/admin/workspace/", {"item": "all"})
    assert departures() == []


def test_a_handbook_with_a_view_of_a_name_that_is_taken_is_applied(tmp_path: Path, now: datetime) -> None:
    theirs = ListView.objects.create(object="lead", title="Hot leads", columns=["name"])
    text = SHIPPED.read_text() + '\n[[views]]\nobject = "lead"\nkey = "hot"\ntitle = "Hot leads"\ncolumns = ["name"]\n'
    (tmp_path / "handbook.toml").write_text(text)
    with use(read(tmp_path / "handbook.toml")):
        apply_handbook(at=now)
    theirs.refresh_from_db()
    assert ListView.objects.get(object="lead", key="hot").title == "Hot leads"
    assert theirs.title == "Hot leads (2)"
