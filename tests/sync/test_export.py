"""All records of a kind in one answer: the list's own, whole, in the form that was asked for, and on record."""

from __future__ import annotations

import csv
import gzip
import io
import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from accounts.models import Account
from crm.core.api.resources import followed
from crm.handbook import SHIPPED, use
from crm.handbook import read as read_handbook
from crm.jobs.models import Job
from crm.jobs.work import work_jobs
from crm.people.models import User
from tests.access import client_of
from tests.factories import make_account, make_lead
from tests.keys import program
from tests.samples import SAMPLES
from tests.sync.exports import by_id, exports, listed, read

pytestmark = pytest.mark.django_db(transaction=True)
NASTY = '=1+1, "Zoë"\nsaid \\. 漢字'


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


def test_fields_of_ones_own_are_told_by_their_types_in_both_forms(root: User, tmp_path: Path) -> None:
    path = tmp_path / "ours.toml"
    fields = {"seats": "number", "agreed": "yes_no", "motto": "text"}
    own = [
        f'[[own_fields]]\nobject = "lead"\nkey = "{key}"\nlabel = "{key.title()}"\ntype = "{kind}"\n'
        for key, kind in fields.items()
    ]
    path.write_text(SHIPPED.read_text() + "\n".join(own))
    ask = program(root)
    for kept in ({"seats": "40", "agreed": "yes", "motto": NASTY}, {"seats": "many"}):
        make_lead(kept=kept, description=NASTY)
    with use(read_handbook(path)):
        found = listed(ask, "leads/?ordering=id")
        assert by_id(read(ask("get", "leads/export/"))[0]) == found
        names, *rows, end = csv.reader(io.StringIO(ask("get", "leads/export/?format=csv").getvalue().decode()))
    assert [json.loads(row[names.index("own")]) for row in sorted(rows, key=lambda row: int(row[0]))] == [
        one["own"] for one in found
    ]
    assert [row[names.index("description")] for row in rows] == [NASTY, NASTY]
    assert found[0]["own"]["seats"] == 40
    assert end[:2] == ["_end", "2"]


# --- on record (L16) --------------------------------------------------------------------------------------------------


def test_what_left_is_on_record_where_files_that_left_are(root: User, mona: User, alice: User) -> None:
    make_lead(owner=alice)
    read(program(alice, "leads:read")("get", f"leads/export/?owner_id={alice.pk}&fields=email"))
    (job,) = exports()
    assert (job.by, job.state, job.done, job.total) == (alice, Job.State.DONE, 1, 1)
    assert job.finished_at is not None
    page = client_of(mona).get(reverse("admin:privacy_export_change", args=[job.pk])).content.decode()
    listed = client_of(mona).get(reverse("admin:privacy_export_changelist")).content.decode()
    assert all("API key “" in one for one in (page, listed)), "it is told from a file"
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
