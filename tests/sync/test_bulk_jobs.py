"""Bulk jobs: uploaded in parts, worked in slices, every row answered in exactly one way."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from crm.history.models import Change, Transaction
from crm.jobs.kinds import kind_of
from crm.jobs.models import Job, JobSlice
from crm.jobs.work import LeaseLost, claim, do, next_slice, step
from crm.people.models import User
from crm.sync.bulk.engine import write_rows
from crm.sync.jobs import work as working
from crm.sync.models import ApiKey, BulkJob, BulkKey
from leads.models import Lead
from tests.factories import make_lead
from tests.keys import Program, make_key, program
from tests.sync.bulk_jobs import answer, lead, lines, opened, outcomes, results, work, worked

pytestmark = pytest.mark.django_db


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices of four rows, in batches of two."""
    monkeypatch.setattr(working, "ROWS", 4)
    monkeypatch.setattr(working, "BATCH", 2)


def one_slice(where: str) -> Job:
    """Let a worker do one slice of a job and be gone."""
    job = Job.objects.get(bulk__pk=where.split("/")[2])
    Job.objects.filter(pk=job.pk).update(lease=None, leased_until=None)
    mine = claim(job)
    assert mine is not None
    step(mine, clock=timezone.now, via="api")
    Job.objects.filter(pk=job.pk).update(lease=None, leased_until=None)
    return Job.objects.get(pk=job.pk)


def test_rows_are_stored_whatever_the_parts_cut_through(root: User, small: None) -> None:
    ask = program(root)
    before = make_lead(email="there@globex.example")
    sent = lines(
        lead(1),
        lead(2, last_name="Ünal"),
        lead(1),
        lead(3, email="no address"),
        ["no", "object"],
        {"id": before.pk, "company": "Initech"},
        {"id": before.pk, "company": "Umbrella"},
        {"id": before.pk + 1_000_000, "company": "Umbrella"},
        lead(2),
    )
    cut = sent.index("Ü".encode()) + 1
    where = opened(ask, sent[:cut], sent[cut : cut + 1], sent[cut + 1 :])
    job = worked(ask, where)
    assert (job["state"], job["rows_done"], job["bytes_done"], job["bytes"]) == ("done", 9, len(sent), len(sent))
    rows = results(ask, where)
    assert outcomes(rows) == [
        (0, "created", ""),
        (1, "created", ""),
        (2, "rejected", "duplicate_key"),
        (3, "rejected", "invalid"),
        (4, "rejected", "not_an_object"),
        (5, "updated", ""),
        (6, "rejected", "duplicate_key"),
        (7, "rejected", "not_found"),
        (8, "rejected", "duplicate_key"),
    ]
    assert "Row 1 " in rows[8]["message"], "it came in a slice before"
    assert job["counts"] == {"created": 2, "updated": 1, "rejected": 6, "unchanged": 0, "deleted": 0, "unprocessed": 0}
    assert Lead.objects.get(pk=rows[1]["id"]).last_name == "Ünal"
    # Its changes are found under its request, slice by slice.
    made = Transaction.objects.filter(request=job["request_id"])
    assert {one.via for one in made} == {"api"}
    assert Change.objects.filter(transaction__in=made, object="lead", op="I").count() == 2
    assert JobSlice.objects.filter(job__bulk=job["id"]).count() == 3
    # The same upload again changes nothing.
    again = opened(ask, sent)
    assert worked(ask, again)["counts"]["unchanged"] == 3
    # By outcome, and as a spreadsheet reads it.
    assert [row["index"] for row in results(ask, where, "?outcome=updated")] == [5]
    assert results(ask, where, "?outcome=unprocessed") == []
    cells = list(csv.DictReader(io.StringIO(ask("GET", f"{where}results/?format=csv").getvalue().decode())))
    assert [(one["index"], one["outcome"]) for one in cells[:2]] == [("0", "created"), ("1", "created")]
    assert json.loads(cells[3]["errors"])[0]["field"] == "email"
    assert (cells[-1]["index"], cells[-1]["outcome"], cells[-1]["id"]) == ("_end", "9", "done")


def test_a_csv_is_read_by_its_first_line(root: User) -> None:
    ask = program(root)
    there = make_lead(company="Globex")
    head = b'\xef\xbb\xbfid,company,"first_name",employees\r\n'
    text = head + f'{there.pk},"Initech,\r\nInc.",,12\r\n{there.pk},Twice,,1\r\n,Nobody,,1\r\n7'.encode()
    where = opened(ask, text[:50], text[50:], operation="update", system="", format="csv")
    job = worked(ask, where)
    rows = results(ask, where)
    assert [(row["outcome"], row["code"]) for row in rows] == [
        ("updated", ""),
        ("rejected", "duplicate_key"),
        ("rejected", "invalid"),
        ("rejected", "wrong_cells"),
    ]
    assert job["bytes_done"] == len(text)
    there.refresh_from_db()
    assert (there.company, there.first_name) == ("Initech,\nInc.", "Lea")

    wrong = b"id,lead_status,colour,version,company,company,,external_id\n1,2,3,4,5,6,7,8\n"
    where = opened(ask, wrong, operation="update", system="", format="csv")
    refused = answer(ask("POST", f"{where}start/"), 409)
    assert refused["code"] == "invalid_header"
    assert [(one["code"], one["field"]) for one in refused["errors"]] == [
        ("moves_only", "lead_status"),
        ("unknown_column", "colour"),
        ("read_only", "version"),
        ("duplicate_column", "company"),
        ("unnamed_column", ""),
        ("needs_system", "external_id"),
    ]
    assert answer(ask("GET", where))["state"] == "open"
    for text, code in ((b"if_version\nx\n", "needs_id"), (b"id,company\n", "unknown_column"), (b"\xff\xfei\x00", "")):
        where = opened(ask, text, operation="delete", format="csv")
        refused = answer(ask("POST", f"{where}start/"), 409)
        assert (refused["code"], [one["code"] for one in refused["errors"]]) == ("invalid_header", [code] * bool(code))


def test_it_stops_and_goes_on_where_it_stopped(root: User, small: None) -> None:
    ask = program(root)
    where = opened(ask, lines(*(lead(n) for n in range(11))))
    assert answer(ask("GET", f"{where}results/"), 409)["code"] == "not_started"
    assert answer(ask("POST", f"{where}resume/"), 409)["code"] == "not_stopped"
    answer(ask("POST", f"{where}start/"))
    one_slice(where)
    running = answer(ask("GET", where))
    assert (running["state"], running["rows_done"]) == ("running", 4)
    assert 0 < running["bytes_done"] < running["bytes"]
    assert len(results(ask, where)) == 4, "those that are done so far"
    assert answer(ask("POST", f"{where}cancel/"))["state"] == "cancelled"
    rows = results(ask, where)
    assert Counter(row["outcome"] for row in rows) == {"created": 4, "unprocessed": 7}
    assert [row["index"] for row in rows] == list(range(11))
    assert (rows[5]["external_id"], rows[5]["code"]) == ("L5", "cancelled")
    assert len(results(ask, where, "?outcome=unprocessed")) == 7
    # Cancelled and started twice is cancelled and started once.
    answer(ask("POST", f"{where}cancel/"))
    assert answer(ask("POST", f"{where}resume/"))["state"] == "waiting"
    done = work(ask, where)
    assert (done["state"], done["counts"]["created"], done["rows_done"]) == ("done", 11, 11)
    assert outcomes(results(ask, where)) == [(n, "created", "") for n in range(11)]
    assert answer(ask("POST", f"{where}start/"))["state"] == "done"
    assert answer(ask("POST", f"{where}cancel/"), 409)["code"] == "finished"
    assert Lead.objects.count() == 11


def test_a_key_that_may_no_longer_stops_its_job_and_another_goes_on(root: User, alice: User, small: None) -> None:
    ask = program(alice, "leads:write", "leads:read")
    where = opened(ask, lines(*(lead(n) for n in range(6))))
    answer(ask("POST", f"{where}start/"))
    one_slice(where)
    key = BulkJob.objects.get(pk=where.split("/")[2]).api_key
    ApiKey.objects.filter(pk=key.pk).update(scopes=["leads:read"])
    job = one_slice(where)
    assert job.state == "failed"
    assert "leads:write" in job.message
    assert answer(ask("GET", where), 403)["code"] == "missing_scope"
    ApiKey.objects.filter(pk=key.pk).update(scopes=["leads:write"], revoked_at=timezone.now())
    other = Program(make_key(alice, "leads:write"))
    assert answer(other("GET", where))["message"] == job.message
    rows = results(other, where)
    assert (rows[-1]["outcome"], rows[-1]["code"]) == ("unprocessed", "failed")
    # Resumed by somebody in the admin, it still is a key's that may not.
    Job.objects.filter(pk=job.pk).update(state="waiting")
    assert "is revoked" in one_slice(where).message
    answer(other("POST", f"{where}resume/"))
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert "no longer active" in one_slice(where).message
    User.objects.filter(pk=alice.pk).update(is_active=True)
    answer(other("POST", f"{where}resume/"))
    assert work(other, where)["counts"]["created"] == 6
    # It is nobody else's, and listed with the key that it is now.
    assert program(root)("GET", where).status_code == 404
    assert [one["id"] for one in answer(other("GET", "leads/jobs/"))["results"]] == [int(where.split("/")[2])]


def test_all_or_nothing(root: User, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = program(root)
    where = opened(ask, lines(lead(1), lead(2, email="no address"), lead(3)), all_or_nothing=True)
    job = worked(ask, where)
    assert [row["outcome"] for row in results(ask, where)] == ["unprocessed", "rejected", "unprocessed"]
    assert (job["state"], "nothing was stored" in job["message"], Lead.objects.count()) == ("done", True, 0)
    where = opened(ask, lines(lead(1), lead(2), lead(3)), all_or_nothing=True)
    assert worked(ask, where)["counts"]["created"] == 3
    monkeypatch.setattr(working, "MOST_AT_ONCE", 2)
    where = opened(ask, lines(lead(4), lead(5), lead(6)), all_or_nothing=True)
    job = worked(ask, where)
    assert (job["state"], "Nothing was stored" in job["message"], Lead.objects.count()) == ("failed", True, 3)
    assert [row["outcome"] for row in results(ask, where)] == ["unprocessed"] * 3


def test_what_is_deleted_takes_the_scope_to_delete(root: User) -> None:
    gone, kept = make_lead(), make_lead()
    writer = program(root, "leads:write")
    assert answer(writer("POST", "leads/jobs/", {"operation": "delete"}), 403)["code"] == "missing_scope"
    ask = program(root, "leads:delete")
    where = opened(ask, lines({"id": gone.pk}, {"id": kept.pk, "if_version": 99}), operation="delete", system="")
    worked(ask, where)
    assert [(row["outcome"], row["code"]) for row in results(ask, where)] == [("deleted", ""), ("rejected", "stale")]
    assert answer(writer("GET", where), 403)["code"] == "missing_scope"
    assert list(Lead.objects.values_list("pk", flat=True)) == [kept.pk]


def test_a_fault_is_tried_again_and_then_stops_the_job(
    root: User, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = program(root)
    where = opened(ask, lines(*(lead(n) for n in range(6))))
    answer(ask("POST", f"{where}start/"))
    one_slice(where)

    def broken(*args: Any, **kwargs: Any) -> Any:
        write_rows(*args, **kwargs)
        raise ZeroDivisionError

    monkeypatch.setattr(working, "write_rows", broken)
    for _ in range(3):
        job = one_slice(where)
    assert (job.state, Lead.objects.count()) == ("failed", 4)
    assert Counter(row["outcome"] for row in results(ask, where)) == {"created": 4, "unprocessed": 2}
    monkeypatch.setattr(working, "write_rows", write_rows)
    answer(ask("POST", f"{where}resume/"))
    assert work(ask, where)["counts"]["created"] == 6
    assert BulkKey.objects.filter(bulk=int(where.split("/")[2])).count() == 12, "each by its own id and by ours"


def test_a_worker_that_was_thought_dead_stores_nothing(root: User, small: None) -> None:
    ask = program(root)
    where = opened(ask, lines(*(lead(n) for n in range(6))))
    answer(ask("POST", f"{where}start/"))
    slow = claim(Job.objects.get(bulk=int(where.split("/")[2])))
    assert slow is not None
    part = next_slice(slow)
    assert part is not None
    one_slice(where)
    with pytest.raises(LeaseLost):
        do(slow, part, kind_of(slow), clock=timezone.now, via="api")
    assert (Lead.objects.count(), BulkJob.objects.get().row) == (4, 4)
    assert work(ask, where)["counts"]["created"] == 6


def test_the_jobs_of_a_key_are_listed_page_by_page(root: User) -> None:
    ask, other = program(root), program(root)
    ids = [int(opened(ask, lines(lead(n))).split("/")[2]) for n in range(5)]
    opened(other, lines(lead(9)))
    opened(ask, lines({"name": "Initech"}), resource="accounts", operation="create", system="", label="  From the ERP ")
    found, cursor = [], ""
    while cursor is not None:
        page = answer(ask("GET", f"leads/jobs/?limit=2{cursor and '&cursor='}{cursor}"))
        found += [one["id"] for one in page["results"]]
        cursor = page["next_cursor"]
    assert found == ids[::-1]
    worked(ask, f"leads/jobs/{ids[0]}/")
    answer(ask("POST", f"leads/jobs/{ids[1]}/cancel/"))
    states = {
        state: answer(ask("GET", f"leads/jobs/?state={state}"))["results"] for state in ("open", "done", "given_up")
    }
    assert {state: [one["id"] for one in rows] for state, rows in states.items()} == {
        "open": ids[:1:-1],
        "done": ids[:1],
        "given_up": ids[1:2],
    }
    assert answer(ask("GET", "accounts/jobs/"))["results"][0]["label"] == "From the ERP"
    for query in ("state=x", "limit=0", "cursor=x", "colour=x"):
        assert ask("GET", f"leads/jobs/?{query}").status_code == 400
    for body in (
        {},
        {"operation": "merge"},
        {"operation": "create", "colour": 1},
        {"operation": "create", "system": 1},
    ):
        answer(ask("POST", "leads/jobs/", body), 400)
    for body in ({"all_or_nothing": "yes"}, {"format": "xml"}, {"label": "x" * 201}, {"label": "\0"}):
        answer(ask("POST", "leads/jobs/", {"operation": "create", **body}), 400)
    for path in ("leads/jobs/0/", "leads/jobs/x/", "leads/jobs/999999999999/", f"accounts/jobs/{ids[0]}/"):
        assert ask("GET", path).status_code == 404
    assert timedelta(0) < timezone.now() - BulkJob.objects.get(pk=ids[0]).made_at
