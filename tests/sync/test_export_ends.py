"""An export is of one moment, with the place that continues it; and whatever goes wrong, none is whole that is not."""

from __future__ import annotations

import json
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from unittest import mock

import psycopg
import pytest
from django.db import connection

from crm.history.feed import latest, number_transactions
from crm.jobs.models import Job
from crm.people.models import User
from crm.sync.exporting import sending, snapshot
from crm.sync.exporting.snapshot import Snapshot
from leads.models import Lead
from tests.factories import make_account, make_lead
from tests.keys import Program, program
from tests.races import in_thread, second_connection
from tests.sync.exports import begin, by_id, copying, exports, listed, read, wait_for

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer in pieces of a record each."""
    monkeypatch.setattr(sending, "PIECE", 1)


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
