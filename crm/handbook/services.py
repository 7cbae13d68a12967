"""Putting a handbook in force: its text is kept as a version, and what it asks of the database is added."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from django.db import connection, transaction

from crm.handbook import current
from crm.handbook.document import Handbook
from crm.handbook.models import HandbookVersion

# Any number that nothing else locks by: "hbk" in ASCII.
APPLY_LOCK = 0x68626B


class Seed(Protocol):
    """Adds what the handbook asks for and was never there. It runs at every application, so twice must be as once."""

    def __call__(self, handbook: Handbook, *, at: datetime) -> None: ...


_seeds: list[Seed] = []


def register_seed(seed: Seed) -> Seed:
    """Run `seed` whenever a handbook is applied, after those registered before; usable as a decorator."""
    if seed not in _seeds:
        _seeds.append(seed)
    return seed


def apply_handbook(*, at: datetime, by_name: str = "") -> HandbookVersion:
    """Put this process's handbook in force and run the seeds, all or nothing; the version in force is returned.

    A new version is stored only if the text differs from the one in force.
    """
    handbook = current()
    with transaction.atomic():
        with connection.cursor() as cursor:
            # Two processes that start together: the second waits here, and then finds the first one's row.
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [APPLY_LOCK])
        version = HandbookVersion.objects.first()
        if version is None or version.sha256 != handbook.sha256:
            version = HandbookVersion.objects.create(
                text=handbook.text, sha256=handbook.sha256, applied_at=at, applied_by_name=by_name
            )
        for seed in _seeds:
            seed(handbook, at=at)
    return version


def is_applied() -> bool:
    """Whether this process works by the handbook in force; one that does not must leave clocks alone."""
    in_force = HandbookVersion.objects.values_list("sha256", flat=True).first()
    return in_force == current().sha256
