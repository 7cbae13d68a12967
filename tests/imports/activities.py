"""Rows of the objects that say what happened: every column as Salesforce's data export names and writes it."""

from __future__ import annotations

from typing import Any

from tests.imports.export import CREATED, MODIFIED, TIMES, id_of

NOBODY = "000000000000000AAA"
BY = {"CreatedById": id_of("User", 1), "LastModifiedById": id_of("User", 1), "SystemModstamp": MODIFIED}


def task(number: int, **columns: Any) -> dict[str, Any]:
    """A row of Task.csv: a call with the first lead, done."""
    row = {"Id": id_of("Task", number), "RecordTypeId": "", "WhoId": id_of("Lead", 1), "WhatId": NOBODY}
    row |= {"Subject": "Call", "ActivityDate": "2025-05-20", "Status": "Completed", "Priority": "Normal"}
    row |= {"IsHighPriority": "FALSE", "OwnerId": id_of("User", 1), "Description": "", "Type": "Call"}
    row |= {"IsDeleted": "0", "AccountId": "", "IsClosed": "TRUE", **TIMES, **BY, "IsArchived": "0"}
    row |= {"CallDurationInSeconds": "", "CallType": "", "CallDisposition": "", "CallObject": ""}
    row |= {"ReminderDateTime": "", "IsReminderSet": "0", "RecurrenceActivityId": "", "IsRecurrence": "0"}
    return row | {"TaskSubtype": "Task", "CompletedDateTime": "2025-05-20T16:30:00.000+0000"} | columns


def event(number: int, **columns: Any) -> dict[str, Any]:
    """A row of Event.csv: a meeting with the first lead, over."""
    row = {"Id": id_of("Event", number), "WhoId": id_of("Lead", 1), "WhatId": "", "Subject": "Demo"}
    row |= {"Location": "Zoom", "IsAllDayEvent": "0", "ActivityDateTime": "2025-05-21T17:00:00.000+0000"}
    row |= {"ActivityDate": "2025-05-21", "DurationInMinutes": "30", "StartDateTime": "2025-05-21T17:00:00.000+0000"}
    row |= {"EndDateTime": "2025-05-21T17:30:00.000+0000", "Description": "", "OwnerId": id_of("User", 1)}
    row |= {"IsPrivate": "0", "ShowAs": "Busy", "IsDeleted": "0", "IsChild": "0", **TIMES, **BY, "Type": "Meeting"}
    return row | {"EventSubtype": "Event", "IsRecurrence": "0", "IsReminderSet": "0"} | columns


def note(number: int, **columns: Any) -> dict[str, Any]:
    """A row of Note.csv: about the first lead."""
    row = {"Id": id_of("Note", number), "IsDeleted": "0", "IsPrivate": "0", "ParentId": id_of("Lead", 1)}
    return row | {"Title": "Met", "Body": "At the fair", "OwnerId": id_of("User", 1), **TIMES, **BY} | columns


def campaign(number: int, **columns: Any) -> dict[str, Any]:
    """A row of Campaign.csv."""
    row = {"Id": id_of("Campaign", number), "IsDeleted": "0", "Name": f"Webinar {number}", "ParentId": ""}
    return row | {"Type": "Webinar", "Status": "Completed", **TIMES} | columns


def member(number: int, **columns: Any) -> dict[str, Any]:
    """A row of CampaignMember.csv: the first lead in the first campaign."""
    row = {"Id": id_of("CampaignMember", number), "IsDeleted": "0", "CampaignId": id_of("Campaign", 1)}
    row |= {"LeadId": id_of("Lead", 1), "ContactId": "", "Status": "Sent", "HasResponded": "0", **TIMES, **BY}
    return row | {"FirstRespondedDate": ""} | columns


def contract(number: int, **columns: Any) -> dict[str, Any]:
    """A row of Contract.csv: the first account's, for a year."""
    row = {"Id": id_of("Contract", number), "AccountId": id_of("Account", 1), "Pricebook2Id": ""}
    row |= {"OwnerExpirationNotice": "", "StartDate": "2025-07-01", "EndDate": "2026-06-30", "BillingStreet": ""}
    row |= {"ContractTerm": "12", "OwnerId": id_of("User", 1), "Status": "Activated", "CompanySignedId": ""}
    row |= {"CompanySignedDate": "2025-06-20", "CustomerSignedId": "", "CustomerSignedTitle": ""}
    row |= {"CustomerSignedDate": "2025-06-24", "SpecialTerms": "", "ActivatedById": id_of("User", 1)}
    row |= {"ActivatedDate": "2025-06-25T09:00:00.000+0000", "StatusCode": "Activated", "Description": ""}
    row |= {"Name": "", "IsDeleted": "0", "ContractNumber": f"{number:08}", "LastApprovedDate": "", **TIMES, **BY}
    return row | {"OpportunityId": ""} | columns


def contact_role(number: int, **columns: Any) -> dict[str, Any]:
    """A row of OpportunityContactRole.csv: the first contact in the first opportunity."""
    row = {"Id": id_of("OpportunityContactRole", number), "OpportunityId": id_of("Opportunity", 1)}
    row |= {"ContactId": id_of("Contact", 1), "Role": "Decision Maker", "IsPrimary": "TRUE", **TIMES, **BY}
    return row | {"IsDeleted": "0"} | columns


def lead_history(number: int, old: str, new: str, at: str = CREATED, **columns: Any) -> dict[str, Any]:
    """A row of LeadHistory.csv: the first lead's status changed."""
    row = {"Id": id_of("LeadHistory", number), "IsDeleted": "0", "LeadId": id_of("Lead", 1)}
    row |= {"CreatedById": id_of("User", 1), "CreatedDate": at, "Field": "Status", "DataType": "Text"}
    return row | {"OldValue": old, "NewValue": new} | columns


def stage_history(number: int, stage: str, at: str, **columns: Any) -> dict[str, Any]:
    """A row of OpportunityHistory.csv: what the first opportunity was after a change."""
    row = {"Id": id_of("OpportunityHistory", number), "OpportunityId": id_of("Opportunity", 1)}
    row |= {"CreatedById": id_of("User", 1), "CreatedDate": at, "StageName": stage, "Amount": "1000"}
    row |= {"ExpectedRevenue": "100", "CloseDate": "2026-06-30", "Probability": "10", "ForecastCategory": "Pipeline"}
    return row | {"SystemModstamp": at, "IsDeleted": "0"} | columns


def field_history(number: int, field: str, old: str, new: str, at: str, **columns: Any) -> dict[str, Any]:
    """A row of OpportunityFieldHistory.csv: one field of the first opportunity changed."""
    row = {"Id": id_of("OpportunityFieldHistory", number), "IsDeleted": "0", "OpportunityId": id_of("Opportunity", 1)}
    row |= {"CreatedById": id_of("User", 1), "CreatedDate": at, "Field": field, "DataType": "Text"}
    return row | {"OldValue": old, "NewValue": new} | columns
