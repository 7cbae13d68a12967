"""Tasks: made, done and taken up again on every record's page, in the admin and over the API; the gate holds."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import models
from django.test import RequestFactory

from accounts.models import AccountDomain
from contracts.models import Contract
from crm.activities.gate import bar_of
from crm.activities.models import Activity, Task
from crm.activities.planning import finish_task, plan_task, reopen_task
from crm.activities.suppressing import suppress
from crm.activities.touching import log_touch
from crm.core.acting import acting
from crm.core.errors import Refused
from crm.core.panels import panels_for
from crm.history.models import Transaction
from crm.history.revert import revert
from crm.people.models import User
from leads.home import home_parts
from tests.access import client_of
from tests.factories import START, make_account, make_contact, make_lead, make_opportunity
from tests.keys import program

pytestmark = pytest.mark.django_db
LIST = "/admin/activities/task/"


def every_kind() -> list[Any]:
    account = make_account(website="https://initech.example")
    sale = make_opportunity(account=account)
    with acting(actor=User.objects.system(), via="test", at=START):
        contract = Contract.objects.create(name="Agreement", account=account, opportunity=sale)
    return [make_lead(), make_contact(account=account), account, sale, contract]


def about(record: models.Model) -> dict[str, models.Model]:
    return {str(record._meta.model_name): record}


def read(answer: Any) -> Any:
    return json.loads(answer.content)


def codes(call: Any) -> tuple[str, ...]:
    with pytest.raises(Refused) as refused:
        call()
    return refused.value.codes


def test_on_every_records_page_a_touch_is_logged_and_a_task_made_done_and_taken_up_again(alice: User) -> None:
    client, htmx = client_of(alice), {"hx-request": "true"}
    for record in every_kind():
        name, base = record._meta.model_name, f"/admin/activities/activity/on/{record._meta.model_name}/{record.pk}/"
        sent = {
            "kind": "call",
            "direction": "out",
            "outcome": "connected",
            "happened_at": "2026-03-01T10:00",
            "text": "Hi",
        }
        answer = client.post(f"{base}touch/", sent, headers=htmx)
        assert answer.status_code == 200
        assert "Logged." in answer.content.decode()
        touch = Activity.objects.get(**about(record))
        assert (touch.by, touch.text) == (alice, "Hi")
        answer = client.post(f"{base}task/", {"text": "Send the deck"}, headers=htmx)
        assert "Send the deck" in answer.content.decode()
        task = Task.objects.get(**about(record))
        assert (task.owner, task.made_by, task.done_at) == (alice, alice, None)
        answer = client.post(f"{LIST}{task.pk}/done/", {"on": f"{name}-{record.pk}"}, headers=htmx)
        assert "Done: Send the deck" in answer.content.decode()
        task.refresh_from_db()
        assert task.done_by == alice
        client.post(f"{LIST}{task.pk}/reopen/", {"on": f"{name}-{record.pk}"}, headers=htmx)
        task.refresh_from_db()
        assert task.done_by is None


def test_what_will_not_do_is_said_and_what_was_typed_is_kept(alice: User) -> None:
    account = make_account()
    base, client = f"/admin/activities/activity/on/account/{account.pk}/", client_of(alice)
    page = client.post(
        f"{base}touch/", {"kind": "call", "text": "Spoke"}, headers={"hx-request": "true"}
    ).content.decode()
    assert "Spoke</textarea>" in page
    assert "This field is required." in page
    page = client.post(f"{base}task/", {"text": " "}, headers={"hx-request": "true"}).content.decode()
    assert "This field is required." in page
    assert (Activity.objects.count(), Task.objects.count()) == (0, 0)
    assert client.post(f"{base}task/", {"text": ""}, follow=True).status_code == 200
    stranger = make_contact()
    wrong = {"text": "x", "contact": str(stranger.pk)}
    client.post(f"{base}task/", wrong, headers={"hx-request": "true"})
    assert Task.objects.filter(contact=stranger).count() == 0


def test_on_a_companys_page_it_is_said_with_whom(alice: User) -> None:
    account = make_account()
    contact, sale = make_contact(account=account), make_opportunity(account=account)
    client, base = client_of(alice), f"/admin/activities/activity/on/opportunity/{sale.pk}/"
    sent = {"kind": "meeting", "direction": "out", "outcome": "held", "happened_at": "2026-03-01T10:00"}
    client.post(f"{base}touch/", sent | {"contact": str(contact.pk), "notes_url": "notes.example/1"})
    touch = Activity.objects.get()
    assert (touch.opportunity, touch.contact) == (sale, contact)
    assert (touch.title, touch.notes_url) == (f"Cora ({account})", "https://notes.example/1")
    client.post(f"{base}task/", {"text": "Send it", "contact": str(contact.pk), "due_on": "2026-12-01"})
    assert Task.objects.get().contact == contact


def test_outreach_is_not_planned_with_who_is_not_to_be_contacted(alice: User, now: datetime) -> None:
    lead, contact = make_lead(email="lea@x.example"), make_contact(email="lea@x.example")
    sale = make_opportunity(contact=contact, account=make_account())
    suppress(actor=alice, at=now, via="test", reason="asked_us", emails=["lea@x.example"])
    for record in (lead, contact, sale):
        plan: dict[str, Any] = {"actor": alice, "at": now, "via": "test", "text": "Reach out"}
        assert codes(lambda r=record, p=plan: plan_task(about(r), kind="call", **p)) == ("do_not_contact",)
        task = plan_task(about(record), **plan)
        # What reaches out to nobody is work like any other; made into a call, it is not.
        task.kind = "email"
        with acting(actor=alice, via="test", at=now), pytest.raises(Refused):
            task.save()
    answer = client_of(alice).post(
        f"/admin/activities/activity/on/lead/{lead.pk}/task/",
        {"text": "Call", "kind": "call"},
        headers={"hx-request": "true"},
    )
    assert "Do not contact" in answer.content.decode()
    done = plan_task({"lead": make_lead(email="leo@x.example")}, text="x", kind="call", actor=alice, at=now, via="test")
    finish_task(done, actor=alice, at=now, via="test")
    suppress(actor=alice, at=now, via="test", reason="asked_us", emails=["leo@x.example"])
    assert codes(lambda: reopen_task(done, actor=alice, at=now, via="test")) == ("do_not_contact",)


def test_the_gate_knows_contracts_and_every_domain_of_an_account(alice: User, now: datetime) -> None:
    lead, contact, account, sale, contract = every_kind()
    with acting(actor=alice, via="test", at=now):
        AccountDomain.objects.create(account=account, domain="initech-labs.example")
    suppress(actor=alice, at=now, via="test", reason="company_asked", domains=["initech-labs.example"])
    for record in (contact, account, sale, contract):
        assert bar_of(str(record._meta.model_name), record.pk) is not None, record
    assert bar_of("lead", lead.pk) is None
    sent: dict[str, Any] = {
        "kind": "email",
        "outcome": "sent",
        "happened_at": now,
        "actor": alice,
        "at": now,
        "via": "test",
    }
    # A message about a contract is no sales outreach (D2); one about the sale is.
    assert log_touch({"contract": contract}, **sent).violation_of is None
    assert log_touch({"contract": contract, "contact": contact}, **sent).violation_of is None
    assert log_touch({"contract": contract, "opportunity": sale}, **sent).violation_of is not None
    assert log_touch({"account": account}, **sent).violation_of is not None
    assert plan_task({"contract": contract}, text="Invoice", kind="email", actor=alice, at=now, via="test")


def test_a_violation_is_said_where_it_was_logged(alice: User, mona: User, now: datetime) -> None:
    contact = make_contact(email="lea@x.example")
    suppress(actor=alice, at=START, via="test", reason="asked_us", emails=["lea@x.example"])
    sent = {"kind": "email", "direction": "out", "outcome": "sent", "happened_at": "2026-03-03T10:00"}
    page = client_of(alice).post(
        f"/admin/activities/activity/on/contact/{contact.pk}/touch/", sent, headers={"hx-request": "true"}
    )
    assert "They were not to be contacted" in page.content.decode()
    assert Activity.objects.get().violation_of is not None


def test_only_whose_it_is_who_made_it_and_managers_change_it(
    alice: User, charlie: User, bob: User, mona: User, now: datetime
) -> None:
    task = plan_task({"account": make_account()}, text="x", owner=bob, actor=alice, at=now, via="test")
    assert codes(lambda: finish_task(task, actor=charlie, at=now, via="test")) == ("forbidden",)
    assert client_of(charlie).post(f"{LIST}{task.pk}/done/").headers["Plumb-Refused"] == "forbidden"
    for user in (alice, bob, mona):
        finish_task(task, actor=user, at=now, via="test")
        reopen_task(task, actor=user, at=now, via="test")
    task.refresh_from_db()
    assert task.done_at is None


def test_a_task_of_who_left_is_taken_up_by_who_takes_it_up(alice: User, bob: User, now: datetime) -> None:
    task = plan_task({"account": make_account()}, text="x", owner=bob, actor=alice, at=now, via="test")
    finish_task(task, actor=bob, at=now, via="test")
    User.objects.filter(pk=bob.pk).update(is_active=False)
    reopen_task(task, actor=alice, at=now, via="test")
    task.refresh_from_db()
    assert task.owner == alice
    gone = codes(lambda: plan_task({"account": make_account()}, text="x", owner=bob, actor=alice, at=now, via="test"))
    assert gone == ("invalid_owner",)


def test_home_has_ones_own_tasks_the_first_due_first_and_the_whole_list(alice: User, bob: User, now: datetime) -> None:
    account = make_account()
    made: dict[str, Any] = {"actor": alice, "at": now, "via": "test"}
    later = plan_task({"account": account}, text="Later", due_on=date(2026, 4, 1), **made)
    sooner = plan_task({"account": account}, text="Sooner", due_on=date(2026, 3, 1), **made)
    someday = plan_task({"account": account}, text="Some day", **made)
    plan_task({"account": account}, text="Bob's", owner=bob, **made)
    (part,) = [part for part in home_parts(alice, at=now) if part.kind == "task"]
    assert list(part.rows) == [sooner, later, someday]
    assert part.full_list == f"{LIST}?owner=me&state=open"
    page = client_of(alice).get(part.full_list)
    assert list(page.context["cl"].result_list) == [sooner, later, someday]
    client_of(alice).post(f"{LIST}{sooner.pk}/done/", {"next": "home"})
    assert next(one for one in home_parts(alice, at=now) if one.kind == "task").rows == [later, someday]
    assert client_of(alice).get(f"{LIST}?state=done").context["cl"].result_count == 1


def test_an_account_shows_what_is_to_do_about_what_belongs_to_it(
    alice: User, now: datetime, rf: RequestFactory
) -> None:
    account = make_account()
    sale = make_opportunity(account=account)
    plan_task({"opportunity": sale}, text="Send the quote", actor=alice, at=now, via="test")
    request = rf.get("/")
    request.user = alice
    shown = panels_for(type(account))["activity_feed"].render(request, account)
    assert "Send the quote" in shown
    assert str(sale) in shown


def test_a_made_task_is_undone(alice: User, mona: User, now: datetime) -> None:
    task = plan_task({"account": make_account()}, text="x", actor=alice, at=now, via="test")
    log = Transaction.objects.order_by("-pk")[0]
    result = revert(log, actor=mona, at=now + timedelta(minutes=1), via="test")
    assert result.put_back == 1
    assert not Task.objects.filter(pk=task.pk).exists()


def test_over_the_api_a_task_is_made_done_and_found(alice: User, robot: User, now: datetime) -> None:
    api, account = program(alice, "tasks:read", "tasks:write", "tasks:delete"), make_account()
    answer = api("POST", "tasks/", {"text": "Send it", "account_id": account.pk, "due_on": "2026-03-05"})
    assert answer.status_code == 201, answer.content
    made = read(answer)
    assert (made["owner_id"], made["made_by_id"], made["done_at"]) == (alice.pk, alice.pk, None)
    address = f"tasks/{made['id']}/"
    done = read(api("PATCH", address, {"done_at": "2026-03-04T10:00:00Z"}))
    assert (done["done_by_id"], done["done_at"]) == (alice.pk, "2026-03-04T10:00:00Z")
    found = read(api("GET", f"tasks/?open=false&due_by=2026-03-05&account_id={account.pk}"))
    assert [one["id"] for one in found["results"]] == [made["id"]]
    assert read(api("GET", "tasks/?open=true"))["results"] == []
    again = read(api("PATCH", address, {"done_at": None}))
    assert (again["done_at"], again["done_by_id"]) == (None, None)
    for wrong, field in (
        ({"text": "x"}, ""),
        ({"account_id": account.pk}, "text"),
        ({"text": "x", "account_id": account.pk, "done_at": "2099-01-01T00:00:00Z"}, "done_at"),
        ({"text": "x", "account_id": 10**9}, "account_id"),
    ):
        answer = api("POST", "tasks/", wrong)
        assert answer.status_code == 400, wrong
        assert field in {error.get("field", error.get("pointer", "")).lstrip("/") for error in read(answer)["errors"]}
    assert api("DELETE", address).status_code == 204
    machine = program(robot, "tasks:read", "tasks:write")
    assert machine("POST", "tasks/", {"text": "x", "account_id": account.pk}).status_code == 400
    assert program(alice, "tasks:read")("POST", "tasks/", {"text": "x"}).status_code == 403


def test_over_the_api_a_touch_has_its_contract_title_and_notes(alice: User) -> None:
    contract = every_kind()[-1]
    api = program(alice, "activities:read", "activities:write")
    sent = {
        "kind": "meeting",
        "outcome": "held",
        "happened_at": "2026-03-01T10:00:00Z",
        "contract_id": contract.pk,
        "title": "Charlie (Fleet)",
        "notes_url": "https://notes.example/1",
    }
    made = read(api("POST", "activities/", sent))
    assert {name: made[name] for name in ("contract_id", "title", "notes_url")} == {
        name: sent[name] for name in ("contract_id", "title", "notes_url")
    }
    found = read(api("GET", f"activities/?contract_id={contract.pk}"))["results"]
    assert [one["id"] for one in found] == [made["id"]]


def test_over_the_api_the_gate_holds(alice: User, now: datetime) -> None:
    lead = make_lead(email="lea@x.example")
    suppress(actor=alice, at=now, via="test", reason="asked_us", emails=["lea@x.example"])
    api = program(alice, "tasks:read", "tasks:write")
    answer = api("POST", "tasks/", {"text": "Call", "kind": "call", "lead_id": lead.pk})
    assert answer.status_code in (400, 409)
    assert "do_not_contact" in answer.content.decode()
