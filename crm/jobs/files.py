"""The files of jobs: an export's parts, put together while they are sent, and results as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from django.core.files.storage import default_storage

from crm.jobs.cells import line
from crm.jobs.models import Job, JobSlice

BOM = "\ufeff"  # without it a spreadsheet takes UTF-8 for something older
CHUNK = 64 * 1024
KEPT_DAYS = 14  # what is uploaded or exported and not gone on with
HEADER, REMOVED = "header", "header_of_removed"  # in a job's input: the names of its file's columns
PLAIN = "without_bom"  # in a job's input: its file is for programs


def part_name(job: Job, part: JobSlice) -> str:
    """Where the part of an export that a slice wrote lies in the storage."""
    return f"jobs/{job.pk}/part-{part.number:06d}.csv"


def has_file(job: Job) -> bool:
    """Whether there is something to download."""
    return HEADER in job.input


def is_whole(job: Job) -> bool:
    """Whether every part of the file still lies in the storage: erasing a person removes those that name them."""
    parts = JobSlice.objects.filter(job=job, output__isnull=False).values_list("input", flat=True)
    return all(default_storage.exists(given.get("file") or "none") for given in parts.iterator(chunk_size=100))


def export_file(job: Job) -> Iterator[bytes]:
    """The file that an export wrote: the names of its columns, and its parts in order."""
    begin = "" if job.input.get(PLAIN) else BOM
    yield (begin + _lines([job.input[HEADER]])).encode()
    parts = JobSlice.objects.filter(job=job, output__isnull=False).order_by("number")
    for given in parts.values_list("input", flat=True).iterator(chunk_size=100):
        with default_storage.open(given["file"]) as stored:
            while piece := stored.read(CHUNK):
                yield piece


def result_file(job: Job) -> Iterator[bytes]:
    """What became of each row."""
    yield (BOM + _lines([["ID", "Name", "Result", "Code", "Reason"]])).encode()
    parts = JobSlice.objects.filter(job=job, output__isnull=False).order_by("number")
    for rows in parts.values_list("output", flat=True).iterator(chunk_size=10):
        cells = [
            [row.get("id"), row.get("label"), row.get("outcome"), row.get("code"), row.get("message")]
            for row in rows or []
        ]
        yield _lines(cells).encode()


def _lines(rows: list[list[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows(line(row) for row in rows)
    return text.getvalue()
