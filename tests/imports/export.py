"""Salesforce exports for tests, written as the real ones are."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crm.imports.report import Problem, Report
from crm.imports.services import import_folder
from crm.people.models import User

SAMPLE = Path(__file__).resolve().parents[3] / "shared" / "data" / "salesforce-export"
CREATED = "2025-05-01T10:00:00.000+0000"
MODIFIED = "2025-06-01T10:00:00.000+0000"
CREATED_AT = datetime(2025, 5, 1, 10, tzinfo=UTC)
MODIFIED_AT = datetime(2025, 6, 1, 10, tzinfo=UTC)
NOW = datetime(2026, 3, 4, 18, tzinfo=UTC)
TIMES = {"CreatedDate": CREATED, "LastModifiedDate": MODIFIED}
PREFIXES = {
    "User": "005",
    "Account": "001",
    "Contact": "003",
    "Opportunity": "006",
    "Lead": "00Q",
    "Contract": "800",
    "OpportunityContactRole": "00K",
    "Task": "00T",
    "Event": "00U",
    "Note": "002",
    "Campaign": "701",
    "CampaignMember": "00v",
    "LeadHistory": "00L",
    "OpportunityHistory": "008",
    "OpportunityFieldHistory": "017",
}


def id_of(kind: str, number: int) -> str:
    """An id as Salesforce makes them: `id_of("Lead", 7)`."""
    return f"{PREFIXES[kind]}Nq{number:010}AAA"


def user(number: int, **columns: Any) -> dict[str, Any]:
    """A row of User.csv."""
    row = {"Id": id_of("User", number), "Username": f"u{number}@acme.example.sf", "Email": f"u{number}@acme.example"}
    return row | {"FirstName": "Una", "LastName": f"User {number}", "IsActive": "1", **TIMES} | columns


def account(number: int, **columns: Any) -> dict[str, Any]:
    """A row of Account.csv."""
    return {"Id": id_of("Account", number), "Name": f"Acme {number}", "ParentId": "", "OwnerId": "", **TIMES} | columns


def contact(number: int, **columns: Any) -> dict[str, Any]:
    """A row of Contact.csv."""
    row = {"Id": id_of("Contact", number), "AccountId": "", "ReportsToId": "", "FirstName": "Cora"}
    return row | {"LastName": f"Contact {number}", "Email": f"c{number}@acme.example", "OwnerId": "", **TIMES} | columns


def opportunity(number: int, **columns: Any) -> dict[str, Any]:
    """A row of Opportunity.csv."""
    row = {"Id": id_of("Opportunity", number), "AccountId": id_of("Account", 1), "Name": f"Acme {number} 2025"}
    row |= {"StageName": "Qualification", "Amount": "1000", "CloseDate": "2026-06-30", "IsClosed": "", "IsWon": ""}
    return row | {"Type": "New Business", "OwnerId": "", **TIMES} | columns


def lead(number: int, **columns: Any) -> dict[str, Any]:
    """A row of Lead.csv."""
    row = {"Id": id_of("Lead", number), "IsDeleted": "", "FirstName": "Lea", "LastName": f"Lead {number}"}
    row |= {"Company": "Globex", "Email": f"lea{number}@globex.example", "Phone": "", "Title": "", "Status": "New"}
    row |= {"LeadSource": "", "Industry": "", "Rating": "", "NumberOfEmployees": "", "OwnerId": "", "Description": ""}
    row |= {"IsConverted": "", "ConvertedDate": "", "ConvertedAccountId": "", "ConvertedContactId": ""}
    return row | {"ConvertedOpportunityId": "", "LinkedIn_URL__c": "", **TIMES, "LeadType__c": ""} | columns


def write(folder: Path, name: str, *rows: dict[str, Any]) -> Path:
    """Write one file: every column that any of the rows has."""
    path = folder / f"{name}.csv"
    header = list(dict.fromkeys(column for row in rows for column in row))
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, header, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def bring_in(folder: Path, *, at: datetime = NOW, dry_run: bool = False) -> Report:
    """Import the folder as the command does without `--as`."""
    return import_folder(folder, actor=User.objects.system(), at=at, dry_run=dry_run)


def counts(report: Report, name: str) -> dict[str, int]:
    """The counts of one file that are not zero."""
    found: dict[str, int] = report.as_json()["files"][f"{name}.csv"]
    return {key: count for key, count in found.items() if count}


def codes(report: Report) -> list[str]:
    """The codes of all problems, in order."""
    return [problem.code for problem in report.problems]


def only(report: Report, code: str) -> Problem:
    """The one problem with this code."""
    (found,) = [problem for problem in report.problems if problem.code == code]
    return found
