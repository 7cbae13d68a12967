"""What people are really shown, held against the handbook: one finding for what is wrong, whoever is shown it so."""

from __future__ import annotations

from typing import Any

import pytest
import structlog
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext, override_settings
from django.utils import timezone

from accounts.models import Account
from crm import handbook
from crm.checkups.presentation import rendering, showing, slices
from crm.checkups.presentation.groups import groups
from crm.checkups.rules import known_ids
from crm.core import panels
from crm.core.panels import Panel
from crm.people.models import Team, User
from crm.workspace.models import ListView, PageLayout, RoleTabs
from tests.checkups.seeing import seen
from tests.checkups.showing import found_by, look_at_pages, look_now, make_records
from tests.factories import make_account, make_user

pytestmark = pytest.mark.django_db
TABS = "tabs.standard"


def without_license_key() -> None:
    """Account pages do not show the license key."""
    row = PageLayout.objects.get(object="account")
    next(one for one in row.body["sections"] if one["title"] == "Accounting")["fields"].remove("license_key")
    row.save()


def instead_of_opportunities(monkeypatch: pytest.MonkeyPatch, render: Any) -> None:
    """The panel of an account's opportunities is rendered by another function."""
    known = panels.panels_for(Account)["opportunities"]
    monkeypatch.setitem(panels._panels[Account], "opportunities", Panel(known.name, known.title, render))


def test_everybody_is_shown_everything_as_the_handbook_has_it(
    alice: User, bob: User, charlie: User, root: User
) -> None:
    for one in (alice, bob, charlie, root):
        make_records(one)
    found = look_at_pages()
    assert found_by(found) == {}
    assert {id for id, one in found.items() if not one.covers or one.crash} == set()
    # Standard users: an own, a team's and another's; the administrator, in no team, an own and another's.
    assert {found[id].looked_at for id in found if id.endswith(".top") or id == "leads.fields"} == {5}
    assert "their team’s account (Administrator)" in found["accounts.top"].note
    assert found["accounts.default_filter"].looked_at == 2


def test_what_is_wrong_is_one_finding_that_says_who_is_shown_it_on_what(
    alice: User, bob: User, ann: User, mona: User
) -> None:
    make_records(alice)
    without_license_key()
    outcome = look_at_pages(["accounts.accounting"])["accounts.accounting"]
    (sight,) = outcome.sights
    assert (sight.subject, sight.detail, outcome.looked_at) == ("page:account", "missing:license_key", 4)
    evidence = dict(sight.evidence)
    shown = (
        "Sales Development Representative (SDR): 2 people; Account Executive (AE): 1 person; Sales manager: 1 person"
    )
    assert set(evidence["Shown so to"].split("; ")) == set(shown.split("; "))
    pk = Account.objects.get().pk
    assert set(evidence["Seen on"].split("; ")) == {
        f"account {pk}, {whose}" for whose in ("their own", "their team’s", "another’s")
    }
    assert "Not there to be looked at: their own account (Account Executive (AE), Sales manager)" in outcome.note


def test_a_run_for_one_person_closes_nothing(alice: User, bob: User) -> None:
    make_records(bob)
    without_license_key()
    outcome = look_at_pages(["accounts.accounting"], person=alice)["accounts.accounting"]
    assert (outcome.total, outcome.covers, outcome.looked_at) == (1, False, 1)
    assert dict(outcome.sights[0].evidence)["Seen on"].endswith("their team’s")


def test_without_records_it_says_that_it_looked_at_nothing(alice: User) -> None:
    outcome = look_at_pages(["accounts.accounting"])["accounts.accounting"]
    assert (outcome.looked_at, outcome.covers) == (0, False)
    assert "their own account (Sales Development Representative (SDR))" in outcome.note


def test_without_people_it_says_so(db: None) -> None:
    outcome = look_at_pages([TABS])[TABS]
    assert (outcome.looked_at, outcome.note) == (0, "Not there to be looked at: anybody active.")


def test_the_grouping_costs_the_same_for_a_thousand_people(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    team = Team.objects.create(name="Large")
    many = [User(email=f"p{n}@example.com", role=("sdr", "ae")[n % 2], team=team) for n in range(1000)]
    User.objects.bulk_create(many)
    make_account(owner=alice)
    asked: list[str] = []

    def counting(address: str, person: User, **kwargs: Any) -> Any:
        asked.append(address)
        return rendering.show(address, person, **kwargs)

    monkeypatch.setattr(showing, "show", counting)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert [group.size for group in groups()] == [500, 501]
    assert len(queries) == 2
    outcome = look_at_pages(["accounts.top", "accounts.right"])["accounts.top"]
    # The one account is an own one of an SDR's, and another's for both roles.
    assert (outcome.looked_at, len(asked)) == (3, 3)


# --- pages that do not open -------------------------------------------------------------------------------------------


def write(request: Any, record: Any) -> str:
    """A panel that writes while it is looked at."""
    User.objects.filter(pk=request.user.pk).update(last_login=timezone.now())
    return "<p>Seen</p>"


def write_quietly(request: Any, record: Any) -> str:
    """The same, and nobody would notice."""
    try:
        with transaction.atomic():
            return write(request, record)
    except Exception:
        return "<p>Seen</p>"


def crash(request: Any, record: Any) -> str:
    """A panel that does not work."""
    raise LookupError(f"nothing known of {record}")


@pytest.mark.parametrize(
    ("render", "said"),
    [(write, "tries to write"), (write_quietly, "tries to write"), (crash, "It crashes (LookupError")],
)
def test_a_page_that_writes_or_crashes_is_a_finding_and_never_a_pass(
    alice: User, monkeypatch: pytest.MonkeyPatch, render: Any, said: str
) -> None:
    make_records(alice)
    instead_of_opportunities(monkeypatch, render)
    found = look_at_pages(["accounts.top", TABS])
    assert found_by(found) == {TABS: {("page:account", "opens:own")}}
    (sight,) = found[TABS].sights
    assert said in sight.found
    assert "Öl" not in sight.found
    # What was found on such pages before may be so still.
    assert (found["accounts.top"].covers, found["accounts.top"].looked_at) == (False, 0)
    assert "did not open" in found["accounts.top"].note
    alice.refresh_from_db()
    assert alice.last_login is None
    # In a run without the rule about tabs, the rule itself says so.
    assert found_by(look_at_pages(["accounts.top"])) == {"accounts.top": {("page:account", "opens:own")}}


def test_who_is_let_in_nowhere_is_shown_nothing_and_found_by_another_rule(alice: User) -> None:
    make_records(alice)
    User.objects.filter(pk=alice.pk).update(role="gone")
    found = look_at_pages()
    assert {one.looked_at for one in found.values()} == {0}
    assert {one.note for one in found.values()} == {"Not there to be looked at: a role of the handbook (gone)."}
    assert {record for record, _ in seen("configuration.users_without_role", timezone.now())} == {alice}


def test_a_tab_that_names_a_list_of_somebody_else_opens_on_something_else_for_others(alice: User, bob: User) -> None:
    mine = ListView.objects.create(object="lead", title="All leads", columns=["name"], user=alice)
    ListView.objects.filter(object="lead", key="all_leads").update(title="Everything")
    row = RoleTabs.objects.get(role="sdr")
    next(one for one in row.tabs if one["tab"] == "leads")["view"] = str(mine.pk)
    row.save()
    outcome = look_at_pages(["leads.default_filter"])["leads.default_filter"]
    (sight,) = outcome.sights
    assert (outcome.looked_at, sight.detail, sight.found) == (2, "view", "It opens on “Everything”")
    evidence = dict(sight.evidence)
    assert evidence["Shown so to"] == evidence["Shown right to"] == "Sales Development Representative (SDR): 1 person"


def test_a_rule_that_crashes_has_not_passed(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    make_records(alice)
    monkeypatch.setattr("crm.checkups.presentation.comparing.top", crash)
    found = look_at_pages(["accounts.top", "accounts.right"])
    assert "LookupError" in found["accounts.top"].crash or "TypeError" in found["accounts.top"].crash
    assert found["accounts.right"].crash == ""


def test_a_link_leads_to_the_very_record_and_where_the_handbook_has_it(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_records(alice)
    monkeypatch.setattr("crm.workspace.links.quote", lambda text, safe: text)
    monkeypatch.setattr("crm.workspace.showing.safe_address", lambda text: text.replace("linkedin", "linkedout"))
    found = look_at_pages(["accounts.useful_links", "accounts.additional_information"])
    details = {detail for _, detail in found_by(found)["accounts.useful_links"]}
    assert {"link:invoices-sent", "link:purchase-orders-pos"} <= details
    assert found_by(found)["accounts.additional_information"] == {("page:account", "link:linkedin_url")}
    for one in found.values():
        assert not [sight for sight in one.sights if "Öl" in f"{sight.found}{sight.expected}{sight.evidence}"]


# --- rendering --------------------------------------------------------------------------------------------------------


@override_settings(
    ALLOWED_HOSTS=[".crm.example.com"], PUBLIC_URL="https://app.crm.example.com", SECURE_SSL_REDIRECT=True
)
def test_pages_are_rendered_as_in_production_and_leave_nothing_behind(alice: User) -> None:
    rendering._handler.cache_clear()
    try:
        hooks = len(connection.run_on_commit)
        with timezone.override("Asia/Tokyo"), structlog.contextvars.bound_contextvars(job="7"):
            answer = rendering.show("/admin/", alice, at=timezone.now())
            assert structlog.contextvars.get_contextvars() == {"job": "7"}
            assert timezone.get_current_timezone_name() == "Asia/Tokyo"
        assert (answer.problem, "<title>" in answer.html) == ("", True)
        assert len(connection.run_on_commit) == hooks
        # It may write again.
        make_user("dora", role="sdr")
    finally:
        rendering._handler.cache_clear()


def test_slices_name_what_they_are_for_and_nothing_is_sliced_for_rules_about_records(alice: User, ann: User) -> None:
    chosen = [known_ids()[TABS], known_ids()["data.lead_without_owner"]]
    found = slices(chosen)
    assert [one["group"][0] for one in found] == ["ae", "sdr"]
    assert {tuple(one["rules"]) for one in found} == {(TABS,)}
    assert slices(chosen[1:]) == []
    assert handbook.current() is look_now().book
