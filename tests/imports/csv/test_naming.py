"""Whom and what the rows of a CSV file name: people, parents, accounts, contracts, and whom a touch is with."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from accounts.models import Account, Contact
from contracts.models import Contract, Invoice, Opportunity
from crm.activities.models import Activity, Task
from crm.activities.suppressing import suppress
from crm.history.models import Move
from crm.imports.csv import looking
from crm.imports.held import release_held_rows
from crm.imports.models import HeldRow
from crm.people.models import User
from leads.models import Lead
from tests.factories import make_account, make_contact, make_lead, make_user
from tests.imports.csv.using import bring, counts, plan, problems, stored, tried, upload
from tests.imports.export import NOW

pytestmark = pytest.mark.django_db
LEADS = (
    "Email,First Name,Last Name,Company\nlea@globex.example,Lea,Prospect,Globex\nmax@globex.example,Max,Muster,Globex\n"
)


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
