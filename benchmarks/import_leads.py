"""Importing leads from a Salesforce export, beside COPY of the same rows into an untracked copy of the table.

Ours is the whole command in a process of its own, from when Django is up: it reads the CSV, maps, finds by id,
writes leads, moves, ids and change log, looks for duplicates, and prints its report. The limit is one COPY of the
finished rows into a table with the same columns, generated columns, checks and indexes, but no triggers and no
foreign keys.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from _fake import fake_leads
from _measure import (
    alternate,
    arguments,
    conclude,
    database_url,
    print_figures,
    scratch_database,
    seconds,
)
from django.db import connection, models

from crm import handbook
from leads.models import Lead
from leads.statuses import Status

MEGABYTES = 200
RUN = """
import io, json, resource, sys, time
import django
django.setup()
from django.core.management import call_command
out = io.StringIO()
start = time.perf_counter()
call_command("import_salesforce", sys.argv[1], "--json", stdout=out)
taken = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"seconds": taken, "kilobytes": peak, "files": json.loads(out.getvalue())["files"]}))
"""
TRACKED = "leads_lead, history_move, history_change, history_transaction, sync_externalid, imports_importrun"
PLAIN = {
    "FirstName": "first_name",
    "LastName": "last_name",
    "Title": "title",
    "Company": "company",
    "Street": "street",
    "City": "city",
    "State": "state",
    "PostalCode": "postal_code",
    "Country": "country",
    "Phone": "phone",
    "MobilePhone": "mobile",
    "Email": "email",
    "LinkedIn_URL__c": "linkedin_url",
    "Website": "website",
    "Description": "description",
    "NumberOfEmployees": "employees",
}
EMPTY = ["MasterRecordId", "Fax", "Latitude", "Longitude", "AnnualRevenue", "ConvertedDate", "ConvertedAccountId"]
EMPTY += ["ConvertedContactId", "ConvertedOpportunityId", "LastActivityDate", "Jigsaw", "EmailBouncedReason"]


def write_export(folder: Path, rows: int) -> Path:
    """A Lead.csv as Salesforce writes it: their words, their times, columns that we have no field for."""
    book = handbook.current()
    words = {"LeadSource": "lead_source", "Industry": "industry", "Rating": "rating"}
    theirs = {name: {ours: word for word, ours in getattr(book.salesforce, name).items()} for name in words.values()}
    path = folder / "Lead.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        out = csv.writer(file)
        more = ["OwnerId", "CreatedDate", "LastModifiedDate", "SystemModstamp", "IsConverted", "LeadType__c"]
        out.writerow(["Id", "IsDeleted", *PLAIN, *words, "Status", *more, *EMPTY])
        for number, lead in enumerate(fake_leads(rows), 1):
            time = f"{lead['since']:%Y-%m-%dT%H:%M:%S}.000+0000"
            picked = [theirs[column].get(lead[column], "") for column in words.values()]
            plain = [lead[column] if lead[column] is not None else "" for column in PLAIN.values()]
            rest = [f"005Nq{number % 40:010}AAA", time, time, time, "0", "Business"]
            status = Status(lead["status"]).label
            out.writerow([f"00QNq{number:010}AAA", "0", *plain, *picked, status, *rest, *[""] * len(EMPTY)])
    return path


def main() -> None:
    """Measure in turn, each time into empty tables; the best round of each counts."""
    asked = arguments(__doc__ or "", rows=100_000)
    fields = [f for f in Lead._meta.concrete_fields if not isinstance(f, models.GeneratedField)]
    columns = ", ".join(f'"{f.column}"' for f in fields)
    memory: list[float] = []
    with scratch_database(), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "export").mkdir()
        size = write_export(folder / "export", asked.rows).stat().st_size
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE untracked (LIKE leads_lead INCLUDING ALL)")

        def ours() -> float:
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('crm.upkeep', 'on', false)")
                cursor.execute(f"TRUNCATE {TRACKED}, imports_heldrow CASCADE")
            taken, megabytes = run_import(folder / "export", asked.rows)
            memory.append(megabytes)
            finished = f"COPY (SELECT {columns} FROM leads_lead ORDER BY id) TO STDOUT"
            with connection.cursor() as cursor, (folder / "rows").open("wb") as file, cursor.copy(finished) as copy:
                file.writelines(copy)
            return taken

        def limit() -> float:
            with connection.cursor() as cursor:
                cursor.execute("TRUNCATE untracked")
            return seconds(lambda: copy_file(folder / "rows", f"untracked ({columns})"))

        figures = alternate(asked.rounds, ours=ours, limit=limit)
    print(f"Import of {asked.rows:,} leads from a CSV of {size / 1e6:.0f} MB; memory at most {max(memory):.0f} MB")
    print_figures(figures)
    rates = {name: asked.rows / min(taken) for name, taken in figures.items()}
    work = f"import {asked.rows} leads from a Salesforce CSV; peak memory {max(memory):.0f} of {MEGABYTES} MB"
    conclude(work=work, unit="rows/s", at_least=0.25, also=max(memory) < MEGABYTES, **rates)


def run_import(folder: Path, rows: int) -> tuple[float, float]:
    """Run the command in a process of its own: its seconds, and the peak memory of the whole process in MB."""
    root = Path(__file__).resolve().parent.parent
    answer = subprocess.run(
        [sys.executable, "-c", RUN, str(folder)],
        cwd=root,
        env={**os.environ, "DATABASE_URL": database_url()},
        stdout=subprocess.PIPE,
        check=True,
    )
    told = json.loads(answer.stdout)
    if told["files"]["Lead.csv"]["created"] != rows:
        raise SystemExit(f"The import did not do its work: {told}")
    return told["seconds"], told["kilobytes"] / 1024


def copy_file(path: Path, target: str) -> None:
    """COPY a file as it is."""
    with connection.cursor() as cursor, path.open("rb") as file, cursor.copy(f"COPY {target} FROM STDIN") as copy:
        while block := file.read(1 << 17):
            copy.write(block)


if __name__ == "__main__":
    main()
