"""All records of a kind in one answer: whole or not at all, of one moment, with the place that continues it."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any
from unittest import mock

import psycopg
import pytest
from django.db import connection
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from accounts.models import Account
from crm.core.api.resources import followed
from crm.history.feed import latest, number_transactions
from crm.jobs.models import Job
from crm.jobs.work import work_jobs
from crm.people.models import User
from crm.sync.exporting import sending, snapshot
from crm.sync.exporting.snapshot import Snapshot
from leads.models import Lead
from tests.access import client_of
from tests.factories import make_account, make_lead
from tests.keys import Program, program
from tests.races import in_thread, second_connection
from tests.samples import SAMPLES

pytestmark = pytest.mark.django_db(transaction=True)
NASTY = '=1+1, "Zoë"\nsaid \\. 漢字'


def read(answer: Any) -> tuple[list[Any], Any]:
    """The records of an answer in NDJSON, and its last line."""
    assert answer.status_code == 200, answer.getvalue()
    *records, end = [json.loads(line) for line in answer.getvalue().splitlines()]
    return records, end


def listed(ask: Program, address: str) -> list[Any]:
    """What the list answers, by id."""
    return list(ask("get", address).json()["results"])


def by_id(records: list[Any]) -> list[Any]:
    """An export is in no order."""
    return sorted(records, key=lambda one: one["id"])


def exports() -> list[Job]:
    """What is on record, the first one first."""
    return list(Job.objects.filter(kind="api.export").order_by("pk"))


def copying() -> list[int]:
    """The sessions of this database that write an export."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND state = 'active' AND query LIKE 'COPY (%'"
        )
        return [pid for (pid,) in cursor.fetchall()]


def wait_for(true: Callable[[], Any]) -> None:
    """Until it is so."""
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def begin(ask: Program, address: str) -> tuple[Any, bytes, Iterator[bytes]]:
    """An answer, its first record, and the rest, which nobody has asked for yet."""
    answer = ask("get", address)
    assert answer.status_code == 200, answer.getvalue()
    pieces = iter(answer.streaming_content)
    first = next(piece for piece in pieces if piece)
    return answer, first, pieces


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer in pieces of a record each."""
    monkeypatch.setattr(sending, "PIECE", 1)


def test_an_export_is_the_list_and_says_that_it_is_whole(root: User) -> None:
    ask = program(root)
    for view in followed().values():
        SAMPLES[view.model._meta.label](root)
    Account.objects.update(description=NASTY)
    for resource in followed():
        answer = ask("get", f"{resource}/export/")
        records, end = read(answer)
        assert by_id(records) == by_id(listed(ask, f"{resource}/?limit=1000&ordering=id"))
        assert end == {"_end": True, "count": len(records), "cursor": answer.headers["Plumb-Feed-Cursor"]}
        assert answer.headers["Content-Type"].startswith("application/x-ndjson")
    assert [job.state for job in exports()] == ["done"] * len(followed())


def test_as_csv_the_values_are_exact_and_null_is_no_empty_text(root: User) -> None:
    ask = program(root)
    account = make_account(name="Globex", description=NASTY, employees=None)
    Account.objects.filter(pk=account.pk).update(domains="a.example, b.example")
    answer = ask("get", "accounts/export", Accept="text/csv")
    text = answer.getvalue().decode()
    names, *rows, end = csv.reader(io.StringIO(text))
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    (record,) = listed(ask, "accounts/")
    told = dict(zip(names, rows[0], strict=True))
    assert names == list(record)
    for name, value in record.items():
        if isinstance(value, str):
            assert told[name] == value
        elif value is None:
            assert told[name] == ""
        else:
            assert json.loads(told[name]) == value
    assert end[:3] == ["_end", "1", answer.headers["Plumb-Feed-Cursor"]]
    assert set(end[3:]) == {""}
    short = ask("get", "accounts/export/?format=csv&fields=phone,employees").getvalue().decode()
    assert short.splitlines()[1:2] == [f'{account.pk},{record["version"]},"",']
    assert ask("get", "accounts/export/?format=csv&fields=id").getvalue().decode().endswith("\n_end,1\n")


def test_fields_and_filters_are_those_of_the_list(root: User, alice: User) -> None:
    ask = program(root)
    mine, other = make_lead(owner=alice, email="ada@globex.example"), make_lead(owner=root)
    found, end = read(ask("get", f"leads/export/?owner_id={alice.pk}&fields=email"))
    assert found == [{"id": mine.pk, "version": 1, "email": "ada@globex.example"}]
    assert read(ask("get", "leads/export/?email=ADA@globex.example"))[1]["count"] == 1
    assert read(ask("get", "leads/export/?q=globex&lead_status=new"))[1]["count"] == 2
    assert read(ask("get", "leads/export/?email=nobody"))[1]["count"] == end["count"] - 1
    assert other.pk not in [one["id"] for one in found]
    for query, code in {
        "limit=5": "unknown_parameter",
        "expand=computed": "unknown_parameter",
        "fields=x": "unknown_field",
        "format=xml": "invalid_format",
        "objects=nothing": "unknown_object",
        "owner_id=x": "invalid",
        "fields=id&fields=id": "repeated_parameter",
    }.items():
        answer = ask("get", f"leads/export/?{query}")
        assert (answer.status_code, answer.json()["code"]) == (400, code), query
    assert ask("head", "leads/export/").status_code == 405
    assert ask("get", "leads/export/", Accept="image/png").status_code == 406
    assert len(exports()) == 4, "what is refused is no export"


def test_it_is_compressed_while_it_is_sent_for_who_takes_that(root: User) -> None:
    ask = program(root)
    make_lead()
    plain = ask("get", "leads/export/?fields=email", Accept_Encoding="br, gzip;q=0")
    zipped = ask("get", "leads/export/?fields=email", Accept_Encoding="br, gzip;q=0.5")
    assert "Content-Encoding" not in plain.headers
    assert zipped.headers["Content-Encoding"] == "gzip"
    (lead, end), (again, again_end) = (
        [json.loads(line) for line in text.splitlines()]
        for text in (plain.getvalue(), gzip.decompress(zipped.getvalue()))
    )
    assert (lead, end["count"]) == (again, again_end["count"])


def test_it_takes_the_scope_to_read_each_object_of_the_cursor(root: User, alice: User) -> None:
    ask = program(alice, "leads:read")
    assert ask("get", "accounts/export/").json()["code"] == "missing_scope"
    refused = ask("get", "leads/export/?objects=leads,accounts")
    assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")
    assert "accounts:read" in refused.json()["detail"]
    _, end = read(ask("get", "leads/export/"))
    assert ask("get", f"changes/?cursor={end['cursor']}&objects=leads").status_code == 200
    _, end = read(program(root)("get", "leads/export/?objects=contacts,accounts"))
    assert program(root)("get", f"changes/?cursor={end['cursor']}&objects=accounts,contacts,leads").status_code == 200
    assert exports()[0].by == alice


# --- one moment, and what comes after it ------------------------------------------------------------------------------


def follow(ask: Program, cursor: str, copy: dict[int, Any]) -> int:
    """Take every change over as followers do; how many there were."""
    count = 0
    while True:
        page = ask("get", f"changes/?cursor={cursor}").json()
        for change in (one for made in page["transactions"] for one in made["changes"]):
            count += 1
            held = copy.get(change["id"], {"version": 0})
            if change["op"] == "deleted":
                copy.pop(change["id"], None)
            elif "record" in change and change["version"] > held["version"]:
                copy[change["id"]] = change["record"]
            elif change["version"] > held["version"] and change["id"] in copy:
                new = {name: value["new"] for name, value in change["changed"].items()}
                copy[change["id"]] = held | new | {"version": change["version"], "updated_at": change["updated_at"]}
        cursor = page["cursor"]
        if not page["more"]:
            return count


def test_what_is_written_meanwhile_is_in_the_export_or_comes_after_its_cursor(root: User, small: None) -> None:
    ask = program(root)
    leads = [make_lead(first_name="Before") for _ in range(4)]
    with second_connection() as late:
        late.execute("UPDATE leads_lead SET first_name = 'Open' WHERE id = %s", [leads[0].pk])
        _, first, pieces = begin(ask, "leads/export/")
        late.commit()
        late.execute("UPDATE leads_lead SET first_name = 'Later' WHERE id = %s", [leads[1].pk])
        late.execute("DELETE FROM leads_lead WHERE id = %s", [leads[2].pk])
        late.commit()
        new = make_lead(first_name="New")
        *records, end = [json.loads(line) for line in (first + b"".join(pieces)).splitlines()]
    assert {one["first_name"] for one in records} == {"Before"}, "it is not of one moment"
    copy = {one["id"]: one for one in records}
    assert set(copy) == {lead.pk for lead in leads}
    assert follow(ask, end["cursor"], copy) >= 4
    assert new.pk in copy
    assert leads[2].pk not in copy
    assert by_id(list(copy.values())) == by_id(listed(ask, "leads/?ordering=id"))


def test_what_commits_between_numbering_and_snapshot_is_told_twice(root: User, monkeypatch: pytest.MonkeyPatch) -> None:
    lead = make_lead(first_name="Before")

    def number_and_write() -> int:
        found = number_transactions()
        Lead.objects.filter(pk=lead.pk).update(first_name="Between")
        return found

    monkeypatch.setattr(snapshot, "number_transactions", number_and_write)
    ask = program(root)
    (record,), end = read(ask("get", "leads/export/"))
    assert (record["first_name"], record["version"]) == ("Between", 2)
    copy = {lead.pk: record}
    assert follow(ask, end["cursor"], copy) == 1
    assert copy == {lead.pk: record}


class Hasty(Snapshot):
    """One that looks how far the feed is when it has its snapshot already: what commits in between is lost."""

    def __init__(self) -> None:
        super().__init__()
        Lead.objects.update(first_name="Lost")
        number_transactions()
        self.cursor = latest()


def test_a_place_that_is_not_the_snapshots_would_lose_changes(root: User, monkeypatch: pytest.MonkeyPatch) -> None:
    lead = make_lead(first_name="Before")
    ask = program(root)
    monkeypatch.setattr(sending, "Snapshot", Hasty)
    (record,), end = read(ask("get", "leads/export/"))
    copy = {lead.pk: record}
    follow(ask, end["cursor"], copy)
    assert copy[lead.pk]["first_name"] == "Before" != listed(ask, "leads/")[0]["first_name"]


def test_writers_at_work_all_the_while_are_in_the_copy_in_the_end(root: User, small: None) -> None:
    ask = program(root)
    pks = [make_lead().pk for _ in range(60)]
    written, stop = 0, threading.Event()

    def passed(count: int) -> bool:
        return written > count

    def work() -> None:
        nonlocal written
        draw = random.Random(1)
        while not stop.is_set():
            Lead.objects.filter(pk__in=draw.sample(pks, 3)).update(first_name=f"Nr. {written}")
            written += 1

    with ThreadPoolExecutor(1) as pool:
        future = in_thread(pool, work)
        wait_for(lambda: written)
        _, piece, pieces = begin(ask, "leads/export/")
        before, taken = written, [piece]
        for piece in pieces:
            taken.append(piece)
            if len(taken) % 20 == 0:
                wait_for(partial(passed, written))
        assert written > before + 2, "nothing was written meanwhile: the test proves nothing"
        stop.set()
        future.result(timeout=30)
    *records, end = [json.loads(line) for line in b"".join(taken).splitlines()]
    copy = {one["id"]: one for one in records}
    assert by_id(list(copy.values())) != by_id(listed(ask, "leads/?ordering=id&limit=1000"))
    follow(ask, end["cursor"], copy)
    assert by_id(list(copy.values())) == by_id(listed(ask, "leads/?ordering=id&limit=1000"))


# --- when it does not end well ----------------------------------------------------------------------------------------


@pytest.fixture
def large(root: User, small: None) -> None:
    """Records of which one is more than lies in the buffers between the database and the program."""
    for _ in range(3):
        make_account()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_account SET description = repeat('x', 8000000)")


def test_a_program_that_hangs_up_ends_the_query_and_frees_what_it_held(root: User, large: None) -> None:
    ask = program(root)
    answer, _, _ = begin(ask, "accounts/export/")
    assert copying() == [mock.ANY], "the query has ended already: the test proves nothing"
    answer.close()
    wait_for(lambda: not copying())
    (job,) = exports()
    assert (job.state, job.done) == (Job.State.FAILED, 1)
    assert job.message == "The program stopped reading after 1 record."
    assert sending._free._value == sending.AT_ONCE  # type: ignore[attr-defined]


def test_an_answer_that_nobody_reads_holds_nothing(root: User, large: None) -> None:
    ask = program(root)
    answer = ask("get", "accounts/export/")
    assert copying()
    answer.close()
    wait_for(lambda: not copying())
    assert exports()[0].state == Job.State.FAILED
    assert sending._free._value == sending.AT_ONCE  # type: ignore[attr-defined]


def test_an_error_in_the_middle_breaks_it_off_without_a_last_line(root: User, large: None) -> None:
    _, _, pieces = begin(program(root), "accounts/export/")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", copying())
    taken: list[bytes] = []
    with pytest.raises(psycopg.OperationalError):
        taken.extend(pieces)
    assert b"_end" not in b"".join(taken)
    (job,) = exports()
    assert job.state == Job.State.FAILED
    assert job.message.startswith("It broke off after")
    assert sending._free._value == sending.AT_ONCE  # type: ignore[attr-defined]


def test_no_more_are_sent_at_once_than_leave_half_of_the_threads(root: User) -> None:
    make_lead()
    ask = program(root)
    sent = [ask("get", "leads/export/") for _ in range(sending.AT_ONCE)]
    busy = ask("get", "leads/export/")
    assert (busy.status_code, busy.json()["code"]) == (503, "exports_busy")
    assert int(busy.headers["Retry-After"]) > 0
    sent[0].close()
    assert read(ask("get", "leads/export/"))[1]["count"] == 1
    for answer in sent[1:]:
        assert read(answer)[1]["count"] == 1


def test_limits_for_the_statements_of_pages_do_not_cut_an_export(root: User) -> None:
    name = connection.settings_dict["NAME"]
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE \"{name}\" SET statement_timeout = '5min'")
    try:
        seen = Snapshot()
        told = [
            b"".join(seen.copy(f"COPY (SELECT current_setting('{one}')) TO STDOUT")).strip()
            for one in ("statement_timeout", "idle_in_transaction_session_timeout", "transaction_isolation")
        ]
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            list(seen.copy("COPY (DELETE FROM leads_lead RETURNING id) TO STDOUT"))
        seen.close()
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f'ALTER DATABASE "{name}" RESET statement_timeout')
    assert told == [b"0", b"0", b"repeatable read"]


# --- on record (L16) --------------------------------------------------------------------------------------------------


def test_what_left_is_on_record_where_files_that_left_are(root: User, mona: User, alice: User) -> None:
    make_lead(owner=alice)
    read(program(alice, "leads:read")("get", f"leads/export/?owner_id={alice.pk}&fields=email"))
    (job,) = exports()
    assert (job.by, job.state, job.done, job.total) == (alice, Job.State.DONE, 1, 1)
    assert job.finished_at is not None
    page = client_of(mona).get(reverse("admin:privacy_export_change", args=[job.pk])).content.decode()
    for said in ("Leads", "owner_id=", "email", "version"):
        assert said in page
    assert "Export over the API: leads, with the key" in client_of(alice).get(reverse("admin:jobs")).content.decode()
    its = client_of(alice).get(reverse("admin:job", args=[job.pk]))
    assert its.status_code == 200
    assert "Download the file" not in its.content.decode()


def test_an_export_whose_process_died_is_noted_as_broken_off(root: User) -> None:
    make_lead()
    answer = program(root)("get", "leads/export/")
    work_jobs(until=timezone.now() + timedelta(seconds=5))
    (job,) = exports()
    assert job.state == Job.State.RUNNING, "it is being sent"
    Job.objects.update(leased_until=Now() - timedelta(seconds=1))
    work_jobs(until=timezone.now() + timedelta(seconds=5))
    job.refresh_from_db()
    assert job.state == Job.State.FAILED
    assert job.message.startswith("It broke off.")
    # It was only slow: what is true in the end is what it says.
    assert read(answer)[1]["count"] == 1
    job.refresh_from_db()
    assert (job.state, job.message) == (Job.State.DONE, "")
