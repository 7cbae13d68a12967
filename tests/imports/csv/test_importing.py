"""A CSV file from upload to undo: what is stored, held, told, and put back."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import Account, Contact
from contracts.models import Contract, Invoice, Opportunity
from crm import handbook
from crm.activities.models import Activity, Task
from crm.activities.suppressing import suppress
from crm.core.errors import Refused
from crm.history.models import Change, Move
from crm.imports import runs as every_run
from crm.imports.csv import looking, runs
from crm.imports.held import release_held_rows
from crm.imports.models import HeldRow, ImportRun
from crm.jobs.models import Job
from crm.people.models import User
from crm.sync.models import ExternalId
from leads.models import Lead
from leads.statuses import Status
from tests.factories import make_account, make_contact, make_lead, make_user
from tests.imports.csv.using import bring, counts, plan, problems, results, stored, tried, upload, work
from tests.imports.export import NOW

pytestmark = pytest.mark.django_db
LEADS = (
    "Email,First Name,Last Name,Company\nlea@globex.example,Lea,Prospect,Globex\nmax@globex.example,Max,Muster,Globex\n"
)


class Killed(BaseException):
    """What ends a worker's process."""


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


def test_people_are_known_by_address_and_name_and_chosen_or_made_otherwise(root: User, alice: User) -> None:
    owners = ("ALICE@example.com", "alice", "Moses Frase", "Zane Levy")
    content = "Email,Owner\n" + "".join(f"{at}@x.example,{who}\n" for at, who in zip("abcd", owners, strict=True))
    run = bring(content, "lead", root, people={"Moses Frase": "new", "Zane Levy": str(root.pk)})
    moses = User.objects.get(last_name="Frase")
    assert not moses.is_active
    assert not moses.has_usable_password()
    assert moses.email == "moses.frase@imported.invalid"
    found = dict(Lead.objects.values_list("email", "owner"))
    assert found == {"a@x.example": alice.pk, "b@x.example": alice.pk, "c@x.example": moses.pk, "d@x.example": root.pk}
    assert counts(run) == {"created": 4}
    # The next file knows him.
    assert counts(bring(content, "lead", root, people={"Zane Levy": str(root.pk)})) == {"unchanged": 4}


def test_somebody_who_is_nobody_here_leaves_the_record_unowned_and_told(root: User) -> None:
    run = bring("Email,Owner\na@x.example,Moses Frase\n", "lead", root)
    assert problems(run) == [(2, "owner_not_found")]
    assert Lead.objects.get().kept == {"Owner": "Moses Frase"}


def test_two_people_of_one_name_are_not_guessed_between(root: User) -> None:
    for number in (1, 2):
        user = make_user(f"kim{number}", role="sdr")
        User.objects.filter(pk=user.pk).update(first_name="Kim", last_name="Lee")
    run = bring("Email,Owner\na@x.example,Kim Lee\n", "lead", root)
    assert problems(run) == [(2, "owner_not_found")]


def test_leads_without_an_owner_are_given_out_only_when_that_is_chosen(root: User, alice: User) -> None:
    bring(LEADS, "lead", root)
    assert set(Lead.objects.values_list("owner", flat=True)) == {None}
    bring("Email\nnew@globex.example\n", "lead", root, owner="rules")
    assert Lead.objects.get(email="new@globex.example").owner == alice


def test_parents_further_down_in_the_file_are_found(root: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "ROWS_A_SLICE", 1)
    content = "Account,Subsidiary of\nSmall,Large\nMiddle,Nowhere\nLarge,\nSelf,Self\n"
    dry = tried(upload(content, "account", root), root)
    assert problems(dry) == [(3, "unresolved_link")]
    run = bring(content, "account", root)
    assert Account.objects.get(name="Small").parent == Account.objects.get(name="Large")
    assert "Subsidiary of" not in Account.objects.get(name="Small").kept
    assert [line for line, _ in problems(run)] == [3, 5]
    assert Account.objects.get(name="Self").parent is None


def test_a_circle_of_parents_is_refused_as_everywhere(root: User) -> None:
    run = bring("Account,Subsidiary of\nOne,Two\nTwo,One\n", "account", root)
    assert counts(run) == {"created": 2, "flagged": 1}
    assert sum(account.parent is not None for account in Account.objects.all()) == 1


def test_opportunities_are_placed_with_their_dates(root: User) -> None:
    account = make_account(name="Initech")
    content = (
        "Deal,Account,Stage,engage_date,close_date,close_value\n"
        'Initech 2016,Initech,Closed won,10/20/2016,3/31/2017,"$1,054.00"\n'
        "Initech 2017,INITECH,Discovery,10/21/2016,,\n"
    )
    run = bring(content, "opportunity", root, mode="create", key="")
    assert counts(run) == {"created": 2}
    won = Opportunity.objects.get(name="Initech 2016")
    assert (won.account, won.stage, won.amount, won.close_on) == (
        account,
        "closed_won",
        Decimal("1054.00"),
        date(2017, 3, 31),
    )
    assert won.created_at == datetime(2016, 10, 20, 7, tzinfo=UTC)
    assert won.stage_since == datetime(2017, 3, 31, 7, tzinfo=UTC)
    still = Opportunity.objects.get(name="Initech 2017")
    assert still.stage_since == datetime(2016, 10, 21, 7, tzinfo=UTC)
    assert Move.objects.get(object="opportunity", record_id=won.pk).verb == "place"


def test_a_next_step_nobody_may_be_asked_for_is_left_out_and_told(root: User) -> None:
    contact = make_contact(email="cora@initech.example", account=make_account(name="Initech"))
    suppress(actor=root, at=NOW, via="test", reason="asked_us", emails=[contact.email])
    content = "Deal,Account,Contact email,Next step\nInitech 2026,Initech,cora@initech.example,Call her\n"
    run = bring(content, "opportunity", root, mode="create", key="")
    assert problems(run) == [(2, "do_not_contact")]
    sale = Opportunity.objects.get()
    assert (sale.next_step, sale.kept["next_step"]) == ("", "Call her")


def test_rows_without_an_account_are_held_and_mended_many_at_once(root: User) -> None:
    account = make_account(name="Initech")
    content = "Deal ID,Deal,Account\nD1,One 2026,\nD2,Two 2026,Unheard of\nD3,Three 2026,Initech\n"
    run = bring(content, "opportunity", root, system="maven")
    assert counts(run) == {"created": 1, "rejected": 2}
    held = list(HeldRow.objects.waiting().order_by("line"))
    assert [(one.code, one.external_id) for one in held] == [
        ("account_not_found", "maven: D1"),
        ("account_not_found", "maven: D2"),
    ]
    answers = release_held_rows({one.pk: {"account_id": "initech"} for one in held}, actor=root, at=NOW, via="admin")
    assert [answer.refusal for answer in answers] == [None, None]
    assert set(Opportunity.objects.values_list("account", flat=True)) == {account.pk}
    # The file again knows what became of them.
    again = counts(bring(content, "opportunity", root, system="maven"))
    assert again.get("created", 0) == 0
    assert Opportunity.objects.count() == 3


def test_a_held_row_is_held_once_however_often_the_file_comes(root: User) -> None:
    content = "Deal ID,Deal,Account\nD1,One 2026,\n"
    bring(content, "opportunity", root, system="maven")
    bring(content, "opportunity", root, system="maven")
    assert HeldRow.objects.waiting().count() == 1


def test_one_account_can_be_chosen_for_rows_without_one(root: User) -> None:
    account = make_account(name="Unknown")
    bring("Deal,Account\nOne 2026,\n", "opportunity", root, mode="create", key="", account=account.pk)
    assert Opportunity.objects.get().account == account


def test_names_are_put_together_where_the_file_has_none(root: User) -> None:
    make_account(name="Initech")
    content = "product,account,close_date\nGTXPro,Initech,3/31/2017\n"
    bring(content, "opportunity", root, mode="create", key="", pattern="{product} for {account} {year}")
    assert Opportunity.objects.get().name == "GTXPro for Initech 2017"


def test_contracts_and_their_invoices_come_in(root: User) -> None:
    make_account(name="Initech")
    contracts = (
        'Contract number,Account,Start date,End date,Value,Hosts\nC-1,Initech,2026-01-01,2026-12-31,"$22,700.00",100\n'
    )
    assert counts(bring(contracts, "contract", root, key="name")) == {"created": 1}
    contract = Contract.objects.get()
    assert (contract.effective_date, contract.amount, contract.hosts) == (date(2026, 1, 1), Decimal("22700.00"), 100)
    invoices = 'Invoice number,Contract,Total,Invoice date,Paid\nI-1,C-1,"11,350.00",2026-01-05,2026-02-01\n'
    assert counts(bring(invoices, "invoice", root)) == {"created": 1}
    invoice = Invoice.objects.get()
    assert (invoice.contract, invoice.sent_on, invoice.paid_on) == (contract, date(2026, 1, 5), date(2026, 2, 1))
    assert counts(bring(invoices, "invoice", root)) == {"unchanged": 1}


def test_dates_that_cannot_be_are_refused_with_the_databases_sentence(root: User) -> None:
    make_account(name="Initech")
    content = "Contract,Account,Start date,End date\nC-1,Initech,2026-12-31,2026-01-01\n"
    run = bring(content, "contract", root, key="name")
    assert counts(run) == {"rejected": 1}
    assert not Contract.objects.exists()


def test_touches_and_tasks_come_in_with_whom_they_are_with(root: User, alice: User) -> None:
    lead = make_lead(email="lea@globex.example")
    content = (
        "Type,Date,Notes,Lead email,User\n"
        'Call,"15 Apr, 2021 00:02:00",Spoke to her,lea@globex.example,alice@example.com\n'
        "Email,2021-04-16 09:00,Sent,nobody@globex.example,alice@example.com\n"
        "Call,2099-01-01 09:00,To come,lea@globex.example,alice@example.com\n"
    )
    run = bring(content, "touch", root, mode="create", key="")
    assert counts(run) == {"created": 1, "rejected": 2}
    assert [code for _, code in problems(run) if code != "unresolved_link"] == ["nobody_known", "not_yet"]
    touch = Activity.objects.get()
    assert (touch.lead, touch.kind, touch.by) == (lead, "call", alice)
    assert touch.happened_at == datetime(2021, 4, 15, 7, 2, tzinfo=UTC)
    tasks = "Subject,Due date,Lead,Assigned to\nCall back,2026-04-01,lea@globex.example,alice@example.com\n"
    assert counts(bring(tasks, "task", root, mode="create", key="")) == {"created": 1}
    task = Task.objects.get()
    assert (task.text, task.due_on, task.owner, task.lead) == ("Call back", date(2026, 4, 1), alice, lead)


def test_contacts_find_their_account_by_domain_or_name(root: User) -> None:
    initech = make_account(name="Initech", website="https://initech.example")
    from crm.imports.csv.plan import Column

    run = upload("Email,Site\ncora@initech.example,www.initech.example\n", "contact", root)
    stored(plan(run, root, columns={"Email": Column("email"), "Site": Column("account:domain")}), root)
    assert Contact.objects.get().account == initech


def test_a_killed_worker_leaves_no_row_twice_and_none_out(root: User, monkeypatch: pytest.MonkeyPatch) -> None:
    from crm.imports.csv import storing

    monkeypatch.setattr(looking, "ROWS_A_SLICE", 2)
    run = upload("Email\n" + "".join(f"p{n}@globex.example\n" for n in range(7)), "lead", root)
    run = runs.start_csv(run, actor=root, at=NOW)
    whole, calls = storing.Storing.store, []

    def dying(self: Any, rows: Any) -> Any:
        calls.append(len(rows))
        found = whole(self, rows)
        if len(calls) == 3:
            raise Killed  # the process is killed before the slice is noted
        return found

    monkeypatch.setattr(storing.Storing, "store", dying)
    with pytest.raises(Killed):
        work(run)
    assert Lead.objects.count() == 4
    # Nobody renews the dead worker's lease.
    assert run.job is not None
    Job.objects.filter(pk=run.job.pk).update(leased_until=None)
    run = work(run)
    assert run.stage == ImportRun.Stage.DONE
    assert counts(run) == {"created": 7}
    assert Lead.objects.count() == 7
    assert [row[0] for row in results(run)] == [str(line) for line in range(2, 9)]


def test_it_is_cancelled_between_slices_and_resumed(root: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "ROWS_A_SLICE", 2)
    run = upload(LEADS, "lead", root)
    run = runs.start_csv(run, actor=root, at=NOW)
    every_run.cancel(run, actor=root, at=NOW)
    assert not Lead.objects.exists()
    run = work(every_run.resume(run, actor=root, at=NOW))
    assert counts(run) == {"created": 2}


def test_it_forgets_the_file_and_its_cells_when_it_is_done(root: User, media: Any) -> None:
    run = bring(LEADS, "lead", root)
    assert "lea@globex.example" not in str(run.found)
    assert run.folder == ""
