"""A real Salesforce export: fourteen leads, each twice, eight of which nobody could reach."""

from __future__ import annotations

import pytest

from accounts.models import Account, Contact
from contracts.models import Opportunity
from crm.history.models import Change, Move, Transaction
from crm.imports.models import HeldRow, ImportRun
from crm.sync.models import ExternalId
from leads.models import Lead
from tests.imports.export import NOW, SAMPLE, bring_in, codes, counts

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not SAMPLE.is_dir(), reason="the sample export is not beside this checkout"),
]


def test_everything_that_can_be_stored_is() -> None:
    report = bring_in(SAMPLE)
    assert counts(report, "Account") == {"read": 94, "created": 94}
    assert counts(report, "Contact") == {"read": 64, "created": 64}
    assert counts(report, "Opportunity") == {"read": 58, "created": 58}
    assert counts(report, "Lead") == {"read": 14, "created": 6, "flagged": 6, "rejected": 8}
    assert (Account.objects.count(), Contact.objects.count(), Opportunity.objects.count()) == (94, 64, 58)
    assert not report.unreadable


def test_leads_that_nobody_could_reach_wait_whole() -> None:
    report = bring_in(SAMPLE)
    held = HeldRow.objects.waiting()
    assert held.count() == 8
    gumball = held.filter(row__LastName="Gumball").first()
    assert gumball is not None
    assert gumball.row["Status"] == "Nurturing"
    assert "Multiple Glow Sign" in gumball.row["Description"]
    assert codes(report).count("no_email_or_linkedin") == 8


def test_each_of_a_pair_is_flagged_with_the_other_and_none_is_merged() -> None:
    report = bring_in(SAMPLE)
    duplicates = [problem for problem in report.problems if problem.code == "likely_duplicate"]
    assert [problem.line for problem in duplicates] == [2, 3, 5, 10, 11, 13]
    first, second = Lead.objects.filter(last_name="Szyslak").order_by("id")
    assert f"lead {second.pk}, Joe Szyslak" in duplicates[0].message
    assert f"lead {first.pk}, Joe Szyslak" in duplicates[3].message


def test_a_lead_stands_as_it_did_there() -> None:
    bring_in(SAMPLE)
    joe = Lead.objects.filter(last_name="Szyslak").order_by("id")[0]
    assert (joe.first_name, joe.company, joe.title, joe.employees) == ("Joe", "Moe's Bar", "Owner", 1)
    assert (joe.phone, joe.phone_key) == ("555-214-7314", "+15552147314")
    assert (joe.lead_source, joe.industry) == ("trade_show", "food_and_beverage")
    assert joe.created_at.isoformat() == joe.updated_at.isoformat() == "2024-07-11T21:22:06+00:00"
    assert (joe.status, joe.status_since) == ("new", joe.created_at)
    assert joe.kept["LeadType__c"] == "Business"
    assert joe.kept["OwnerId"] == "005Nq00000AU6ztIAD"
    assert joe.came_from == "Salesforce export, Lead.csv"
    assert ExternalId.objects.of(joe).get().value == "00QNq00000BXU9AMAX"


def test_unqualified_is_placed_in_closed_nurture_without_an_invented_reason() -> None:
    bring_in(SAMPLE)
    homer = Lead.objects.filter(last_name="Sampson", first_name="Homer")[0]
    assert (homer.status, homer.nurture_reason, homer.come_back_on) == ("closed_nurture", "", None)
    assert homer.kept["Status"] == "Unqualified"
    step = Move.objects.of(homer).get()
    assert (step.verb, step.from_state, step.to_state, step.via) == ("place", "", "closed_nurture", "import")
    assert step.at == homer.status_since


def test_the_change_log_has_it_as_one_transaction() -> None:
    before = Transaction.objects.count()
    bring_in(SAMPLE)
    assert Transaction.objects.count() == before + 1
    written = Transaction.objects.order_by("-id")[0]
    assert (written.via, written.actor_name) == ("import", "Plumb")
    assert written.changes.filter(object="lead", op="I", version=1).count() == 6
    assert written.changes.filter(object="account", op="I").count() == 94
    assert written.moves.filter(object="opportunity", verb="place").count() == 58


def test_running_it_again_changes_nothing() -> None:
    bring_in(SAMPLE)
    changes, moves, transactions = Change.objects.count(), Move.objects.count(), Transaction.objects.count()
    again = bring_in(SAMPLE)
    assert counts(again, "Account") == {"read": 94, "unchanged": 94}
    assert counts(again, "Lead") == {"read": 14, "unchanged": 6, "flagged": 6, "rejected": 8}
    assert (Change.objects.count(), Move.objects.count()) == (changes, moves)
    assert Transaction.objects.count() == transactions
    assert not Lead.objects.exclude(version=1).exists()


def test_the_run_keeps_its_report() -> None:
    report = bring_in(SAMPLE)
    run = ImportRun.objects.get()
    assert run.report == report.as_json()
    assert run.started_at == NOW
    assert run.held_rows.count() == 8


def test_a_dry_run_reports_the_same_and_writes_nothing() -> None:
    dry = bring_in(SAMPLE, dry_run=True)
    assert not Lead.objects.exists()
    assert not HeldRow.objects.exists()
    assert not ImportRun.objects.exists()
    assert not Change.objects.filter(object="lead").exists()
    real = bring_in(SAMPLE)
    assert dry.as_json()["files"] == real.as_json()["files"]
    assert codes(dry) == codes(real)


def test_accounts_without_an_owner_here_are_told_of_once() -> None:
    report = bring_in(SAMPLE)
    lost = [problem for problem in report.problems if problem.code == "owner_not_found"]
    assert [(problem.file, problem.line) for problem in lost] == [
        ("Account.csv", 0),
        ("Contact.csv", 0),
        ("Opportunity.csv", 0),
        ("Lead.csv", 0),
    ]
    assert lost[0].message.startswith("94 rows")
