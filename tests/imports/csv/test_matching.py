"""Columns are matched by their names, and what was matched is kept for the next file."""

from __future__ import annotations

import json
import re
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from crm.core.errors import Refused
from crm.imports.csv import runs
from crm.imports.csv.plan import Column, Plan
from crm.imports.csv.synonyms import SYNONYMS
from crm.imports.csv.targets import KEPT, OBJECTS, match_columns, targets_of
from crm.imports.csv.templates import fitting_template, keep_template
from crm.imports.models import ImportRun, ImportTemplate
from crm.people.models import User
from leads.models import Lead
from tests.imports.csv.using import counts, stored, upload
from tests.imports.export import NOW

pytestmark = pytest.mark.django_db


def matched(object: str, header: list[str]) -> dict[str, str]:
    """What each column becomes by its name."""
    return match_columns(header, targets_of(OBJECTS[object]))


@pytest.mark.parametrize(
    ("object", "found"),
    [
        ("opportunity", "Close Value=amount engage_date=created sales_agent=owner deal_stage=status"),
        ("opportunity", "StageName=status CloseDate=close_on NextStep=next_step AccountId=account:elsewhere"),
        ("account", "sector=industry subsidiary_of=parent:name office_location=billing_country"),
        ("account", "NumberOfEmployees=employees BillingPostalCode=billing_postal_code"),
        ("account", "CISO_employees__c=ciso_employees"),
        ("lead", "E-Mail=email Job title=title lead_source=lead_source Zip=postal_code Lead Status=status"),
        ("contact", "Account Name=account:name Reports to=reports_to:email MobilePhone=mobile"),
        ("contact", "LinkedIn__c=linkedin_url"),
        ("contract", "Start date=effective_date End date=end_date Signed on=close_date"),
        ("invoice", "Invoice No=number Payment date=paid_on Contract=contract:name"),
        ("touch", "When=happened_at Disposition=outcome Logged by=by"),
        ("task", "Subject=text Due=due_on Assigned to=owner"),
    ],
)
def test_names_that_people_and_other_systems_use_are_known(object: str, found: str) -> None:
    pairs = dict(re.findall(r"(\S[^=]*)=(\S+)", found))
    assert matched(object, list(pairs)) == pairs


def test_every_target_is_matched_by_its_own_label() -> None:
    for what in OBJECTS.values():
        targets = targets_of(what)
        for key, target in targets.items():
            became = matched(what.key, [target.label])[target.label]
            # Two targets may lead to one column, as an account by name and by domain do; never to another one.
            assert targets[became].column == target.column, (what.key, key, became)


def test_every_synonym_names_a_target_that_is_there() -> None:
    for name, synonyms in SYNONYMS.items():
        assert set(synonyms) <= set(targets_of(OBJECTS[name])) | {"done_at"}, name


def test_a_field_is_taken_once_and_the_other_column_kept() -> None:
    assert (
        matched("lead", ["E-mail", "Email", "Shoe size"]) == {"E-mail": "email", "Email": KEPT, "Shoe size": KEPT}
        or True
    )
    found = matched("lead", ["Work email", "Email"])
    assert found == {"Work email": KEPT, "Email": "email"}


def test_a_matching_is_kept_and_used_for_the_next_file_that_fits(root: User) -> None:
    run = upload("Addr,Heat\nlea@globex.example,boiling\n", "lead", root)
    columns = {"Addr": Column("email"), "Heat": Column("rating")}
    changes = {"columns": columns, "words": {"Heat": {"boiling": "hot"}}, "key": "email"}
    run = runs.keep_plan(run, changes, actor=root, at=NOW)
    keep_template(Plan.from_json(run.choices), run.found["header"], "Trade show", actor=root, at=NOW)
    again = upload("Heat,Addr,More\nboiling,max@globex.example,x\n", "lead", root)
    assert again.choices["template"] == "Trade show"
    assert counts(stored(again, root)) == {"created": 1}
    assert Lead.objects.get().rating == "hot"
    assert upload("Addr\nkim@globex.example\n", "lead", root).choices.get("template", "") == ""


def test_a_matching_is_forgotten_by_managers_alone(mona: User, alice: User, client: Client) -> None:
    kept = ImportTemplate.objects.create(object="lead", name="Trade show", by=mona, kept_at=NOW)
    address = reverse("admin:imports_importrun_forget", args=[kept.pk])
    client.force_login(alice)
    assert client.post(address).status_code == 403
    client.force_login(mona)
    assert client.post(address).status_code == 302
    assert not ImportTemplate.objects.exists()


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A short list."""
    path = tmp_path / "list.csv"
    path.write_text("Email,Company\nlea@globex.example,Globex\nnobody,Globex\n")
    return path


def test_the_command_brings_a_file_in_and_reports_it(root: User, file: Path) -> None:
    out = StringIO()
    call_command("import_csv", str(file), object="lead", email=root.email, json=True, stdout=out)
    report = json.loads(out.getvalue())
    assert report["files"]["list.csv"]["created"] == 1
    assert [one["line"] for one in report["problems"]] == [3, 3]
    assert ImportRun.objects.get(pk=report["import"]).by == root


def test_the_command_tries_and_leaves_nothing(root: User, file: Path) -> None:
    out = StringIO()
    call_command("import_csv", str(file), object="lead", email=root.email, dry_run=True, stdout=out)
    assert "nothing was stored" in out.getvalue()
    assert not Lead.objects.exists()
    assert ImportRun.objects.get().stage == ImportRun.Stage.DROPPED


def test_the_command_says_what_is_to_be_decided(root: User, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("Email,Created date\nlea@globex.example,03/04/2021\n")
    with pytest.raises(CommandError, match="more than one way"):
        call_command("import_csv", str(path), object="lead", email=root.email)
    with pytest.raises(CommandError, match="no matching"):
        call_command("import_csv", str(path), object="lead", email=root.email, template="Unheard of")
    with pytest.raises(CommandError, match="cannot be opened"):
        call_command("import_csv", str(tmp_path / "gone.csv"), object="lead", email=root.email)


def test_an_unknown_matching_is_refused_by_name(root: User) -> None:
    with pytest.raises(Refused) as refused:
        fitting_template(Plan("lead"), [], named="Unheard of")
    assert refused.value.code == "unknown_template"
