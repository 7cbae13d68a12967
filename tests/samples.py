"""One record of every kind that has an admin page, owned by whom a test says."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from django.db import models

from contracts.models import ContactRole, Contract, Invoice
from crm.activities.models import Activity, Suppression, Task
from crm.activities.planning import plan_task
from crm.activities.suppressing import suppress
from crm.checkups.models import Finding, Run
from crm.core.acting import acting
from crm.duplicates.models import Pair
from crm.enquiries.models import Enquiry, Source
from crm.enquiries.receiving import Incoming, receive_enquiry
from crm.handbook.models import HandbookVersion
from crm.history.models import Transaction
from crm.imports.models import HeldRow, ImportRun
from crm.jobs.models import Job
from crm.notifications.models import Delivery
from crm.people.models import Absence, Team, User
from crm.privacy.models import Erasure, Export
from crm.reviews import periods
from crm.reviews.models import Quota
from crm.sync.models import ApiKey, BulkJob, Webhook, WebhookAttempt, WebhookHost, WebhookMessage, WebhookQueue
from tests.factories import START, make_account, make_contact, make_lead, make_opportunity, make_user

_numbers = itertools.count(1)
Maker = Callable[[User], models.Model]


def make_contract(owner: User) -> Contract:
    """A contract of an account that this person owns."""
    account = make_account(owner=owner)
    with acting(actor=User.objects.system(), via="test", at=START):
        return Contract.objects.create(name=f"Agreement {next(_numbers)}", account=account)


def make_invoice(owner: User) -> Invoice:
    """An invoice of a contract of theirs."""
    contract = make_contract(owner)
    with acting(actor=User.objects.system(), via="test", at=START):
        return Invoice.objects.create(contract=contract, number=f"INV-{next(_numbers)}")


def make_contact_role(owner: User) -> ContactRole:
    """Somebody's part in an opportunity that this person owns."""
    sale = make_opportunity(owner=owner)
    somebody = make_contact(owner=owner, account=sale.account)
    with acting(actor=User.objects.system(), via="test", at=START):
        return ContactRole.objects.create(opportunity=sale, contact=somebody, role="champion")


def make_touch(owner: User, **fields: Any) -> Activity:
    """A call this person made."""
    values = {"kind": "call", "outcome": "connected", "happened_at": START, **fields}
    if not {"lead", "contact", "account", "opportunity"} & set(values):
        values["lead"] = make_lead(owner=owner)
    with acting(actor=owner, via="test", at=START):
        return Activity.objects.create(by=owner, **values)


def make_task(owner: User) -> Task:
    """Something this person is to do about an account."""
    about = {"account": make_account(owner=owner)}
    return plan_task(about, text="Send the order form", due_on=START.date(), actor=owner, at=START, via="test")


def make_suppression(owner: User) -> Suppression:
    """Somebody who told this person that they are not to be contacted."""
    address = f"somebody{next(_numbers)}@globex.example"
    return suppress(actor=owner, at=START, via="test", reason="asked_us", emails=[address]).suppressions[0]


def make_run(owner: User) -> ImportRun:
    """A small import with one problem."""
    problem = {"file": "Lead.csv", "line": 2, "id": "00Q", "code": "x", "message": "No email."}
    report = {"files": {"Lead.csv": {"read": 2, "created": 1, "rejected": 1}}, "problems": [problem]}
    return ImportRun.objects.create(
        system="salesforce", source="export", started_at=START, finished_at=START, by=owner, report=report
    )


def make_held_row(owner: User) -> HeldRow:
    """A lead that cannot be reached."""
    number = next(_numbers)
    return HeldRow.objects.create(
        run=make_run(owner),
        system="salesforce",
        object="lead",
        external_id=f"00Q{number:015}",
        file="Lead.csv",
        line=number,
        row={"Id": f"00Q{number:015}", "FirstName": "Bertha", "LastName": "Boxer", "Email": "", "Company": "Farmers"},
        code="lead_unreachable",
        message="A lead has an email or a LinkedIn profile URL.",
    )


def make_key(owner: User) -> ApiKey:
    """A key that acts as this person."""
    number = next(_numbers)
    with acting(actor=owner, via="test", at=START):
        return ApiKey.objects.create(
            name=f"Program {number}",
            user=owner,
            prefix=f"{number:08x}",
            hash="0" * 64,
            made_by=owner,
            scopes=["leads:read"],
        )


def make_bulk_job(owner: User) -> BulkJob:
    """Leads that this person's program uploaded, all of them stored but one."""
    counts = {"outcomes": {"created": 4, "rejected": 1}, "reasons": [["invalid", "Enter a valid email address.", 1]]}
    key = make_key(owner)
    job = Job.objects.create(
        kind="bulk",
        title="Bulk job: Leads of the ERP",
        by=owner,
        asked_at=START,
        started_at=START,
        finished_at=START,
        state="done",
        total=5,
        done=5,
        counts=counts,
        input={},
    )
    return BulkJob.objects.create(
        api_key=key,
        resource="leads",
        operation="upsert",
        system="erp",
        form="ndjson",
        label="Leads of the ERP",
        made_at=START,
        closed_at=START,
        job=job,
        bytes=900,
        offset=900,
        row=5,
    )


def make_delivery(owner: User) -> Delivery:
    """An email to this person that nobody could deliver."""
    return Delivery.objects.create(
        medium="email",
        kind="response_warned",
        key=f"sample:{next(_numbers)}",
        to=owner,
        title="A limit is near: Web chat from Nia Park",
        text="Waiting since ten.",
        state="dead",
        attempts=9,
        last_error="The mail server refuses the recipient (550).",
        made_at=START,
        next_at=START,
        give_up_at=START,
    )


def make_erasure(owner: User) -> Erasure:
    """Somebody who was erased, by this person."""
    return Erasure.objects.create(
        by=owner, at=START, via="admin", reason="They asked.", records=[["lead", 1]], counts={"leads": 1}
    )


def make_export(owner: User) -> Job:
    """A list of leads that this person wrote into a file."""
    asked = {"model": "leads.lead", "header": ["Name", "Email"], "filter": "Status: New"}
    return Export._base_manager.create(
        kind="bulk.export", title="Export 2 leads", by=owner, asked_at=START, input=asked
    )


def make_pair(owner: User) -> Pair:
    """Two leads of this person that may be one."""
    one, other = make_lead(owner=owner), make_lead(owner=owner)
    with acting(actor=owner, via="test", at=START):
        return Pair.objects.create(
            object="lead",
            lower_id=one.pk,
            higher_id=other.pk,
            why={"email": ["lea@globex.example"]},
            exact=True,
            found_at=START,
        )


def make_enquiry(owner: User) -> Enquiry:
    """A lead of this person asked something by the contact form."""
    lead = make_lead(owner=owner)
    asked = Incoming("contact_form", START, text="Do you support Windows?", email=lead.email)
    return receive_enquiry(asked, came_by="form", actor=User.objects.system(), at=START, via="test").enquiry


def make_source(owner: User) -> Source:
    """A chat tool that acts as this person."""
    with acting(actor=owner, via="test", at=START):
        return Source.objects.create(
            name=f"Chat tool {next(_numbers)}", kind="chat", channel="web_chat", user=owner, salt="0" * 64
        )


def make_webhook(owner: User) -> Webhook:
    """Another system that is told what this person may see."""
    with acting(actor=owner, via="test", at=START):
        webhook = Webhook.objects.create(
            name=f"Warehouse {next(_numbers)}",
            url="https://hooks.example.com/plumb",
            user=owner,
            objects_told=["leads"],
            events=["created"],
            salt="0" * 64,
            made_by=owner,
        )
    WebhookQueue.objects.create(webhook=webhook)
    return webhook


def make_webhook_message(owner: User) -> WebhookMessage:
    """A message that was given up, with its try."""
    message = WebhookMessage.objects.create(
        webhook=make_webhook(owner),
        message_id=f"msg_{next(_numbers)}",
        event="records.changed",
        body='{"type":"records.changed","data":{"changes":[],"count":0}}',
        made_at=START,
        state="failed",
        ended_at=START,
        attempts=1,
    )
    WebhookAttempt.objects.create(message=message, at=START, status=500, error="It answers 500.", answer="Sorry")
    return message


def make_webhook_host(owner: User) -> WebhookHost:
    """A host that messages may be sent to."""
    with acting(actor=owner, via="test", at=START):
        return WebhookHost.objects.create(host=f"hooks{next(_numbers)}.example.com", note="The warehouse")


def make_finding(owner: User, **fields: Any) -> Finding:
    """Something that a checkup found on a lead of this person, or on another subject, assigned to them."""
    values = {"rule": "data.lead_without_owner", "area": "data", "severity": "warning", "assignee": owner, **fields}
    if "subject" not in values:
        lead = make_lead(owner=owner)
        values |= {"subject": f"lead:{lead.pk}", "object": "lead", "record_id": lead.pk}
    said = {"expected": "An owner within 24 hours", "found": "Nobody owns it"}
    return Finding.objects.create(**{**said, "first_seen": START, "last_seen": START, **values})


def make_checkup_run(owner: User) -> Run:
    """A whole run that has ended."""
    return Run.objects.create(
        why=Run.Why.ASKED, by=owner, started_at=START, finished_at=START, state=Run.State.DONE, handbook="0" * 64
    )


def make_quota(owner: User) -> Quota:
    """What this person is to win in a quarter."""
    first = periods.next_quarter(date(2026, 1, 1), next(_numbers) % 100)
    with acting(actor=User.objects.system(), via="test", at=START):
        return Quota.objects.create(owner=owner, quarter=first, amount=100_000)


def _transaction(owner: User) -> Transaction:
    make_touch(owner)
    return Transaction.objects.order_by("-pk")[0]


# By label: the access suite and the query counts walk the admin's registry and fail for a kind that is not here.
SAMPLES: dict[str, Maker] = {
    "activities.Suppression": make_suppression,
    "people.User": lambda owner: make_user(f"sample{next(_numbers)}", role="sdr"),
    "people.Team": lambda owner: Team.objects.create(name=f"Team {next(_numbers)}"),
    "people.Absence": lambda owner: Absence.objects.create(
        user=owner,
        first_day=START.date() + timedelta(days=next(_numbers)),
        last_day=START.date() + timedelta(days=next(_numbers)),
    ),
    "handbook.HandbookVersion": lambda owner: HandbookVersion.objects.create(
        text="x", sha256="0" * 64, applied_at=START
    ),
    "history.Transaction": _transaction,
    "activities.Activity": make_touch,
    "activities.Task": make_task,
    "enquiries.Enquiry": make_enquiry,
    "enquiries.Source": make_source,
    "notifications.Delivery": make_delivery,
    "privacy.Erasure": make_erasure,
    "privacy.Export": make_export,
    "accounts.Account": lambda owner: make_account(owner=owner),
    "accounts.Contact": lambda owner: make_contact(owner=owner, account=make_account(owner=owner)),
    "contracts.Opportunity": lambda owner: make_opportunity(owner=owner),
    "contracts.Contract": make_contract,
    "contracts.ContactRole": make_contact_role,
    "contracts.Invoice": make_invoice,
    "sync.ApiKey": make_key,
    "sync.BulkJob": make_bulk_job,
    "sync.Webhook": make_webhook,
    "sync.WebhookHost": make_webhook_host,
    "sync.WebhookMessage": make_webhook_message,
    "checkups.Finding": make_finding,
    "checkups.Run": make_checkup_run,
    "duplicates.Pair": make_pair,
    "leads.Lead": lambda owner: make_lead(owner=owner),
    "reviews.Quota": make_quota,
    "imports.ImportRun": make_run,
    "imports.HeldRow": make_held_row,
}
