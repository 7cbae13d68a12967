"""A Salesforce export held against the data rules before anybody moves: what they find then, and nothing stored."""

from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.models import Account
from contracts.models import Opportunity
from crm.checkups import rules
from crm.checkups.elsewhere import Export, Told, as_html, as_json, as_text, look_at_export
from crm.checkups.models import Finding, Run
from crm.core.errors import Refused
from crm.imports.models import HeldRow, ImportRun
from crm.people.models import User
from crm.sync.models import ExternalId
from leads.models import Lead
from tests.imports.activities import contract
from tests.imports.export import NOW, SAMPLE, account, bring_in, contact, id_of, lead, opportunity, write

pytestmark = pytest.mark.django_db


def looked(folder: Path) -> Export:
    """The folder, looked at by the system."""
    return look_at_export("salesforce", folder, actor=User.objects.system(), at=NOW)


def told(export: Export, rule: str) -> Told:
    """What one rule found."""
    return next(one for one in export.told if one.rule.id == rule)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An account with an opportunity without a year and without a next step, one with both, and two leads."""
    write(tmp_path, "Account", account(1, Name="Globex"))
    write(
        tmp_path,
        "Opportunity",
        opportunity(1, Name="Globex widgets"),
        opportunity(2, Name="Globex 2026", NextStep="Call them", NextStepDueDate__c="2026-05-01"),
    )
    write(tmp_path, "Lead", lead(1), lead(2, Email=""))
    return tmp_path


def test_it_finds_what_the_rules_find_in_the_words_of_salesforce_and_stores_nothing(folder: Path) -> None:
    export = looked(folder)
    names = told(export, "data.opportunity_name")
    assert (names.looked_at, names.total) == (2, 1)
    assert (names.rows[0].id, names.rows[0].name) == (id_of("Opportunity", 1), "Globex widgets")
    assert export.read == {"Account": 1, "Lead": 2, "Opportunity": 2}
    assert any("email" in sentence for sentence, _ in export.problems)
    assert not export.unreadable
    text, rules = as_text(export), as_json(export)["rules"]
    assert f"{export.total:,} findings. Nothing was stored." in text
    assert sum(one["open"] for one in rules) == export.total
    assert set(rules[0]) == {"id", "row", "area", "severity", "looked_at", "open", "new", "gone"}
    for kind in (Account, Opportunity, Lead, ExternalId, ImportRun, HeldRow, Finding, Run):
        assert not kind._default_manager.exists(), kind


def test_what_is_here_already_is_none_of_its_business_but_what_was_brought_in_is_as_it_is_here(
    folder: Path, tmp_path_factory: Any
) -> None:
    other = tmp_path_factory.mktemp("before")
    write(other, "Account", account(7))
    write(other, "Opportunity", opportunity(7, Name="No year at all", AccountId=id_of("Account", 7)))
    bring_in(other)
    before = {one.rule.id: (one.looked_at, one.total) for one in looked(folder).told}
    assert before["data.opportunity_name"] == (2, 1)
    assert Opportunity.objects.count() == 1
    bring_in(folder)
    after = {one.rule.id: (one.looked_at, one.total) for one in looked(folder).told}
    assert after == before


def test_it_says_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "Lead.csv").write_bytes(b"\xff\xfeI\x00d\x00")
    export = looked(tmp_path)
    assert export.has_errors
    assert any("UTF-16" in sentence for sentence in export.unreadable)
    missing = looked(tmp_path / "nowhere")
    assert "There is no folder" in missing.unreadable[0]


def test_what_the_folder_does_not_say_is_no_finding(tmp_path: Path) -> None:
    write(tmp_path, "Contact", contact(1, AccountId=id_of("Account", 1)), contact(2, AccountId=""))
    write(tmp_path, "Lead", lead(1, OwnerId="005Nq0000000001AAA"), lead(2, OwnerId="00GNq0000000001AAA"), lead(3))
    write(tmp_path, "Account", account(2))
    write(tmp_path, "Opportunity", opportunity(1, StageName="Closed Won", AccountId=id_of("Account", 2)))
    export = looked(tmp_path)
    alone, unowned = told(export, "data.contact_without_account"), told(export, "data.lead_without_owner")
    assert [row.id for row in alone.rows] == [id_of("Contact", 2)]
    assert alone.notes == ["1 contact: the account that is named is not in the folder."]
    assert [row.id for row in unowned.rows] == [id_of("Lead", 2), id_of("Lead", 3)], "one in a queue is nobody's"
    won = told(export, "data.won_without_contract")
    assert (won.looked_at, won.total, won.notes) == (0, 0, ["1 opportunity: Contract.csv is not in the folder."])
    for said in (as_text(export), as_html(export, at=NOW)):
        assert "Contract.csv is not in the folder" in said
    contracts = [contract(1, AccountId=id_of("Account", 2), CompanySignedDate="2026-03-01", StartDate="2026-02-01")]
    write(tmp_path, "Contract", *contracts)
    export = looked(tmp_path)
    assert told(export, "data.won_without_contract").total == 1
    assert told(export, "data.contract_dates").total == 1, "contracts are looked at as well"


def test_what_an_import_would_say_is_told_once_for_each_file_with_its_line(tmp_path: Path) -> None:
    rows = [lead(n, Email="same@acme.example", OwnerId="005Nq0000000001AAA") for n in (1, 2, 3)]
    path = write(tmp_path, "Lead", *rows)
    write(tmp_path, "Account", account(1, OwnerId="005Nq0000000001AAA"))
    lines = path.read_text(encoding="utf-8").rstrip("\n").split("\n")
    path.write_text("\n".join([*lines, lines[1], lines[2], "half"]) + "\n", encoding="utf-8")
    export = looked(tmp_path)
    said = dict(export.problems)
    assert {number for sentence, number in said.items() if "owner who is not known" in sentence} == {0}
    assert sum("owner who is not known" in sentence for sentence in said) == 2, "each file by itself"
    twins = next(sentence for sentence in said if "Likely the same person" in sentence)
    assert twins.startswith("Lead.csv, line 2: Likely the same person as "), twins
    assert "as lead " not in twins, "no number of a record that was never stored"
    assert [one for one in export.unreadable if "1 more like it" in one]
    assert len(export.unreadable) == 2
    assert not set(export.unreadable) & set(said)


def test_it_is_for_those_who_may_import(folder: Path, alice: User) -> None:
    with pytest.raises(Refused, match="administrators"):
        look_at_export("salesforce", folder, actor=alice, at=NOW)


def test_the_page_stands_alone_and_harms_nobody(folder: Path) -> None:
    write(folder, "Account", account(1, Name="<script>alert(1)</script>"))
    write(folder, "Opportunity", opportunity(1, Name="<b>No year</b>"))
    page = as_html(looked(folder), at=NOW)
    assert "<script" not in page
    assert "&lt;b&gt;No year&lt;/b&gt;" in page
    assert "http" not in page
    assert id_of("Opportunity", 1) in page


def test_a_rule_that_crashes_is_no_pass_and_stops_no_other(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(look: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1/0")

    rule = rules.rule_of("data.opportunity_name")
    assert rule is not None
    spoiled = replace(rule, function=crash)
    monkeypatch.setitem(rules._rules, "data.opportunity_name", spoiled)
    export = looked(folder)
    assert told(export, "data.opportunity_name").crash
    assert export.has_errors
    assert told(export, "data.opportunity_next_step").total == 2


@pytest.mark.skipif(not SAMPLE.is_dir(), reason="the sample export is not beside this checkout")
def test_a_real_export() -> None:
    export = looked(SAMPLE)
    assert export.read == {"Account": 94, "Contact": 64, "Lead": 14, "Opportunity": 58}
    names, steps = told(export, "data.opportunity_name"), told(export, "data.opportunity_next_step")
    assert (names.looked_at, names.total, len(names.rows), names.left_out) == (58, 58, 20, 38)
    assert (steps.looked_at, steps.total) == (24, 24)


def ordered(*options: str) -> tuple[int, str]:
    """The command's exit code and what it printed."""
    out = StringIO()
    try:
        call_command("checkup", *options, stdout=out)
    except SystemExit as end:
        return int(str(end.code)), out.getvalue()
    return 0, out.getvalue()


def test_the_command_prints_it_and_writes_the_page(folder: Path, tmp_path_factory: Any) -> None:
    page = tmp_path_factory.mktemp("out") / "report.html"
    code, printed = ordered("--salesforce", str(folder), "--html", str(page), "--json")
    found = {one["id"]: one for one in json.loads(printed)["rules"]}
    assert (found["data.opportunity_name"]["open"], found["data.opportunity_next_step"]["severity"]) == (1, "error")
    assert code == 1
    assert "Globex widgets" in page.read_text(encoding="utf-8")
    assert "Globex widgets" in ordered("--salesforce", str(folder))[1]


def test_the_command_ends_with_1_when_a_file_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "Lead.csv").write_bytes(b"\xff\xfeI\x00d\x00")
    assert ordered("--salesforce", str(tmp_path))[0] == 1


@pytest.mark.parametrize(
    "options",
    [
        ["--salesforce", "/nowhere/at/all"],
        ["--html", "report.html"],
        ["--salesforce", ".", "--rule", "data.opportunity_name"],
        ["--salesforce", ".", "--html", "/nowhere/at/all/report.html"],
        ["--salesforce", ".", "--html", "."],
    ],
)
def test_the_command_refuses_what_does_not_go_together(options: list[str]) -> None:
    with pytest.raises(CommandError) as refused:
        call_command("checkup", *options)
    assert refused.value.returncode == 2
