"""Opening a bulk job and taking its parts, each streamed into the storage and counted only once it is there whole."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction

from crm.core.api.problems import Problem, bad_request
from crm.core.errors import Refused
from crm.core.text import tidy
from crm.sync.jobs.digests import Digests
from crm.sync.models import ApiKey, BulkJob, BulkPart

MB = 1024 * 1024
MOST_OF_PART = 64 * MB
MOST_OF_JOB = 1024 * MB
MOST_PARTS = 1_000
CHUNK = 256 * 1024


def open_job(
    *,
    api_key: ApiKey,
    resource: str,
    operation: str,
    form: str,
    system: str = "",
    all_or_nothing: bool = False,
    label: str = "",
    at: datetime,
) -> BulkJob:
    """An upload that takes parts from now on."""
    return BulkJob.objects.create(
        api_key=api_key,
        resource=resource,
        operation=operation,
        form=form,
        system=tidy(system),
        all_or_nothing=all_or_nothing,
        label=tidy(label),
        made_at=at,
    )


def folder_of(bulk: BulkJob) -> str:
    """Where its files lie in the storage."""
    return f"bulk/{bulk.pk}"


class Body(File):  # type: ignore[type-arg]
    """A request's body on its way into the storage: measured and summed, no further than it may go.

    Raises:
        Problem: 413 `too_large`, 400 `incomplete` when fewer bytes come than were said.
    """

    def __init__(self, read: Callable[[int], bytes], *, most: int, said: int | None, digests: Digests) -> None:
        super().__init__(None, "part")
        self.take, self.most, self.said, self.digests = read, most, said, digests
        self.length = 0

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """The body, piece by piece, once."""
        while piece := self.read(chunk_size or CHUNK):
            yield piece

    def read(self, size: int = -1) -> bytes:  # type: ignore[override]
        """The next bytes."""
        piece = self.take(CHUNK if size < 0 else size)
        self.length += len(piece)
        if self.length > self.most:
            raise too_large(self.most)
        if not piece and self.said is not None and self.length < self.said:
            raise bad_request("incomplete", "The connection ended before the body did. Nothing was stored.")
        self.digests.update(piece)
        return piece

    def seekable(self) -> bool:
        """A body comes once."""
        return False


def too_large(most: int) -> Problem:
    """413 with what is allowed."""
    if most >= MOST_OF_PART:
        words = f"A part has at most {MOST_OF_PART // MB} MB: cut the upload into more of them."
    else:
        words = f"The parts of a job have at most {MOST_OF_JOB // MB:,} MB together: the rest is for another job."
    return Problem(413, "too_large", words, headers={"Connection": "close"})


def store_part(
    bulk: BulkJob, number: int, read: Callable[[int], bytes], *, said: int | None, digests: Digests, at: datetime
) -> tuple[BulkPart, bool]:
    """Store a part and return it, and whether it is new. The same bytes again are the same part.

    `read` gives the body's next bytes, `said` is its length as the sender says it.

    Raises:
        Problem: 413 `too_large`, 400 `no_bytes`, `incomplete`, `digest_mismatch`.
        Refused: `closed` once the job was started or given up, `part_differs` when it is there with other bytes.
    """
    # What is known to be too much is not read; what is there already takes no room twice.
    taken = BulkPart.objects.filter(bulk=bulk).exclude(number=number).values_list("size", flat=True)
    most = min(MOST_OF_PART, MOST_OF_JOB - sum(taken))
    if said is not None and said > most:
        raise too_large(MOST_OF_PART if said > MOST_OF_PART else most)
    body = Body(read, most=most, said=said, digests=digests)
    # A name of its own: of two who send the same part at once, neither writes into the other's file.
    name = f"{folder_of(bulk)}/part-{number:04d}-{secrets.token_hex(8)}"
    stored, kept = "", False
    try:
        stored = default_storage.save(name, body)
        if not body.length:
            raise bad_request("no_bytes", "The body is empty: a part has bytes.")
        digests.refuse_other()
        part, new, kept = _keep(bulk, number, stored, body.length, digests.sha256, at)
    finally:
        if not kept:
            default_storage.delete(stored or name)
    return part, new


def _keep(bulk: BulkJob, number: int, file: str, size: int, sha256: str, at: datetime) -> tuple[BulkPart, bool, bool]:
    """The part, whether it is new, and whether the file is now its."""
    with transaction.atomic():
        # One that was started is held by the slice that is at work, and changes no more.
        rows = BulkJob.objects.all() if bulk.closed_at else BulkJob.objects.select_for_update(of=("self",))
        locked = rows.get(pk=bulk.pk)
        known = BulkPart.objects.filter(bulk=locked, number=number).first()
        same = known is not None and known.sha256 == sha256
        if known is not None and same and (locked.closed_at or default_storage.exists(known.file)):
            return known, False, False
        if locked.closed_at is not None:
            raise Refused("closed", "This job takes no parts any more: it was started, or given up.")
        if known is not None and not same:
            said = f"Part {number} is there with other bytes (SHA-256 {known.sha256}). Another upload is another job."
            raise Refused("part_differs", said)
        if known is not None:
            # Its file was removed because it named somebody who was erased since; they are sent again.
            known.file = file
            known.save(update_fields=["file"])
            return known, False, True
        if locked.bytes + size > MOST_OF_JOB:
            raise too_large(0)
        part = BulkPart.objects.create(bulk=locked, number=number, file=file, size=size, sha256=sha256, at=at)
        locked.bytes += size
        locked.save(update_fields=["bytes"])
    return part, True, True


def remove_files(bulk: BulkJob, *prefixes: str) -> int:
    """Remove a job's files whose names begin so, all without prefixes; how many there were."""
    folder = folder_of(bulk)
    try:
        _, names = default_storage.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return 0
    chosen = [name for name in names if not prefixes or name.startswith(prefixes)]
    for name in chosen:
        default_storage.delete(f"{folder}/{name}")
    if len(chosen) == len(names):
        default_storage.delete(folder)
    return len(chosen)


def length_of(meta: dict[str, Any]) -> int | None:
    """How many bytes a request says that it has."""
    text = str(meta.get("CONTENT_LENGTH") or "")
    return int(text) if text.isdecimal() else None
