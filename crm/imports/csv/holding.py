"""Rows that cannot be stored as they came: kept whole, and stored as the import would have, once they are mended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import models

from crm.core.errors import Missing, Refused
from crm.imports.csv import SYSTEM
from crm.imports.csv.keys import key_text
from crm.imports.csv.mapping import Mapped, RowReader
from crm.imports.csv.plan import Plan
from crm.imports.csv.storing import Result, Storing
from crm.imports.models import HeldRow, ImportRun
from crm.people.models import User

State = HeldRow.State


def hold_back(run: ImportRun, plan: Plan, pairs: Sequence[tuple[Mapped, Result]], *, file: str) -> None:
    """Keep the rejected rows of a batch; one that was held before and is stored now is released by that."""
    ids = {row.line: external_id(run, plan, row, result) for row, result in pairs}
    known = {
        held.external_id: held
        for held in HeldRow.objects.select_for_update().filter(
            system=SYSTEM, object=plan.what.name, external_id__in=list(ids.values())
        )
    }
    for row, result in pairs:
        held = known.get(ids[row.line])
        if result.outcome != "rejected":
            if held is not None and held.state != State.RELEASED and result.record_id is not None:
                HeldRow.objects.filter(pk=held.pk).update(state=State.RELEASED, record_id=result.record_id)
            continue
        if held is not None and held.state == State.DISCARDED and held.row == row.row:
            # What somebody discarded stays out as long as its row says the same.
            result.code, result.message = "discarded", "It was discarded here: left out."
            continue
        values: dict[str, Any] = {
            "row": row.row,
            "code": result.code[:100],
            "message": result.message[:1000],
            "file": file[:255],
            "line": row.line,
            "run": run,
        }
        if held is None:
            known[ids[row.line]] = HeldRow.objects.create(
                system=SYSTEM, object=plan.what.name, external_id=ids[row.line], **values
            )
        elif held.state != State.RELEASED:
            HeldRow.objects.filter(pk=held.pk).update(state=State.HELD, discarded_because="", **values)


def external_id(run: ImportRun, plan: Plan, row: Mapped, result: Result) -> str:
    """By what a held row is known again: its key, so that the same file holds it once; else its place in this run."""
    text = key_text(plan, row)
    if not text:
        return f"Import {run.pk}, line {row.line}"
    # The first row of that key is another one.
    place = f", line {row.line}" if result.code == "duplicate_id" else ""
    return f"{plan.system or plan.key}: {text[:180]}{place}"


def columns_of(held: HeldRow) -> dict[str, str]:
    """Our names of what a held row may be mended in, and the column of the file that each becomes."""
    plan = Plan.from_json(held.run.choices)
    return {target.column or target.key: name for name, target in plan.targets().items() if name in held.row}


def mended(row: Mapping[str, str], named: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    """A held row with the given values in their columns, which are called as in the file or as in `named`.

    Raises:
        Refused: `unknown_column`.
    """
    found = dict(row)
    for name, value in values.items():
        column = name if name in found else named.get(name)
        if column is None:
            known = ", ".join(sorted({*named, *found}))
            said = f"“{name}” is no column of this row; there are {known}."
            raise Refused("unknown_column", said, [Missing("unknown_column", said, name)])
        found[column] = value
    return found


def release(held: HeldRow, values: Mapping[str, str], *, actor: User, at: datetime) -> models.Model:
    """Store a locked held row with what a person supplies, by our names or by the file's columns.

    Raises:
        Refused: `unknown_column`, or why it is held still.
    """
    run = held.run
    plan = Plan.from_json(run.choices)
    row = mended(held.row, columns_of(held), values)
    reader = RowReader(plan, run.found)
    mapped = reader.read(held.line, [row.get(name, "") for name in reader.header])
    result = Storing(plan, file=held.file, actor=actor, at=at).store([mapped])[0]
    if result.record_id is None or result.outcome == "rejected":
        said = result.message or "It is not stored."
        raise Refused(result.code or "not_stored", said, [Missing(result.code, said)])
    HeldRow.objects.filter(pk=held.pk).update(state=State.RELEASED, record_id=result.record_id)
    model: type[models.Model] = plan.what.model
    return model._default_manager.get(pk=result.record_id)
