"""Stored files and sessions that hold a person: deleted whole, because a file of many has no row to blank.

What programs upload in bulk is cut into parts anywhere, and may be JSON: a value is found across two parts, and as its
escapes.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Collection, Iterator, Mapping

from django.contrib.sessions.models import Session
from django.core.files.storage import default_storage

from crm.core.api.resources import followed, object_of
from crm.core.errors import Refused
from crm.jobs.models import Job
from crm.privacy.everywhere import Values, replace_in
from crm.sync.jobs.joined import open_parts
from crm.sync.jobs.results import find_results
from crm.sync.models import BulkJob, BulkPart

CHUNK = 1024 * 1024
ENDED = (Job.State.DONE, Job.State.CANCELLED, Job.State.FAILED)


def files_with(values: Values) -> list[str]:
    """The names of stored files (exports, uploads, archives' members) in which any of the values stands."""
    needles = sorted({form.encode() for text in values.needles() for form in _written(text)})
    if not needles:
        return []
    found = [name for name in _names("") if _holds(name, needles)]
    return list(dict.fromkeys([*found, *_across_parts(needles)]))


def _written(text: str) -> set[str]:
    """As it is, and as JSON may have it: with signs of other alphabets, or slashes, as escapes."""
    escaped = json.dumps(text)[1:-1]
    return {text, escaped, text.replace("/", "\\/"), escaped.replace("/", "\\/")}


def _across_parts(needles: list[bytes]) -> Iterator[str]:
    """Parts of uploads between which a value is cut."""
    most = max(map(len, needles)) - 1
    for bulk in BulkJob.objects.filter(parts__number=2).order_by("pk"):
        parts, place = list(bulk.parts.order_by("number")), 0
        for part in parts[:-1]:
            place += part.size
            begin = max(0, place - most)
            try:
                with open_parts(bulk, begin) as stream:
                    text = stream.read(2 * most)
            except Refused:  # removed before
                continue
            for needle in needles:
                for found in re.finditer(re.escape(needle), text, re.IGNORECASE):
                    yield from _covering(parts, begin + found.start(), begin + found.end())


def uploads_about(own: Mapping[str, Collection[int]]) -> list[str]:
    """The uploads of ended bulk jobs with a row of one of these records: what was found by an id need not name anybody.

    Their results name ids alone, and stay.
    """
    found: list[str] = []
    for name, view in followed().items():
        ids = set(own.get(object_of(view), ()))
        for bulk in BulkJob.objects.filter(resource=name, job__state__in=ENDED).order_by("pk") if ids else ():
            parts = [part.file for part in bulk.parts.order_by("number") if default_storage.exists(part.file)]
            if parts and _wrote(bulk, ids):
                found += parts
    return found


def _wrote(bulk: BulkJob, ids: set[int]) -> bool:
    try:
        return any(row["id"] in ids for row in find_results(bulk).rows())
    except Refused:  # results were removed: it cannot be told, so nothing is kept
        return True


def _covering(parts: list[BulkPart], begin: int, end: int) -> Iterator[str]:
    """The files of the parts in which these bytes lie."""
    place = 0
    for part in parts:
        if place < end and begin < place + part.size:
            yield part.file
        place += part.size


def _names(folder: str) -> Iterator[str]:
    try:
        folders, files = default_storage.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in sorted(files):
        yield f"{folder}/{name}" if folder else name
    for name in sorted(folders):
        yield from _names(f"{folder}/{name}" if folder else name)


def _holds(name: str, needles: list[bytes]) -> bool:
    with default_storage.open(name) as stored:
        if zipfile.is_zipfile(stored):
            stored.seek(0)
            try:
                with zipfile.ZipFile(stored) as archive:
                    if any(_reads(archive.open(member), needles) for member in archive.namelist()):
                        return True
            except (zipfile.BadZipFile, RuntimeError):
                pass
        stored.seek(0)
        return _reads(stored, needles)


def _reads(stored: object, needles: list[bytes]) -> bool:
    """Piece by piece; a value that lies across two pieces is found as well."""
    reader: io.BufferedIOBase = stored  # type: ignore[assignment]
    overlap, tail = max(map(len, needles)), b""
    while piece := reader.read(CHUNK):
        text = tail + piece
        lower = text.lower()
        if any(needle in text or needle in lower for needle in needles):
            return True
        tail = text[-overlap:]
    return False


def end_sessions(values: Values) -> int:
    """End the sessions that remember any of the values, as a message or a form would; how many there were."""
    pattern, ended = values.pattern(), 0
    for session in Session.objects.iterator(chunk_size=500):
        held = session.get_decoded()
        if replace_in(held, pattern) != held:
            session.delete()
            ended += 1
    return ended
