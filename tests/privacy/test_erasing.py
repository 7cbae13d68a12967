"""Erasing a person: not one of their values is found anywhere, and everything else is as it was."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.core.management.base import CommandError

from accounts.models import Account, Contact
from crm.activities.gate import bar_of
from crm.activities.models import Activity, NextTouch, SuppressedKey, Suppression, Task
from crm.activities.suppressing import suppress
from crm.core.acting import acting
from crm.core.door import move
from crm.core.errors import Refused
from crm.core.keys import compute_keys
from crm.history.models import Change, Move, Transaction
from crm.history.revert import can_revert
from crm.imports.models import HeldRow
from crm.jobs.models import Job, JobSlice
from crm.notifications.models import Notification
from crm.people.models import User
from crm.privacy.erasing import Erased, erase_person
from crm.privacy.everywhere import search
from crm.privacy.models import Erasure
from crm.sync.models import ExternalId
from leads.models import Conversion, Lead
from leads.statuses import Status
from tests.factories import START, make_contact, make_lead
from tests.imports.export import bring_in, counts, write
from tests.imports.export import lead as lead_row
from tests.leads.moves import make_full_move

pytestmark = pytest.mark.django_db
FIRST, LAST = "Zdenka", "Quillfeather"
VALUES = (
    FIRST,
    LAST,
    "zdenka.q@quill.example",
    "old.address@quill.example",
    "zdenka.private@mail.example",
    "415) 555-2671",
    "+14155552671",
    "in/zdenka-quillfeather",
    "7 Heron Lane",
    "likes sailing boats",
    "knows the board of Hooli",
    "asked for a blue invoice",
)
MOVED = START + timedelta(hours=1)


@pytest.fixture(autouse=True)
def _storage(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = str(tmp_path / "media")


@pytest.fixture
def zdenka(alice: User, mona: User) -> Lead:
    """A lead with all a record can have: earlier values, touches, moves, mentions in every corner."""
    lead = make_lead(
        owner=alice,
        first_name=FIRST,
        last_name=LAST,
        email="Old.Address@quill.example",
        second_email="zdenka.private@mail.example",
        phone="(415) 555-2671",
        linkedin_url="https://www.linkedin.com/in/Zdenka-Quillfeather/?src=x",
        street="7 Heron Lane",
        description="She likes sailing boats",
        need_note="knows the board of Hooli",
        kept={"Note__c": f"{FIRST} asked for a blue invoice", "Owner": "West"},
    )
    with acting(actor=alice, via="test", at=START, reason=f"Met {FIRST} {LAST} at the fair"):
        lead.email = "zdenka.q@quill.example"
        lead.save()
        Activity.objects.create(
            kind="call", happened_at=START, by=alice, lead=lead, text=f"{FIRST} likes sailing boats"
        )
        Activity.objects.create(
            kind="meeting",
            outcome="held",
            happened_at=START,
            by=alice,
            lead=lead,
            title=f"{FIRST} (Quill)",
            notes_url="https://notes.example/7-Heron-Lane?q=7 Heron Lane",
        )
        Task.objects.create(text=f"Ask {FIRST}: she likes sailing boats", owner=alice, lead=lead)
        NextTouch.objects.create(lead=lead, due_on=START.date(), kind="call", text=f"Call {FIRST}")
    said: dict[str, Any] = {"evidence": "email.replied", "said": f"{FIRST} asked for a blue invoice"}
    move(lead, "work", actor=alice, at=MOVED, via="test")
    move(lead, "engage", actor=alice, at=MOVED, via="test", reason=f"{LAST} wrote", **said)
    ExternalId.objects.create(object="lead", system="salesforce", value="00Q1", record_id=lead.pk, seen={"email": 123})
    job = Job.objects.create(
        kind="bulk.move", title=f"Move {FIRST} {LAST}", by=mona, asked_at=START, input={"q": "zdenka.q@quill.example"}
    )
    row = {"id": lead.pk, "label": f"{FIRST} {LAST}", "outcome": "moved", "code": "", "message": ""}
    JobSlice.objects.create(job=job, number=1, input={"ids": [lead.pk]}, output=[row])
    Notification.objects.create(
        to=mona, kind="x", key="k", title=f"{FIRST} {LAST} wrote", text=f"{LAST}, {FIRST}", at=START
    )
    other = make_lead(description=f"Knows {FIRST}  {LAST} (ZDENKA.Q@QUILL.EXAMPLE)", last_name="Neighbour")
    with acting(actor=alice, via="test", at=START):
        Activity.objects.create(kind="note", happened_at=START, by=alice, lead=other, text=f"Through {FIRST}\n{LAST}")
    return lead


def erase(root: User, now: datetime, **wanted: Any) -> Erased:
    """Erase, as the administrator."""
    wanted = {"reason": f"{FIRST} {LAST} asked us to", "via": "test"} | wanted
    return erase_person(**wanted, actor=root, at=now)


def found() -> set[tuple[str, str]]:
    """The tables in which any of the values stands."""
    return {(one.table, one.value) for one in search(VALUES)}


def test_the_search_of_the_whole_database_finds_them_before(zdenka: Lead) -> None:
    places = found()
    assert {value for _, value in places} == set(VALUES)
    assert {table for table, _ in places} >= {
        "leads_lead", "activities_activity", "activities_task", "activities_nexttouch", "history_change",
        "history_move", "history_transaction", "jobs_job", "jobs_jobslice", "notifications_notification",
    }  # fmt: skip


def test_not_one_value_is_found_anywhere_after(zdenka: Lead, root: User, now: datetime) -> None:
    result = erase(root, now, lead=zdenka)
    assert search(VALUES) == []
    assert result.records == [("lead", zdenka.pk)]
    assert result.counts["leads"] == 2  # and the neighbour, whose description named her
    zdenka.refresh_from_db()
    assert (str(zdenka), zdenka.email) == ("Erased person", f"erased-{zdenka.pk}@erased.invalid")
    assert (zdenka.status, zdenka.company, zdenka.kept) == (Status.ENGAGED, "Globex", {})
    neighbour = Lead.objects.get(last_name="Neighbour")
    assert neighbour.description == "Knows [erased] ([erased])"


def test_ids_versions_times_and_the_truth_of_moves_stay(zdenka: Lead, root: User, now: datetime) -> None:
    def skeleton(kind: Any, *columns: str) -> list[Any]:
        return list(kind.objects.order_by("pk").values_list("pk", *columns))

    log = skeleton(Change, "transaction_id", "object", "record_id", "version", "op", "at")
    moves = skeleton(Move, "version", "from_state", "to_state", "verb", "actor_name", "at")
    transactions = skeleton(Transaction, "actor_name", "recorded_at", "token", "pos")
    erase(root, now, lead=zdenka)
    assert skeleton(Change, "transaction_id", "object", "record_id", "version", "op", "at")[: len(log)] == log
    assert skeleton(Move, "version", "from_state", "to_state", "verb", "actor_name", "at") == moves
    assert skeleton(Transaction, "actor_name", "recorded_at", "token", "pos")[: len(transactions)] == transactions
    step = Move.objects.of(zdenka).last()
    assert step is not None
    assert step.facts == {"evidence": "email.replied", "said": ""}
    assert step.reason == "[erased] wrote"


def test_the_erasure_itself_is_on_record_without_the_values(zdenka: Lead, root: User, now: datetime) -> None:
    result = erase(root, now, lead=zdenka)
    kept = Erasure.objects.get()
    assert (kept.by, kept.at, kept.reason) == (root, now, "[erased] asked us to")
    assert kept.records == [["lead", zdenka.pk]]
    assert kept.counts == result.counts
    log = Transaction.objects.get(pk=kept.transaction_id or 0)
    assert (log.actor_name, log.reason) == ("Root", "[erased] asked us to")
    refusal = can_revert(log, root, at=now)
    assert refusal is not None
    assert refusal.code == "erasure"


def test_a_second_time_changes_nothing(zdenka: Lead, root: User, now: datetime) -> None:
    erase(root, now, lead=zdenka)
    before = Change.objects.count(), Erasure.objects.count()
    for again in ({"lead": zdenka}, {"email": "zdenka.q@quill.example"}):
        zdenka.refresh_from_db()
        erase(root, now, **again)
    assert (Change.objects.count(), Erasure.objects.count()) == before
    assert search(VALUES) == []


def test_a_dry_run_counts_the_same_and_writes_nothing(zdenka: Lead, root: User, now: datetime) -> None:
    default_storage.save("jobs/1/part.csv", ContentFile(b"Name,Email\nX,zdenka.q@quill.example\n"))
    before = found(), Change.objects.count()
    told = erase(root, now, lead=zdenka, dry_run=True)
    assert (found(), Change.objects.count()) == before
    assert default_storage.exists("jobs/1/part.csv")
    done = erase(root, now, lead=zdenka)
    assert (told.counts, told.files) == (done.counts, done.files)


def test_only_an_administrator_erases_and_says_why(zdenka: Lead, mona: User, root: User, now: datetime) -> None:
    before = found()
    with pytest.raises(Refused, match="administrator"):
        erase(mona, now, lead=zdenka)
    with pytest.raises(Refused) as refused:
        erase(root, now, lead=zdenka, reason=" ")
    assert refused.value.codes == ("needs_reason",)
    assert found() == before


def test_every_record_of_theirs_is_found_by_its_keys(zdenka: Lead, root: User, now: datetime) -> None:
    same = make_lead(first_name="Z.", last_name=LAST, email="ZDENKA.Q+news@quill.example")
    contact = make_contact(first_name=FIRST, last_name=LAST, personal_email="zdenka.private@mail.example", email="")
    by_profile = make_lead(email="", linkedin_url="linkedin.com/in/zdenka-quillfeather", last_name="Unnamed")
    switchboard = make_lead(phone="415 555 2671", last_name="Colleague")
    result = erase(root, now, email="zdenka.q@quill.example")
    assert result.records == [*(("lead", pk) for pk in (zdenka.pk, same.pk, by_profile.pk)), ("contact", contact.pk)]
    switchboard.refresh_from_db()
    assert (switchboard.last_name, switchboard.phone) == ("Colleague", "415 555 2671")
    assert {(one.table, one.value) for one in search(VALUES) if "415" not in one.value} == set()


def test_a_phone_is_theirs_when_it_is_chosen(zdenka: Lead, root: User, now: datetime) -> None:
    by_phone = make_lead(phone="415 555 2671", last_name="Same")
    result = erase(root, now, lead=zdenka, keys=["email", "phone"])
    assert ("lead", by_phone.pk) in result.records
    assert search(VALUES) == []


def test_a_name_that_others_have_stays_with_them(zdenka: Lead, root: User, now: datetime) -> None:
    namesake = make_lead(first_name=FIRST, last_name=LAST, email="another@elsewhere.example")
    result = erase(root, now, lead=zdenka)
    namesake.refresh_from_db()
    assert str(namesake) == f"{FIRST} {LAST}"
    assert result.shared == [f"{FIRST} {LAST}"]
    assert search(VALUES[2:]) == []


def test_a_converted_person_is_erased_in_contact_and_receipt(
    zdenka: Lead, ann: User, root: User, now: datetime
) -> None:
    with acting(actor=root, via="test", at=MOVED):
        confirmed = dict.fromkeys(("budget", "authority", "need", "timing"), "confirmed")
        Lead.objects.filter(pk=zdenka.pk).update(street="", **confirmed)
    zdenka.refresh_from_db()
    make_full_move(zdenka, "convert", Status.ENGAGED, actor=root, at=now)
    assert {table for table, _ in found()} >= {"accounts_contact", "leads_conversion"}
    erase(root, now, lead=zdenka)
    assert search(VALUES) == []
    assert str(Contact.objects.get()) == "Erased person"
    receipt = Conversion.objects.get()
    assert receipt.receipt["chosen"]["contact"]["id"] == Contact.objects.get().pk
    assert Account.objects.count() == 1


def test_somebody_deleted_before_is_erased_from_the_log(zdenka: Lead, alice: User, root: User, now: datetime) -> None:
    with acting(actor=alice, via="test", at=now):
        zdenka.delete()
    result = erase(root, now, email="zdenka.q@quill.example")
    assert search(VALUES) == []
    assert result.records == [("lead", Change.objects.filter(object="lead", op="D").get().record_id)]
    image = Change.objects.filter(object="lead", op="D").get().what
    assert image is not None
    assert (image["first_name"], image["status"]) == ("Erased", Status.ENGAGED)


def test_do_not_contact_outlives_it(zdenka: Lead, mona: User, root: User, now: datetime) -> None:
    emails = ["Zdenka.Q@quill.example"]
    suppress(actor=mona, at=now, via="test", reason="asked_us", emails=emails, note=f"{FIRST} {LAST} rang")
    erase(root, now, lead=zdenka)
    assert search(VALUES) == []
    key = SuppressedKey.objects.get()
    assert (key.value, key.key.partition(":")[0]) == ("", "hash")
    again = make_lead(email="zdenka.q+other@quill.example")
    assert Suppression.objects.covering("lead", [again.pk]).count() == 1


def test_what_is_left_of_a_suppressed_lead_is_offered_to_nobody(zdenka: Lead, root: User, now: datetime) -> None:
    erase(root, now, lead=zdenka, suppress=True)
    assert bar_of("lead", zdenka.pk) is not None


def test_it_offers_to_suppress(zdenka: Lead, root: User, now: datetime) -> None:
    erase(root, now, lead=zdenka, suppress=True)
    assert search(VALUES) == []
    again = make_lead(email="zdenka.private@mail.example", phone="+1 415 555 2671")
    assert Suppression.objects.covering("lead", [again.pk]).count() == 1


def test_files_and_sessions_that_hold_them_go(
    zdenka: Lead, root: User, now: datetime, django_capture_on_commit_callbacks: Any
) -> None:
    default_storage.save("jobs/1/part.csv", ContentFile(f"Name\n{FIRST} {LAST}\n".encode()))
    default_storage.save("jobs/2/part.csv", ContentFile(b"Name\nSomebody else\n"))
    session = SessionStore()
    session["said"] = [f"{FIRST} {LAST} is now Engaged"]
    session.save()
    with django_capture_on_commit_callbacks(execute=True):
        result = erase(root, now, lead=zdenka)
    assert result.files == ["jobs/1/part.csv"]
    assert not default_storage.exists("jobs/1/part.csv")
    assert default_storage.exists("jobs/2/part.csv")
    assert not SessionStore(session.session_key).exists(session.session_key or "")


def test_the_same_file_does_not_bring_them_back(root: User, now: datetime, tmp_path: Path) -> None:
    mail = {"FirstName": FIRST, "LastName": LAST, "Email": "zdenka.q@quill.example"}
    held = mail | {"Email": "", "Description": "zdenka.q@quill.example"}
    write(tmp_path, "Lead", lead_row(1, **mail), lead_row(2), lead_row(3, **held))
    bring_in(tmp_path)
    assert HeldRow.objects.waiting().count() == 1
    erase(root, now, email="zdenka.q@quill.example")
    assert search(VALUES) == []
    changed = {"Title": "Buyer", "LastModifiedDate": "2026-03-06T10:00:00.000+0000"}
    for more in ({}, changed):
        write(tmp_path, "Lead", lead_row(1, **mail, **more), lead_row(2), lead_row(3, **held, **more))
        report = bring_in(tmp_path)
        assert search(VALUES) == []
        said = [(problem.code, problem.message) for problem in report.problems]
        assert said == [("erased", "The person was erased on request: left out.")] * 2
        assert counts(report, "Lead") == {"read": 3, "unchanged": 2, "rejected": 1, "flagged": 1}
    assert HeldRow.objects.waiting().count() == 0


def test_the_doors_still_work_on_an_erased_record(zdenka: Lead, alice: User, root: User, now: datetime) -> None:
    erase(root, now, lead=zdenka)
    zdenka.refresh_from_db()
    move(zdenka, "nurture", actor=alice, at=now, via="test", nurture_reason="no_budget")
    move(zdenka, "take_back", actor=alice, at=now, via="test")
    assert zdenka.status == Status.ENGAGED
    zdenka.clean_fields()
    zdenka.validate_constraints()
    with acting(actor=root, via="test", at=now):
        zdenka.delete()


def test_the_command_shows_asks_and_erases(zdenka: Lead, root: User, capsys: Any, monkeypatch: Any) -> None:
    call_command("erase_person", "zdenka.q@quill.example", "--dry-run")
    told = capsys.readouterr().out
    assert "Would blank" in told
    assert "leads" in told
    monkeypatch.setattr("builtins.input", lambda question: "no")
    with pytest.raises(CommandError, match="Nothing was erased"):
        call_command("erase_person", "--lead", str(zdenka.pk), "--reason", "They asked")
    assert found()
    monkeypatch.setattr("builtins.input", lambda question: f"{FIRST} {LAST}")
    call_command("erase_person", "--lead", str(zdenka.pk), "--reason", "They asked")
    assert search(VALUES) == []
    call_command("erase_person", "--lead", str(zdenka.pk), "--reason", "They asked", "--yes")
    assert "nothing here that names them" in capsys.readouterr().out
    for wrong in (["--lead", "999999999"], ["nobody"], ["x@y.example", "--as", "nobody@x.example"]):
        with pytest.raises(CommandError):
            call_command("erase_person", *wrong, "--yes", "--reason", "x")


def test_odd_names_and_words_are_no_patterns(root: User, now: datetime) -> None:
    lead = make_lead(first_name="A.*", last_name='O"Neil (\\d+)', description="plain", kept={"x": 'A.* O"Neil (\\d+)'})
    other = make_lead(description='A.* O"Neil (\\d+) knows AbcO"Neil', last_name="Neighbour")
    erase(root, now, lead=lead)
    other.refresh_from_db()
    assert other.description == '[erased] knows AbcO"Neil'
    assert json.dumps(Lead.objects.get(pk=lead.pk).kept) == "{}"
    assert compute_keys("email_key", ["x@y.example"]) == ["x@y.example"]
