"""Pages of what commands and the database write: imports and held rows, the change log, the handbook."""

from __future__ import annotations

from datetime import datetime

from crm.core.acting import acting
from crm.history.models import Transaction
from crm.imports.models import HeldRow
from crm.people.models import User
from leads.models import Lead
from tests.access import client_of
from tests.factories import make_lead
from tests.samples import make_held_row, make_run, make_touch


def test_a_held_row_is_shown_whole_mended_and_released(mona: User) -> None:
    held = make_held_row(mona)
    client, page = client_of(mona), f"/admin/imports/heldrow/{held.pk}/"
    shown = client.get(f"{page}change/").content.decode()
    assert all(word in shown for word in ("Farmers", "FirstName", "LinkedIn profile URL", "Lead.csv"))

    values = {"first_name": "Bertha", "last_name": "Boxer", "email": "", "linkedin_url": ""}
    refused = client.post(f"{page}release/", values)
    assert refused.status_code == 200
    assert HeldRow.objects.get().state == "held"

    assert client.post(f"{page}release/", values | {"email": "bertha@farmers.example"}).status_code == 302
    assert HeldRow.objects.get().state == "released"
    lead = Lead.objects.get(email="bertha@farmers.example")
    assert lead.company == "Farmers"
    assert f"/admin/leads/lead/{lead.pk}/change/" in client.get(f"{page}change/").content.decode()


def test_the_tab_of_held_rows_opens_on_those_that_wait(mona: User) -> None:
    held = make_held_row(mona)
    HeldRow.objects.filter(pk=make_held_row(mona).pk).update(state="released")
    rows = client_of(mona).get("/admin/imports/heldrow/?state=held").context["cl"].result_list
    assert [row.pk for row in rows] == [held.pk]


def test_an_import_is_shown_as_tables(mona: User) -> None:
    shown = client_of(mona).get(f"/admin/imports/importrun/{make_run(mona).pk}/change/").content.decode()
    assert all(word in shown for word in ("Lead.csv", "No email.", "Rejected"))


def test_the_change_log_tells_who_how_and_what(mona: User, alice: User, now: datetime) -> None:
    lead = make_lead()
    with acting(actor=alice, via="admin", at=now, reason="Spelled wrong"):
        Lead.objects.filter(pk=lead.pk).update(company="Globex Corporation")
    log = Transaction.objects.order_by("-pk")[0]
    client = client_of(mona)
    rows = client.get("/admin/history/transaction/", {"who": str(alice.pk), "how": "admin"}).context["cl"].result_list
    assert [(row.pk, row.what) for row in rows] == [(log.pk, "1 × lead changed")]
    shown = client.get(f"/admin/history/transaction/{log.pk}/change/").content.decode()
    assert all(word in shown for word in ("Globex Corporation", "Company", "Spelled wrong", f"/lead/{lead.pk}/"))


def test_the_handbook_is_shown_as_it_was_read(root: User) -> None:
    shown = client_of(root).get("/admin/handbook/handbookversion/").content.decode()
    assert "A standard user has these four tabs" in shown
    assert "lead.mql_employees = 500" in shown


def test_ones_own_touch_is_mended_and_anothers_is_not(alice: User, bob: User) -> None:
    touch = make_touch(alice)
    page = f"/admin/activities/activity/{touch.pk}/change/"
    posted = {"kind": "call", "direction": "out", "outcome": "voicemail", "lead": touch.lead_id, "version": 1}
    posted |= {"happened_at_0": "2026-03-01", "happened_at_1": "09:00:00", "text": "Left a message"}
    assert client_of(bob).post(page, posted).status_code == 403
    assert client_of(alice).post(page, posted).status_code == 302
    touch.refresh_from_db()
    assert (touch.outcome, touch.text) == ("voicemail", "Left a message")
