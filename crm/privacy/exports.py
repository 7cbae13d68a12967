"""What left in files and over the API (L16): the jobs that wrote exports are the record of it, read here.

A job says who, when, of which kind of record, by which filter, how many rows and which columns; the slices of one that
wrote a file have every id. So nothing is stored twice, and nothing can be exported without being on record.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps

from crm.jobs.models import Job


def what_left(job: Job) -> str:
    """The kind of record, in a person's words."""
    label = str(job.input.get("model", ""))
    try:
        return str(apps.get_model(label)._meta.verbose_name_plural)
    except (LookupError, ValueError):
        return label or "records"


def way_of(job: Job) -> str:
    """How they left: in a file, or over the API with a key."""
    key = job.input.get("key")
    return f"API key “{key}”" if key else "File"


def columns_of(job: Job) -> list[str]:
    """The columns of the file, as its first line has them, or the fields of an answer; empty when none was written."""
    return [str(name) for name in job.input.get("header") or job.input.get("columns") or []]


def filter_of(job: Job) -> str:
    """The filter of the list that was exported, as its address has it; empty for a selection."""
    found: Any = job.input.get("filter") or job.input.get("query") or ""
    return found if isinstance(found, str) else ", ".join(str(item) for item in found)
