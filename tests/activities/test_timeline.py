"""One timeline of every record: what is in it, in which order, page by page, and who sees what."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, models
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from contracts.models import Contract
from contracts.stages import criteria_of
from crm import handbook
from crm.activities.models import Activity
from crm.activities.planning import finish_task, plan_task
from crm.activities.timeline import Event, kinds_of, timeline
from crm.activities.timeline_rows import read_place, write_place
from crm.activities.touching import log_touch
from crm.core import permissions
from crm.core.acting import acting
from crm.core.door import move
from crm.core.panels import panels_for
from crm.history.selectors import history_of
from crm.people.models import User
from leads.models import Lead
from leads.statuses import Status
from tests.access import client_of
from tests.factories import START, make_account, make_contact, make_lead, make_opportunity
from tests.leads.converting import convert, ready

pytestmark = pytest.mark.django_db
CALL = {"kind": "call", "outcome": "connected", "direction": "out"}


def call(actor: User, at: datetime, text: str = "", **about: models.Model) -> Activity:
    return log_touch(about, actor=actor, at=at, via="test", happened_at=at, text=text, **CALL)


def make_contract(**fields: Any) -> Contract:
    with acting(actor=User.objects.system(), via="test", at=START):
        return Contract.objects.create(**{"name": "Agreement", **fields})


def everything(record: models.Model, user: User, only: str = "", limit: int = 20) -> list[Event]:
    return list(_pages(record, user, only, limit))


def _pages(record: models.Model, user: User, only: str, limit: int) -> Iterator[Event]:
    after = None
    while True:
        page = timeline(record, user=user, only=only, after=after, limit=limit)
        yield from page.events
        if page.following is None:
            return
        # Through the address and back, as a browser has it.
        after = read_place(write_place(page.following))
        assert after is not None


def test_it_tells_touches_tasks_changes_and_moves_newest_first(alice: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    call(alice, now, "Interested", lead=lead)
    task = plan_task({"lead": lead}, text="Send the deck", actor=alice, at=now, via="test")
    finish_task(task, actor=alice, at=now + timedelta(hours=1), via="test")
    move(lead, "work", actor=alice, at=now + timedelta(hours=2), via="test", owner=alice)
    with acting(actor=alice, via="admin", at=now + timedelta(hours=3)):
        lead.refresh_from_db()
        lead.rating = "hot"
        lead.save(update_fields=["rating"])
    told = [(event.kind, event.title) for event in everything(lead, alice)]
    assert told == [
        ("change", "Changed"),
        ("move", "Start working: New → Working to engage"),
        ("task", "Done: Send the deck"),
        ("touch", "Call, connected"),
        ("change", "Created"),
    ]
    changed, _ = everything(lead, alice, "changes")
    assert [(line.label, line.after) for line in changed.details] == [("Rating", "Hot")]


def test_an_account_shows_what_belongs_to_it_and_says_what_it_is_about(alice: User, now: datetime) -> None:
    account = make_account(name="Initech")
    contact = make_contact(account=account, first_name="Cora", last_name="Kim")
    sale = make_opportunity(account=account, name="Initech 2026")
    contract = make_contract(account=account, opportunity=sale, name="Order form")
    other = make_account()
    for number, about in enumerate([{"account": account}, {"contact": contact}, {"opportunity": sale}]):
        call(alice, now + timedelta(hours=number), **about)  # type: ignore[arg-type]
    call(alice, now + timedelta(hours=3), contract=contract, contact=contact)
    call(alice, now, account=other)
    touches = everything(account, alice, "touches")
    assert [event.on for event in touches] == ["Cora Kim", "Initech 2026", "Cora Kim", ""]
    assert touches[1].on_address == f"/admin/contracts/opportunity/{sale.pk}/change/"
    assert [event.on for event in everything(sale, alice, "touches")] == ["Cora Kim", ""]
    assert len(everything(contact, alice, "touches")) == 2
    assert [event.on for event in everything(contract, alice, "touches")] == ["Cora Kim"]
    made = [event.on for event in everything(account, alice) if event.title.startswith(("Created", "Began", "Placed"))]
    assert sorted(made) == ["", "Cora Kim", "Initech 2026", "Order form"]


def test_what_was_done_with_a_lead_goes_on_with_its_account_contact_and_opportunity(
    alice: User, ann: User, now: datetime
) -> None:
    lead = ready(owner=alice)
    receipt = convert(lead, alice, now, opportunity_owner=ann)
    call(alice, now - timedelta(days=1), "First call", lead=lead)
    for record in (receipt.account, receipt.contact, receipt.opportunity):
        texts = [event.text for event in everything(record, alice, "touches")]
        assert "First call" in texts
        (converted,) = everything(record, alice, "conversions")
        assert (converted.title, converted.on) == ("Converted from a lead", str(lead))
        # The statuses of the lead are told on its own page.
        assert "Working to engage" not in " ".join(event.title for event in everything(record, alice))


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 50])
def test_paging_tells_everything_once_and_in_the_same_order(alice: User, now: datetime, limit: int) -> None:
    account = make_account()
    contacts = [make_contact(account=account) for _ in range(3)]
    for number in range(12):
        contact = contacts[number % 3]
        # Several within one minute, at one moment, and about two records of the account.
        call(alice, now + timedelta(minutes=number // 4), str(number), contact=contact, account=account)
        with acting(actor=alice, via="test", at=now + timedelta(minutes=number)):
            contact.refresh_from_db()
            contact.title = f"Title {number}"
            contact.save(update_fields=["title"])
    whole = everything(account, alice, limit=500)
    assert len(whole) == 12 + 12 + 4
    assert everything(account, alice, limit=limit) == whole


def test_a_move_made_later_than_it_happened_does_not_hide_what_came_after(alice: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    with acting(actor=alice, via="api", at=now - timedelta(days=900)):
        lead.rating = "hot"
        lead.save(update_fields=["rating"])
    call(alice, now, "Today", lead=lead)
    assert len(everything(lead, alice, limit=1)) == 3


def test_it_is_narrowed_to_one_kind(alice: User, now: datetime) -> None:
    lead, contact = make_lead(owner=alice), make_contact()
    assert kinds_of(lead) == ["touches", "tasks", "changes", "moves", "enquiries"]
    assert kinds_of(contact) == ["touches", "tasks", "changes", "conversions", "enquiries"]
    assert kinds_of(make_account()) == ["touches", "tasks", "changes", "moves", "conversions", "enquiries"]
    call(alice, now, lead=lead)
    assert {event.kind for event in everything(lead, alice, "touches")} == {"touch"}
    move(lead, "work", actor=alice, at=now, via="test", owner=alice)
    assert {event.kind for event in everything(lead, alice, "moves")} == {"move"}


def test_who_may_not_see_a_thing_does_not_see_it(alice: User, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    account = make_account()
    sale = make_opportunity(account=account, name="Secret 2026")
    contract = make_contract(account=account)
    call(alice, now, "About the sale", opportunity=sale)
    call(alice, now, "About the contract", contract=contract)
    call(alice, now, "About both", account=account, opportunity=sale)
    kind: Any = type(sale)
    policies: Any = permissions._policies
    asked = policies[kind]
    monkeypatch.setitem(policies, kind, lambda user, verb, record: verb != "view" and asked(user, verb, record))
    shown = everything(account, alice)
    assert "Secret 2026" not in " ".join(f"{event.on} {event.title}" for event in shown)
    assert sorted(event.text for event in shown if event.kind == "touch") == ["About both", "About the contract"]
    monkeypatch.setitem(policies, Activity, lambda user, verb, record: False)
    assert [event for event in everything(account, alice) if event.kind == "touch"] == []
    assert client_of(alice).get(f"/admin/activities/activity/on/opportunity/{sale.pk}/").status_code == 403


def test_its_pages_are_linked_and_nonsense_in_the_address_is_not_found(alice: User, now: datetime) -> None:
    account = make_account()
    for number in range(30):
        call(alice, now + timedelta(minutes=number), f"Call number {number}.", account=account)
    client, base = client_of(alice), f"/admin/activities/activity/on/account/{account.pk}/"
    first = client.get(base).content.decode()
    assert "Call number 29." in first
    assert "Call number 9." not in first
    older = first.split('href="')
    (address,) = {one.split('"')[0].replace("&amp;", "&") for one in older if one.startswith(base) and "after=" in one}
    second = client.get(address).content.decode()
    assert "Call number 9." in second
    assert "Call number 29." not in second
    part = client.get(address, headers={"hx-request": "true"}).content.decode()
    assert part.lstrip().startswith("<li")
    assert "Call number 9." in part
    for wrong in ("after=x", "after=%00", "after=bnVsbA", "after=eyJ0b3VjaCI6MX0", "only=secrets", "after="):
        assert client.get(f"{base}?{wrong}").status_code == 404, wrong
    assert client.get("/admin/activities/activity/on/user/1/").status_code == 404
    assert client.get("/admin/activities/activity/on/account/999999/").status_code == 404


def test_the_panel_is_on_every_kind_of_page(alice: User, now: datetime, rf: RequestFactory) -> None:
    account = make_account()
    records = [
        account,
        make_contact(account=account),
        make_opportunity(account=account),
        make_contract(account=account),
    ]
    for record in records:
        call(alice, now, "Spoke at length", **{str(record._meta.model_name): record})
        request = rf.get("/")
        request.user = alice
        shown = panels_for(type(record))["activity_feed"].render(request, record)
        assert "Spoke at length" in shown
        assert 'aria-label="Log a touch"' in shown
        assert 'aria-label="Add a task"' in shown
    page = client_of(alice).get(f"/admin/leads/lead/{make_lead(owner=alice).pk}/change/").content.decode()
    assert 'data-section="timeline"' in page
    assert 'aria-label="Add a task"' in page


def test_a_page_costs_the_same_however_much_there_is(alice: User, now: datetime) -> None:
    account = make_account()

    def fill(many: int) -> None:
        for number in range(many):
            contact, sale = make_contact(account=account), make_opportunity(account=account)
            call(alice, now, contact=contact, opportunity=sale, contract=make_contract(account=account))
            done = plan_task({"opportunity": sale}, text=str(number), actor=alice, at=now, via="test")
            finish_task(done, actor=alice, at=now, via="test")
            lead = make_lead(status=Status.SAO_CONVERTED, converted_account=account)
            call(alice, now, lead=lead)

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            timeline(account, user=alice, limit=100)
        return len(queries)

    fill(1)
    cost()
    few = cost()
    fill(8)
    assert cost() == few
    assert few <= 12


def test_every_source_is_read_by_its_index(alice: User, now: datetime) -> None:
    """Of a record with a hundred thousand entries only a page is read."""
    account = make_account()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO activities_activity (version, kind, direction, outcome, happened_at, text, title, notes_url,"
            " by_id, account_id, kept) SELECT 1, 'note', 'out', '', now() - n * interval '1 minute', '', '', '', %s,"
            " %s, '{}' FROM generate_series(1, 20000) n",
            [alice.pk, account.pk],
        )
        cursor.execute(
            "INSERT INTO history_change (transaction_id, object, record_id, version, op, at, what)"
            " SELECT (SELECT max(id) FROM history_transaction), 'account', %s, n, 'U',"
            ' now() - n * interval \'1 minute\', \'{"phone": ["1", "2"]}\' FROM generate_series(2, 20000) n',
            [account.pk],
        )
        cursor.execute("ANALYZE activities_activity; ANALYZE history_change")
    page = timeline(account, user=alice)
    with CaptureQueriesContext(connection) as queries:
        timeline(account, user=alice, after=page.following)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON, TIMING OFF) {queries[0]['sql']}")
        (plan,) = cursor.fetchone()
    read: list[tuple[float, str]] = []

    def walk(node: dict[str, Any]) -> None:
        rows = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        read.append((rows, f"{node['Node Type']} {node.get('Relation Name', '')}"))
        for child in node.get("Plans", []):
            walk(child)

    walk(plan[0]["Plan"])
    assert max(read)[0] <= 200, sorted(read)[-5:]


def test_a_lead_told_in_the_same_minute_comes_in_the_order_it_was_written_down(alice: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    first = call(alice, now.replace(second=0), "First", lead=lead)
    second = call(alice, now.replace(second=0), "Second", lead=lead)
    assert [event.text for event in everything(lead, alice, "touches")] == ["Second", "First"]
    assert first.pk < second.pk
    assert isinstance(lead, Lead)


def test_a_step_is_told_once_with_everything_that_changed_by_it(alice: User, now: datetime) -> None:
    contract = make_contract(account=make_account())
    with acting(actor=alice, via="admin", at=now):
        contract.refresh_from_db()
        contract.hosts = 20
        contract.save(update_fields=["hosts"])
    sale = make_opportunity(owner=alice, next_step="Call them", next_step_due=now.date())
    lose: dict[str, Any] = {"lost_reason": handbook.current().opportunity.lost_reasons[0].key}
    move(sale, "lose", actor=alice, at=now, via="test", **lose)
    told = everything(sale, alice)
    assert [event.kind for event in told if event.at == now] == ["move"]
    lines = {line.label: line.after for line in told[0].details}
    assert lines["Next step"] == "(empty)"
    assert list(lines).count("Reason for losing") == 1
    assert [event.kind for event in everything(contract, alice)][:1] == ["change"]


def test_exit_criteria_are_told_in_words_wherever_they_are_told(alice: User, now: datetime) -> None:
    sale = make_opportunity(owner=alice)
    criteria = criteria_of(sale.stage)
    words = ", ".join(one.label for one in criteria)
    step: dict[str, Any] = {"next_step": "Send the quote", "next_step_due": (now + timedelta(days=9)).date()}
    move(sale, "advance", actor=alice, at=now, via="test", criteria=[one.key for one in criteria], **step)
    with acting(actor=alice, via="admin", at=now + timedelta(hours=1)):
        sale.refresh_from_db()
        sale.criteria_met = []
        sale.next_step = "Something else"
        sale.save(update_fields=["criteria_met", "next_step"])
    changed, moved = everything(sale, alice)[:2]
    assert ("Exit criteria", words) in [(line.label, line.after) for line in moved.details]
    assert ("Exit criteria met", words, "(empty)") in [(one.label, one.before, one.after) for one in changed.details]
    # Closed since: its form offers nothing of that stage any longer, and another step stands.
    lose: dict[str, Any] = {"lost_reason": handbook.current().opportunity.lost_reasons[0].key, "next_step_kept": True}
    move(sale, "lose", actor=alice, at=now + timedelta(hours=2), via="test", **lose)
    texts = " ".join(
        f"{one.label}: {one.before} {one.after}" for event in everything(sale, alice) for one in event.details
    )
    texts += " ".join(
        f"{one.label}: {one.after}" for entry in history_of(sale, 20) for one in entry.lines + entry.facts
    )
    assert "[" not in texts
    assert "The last next step was done: Yes" in texts
    assert f"Exit criteria: {words}" in texts


def test_the_feed_beside_a_record_begins_with_ten_and_goes_on(alice: User, now: datetime) -> None:
    account = make_account()
    for number in range(30):
        call(alice, now + timedelta(minutes=number), f"Call number {number}.", account=account)
    client, base = client_of(alice), f"/admin/activities/activity/on/account/{account.pk}/"
    page = client.get(f"/admin/accounts/account/{account.pk}/change/").content.decode()
    assert page.count('class="pl-event ') == 10
    assert "Show older" in page
    assert client.get(base, headers={"hx-request": "true"}).content.decode().count('class="pl-event ') == 10
    assert client.get(base).content.decode().count('class="pl-event ') == 20


def test_the_list_of_touches_begins_with_what_happened_last(alice: User) -> None:
    """What was entered late, or came in by an import, stands where it happened."""
    lead = make_lead(owner=alice)
    for text, days in (("yesterday", 1), ("long ago", 90), ("last week", 7)):
        call(alice, START - timedelta(days=days), text, lead=lead)
    rows = client_of(alice).get("/admin/activities/activity/").context["cl"].result_list
    assert [touch.text for touch in rows] == ["yesterday", "last week", "long ago"]


def test_narrowed_to_changes_it_tells_what_changed_with_a_move_too(alice: User, bob: User, now: datetime) -> None:
    lead = make_lead(owner=None)
    move(lead, "work", actor=alice, at=now, via="test", owner=alice)
    changed = everything(lead, alice, "changes", limit=1)
    assert [event.title for event in changed] == ["Changed", "Created"]
    assert ("Owner", "Alice") in [(line.label, line.after) for line in changed[0].details]
    # With the moves in sight, the move tells it.
    assert [event.kind for event in everything(lead, alice)] == ["move", "change"]
