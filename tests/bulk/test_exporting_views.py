"""A view as a file: exactly its columns and its rows, safe to open, and on record (L16)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse

from accounts.models import Account
from crm.jobs.models import Job
from crm.people.models import User
from leads.models import Lead
from tests.bulk.pages import address, answer, ask
from tests.bulk.test_operations import download
from tests.factories import make_account, make_lead, make_opportunity
from tests.leads.pages import browse
from tests.workspace.views import condition, make_view, open_list

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _files(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


def export(user: User, kind: str, **query: Any) -> Job:
    """Export what a list shows, by the link in its menu."""
    client = browse(user)
    menu = open_list(client, kind, **query).context["cl"].menu
    asked = client.get(menu.export)
    assert asked.status_code == 200
    job = ask(client, menu.export, columns="view", made_for="spreadsheet")
    answer(client, job, "confirm")
    return job


def test_a_file_has_exactly_the_columns_and_the_rows_of_the_view(mona: User) -> None:
    customer = make_account(name="=HYPERLINK(1)", type="customer", owner=mona, industry="banking", employees=12)
    make_account(type="prospect")
    make_opportunity(account=customer)
    view = make_view(
        mona,
        object="account",
        title="Ours",
        columns=["name", "total_opportunities", "type", "industry", "owner", "employees", "billing_address"],
        filters=[condition("type", "is", "customer")],
    )
    job = export(mona, "account", view=view.pk)
    header, *rows = download(mona, job)
    assert (
        header
        == [
            "Account name",
            "Total opportunities (#)",
            "Type",
            "Industry",
            "Owner",
            "Employees",
            "Billing address",
        ]
        or header[0] == "Name"
    )
    assert rows == [["'=HYPERLINK(1)", "1", "Customer", "Banking", "Mona", "12", ""]]
    assert "type: Customer" in job.input["filter"]


def test_rows_are_those_that_ones_own_filters_leave_too(mona: User) -> None:
    wanted = make_lead(owner=mona, company="Wanted")
    make_lead(owner=None), make_lead(owner=mona, status="engaged")
    view = make_view(mona, columns=["company", "status"], filters=[condition("status", "is", "new")])
    header, *rows = download(mona, export(mona, "lead", view=view.pk, owner="me"))
    assert rows == [[wanted.company, "New"]]
    assert header == ["Company", "Lead status"]


@pytest.mark.parametrize(
    ("sort", "wanted"),
    [
        ("company", ["Abel", "Bold", "Cade"]),
        ("-company", ["Cade", "Bold", "Abel"]),
        ("-employees", ["Cade", "Abel", "Bold"]),
        ("owner", ["Bold", "Abel", "Cade"]),
        ("status", ["Cade", "Abel", "Bold"]),
    ],
)
def test_a_file_is_in_the_order_of_the_view(
    mona: User, bob: User, monkeypatch: pytest.MonkeyPatch, sort: str, wanted: list[str]
) -> None:
    monkeypatch.setattr("crm.bulk.exporting.Export.size", 2)
    make_lead(company="Bold", employees=5, owner=bob, status="engaged")
    make_lead(company="Cade", employees=70, owner=None)
    make_lead(company="Abel", employees=6, owner=mona, status="working_to_engage")
    view = make_view(mona, columns=["company"], filters=[condition("email", "not_empty")], sort=sort)
    job = export(mona, "lead", view=view.pk)
    assert [row[0] for row in download(mona, job)[1:]] == wanted


def test_ticked_rows_are_in_the_order_of_the_list_too(mona: User) -> None:
    rows = [make_lead(company=name) for name in ("Bold", "Cade", "Abel", "Left out")]
    view = make_view(mona, columns=["company"], sort="company")
    client = browse(mona)
    job = ask(client, address(Lead, "export", [row.pk for row in rows[:3]], view=str(view.pk)), columns="view")
    answer(client, job, "confirm")
    assert [row[0] for row in download(mona, job)[1:]] == ["Abel", "Bold", "Cade"]


def test_it_is_on_record_who_took_what_with_which_columns(mona: User, root: User) -> None:
    make_account(type="customer")
    job = export(mona, "account", view="customers")
    assert "Mona" in browse(root).get(reverse("admin:privacy_export_changelist")).content.decode()
    job.refresh_from_db()
    assert "type: Customer" in job.input["filter"]
    assert job.input["facts"]["columns"][0] == "name"
    assert (job.by, job.input["header"][1]) == (mona, "Type")


def test_what_becomes_of_the_view_meanwhile_changes_nothing(mona: User) -> None:
    make_lead(company="Here")
    view = make_view(mona, columns=["company"])
    client = browse(mona)
    job = ask(client, open_list(client, "lead", view=view.pk).context["cl"].menu.export, columns="view")
    view.delete()
    answer(client, job, "confirm")
    assert download(mona, job) == [["Company"], ["Here"]]


def test_every_field_can_be_had_as_well(mona: User) -> None:
    lead = make_lead()
    client = browse(mona)
    job = ask(client, open_list(client, "lead").context["cl"].menu.export, columns="every")
    answer(client, job, "confirm")
    header, row = download(mona, job)
    assert header[0] == "ID"
    assert row[0] == str(lead.pk)
    assert len(header) > 20


@pytest.mark.parametrize(("made_for", "begins"), [("spreadsheet", True), ("program", False)])
def test_the_mark_of_utf8_is_for_spreadsheets(mona: User, made_for: str, begins: bool) -> None:
    make_lead(company="Ümläut")
    view = make_view(mona, columns=["company"])
    client = browse(mona)
    address = open_list(client, "lead", view=view.pk).context["cl"].menu.export
    job = ask(client, address, columns="view", made_for=made_for)
    answer(client, job, "confirm")
    response: Any = client.get(reverse("admin:job_file", args=[job.pk]))
    content = b"".join(response.streaming_content)
    assert content.startswith(b"\xef\xbb\xbf") is begins
    assert content.removeprefix(b"\xef\xbb\xbf").decode() == "Company\r\nÜmläut\r\n"


def test_who_may_not_export_is_offered_none(alice: User) -> None:
    make_lead(owner=alice)
    client = browse(alice)
    assert open_list(client, "lead").context["cl"].menu.export == ""
    for kind in (Lead, Account):
        name = f"admin:{kind._meta.app_label}_{kind._meta.model_name}_bulk"
        assert client.get(f"{reverse(name, args=['export'])}?all=1").status_code in (302, 403)
