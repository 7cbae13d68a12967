"""Handbooks by their stored versions: a clock keeps the one it was started by."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from crm import handbook
from crm.handbook.document import Handbook
from crm.handbook.models import HandbookVersion
from crm.handbook.reader import parse


def version_in_force() -> HandbookVersion:
    """The stored version of the handbook this process works by."""
    book = handbook.current()
    found = HandbookVersion.objects.filter(sha256=book.sha256).order_by("-id").first()
    if found is None:
        raise LookupError("the handbook of this process is not applied: run manage.py handbook --apply")
    return found


def handbook_of(version_id: int) -> Handbook:
    """The handbook of a stored version; versions never change, so each is read once."""
    book = handbook.current()
    sha256 = _hash(version_id)
    return book if book.sha256 == sha256 else _parsed(version_id)


@lru_cache(maxsize=256)
def _hash(version_id: int) -> str:
    return HandbookVersion.objects.values_list("sha256", flat=True).get(pk=version_id)


@lru_cache(maxsize=16)
def _parsed(version_id: int) -> Handbook:
    row = HandbookVersion.objects.get(pk=version_id)
    return parse(row.text, Path(str(row)))
