"""Reassigning, assigning, planning, deleting and exporting many: each row by its own rights, and put back by undo."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format

from accounts.models import Account
from crm import handbook
from crm.activities.models import NextTouch
from crm.activities.suppressing import suppress
from crm.core.acting import acting
from crm.history.models import Change, Transaction
from crm.jobs.cells import cell
from crm.jobs.models import Job
from crm.people.models import User
from leads.models import Lead
from leads.statuses import Status
from leads.working import plan_touches
from tests.bulk.pages import address, answer, ask, rows
from tests.factories import make_account, make_contact, make_lead, make_opportunity
from tests.leads.pages import browse, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _files(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


def download(user: User, job: Job, name: str = "job_file") -> list[list[str]]:
    response: Any = browse(user).get(reverse(f"admin:{name}", args=[job.pk]))
    assert response.status_code == 200
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text)))


# --- reassign ---------------------------------------------------------------------------------------------------------


def test_it_gives_those_it_may_to_somebody_with_the_note_in_their_history(
    alice: User, bob: User, charlie: User
) -> None:
    mine, unowned, theirs = make_lead(owner=alice), make_lead(), make_lead(owner=charlie)
    already = make_lead(owner=bob)
    client = browse(alice)
    url = address(Lead, "reassign", [mine.pk, unowned.pk, theirs.pk, already.pk])
    job = ask(client, url, owner=bob.pk, reason="Holiday of Alice")
    assert job.title == "Reassign 4 leads to Bob"
    answer(client, job, "confirm")
    assert rows(job) == {
        mine.pk: ("reassigned", ""),
        unowned.pk: ("reassigned", ""),
        theirs.pk: ("refused", "forbidden"),
        already.pk: ("refused", "already_theirs"),
    }
    assert set(Lead.objects.filter(owner=bob).values_list("pk", flat=True)) == {mine.pk, unowned.pk, already.pk}
    change = Change.objects.filter(object="lead", record_id=mine.pk).latest("id")
    assert change.transaction.reason == "Holiday of Alice"
    answer(client, job, "undo")
    mine.refresh_from_db()
    unowned.refresh_from_db()
    assert (mine.owner_id, unowned.owner_id) == (alice.pk, None)


@pytest.mark.parametrize("make", [make_account, make_contact, make_opportunity])
def test_it_gives_away_accounts_contacts_and_opportunities_too(make: Any, alice: User, bob: User) -> None:
    record = make(owner=alice)
    client = browse(alice)
    job = ask(client, address(type(record), "reassign", [record.pk]), owner=bob.pk)
    answer(client, job, "confirm")
    record.refresh_from_db()
    assert record.owner_id == bob.pk


def test_nobody_who_left_is_given_anything(alice: User, bob: User) -> None:
    lead = make_lead(owner=alice)
    client = browse(alice)
    url = address(Lead, "reassign", [lead.pk])
    assert client.post(url, {"owner": "no such"}).status_code == 400
    assert client.post(url, {}).status_code == 400
    job = ask(client, url, owner=bob.pk)
    User.objects.filter(pk=bob.pk).update(is_active=False)
    answer(client, job, "confirm")
    assert rows(job) == {lead.pk: ("refused", "invalid_owner")}
    lead.refresh_from_db()
    assert lead.owner_id == alice.pk


# --- assign and plan --------------------------------------------------------------------------------------------------


def test_unowned_leads_go_to_whose_turn_it_is_and_the_owned_stay(alice: User, bob: User, mona: User) -> None:
    free, owned = make_lead(), make_lead(owner=alice)
    client = browse(mona)
    job = ask(client, address(Lead, "assign", [free.pk, owned.pk]))
    assert job.preview["outcomes"] == {"allowed": 1, "refused": 1}
    answer(client, job, "confirm")
    assert rows(job)[owned.pk] == ("refused", "already_owned")
    free.refresh_from_db()
    assert rows(job)[free.pk][0] == ("assigned" if free.owner_id else "queued")


def test_who_is_not_to_be_contacted_is_given_to_nobody_in_turn(alice: User, mona: User) -> None:
    free, barred = make_lead(), make_lead()
    suppress(actor=mona, at=timezone.now(), via="test", reason="asked_us", emails=[barred.email])
    client = browse(mona)
    job = ask(client, address(Lead, "assign", [free.pk, barred.pk]))
    assert job.preview["outcomes"] == {"allowed": 1, "refused": 1}
    assert "Do not contact: They asked us" in job.preview["reasons"][0][1]
    answer(client, job, "confirm")
    assert rows(job)[barred.pk] == ("refused", "do_not_contact")
    barred.refresh_from_db()
    assert barred.owner is None


def test_each_lead_gets_its_next_touch_and_loses_it_by_undo(alice: User, charlie: User) -> None:
    planned, free, theirs = make_lead(owner=alice), make_lead(owner=alice), make_lead(owner=charlie)
    today = handbook.current().today(timezone.now())
    with acting(actor=alice, via="test", at=timezone.now()):
        NextTouch(lead=planned, due_on=today, kind="email", text="Before").save()
    client = browse(alice)
    facts = {"due_on": (today + timedelta(days=3)).isoformat(), "next_kind": "call", "what": "Ask for the budget"}
    url = address(Lead, "next_touch", [planned.pk, free.pk, theirs.pk])
    assert client.post(url, facts | {"due_on": "soon"}).status_code == 400
    job = ask(client, url, **facts)
    assert job.preview["outcomes"] == {"allowed": 2, "refused": 1}
    answer(client, job, "confirm")
    said = date_format(today + timedelta(days=3), "DATE_FORMAT")
    assert [line[-1] for line in download(alice, job, "job_results")].count(f"Call on {said}") == 2
    assert rows(job) == {planned.pk: ("planned", ""), free.pk: ("planned", ""), theirs.pk: ("refused", "forbidden")}
    assert set(NextTouch.objects.values_list("lead_id", "kind")) == {(planned.pk, "call"), (free.pk, "call")}
    answer(client, job, "undo")
    assert list(NextTouch.objects.values_list("lead_id", "kind", "text")) == [(planned.pk, "email", "Before")]
    assert job.undone_by is not None
    undone = text_of(client.get(reverse("admin:job", args=[job.undone_by.pk])))
    assert "put back" in undone
    assert "Why some were left" not in undone


# --- delete -----------------------------------------------------------------------------------------------------------


def test_deleting_takes_a_manager_who_types_how_many_and_leaves_what_is_held(alice: User, mona: User) -> None:
    free, held = make_account(name="Free"), make_account(name="Held")
    make_contact(account=held)
    url = address(Account, "delete", [free.pk, held.pk])
    refused = browse(alice).get(url)
    assert refused.status_code == 403
    assert "Deleting accounts takes a manager." in text_of(refused)
    client = browse(mona)
    job = ask(client, url, reason="Tests")
    assert job.preview["outcomes"] == {"allowed": 1, "refused": 1}
    assert job.preview["reasons"] == [["held", "Held by 1 contact.", 1]]
    for wrong in ("", "2", "one"):
        page = answer(client, job, "confirm", typed=wrong)
        assert page.status_code == 400
        assert "Type 1 to confirm." in text_of(page)
    assert Account.objects.count() == 2
    answer(client, job, "confirm", typed=" 1 ")
    assert rows(job) == {free.pk: ("deleted", ""), held.pk: ("refused", "held")}
    assert not Account.objects.filter(pk=free.pk).exists()
    answer(client, job, "undo")
    assert Account.objects.get(pk=free.pk).name == "Free", "what was deleted comes back under its id"


def test_what_came_to_refer_to_a_record_while_it_was_counted_keeps_it(mona: User) -> None:
    account = make_account()
    client = browse(mona)
    job = ask(client, address(Account, "delete", [account.pk]))
    assert job.allowed == 1
    make_contact(account=account)
    answer(client, job, "confirm", typed="1")
    assert rows(job) == {account.pk: ("refused", "held")}


# --- export -----------------------------------------------------------------------------------------------------------


def test_an_export_has_our_words_as_headers_and_no_formulas_and_is_kept_with_who_when_and_which(
    alice: User, mona: User, ann: User
) -> None:
    lead = make_lead(owner=alice, company='=HYPERLINK("http://x.example")', first_name="Zoë", phone="+1 415 555 0100")
    other = make_lead(owner=alice)
    assert browse(alice).get(address(Lead, "export", [lead.pk])).status_code == 403
    client = browse(mona)
    job = ask(client, address(Lead, "export", all="1", owner=str(alice.pk)))
    answer(client, job, "confirm")
    table = download(mona, job)
    header, second, first = table  # the newest first, as the list has them
    row = dict(zip(header, first, strict=True))
    assert (row["ID"], second[0]) == (str(lead.pk), str(other.pk))
    assert row["Company"] == '\'=HYPERLINK("http://x.example")'
    assert (row["First name"], row["Phone"], row["Owner"]) == ("Zoë", "+1 415 555 0100", "Alice")
    assert "New" in first, "labels, not keys"
    assert not any("key" in name.lower() for name in header)
    job.refresh_from_db()
    assert (job.by, job.counts["outcomes"], job.input["filter"]) == (
        mona,
        {"exported": 2},
        "All 2 that match (owner: Alice)",
    )
    assert browse(ann).get(reverse("admin:job_file", args=[job.pk])).status_code == 403
    assert browse(alice).get(reverse("admin:job_file", args=[job.pk])).status_code == 403
    page = text_of(client.get(reverse("admin:job", args=[job.pk])))
    assert "Download the file" in page
    assert 'value="undo"' not in page


def test_a_part_that_is_written_again_after_a_crash_is_there_once(
    alice: User, mona: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    from crm.bulk.exporting import EXPORT

    monkeypatch.setattr(type(EXPORT), "size", 1)
    for _ in range(2):
        make_lead(owner=alice)
    client = browse(mona)
    job = ask(client, address(Lead, "export", all="1"))
    from django.core.files.base import ContentFile
    from django.core.files.storage import default_storage

    default_storage.save(f"jobs/{job.pk}/part-000001.csv", ContentFile(b"left behind\r\n"))
    answer(client, job, "confirm")
    table = download(mona, job)
    assert len(table) == 3
    assert "left behind" not in str(table)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3+cmd", "'-2+3+cmd"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("+1 (415) 555-0100", "+1 (415) 555-0100"),
        ("-5", "-5"),
        ("Ann", "Ann"),
        (None, ""),
        (0, "0"),
    ],
)
def test_cells_are_text_to_a_spreadsheet(value: Any, written: str) -> None:
    assert cell(value) == written


# --- results ----------------------------------------------------------------------------------------------------------


def test_results_are_paged_filtered_and_downloaded(alice: User, charlie: User) -> None:
    mine = [make_lead(owner=alice, first_name=f"N{n}") for n in range(55)]
    theirs = make_lead(owner=charlie, first_name="=Not mine")
    client = browse(alice)
    job = ask(client, address(Lead, "move", [*(lead.pk for lead in mine), theirs.pk], verb="work"))
    answer(client, job, "confirm")
    page = reverse("admin:job", args=[job.pk])
    first: Any = client.get(page)
    assert len(first.context["results"].rows) == 50
    second: Any = client.get(page, {"after": first.context["results"].after})
    assert len(second.context["results"].rows) == 6
    assert not second.context["results"].after
    refused: Any = client.get(page, {"outcome": "refused"})
    assert [row.label for row in refused.context["results"].rows] == [str(theirs)]
    for odd in ({"after": "x"}, {"after": "99999999999.1"}, {"outcome": "no such"}, {"after": "'; --"}):
        assert client.get(page, odd).status_code == 200
    table = download(alice, job, "job_results")
    assert len(table) == 57
    assert table[-1][1].startswith("'="), "a name may look like a formula too"
    assert Transaction.objects.filter(request=job.request_id).count() == 1
    assert Lead.objects.filter(status=Status.WORKING_TO_ENGAGE).count() == 55


def test_next_touches_of_many_take_no_more_statements_than_those_of_a_few(mona: User) -> None:
    now = timezone.now()

    def statements(ids: list[int]) -> int:
        with CaptureQueriesContext(connection) as asked:
            plan_touches(ids, due_on=now.date(), kind="call", text="Ask", actor=mona, at=now, via="test")
        return len(asked)

    few, many = ([make_lead(owner=mona).pk for _ in range(number)] for number in (2, 30))
    assert statements(many) == statements(few)  # new ones
    assert statements(many) == statements(few)  # in place of those
    assert NextTouch.objects.count() == 32
