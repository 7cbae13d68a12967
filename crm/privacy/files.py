"""Stored files and sessions that hold a person: deleted whole, because a file of many has no row to blank."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator

from django.contrib.sessions.models import Session
from django.core.files.storage import default_storage

from crm.privacy.everywhere import Values, replace_in

CHUNK = 1024 * 1024


def files_with(values: Values) -> list[str]:
    """The names of stored files (exports, uploads, archives' members) in which any of the values stands."""
    needles = [text.encode() for text in values.needles()]
    return [name for name in _names("") if needles and _holds(name, needles)]


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
                    return any(_reads(archive.open(member), needles) for member in archive.namelist())
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
