"""What other systems write is looked after too: their words, their fields, their files, and their silence (K6)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from crm import handbook
from crm.checkups.looking import look_at
from crm.checkups.rhythm import DAY, rhythm_of
from crm.checkups.rules import Look, Outcome, Sight, rule_of
from crm.core.acting import acting
from crm.enquiries.models import Enquiry, Received, Source
from crm.history.models import Transaction
from crm.imports import runs as every_run
from crm.imports.models import HeldRow, ImportRun
from crm.jobs.models import Job
from crm.people.models import User
from crm.sync.models import ApiKey
from leads.models import Lead
from tests.conftest import NOW
from tests.enquiries.asking import ask
from tests.enquiries.signed import tool
from tests.factories import make_lead
from tests.imports.csv.using import bring
from tests.imports.export import bring_in, lead, write
from tests.keys import make_key, program

pytestmark = pytest.mark.django_db
# What is stored in a test is stored now, by the database's clock.
REAL = timezone.now()


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> None:
    """Uploads of tests lie in a folder of their own."""
    settings.MEDIA_ROOT = tmp_path / "media"


def look(rule: str, at: datetime = REAL + DAY) -> Outcome:
    """One look of a rule."""
    known = rule_of(rule)
    assert known is not None
    outcome = look_at(known, Look(at, handbook.current()))
    assert not outcome.crash, outcome.crash
    return outcome


def only(rule: str, at: datetime = REAL + DAY) -> Sight:
    """The one thing that a rule sees."""
    (sight,) = look(rule, at).sights
    return sight


def only_of(detail: str) -> Sight:
    """What is seen of the words in one field."""
    (sight,) = [one for one in look("process.key_values").sights if one.detail == detail]
    return sight


def key_of(user: User, **fields: Any) -> ApiKey:
    """A key that was used a moment ago."""
    make_key(user, **{"last_used_at": REAL, **fields})
    return ApiKey.objects.latest("pk")


def wrote(user: User, at: datetime, records: Sequence[Lead], *, via: str = "api", **values: Any) -> None:
    """A program wrote these values then; as the database would, not minding what is allowed."""
    with acting(actor=user, via=via, at=at):
        Lead.objects.filter(pk__in=[one.pk for one in records]).update(**values)
    _was_then(at)


def _was_then(at: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL crm.upkeep = 'on'")
        cursor.execute(
            "UPDATE history_transaction SET recorded_at = %s WHERE id = (SELECT max(id) FROM history_transaction)", [at]
        )
        cursor.execute("SET LOCAL crm.upkeep = ''")


# --- keys -------------------------------------------------------------------------------------------------------------


def test_a_rhythm_is_the_usual_pause_and_never_shorter_than_a_day() -> None:
    assert rhythm_of([REAL - n * DAY for n in range(4)]) is None
    weekly = rhythm_of([REAL - 7 * n * DAY for n in range(30)])
    assert weekly is not None
    assert (weekly.usual, weekly.last) == ("every 7 days", REAL)
    assert not weekly.is_over(REAL + 35 * DAY, times=5)
    assert weekly.is_over(REAL + 36 * DAY, times=5)
    # What it did longer ago than twenty pauses says nothing of how it is now.
    newer = rhythm_of([*(REAL - n * DAY for n in range(21)), *(REAL - 90 * n * DAY for n in range(1, 60))])
    assert newer is not None
    assert newer.usual == "daily"
    often = rhythm_of(REAL - n * timedelta(minutes=1) for n in range(9))
    assert often is not None
    assert often.pause == DAY


def test_words_outside_the_lists_are_laid_to_the_key_that_wrote_them_last(robot: User, alice: User) -> None:
    key = key_of(robot, name="Website")
    leads = [make_lead() for _ in range(4)]
    assert look("process.key_values").sights == []
    wrote(robot, REAL, leads[:3], lead_source="Word Of Mouth: lea@globex.example", rating="scorching")
    wrote(alice, REAL, leads[3:], via="admin", rating="scorching")
    wrote(alice, REAL, leads[2:3], via="admin", rating="tepid")
    rating, source = sorted(look("process.key_values").sights, key=lambda one: one.detail, reverse=True)
    assert (rating.subject, rating.label, rating.detail) == (f"key:{key.pk}", "API key Website", "lead.rating")
    assert rating.found == "2 with 1 other word"
    examples = ("For example", f"lead:{leads[0].pk}, lead:{leads[1].pk}")
    assert list(rating.evidence) == [("Words", "scorching"), examples]
    # A word that may be somebody's address is not told.
    assert source.found == "3 with 1 other word"
    assert "globex" not in json.dumps([source.expected, source.found, *source.evidence])
    with acting(actor=robot, via="api", at=REAL):
        made = Lead.objects.create(last_name="Made", email="made@globex.example", company="Globex", industry="alchemy")
    assert dict(only_of("lead.industry").evidence)["For example"] == f"lead:{made.pk}"
    wrote(robot, REAL, [*leads, made], rating="hot", lead_source="", industry="")
    assert look("process.key_values").sights == []


def test_a_field_that_a_program_wrote_and_leaves_out_since_is_missed(robot: User) -> None:
    second = key_of(robot, name="Old key", last_used_at=REAL - DAY)
    key = key_of(robot, name="Enrichment")
    known, fresh = make_lead(), REAL - 30 * DAY
    for n in range(10):
        wrote(robot, fresh + n * DAY, [known], title=f"Head {n}", city=f"Town {n}")
    for n in range(10, 15):
        wrote(robot, fresh + n * DAY, [known], city=f"Town {n}")
    assert look("process.key_fields").sights == [], "five days are a pause five times as long as usual, and no longer"
    wrote(robot, fresh + 16 * DAY, [known], city="Town")
    sight = only("process.key_fields")
    assert (sight.subject, sight.detail) == (f"key:{key.pk}", "lead.title")
    assert sight.expected == "Job title of a lead: written daily"
    last = timezone.localtime(fresh + 9 * DAY)
    assert sight.found.startswith(f"Written for the last time on {last:%Y-%m-%d}; other fields on ")
    assert list(sight.evidence) == [("Other keys of its user", second.name)]


def test_a_field_that_new_records_came_with_is_missed_too(robot: User, root: User) -> None:
    send, more = program(robot), {"industry": "banking", "need": "confirmed"}
    for n in range(12):
        body = {"last_name": f"Prospect {n}", "email": f"p{n}@globex.example", "company": "Globex"}
        answer = send("POST", "leads/", body | (more if n < 5 else {}))
        assert answer.status_code == 201, answer.content
        _was_then(REAL - (12 - n) * DAY)
    assert {one.detail for one in look("process.key_fields").sights} == {"lead.industry", "lead.need"}


def test_a_key_that_wrote_daily_and_has_fallen_silent_is_told_with_what_it_wrote_last(robot: User) -> None:
    key = key_of(robot, name="Nightly", last_used_at=REAL - 2 * DAY)
    record = make_lead()
    for n in range(9):
        wrote(robot, REAL - (2 + n) * DAY, [record], city=f"Town {n}")
    assert look("process.key_silent", REAL + 2 * DAY).sights == []
    sight = only("process.key_silent", REAL + 4 * DAY)
    assert (sight.subject, sight.label, sight.expected) == (f"key:{key.pk}", "API key Nightly", "Writes daily")
    assert sight.found.endswith("6 days ago")
    assert dict(sight.evidence)["Wrote last"].startswith("leads (")
    # It reads, though it writes nothing: it lives.
    ApiKey.objects.filter(pk=key.pk).update(last_used_at=REAL + 3 * DAY)
    assert look("process.key_silent", REAL + 4 * DAY).sights == []
    ApiKey.objects.filter(pk=key.pk).update(last_used_at=REAL, revoked_at=REAL)
    assert look("process.key_silent", REAL + 90 * DAY).looked_at == 0


def test_what_wrote_and_sent_too_little_to_know_its_rhythm_was_not_looked_at(robot: User) -> None:
    for rule in ("process.key_values", "process.key_fields", "process.key_silent"):
        assert (look(rule).looked_at, look(rule).note) == (0, ""), f"{rule}: there is no key"
    key_of(robot)
    wrote(robot, REAL, [make_lead()], city="Austin")
    for rule in ("process.key_silent", "process.source_silent"):
        assert look(rule).looked_at == 0
        assert look(rule).note.startswith("Not looked at: ")
    assert look("process.key_fields").looked_at == 0


# --- files ------------------------------------------------------------------------------------------------------------

HEADER = "Last name,Email,Company,Rating,City\n"


def test_the_newest_import_of_each_file_is_asked_for_words_that_mean_nothing(root: User, tmp_path: Path) -> None:
    run = bring(f"{HEADER}Ng,a@acme.example,Acme,Zebra,Austin\nOh,b@acme.example,Acme,Hot,Austin\n", "lead", root)
    write(tmp_path, "Lead", lead(1, Status="Sleeping", Rating="Striped"), lead(2))
    bring_in(tmp_path)
    exported = ImportRun.objects.latest("pk")
    assert exported.system == "salesforce"
    seen = {one.subject: one for one in look("process.import_values").sights}
    assert set(seen) == {f"import:{run.pk}", f"import:{exported.pk}"}
    csv = seen[f"import:{run.pk}"]
    assert (csv.found, csv.detail) == ("1 of 2 rows with other words", "list.csv")
    assert list(csv.evidence) == [("Columns", "Rating (1)"), ("For example", "lines 2")]
    columns = dict(seen[f"import:{exported.pk}"].evidence)["Columns"]
    assert columns == "Rating (1), Status (1)"
    assert not {"Zebra", "Striped", "Sleeping"} & set(str(seen).replace("“", " ").split())
    bring(f"{HEADER}Ng,a@acme.example,Acme,Hot,Austin\n", "lead", root, key="email")
    assert {one.subject for one in look("process.import_values").sights} == {f"import:{exported.pk}"}


def test_a_column_that_a_file_had_and_has_no_more_is_missed(root: User) -> None:
    bring(f"{HEADER}Ng,a@acme.example,Acme,Hot,Austin\n", "lead", root)
    bring("Last name,Email,Company,Rating,Town\nNg,d@acme.example,Acme,Hot,Austin\n", "lead", root)
    assert look("process.import_columns").sights == [], "it has another name, and is there"
    run = bring("Last name,Email,Company,City\nOh,b@acme.example,Acme,Austin\n", "lead", root)
    sight = only("process.import_columns")
    assert (sight.subject, sight.detail) == (f"import:{run.pk}", "lead.rating")
    # A file of other columns is another file.
    bring("Last name,Email,Phone,Website\nPi,c@acme.example,4155552671,acme.example\n", "lead", root)
    assert look("process.import_columns").sights == []


def test_rows_that_wait_for_long_are_told_by_import_and_problem(root: User) -> None:
    run = bring("Last name,Email,Company\nNobody,,Acme\nNoone,,Acme\n", "lead", root)
    assert HeldRow.objects.waiting().count() == 2
    assert look("process.held_rows", REAL + 6 * DAY).sights == []
    sight = only("process.held_rows", timezone.now() + 8 * DAY)
    assert (sight.subject, sight.detail) == (f"import:{run.pk}", "lead:no_email_or_linkedin")
    assert sight.found == "2 wait: Nobody could be reached"
    HeldRow.objects.update(state=HeldRow.State.DISCARDED)
    assert look("process.held_rows", REAL + 8 * DAY).sights == []


def test_an_import_that_failed_is_told_until_somebody_goes_on_with_it(root: User) -> None:
    run = bring(f"{HEADER}Ng,a@acme.example,Acme,Hot,Austin\n", "lead", root)
    assert look("process.import_failed").sights == []
    ImportRun.objects.filter(pk=run.pk).update(stage=ImportRun.Stage.RUNNING)
    Job.objects.filter(import_runs=run).update(state=Job.State.FAILED)
    sight = only("process.import_failed")
    assert (sight.subject, sight.found) == (f"import:{run.pk}", "Importing: failed")
    every_run.resume(run, actor=root, at=NOW)
    assert look("process.import_failed").sights == []


# --- sources and channels ---------------------------------------------------------------------------------------------


def test_sources_and_channels_that_fell_silent_are_told_and_a_stopped_one_is_not(robot: User, root: User) -> None:
    chat = tool(robot, name="Website chat")
    for n in range(5):
        data = {"conversation": f"c-{n}", "text": "Do you support Windows?"}
        assert chat.send("chat.message", data).status_code == 200
    for model, name in ((Received, "at"), (Enquiry, "received_at")):
        for n, one in enumerate(model.objects.order_by("pk")):  # type: ignore[attr-defined]
            model.objects.filter(pk=one.pk).update(**{name: REAL - 2 * n * DAY})  # type: ignore[attr-defined]
    for n in range(5):
        ask(REAL - n * DAY, channel="contact_form", email=f"n{n}@globex.example")
    assert look("process.source_silent", REAL + 4 * DAY).sights == []
    form = only("process.source_silent", REAL + 6 * DAY)
    assert (form.subject, form.label) == ("channel:contact_form", "Channel “Contact form”")
    assert form.expected == "Heard of daily"
    late = REAL + 11 * DAY
    assert {one.subject for one in look("process.source_silent", late).sights} == {
        "channel:contact_form",
        f"source:{chat.source.pk}",
    }
    # Messages are forgotten after a month: what it sent is known from the enquiries.
    Received.objects.all().delete()
    assert f"source:{chat.source.pk}" in {one.subject for one in look("process.source_silent", late).sights}
    Source.objects.update(stopped_at=REAL)
    assert f"source:{chat.source.pk}" not in {one.subject for one in look("process.source_silent", late).sights}


def test_messages_that_were_refused_are_told_by_source_and_reason(robot: User, root: User) -> None:
    chat = tool(robot, name="Website chat")
    wrong = {"conversation": "c-1", "text": ""}
    assert chat.send("chat.message", wrong, message_id="m-1").status_code == 409
    assert chat.send("chat.reply", {"conversation": "nobody", "text": "Hi"}).status_code >= 400
    seen = {one.detail: one for one in look("process.source_refused").sights}
    assert set(seen) == {"missing_facts", "unknown_conversation"}
    assert seen["missing_facts"].found.startswith("1 refused within a month, the last one on ")
    assert chat.send("chat.message", wrong | {"text": "Hello"}, message_id="m-1").status_code == 200
    assert {one.detail for one in look("process.source_refused").sights} == {"unknown_conversation"}


def test_no_rule_reads_more_than_the_newest_of_a_long_history(robot: User, django_assert_max_num_queries: Any) -> None:
    key_of(robot)
    record = make_lead()
    rows = [Transaction(actor_id=robot.pk, via="api", recorded_at=REAL - n * DAY) for n in range(3000)]
    Transaction.objects.bulk_create(rows)
    wrote(robot, REAL, [record], rating="scorching")
    for rule in ("process.key_values", "process.key_fields", "process.key_silent"):
        with django_assert_max_num_queries(12):
            look(rule)
    assert only("process.key_values").detail == "lead.rating", "the newest are read, not the oldest"
