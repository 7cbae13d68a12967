"""The worker of a CSV import: killed, cancelled, resumed; and what is left of the file afterwards."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from crm.imports import runs as every_run
from crm.imports.csv import looking, runs
from crm.imports.models import ImportRun
from crm.jobs.models import Job
from crm.jobs.work import claim, step
from crm.people.models import User
from leads.models import Lead
from tests.access import client_of
from tests.imports.csv.using import bring, counts, results, stored, upload, work
from tests.imports.export import NOW

pytestmark = pytest.mark.django_db
LEADS = (
    "Email,First Name,Last Name,Company\nlea@globex.example,Lea,Prospect,Globex\nmax@globex.example,Max,Muster,Globex\n"
)


class Killed(BaseException):
    """What ends a worker's process."""


def test_a_killed_worker_leaves_no_row_twice_and_none_out(root: User, monkeypatch: pytest.MonkeyPatch) -> None:
    from crm.imports.csv import storing

    monkeypatch.setattr(looking, "ROWS_A_SLICE", 2)
    run = upload("Email\n" + "".join(f"p{n}@globex.example\n" for n in range(7)), "lead", root)
    run = runs.start_csv(run, actor=root, at=NOW)
    whole, calls = storing.Storing.store, []

    def dying(self: Any, rows: Any) -> Any:
        calls.append(len(rows))
        found = whole(self, rows)
        if len(calls) == 3:
            raise Killed  # the process is killed before the slice is noted
        return found

    monkeypatch.setattr(storing.Storing, "store", dying)
    with pytest.raises(Killed):
        work(run)
    assert Lead.objects.count() == 4
    # Nobody renews the dead worker's lease.
    assert run.job is not None
    Job.objects.filter(pk=run.job.pk).update(leased_until=None)
    run = work(run)
    assert run.stage == ImportRun.Stage.DONE
    assert counts(run) == {"created": 7}
    assert Lead.objects.count() == 7
    assert [row[0] for row in results(run)] == [str(line) for line in range(2, 9)]


def test_it_is_cancelled_between_slices_and_resumed(root: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "ROWS_A_SLICE", 2)
    run = upload(LEADS, "lead", root)
    run = runs.start_csv(run, actor=root, at=NOW)
    every_run.cancel(run, actor=root, at=NOW)
    assert not Lead.objects.exists()
    run = work(every_run.resume(run, actor=root, at=NOW))
    assert counts(run) == {"created": 2}


def test_it_forgets_the_file_and_its_cells_when_it_is_done(root: User, media: Any) -> None:
    run = bring(LEADS, "lead", root)
    assert "lea@globex.example" not in str(run.found)
    assert run.folder == ""


def test_nothing_is_said_to_be_all_right_before_the_end(
    root: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "ROWS_A_SLICE", 1)
    run = runs.start_csv(upload("Email,Employees\na@x.example,many\nb@x.example,7\n", "lead", root), actor=root, at=NOW)
    assert run.job is not None
    job = claim(run.job)
    assert job is not None
    for _ in range(2):
        step(job, clock=lambda: NOW, via="import")
    client.force_login(root)
    page = reverse("admin:imports_importrun_change", args=[run.pk])
    shown = client.get(page).content.decode()
    assert "1 of 2 rows (50%)" in shown
    assert "stored as it came" not in shown
    every_run.cancel(run, actor=root, at=NOW)
    assert "stored as it came" not in client.get(page).content.decode()


def test_a_dry_run_says_how_far_it_is_and_names_no_record_that_is_not_there(root: User, client: Client) -> None:
    run = upload("Email,Employees\na@x.example,many\n", "lead", root)
    client.force_login(root)
    page = reverse("admin:imports_importrun_change", args=[run.pk])
    run = runs.try_csv(run, actor=root, at=NOW)
    assert "0 of 1 rows (0%)" in client.get(page).content.decode()
    work(run)
    assert '<th scope="col">Record</th>' not in client.get(page).content.decode()


def test_a_problem_leads_to_no_record_that_an_undo_took_away(root: User, client: Client) -> None:
    run = bring("Email,Employees\na@x.example,many\n", "lead", root)
    record = reverse("admin:leads_lead_change", args=[Lead.objects.get().pk])
    client.force_login(root)
    page = reverse("admin:imports_importrun_change", args=[run.pk])
    assert record in client.get(page).content.decode()
    work(every_run.undo(run, actor=root, at=NOW))
    assert record not in client.get(page).content.decode()


def test_what_is_chosen_for_all_who_are_left_holds_for_those_without_a_choice(root: User, alice: User) -> None:
    rows = "".join(f"p{n}@globex.example,Owner {n}\n" for n in range(30))
    run = upload(f"Email,Owner\n{rows}", "lead", root)
    client = client_of(root)
    address = reverse("admin:imports_importrun_change", args=[run.pk])
    assert 'name="people_left"' in client.get(f"{address}?step=values").content.decode()
    sent = {f"person:Owner {n}": "" for n in range(30)} | {"person:Owner 3": str(alice.pk), "people_left": "new"}
    client.post(reverse("admin:imports_importrun_csvact", args=[run.pk]), {"do": "values", **sent})
    run.refresh_from_db()
    assert run.choices["people"] == {f"Owner {n}": "new" for n in range(30)} | {"Owner 3": str(alice.pk)}
    stored(run, root)
    assert Lead.objects.filter(owner=alice).count() == 1
    assert Lead.objects.filter(owner__isnull=False).count() == 30


def test_letters_beyond_ascii_are_shown_beside_the_choice_of_the_encoding(root: User) -> None:
    plain = "".join(f"p{n}@globex.example,Globex {n}\n" for n in range(40))
    content = f"Email,Company\n{plain}q@globex.example,A ‘Quillon’ Works\n".encode("mac_roman")
    run = upload(content, "lead", root)
    assert run.found["letters"][0][0] == 42
    page = client_of(root).get(f"{reverse('admin:imports_importrun_change', args=[run.pk])}?step=file").content.decode()
    shown = page.partition('data-section="letters"')[2].partition("</form>")[0]
    other = "mac_roman" if run.choices["encoding"] == "cp1252" else "cp1252"
    for encoding in (run.choices["encoding"], other):
        assert content.splitlines()[-1].partition(b",")[2].decode(encoding) in shown
