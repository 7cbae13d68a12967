"""What became of each row of the file: a line for each, in the order of the file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from crm.imports.models import ImportRun
from crm.jobs.cells import line as safe_line
from crm.jobs.files import BOM
from crm.jobs.models import JobSlice

HEADER: list[object] = ["Line", "Outcome", "ID", "Code", "Reason"]


def result_file(run: ImportRun) -> Iterator[bytes]:
    """The file for a spreadsheet, of the import, or else of the dry run; no cell of it begins a formula."""
    yield (BOM + _text([HEADER])).encode()
    job = run.import_job or run.job
    parts = JobSlice.objects.filter(job=job, input__do="store").exclude(output=None).order_by("number")
    for part in parts.iterator(chunk_size=20):
        # What links settled at the end is in the slice's own list of problems.
        settled = {
            one[0]: one for one in (part.input.get("result") or {}).get("problems", []) if one[2] == "unresolved_link"
        }
        rows = []
        for row in part.output or []:
            more = settled.get(row["line"])
            said, code = row["message"], row["code"]
            if more and more[3] not in said:
                said, code = f"{said} {more[3]}".strip(), code or more[2]
            rows.append([row["line"], row["outcome"], row["id"], code, said])
        yield _text(rows).encode()


def _text(rows: list[list[object]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(safe_line(row) for row in rows)
    return text.getvalue()
