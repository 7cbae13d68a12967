"""How findings are named where they are read: a record by its name of now, a part of the installation as was said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db import models
from django.utils import timezone

from crm.checkups.models import Finding
from crm.core.dialogs import url_of


@dataclass(frozen=True, slots=True)
class Named:
    """A finding with the name of what it is about, and the page of it; empty where there is none."""

    finding: Finding
    name: str
    address: str


def kind_named(name: str) -> type[models.Model] | None:
    """The kind of record that findings call so."""
    return next((one for one in apps.get_models() if one._meta.model_name == name), None)


def subjects_of(findings: Sequence[Finding]) -> list[Named]:
    """These findings with their names and addresses: one query for each kind of record among them."""
    wanted: dict[str, set[int]] = defaultdict(set)
    for one in findings:
        if one.object and one.record_id is not None:
            wanted[one.object].add(one.record_id)
    records: dict[tuple[str, int], Any] = {}
    for name, ids in wanted.items():
        kind = kind_named(name)
        for record in kind._default_manager.filter(pk__in=ids) if kind is not None else ():
            records[name, record.pk] = record
    return [_named(one, records.get((one.object, one.record_id or 0))) for one in findings]


def _named(finding: Finding, record: Any) -> Named:
    if not finding.object:
        return Named(finding, finding.label, "")
    if record is None:
        return Named(finding, f"{finding.object.capitalize()} {finding.record_id}, which is gone", "")
    return Named(finding, str(record), url_of(record, "change") or "")


def short_moment(at: datetime) -> str:
    """A day of the reader's as a chart has room for it: "Nov 21"."""
    local = timezone.localtime(at)
    return f"{local:%b} {local.day}"


def counted(number: int, noun: str) -> str:
    """A number with its noun: "1 finding", "2,000 findings"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def joined(names: Iterable[str]) -> str:
    """Names as a sentence has them: "Ann, Bob and Cleo"."""
    found = list(names)
    return " and ".join([", ".join(found[:-1]), found[-1]] if len(found) > 1 else found)
