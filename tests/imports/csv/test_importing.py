"""A CSV file from upload to undo: what is stored, held, told, and put back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from accounts.models import Account
from contracts.models import Opportunity
from crm import handbook
from crm.activities.suppressing import suppress
from crm.core.errors import Refused
from crm.history.models import Change, Move
from crm.imports import runs as every_run
from crm.imports.csv import runs
from crm.imports.models import HeldRow, ImportRun
from crm.people.models import User
from crm.sync.models import ExternalId
from leads.models import Lead
from leads.statuses import Status
from tests.factories import make_account, make_contact, make_lead
from tests.imports.csv.using import bring, counts, plan, problems, results, stored, tried, upload, work
from tests.imports.export import NOW

pytestmark = pytest.mark.django_db
LEADS = (
    "Email,First Name,Last Name,Company\nlea@globex.example,Lea,Prospect,Globex\nmax@globex.example,Max,Muster,Globex\n"
)


def test_it_stores_leads_as_people_enter_them(root: User) -> None:
    run = bring(LEADS, "lead", root)
    assert run.stage == ImportRun.Stage.DONE
    assert counts(run) == {"created": 2}
    lead = Lead.objects.get(email="lea@globex.example")
    assert (lead.first_name, lead.company, lead.status) == ("Lea", "Globex", Status.NEW)
    assert lead.came_from == "CSV import, list.csv"
    change = Change.objects.get(object="lead", record_id=lead.pk)
    assert (change.op, change.transaction.via, change.transaction.actor_id) == ("I", "import", root.pk)


def test_a_dry_run_says_what_would_become_of_each_row_and_leaves_nothing(root: User) -> None:
    run = tried(upload(LEADS + "nobody,No,Body,Globex\n", "lead", root), root)
    assert run.stage == ImportRun.Stage.TRIED
    assert counts(run) == {"created": 2, "rejected": 1}
    assert problems(run) == [(4, "no_email_or_linkedin"), (4, "bad_email")]
    assert [row[:2] for row in results(run)] == [["2", "created"], ["3", "created"], ["4", "rejected"]]
    assert not Lead.objects.exists()
    assert not HeldRow.objects.exists()
    assert not ExternalId.objects.exists()


def test_the_result_file_has_one_line_for_each_row_of_the_file(root: User) -> None:
    run = bring(LEADS + ",,,\nshort,row\n" + LEADS.split("\n", 1)[1], "lead", root)
    rows = results(run)
    assert [row[0] for row in rows] == ["2", "3", "4", "5", "6", "7"]
    assert [row[1] for row in rows] == ["created", "created", "skipped", "rejected", "rejected", "rejected"]
    assert rows[0][2] == str(Lead.objects.get(email="lea@globex.example").pk)
    assert [row[3] for row in rows[2:]] == ["empty_row", "ragged_row", "duplicate_id", "duplicate_id"]
    assert rows[4][4] == "Line 2 has the same email already."


def test_it_is_undone_while_untouched(root: User) -> None:
    run = bring(LEADS, "lead", root)
    Lead.objects.get(email="max@globex.example")
    lea = Lead.objects.get(email="lea@globex.example")
    lea.title = "CISO"
    lea.save(update_fields=["title"])
    run = work(every_run.undo(run, actor=root, at=NOW))
    assert run.stage == ImportRun.Stage.UNDONE
    assert [lead.email for lead in Lead.objects.all()] == ["lea@globex.example"]


def test_the_same_file_again_changes_nothing(root: User) -> None:
    bring(LEADS, "lead", root)
    before = Change.objects.filter(object="lead").count()
    assert counts(bring(LEADS, "lead", root)) == {"unchanged": 2}
    assert Change.objects.filter(object="lead").count() == before


@pytest.mark.parametrize(
    ("mode", "found"),
    [
        ("both", {"created": 1, "updated": 1}),
        ("create", {"created": 1, "unchanged": 1}),
        ("update", {"updated": 1, "unchanged": 1}),
    ],
)
def test_it_creates_updates_or_does_both(root: User, mode: str, found: dict[str, int]) -> None:
    make_lead(email="LEA+list@Globex.example", company="Old")
    run = bring(LEADS, "lead", root, mode=mode)
    assert counts(run) == found
    companies = set(Lead.objects.values_list("email", "company"))
    assert (
        "LEA+list@Globex.example" if mode == "create" else "lea@globex.example",
        "Old",
    ) in companies or mode != "create"


@pytest.mark.parametrize(
    ("object", "key", "header", "cells", "made"),
    [
        (
            "lead",
            "linkedin",
            "LinkedIn",
            "https://www.linkedin.com/in/lea/",
            lambda: make_lead(linkedin_url="linkedin.com/in/lea"),
        ),
        ("contact", "email", "Email", "CORA@initech.example", lambda: make_contact(email="cora@initech.example")),
        (
            "account",
            "domain",
            "Website",
            "https://www.initech.example/about",
            lambda: make_account(website="initech.example"),
        ),
        ("account", "name", "Company", "INITECH", lambda: make_account(name="Initech")),
    ],
)
def test_rows_are_known_by_the_chosen_key_whatever_its_spelling(
    root: User, object: str, key: str, header: str, cells: str, made: Any
) -> None:
    record = made()
    run = bring(f"{header},Description\n{cells},Seen again\n", object, root, key=key, mode="update")
    assert counts(run) == {"updated": 1}
    record.refresh_from_db()
    assert record.description == "Seen again"


def test_rows_are_known_by_their_ids_elsewhere_in_the_named_system(root: User) -> None:
    content = "Account ID,Name\nA1,Initech\n"
    bring(content, "account", root, system="hubspot")
    account = Account.objects.get()
    assert ExternalId.objects.get().record_id == account.pk
    assert counts(bring("Account ID,Name\nA1,Initech Inc\n", "account", root, system="hubspot")) == {"updated": 1}
    assert counts(bring("Account ID,Name\nA1,Another\n", "account", root, system="old crm")) == {"created": 1}
    account.refresh_from_db()
    assert account.name == "Initech Inc"


def test_a_key_that_several_records_have_is_refused_and_not_guessed(root: User) -> None:
    make_account(name="Initech")
    make_account(name="initech")
    run = bring("Name,Description\nInitech,Which?\n", "account", root)
    assert problems(run) == [(2, "several_match")]


def test_an_empty_cell_changes_nothing(root: User) -> None:
    lead = make_lead(email="lea@globex.example", company="Globex", title="CISO")
    bring("Email,Company,Title\nlea@globex.example,Globex Inc,\n", "lead", root)
    lead.refresh_from_db()
    assert (lead.company, lead.title) == ("Globex Inc", "CISO")


def test_what_cannot_be_read_is_kept_and_told_by_line(root: User) -> None:
    content = "Email,Employees,Website,Rating\nlea@globex.example,many,not a page,Lukewarm\n"
    run = bring(content, "lead", root)
    assert counts(run) == {"created": 1, "flagged": 1}
    assert sorted(problems(run)) == [(2, "bad_number"), (2, "bad_url"), (2, "unmapped_value")]
    lead = Lead.objects.get()
    assert lead.kept == {"Employees": "many", "Website": "not a page", "Rating": "Lukewarm"}
    assert lead.employees is None


def test_an_unmatched_column_is_kept_or_left_out(root: User) -> None:
    from crm.imports.csv.plan import Column

    run = upload("Email,Shoe size,Noise\nlea@globex.example,42,x\n", "lead", root)
    columns = {"Email": Column("email"), "Shoe size": Column("kept"), "Noise": Column("")}
    stored(plan(run, root, columns=columns), root)
    assert Lead.objects.get().kept == {"Shoe size": "42"}


def test_a_status_is_placed_and_a_changed_one_is_moved(root: User) -> None:
    run = bring("Email,Lead Status\nlea@globex.example,Engaged\n", "lead", root)
    lead = Lead.objects.get()
    assert (counts(run), lead.status) == ({"created": 1}, Status.ENGAGED)
    assert Move.objects.get(object="lead", record_id=lead.pk).verb == "place"
    run = bring("Email,Lead Status,Nurture reason\nlea@globex.example,Closed nurture,bad_timing\n", "lead", root)
    assert problems(run) == []
    lead.refresh_from_db()
    assert lead.status == Status.CLOSED_NURTURE
    assert Move.objects.filter(object="lead", record_id=lead.pk).latest("id").verb == "nurture"


def test_a_status_that_no_move_leads_to_is_left_and_told(root: User) -> None:
    lead = make_lead(email="lea@globex.example", status=Status.ENGAGED)
    run = bring("Email,Lead Status,Company\nlea@globex.example,New,Globex Inc\n", "lead", root)
    assert problems(run) == [(2, "status_not_moved")]
    lead.refresh_from_db()
    assert (lead.status, lead.company) == (Status.ENGAGED, "Globex Inc")


def test_no_file_closes_anybody_as_do_not_contact_or_converted(root: User) -> None:
    run = bring(
        "Email,Lead Status\nlea@globex.example,Closed do not contact\nmax@globex.example,SAO Converted\n", "lead", root
    )
    assert problems(run) == [(2, "unmapped_value"), (3, "unmapped_value")]
    assert set(Lead.objects.values_list("status", flat=True)) == {Status.NEW}


def test_who_is_not_to_be_contacted_is_stored_and_named(root: User) -> None:
    suppress(actor=root, at=NOW, via="test", reason="asked_us", emails=["lea@globex.example"])
    run = bring(LEADS, "lead", root)
    assert counts(run) == {"created": 2, "flagged": 1}
    assert problems(run) == [(2, "do_not_contact")]


def test_a_manager_brings_leads_in_and_places_none(mona: User) -> None:
    assert counts(bring(LEADS, "lead", mona)) == {"created": 2}
    run = upload("Email,Lead Status\nlea@globex.example,Engaged\n", "lead", mona)
    with pytest.raises(Refused) as refused:
        runs.try_csv(run, actor=mona, at=NOW)
    assert [one.code for one in refused.value.missing] == ["forbidden"]


def test_nobody_else_brings_anything_in(alice: User, robot: User) -> None:
    for user in (alice, robot):
        with pytest.raises(Refused) as refused:
            upload(LEADS, "lead", user)
        assert refused.value.code == "forbidden"


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ("Email,Created date\nlea@globex.example,03/04/2021\n", "format:Created date"),
        ("Email,Created date\nlea@globex.example,20/10/2016\nmax@globex.example,10/20/2016\n", "format:Created date"),
        ("First Name\nLea\n", "columns"),
    ],
)
def test_what_is_not_decided_is_asked_before_anything_runs(root: User, content: str, field: str) -> None:
    run = upload(content, "lead", root)
    for step in (runs.try_csv, runs.start_csv):
        with pytest.raises(Refused) as refused:
            step(run, actor=root, at=NOW)
        assert refused.value.code == "not_decided"
        assert field in {one.field for one in refused.value.missing}


def test_a_column_that_could_be_two_amounts_is_asked_and_read_as_chosen(root: User) -> None:
    from crm.imports.csv.plan import Column

    make_account(name="Initech")
    run = upload("Deal,Account,Amount\nInitech 2026,Initech,1.234 €\n", "opportunity", root)
    assert {one.code for one in runs.missing_of(run, root)} == {"ambiguous_format", "no_key"}
    columns = {"Deal": Column("name"), "Account": Column("account:name"), "Amount": Column("amount", "comma")}
    stored(plan(run, root, columns=columns, mode="create"), root)
    sale = Opportunity.objects.get()
    assert (sale.amount, sale.currency) == (Decimal("1234.00"), "EUR")


def test_fields_of_the_handbooks_own_are_targets(root: User) -> None:
    from crm.handbook.schema import OwnField

    fields = (
        OwnField(object="lead", key="shoe_size", label="Shoe size", type="number"),
        OwnField(object="lead", key="met_on", label="Met on", type="date", kept_as="Met_On__c"),
    )
    book = handbook.current().model_copy(update={"own_fields": fields})
    with handbook.use_here(book):
        bring('Email,Shoe size,Met_On__c\nlea@globex.example,"1,042.5",10/20/2016\n', "lead", root)
    assert Lead.objects.get().kept == {"shoe_size": "1042.5", "Met_On__c": "2016-10-20"}


def test_an_end_before_its_start_is_said_with_both_dates(root: User) -> None:
    content = "Name,Account,Effective date,End date\nA 2026,Initech,2026-05-01,2026-04-01\nB 2026,Initech,2026-05-01,\n"
    make_account(name="Initech")
    run = bring(content, "contract", root, mode="create")
    said = "The subscription end date (2026-04-01) does not lie after the effective date (2026-05-01)."
    assert said in str(results(run))
    again = bring("Name,Account,End date\nB 2026,Initech,2026-04-30\n", "contract", root, key="name")
    assert "(2026-04-30) does not lie after the effective date (2026-05-01)" in str(results(again))


def test_it_reads_what_deals_are_forecast_as_and_how_sure_their_owners_are(root: User) -> None:
    make_account(name="Initech")
    content = (
        "Opportunity name,Account,Forecast category,Confidence (%)\n"
        "One 2026,Initech,Best case,50%\nTwo 2026,Initech,commit,60\nThree 2026,Initech,,160%\n"
    )
    run = bring(content, "opportunity", root, mode="create")
    told = dict.fromkeys(Opportunity.objects.values_list("name", "stated_forecast", "confidence"))
    assert list(told) == [("One 2026", "best_case", 50), ("Two 2026", "commit", 60), ("Three 2026", "", None)]
    assert problems(run) == [(4, "bad_value")]
