"""By what the rows of a file are known: the records that are here already, and rows that come twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from contracts.models import Invoice
from crm.core.keys import compute_keys
from crm.imports.csv.links import KEYS, Named, find_records
from crm.imports.csv.mapping import Mapped
from crm.imports.csv.plan import KEYED_BY, Plan
from crm.imports.csv.targets import ID

BATCH = 2000


def key_text(plan: Plan, row: Mapped) -> str:
    """What the row is known by, as it is written; empty when it says nothing."""
    if not plan.key:
        return ""
    (target,) = KEYED_BY[plan.key]
    if target == ID:
        return row.id
    text = str(row.values.get(target, ""))
    if plan.key == "invoice_number":
        contract = row.values.get("contract_id")
        return f"{contract} {text}" if contract and text else ""
    return text


def normal_keys(plan: Plan, texts: Sequence[str]) -> list[str]:
    """The same, as they are compared: by the database's own functions."""
    if (plan.object, plan.key) in KEYS:
        return compute_keys(KEYS[plan.object, plan.key][0], list(texts))
    return list(texts)


def find_existing(plan: Plan, rows: Sequence[Mapped]) -> dict[int, Named]:
    """The records that are here already for these rows, by line."""
    if not plan.key:
        return {}
    texts = {row.line: text for row in rows if (text := key_text(plan, row))}
    if plan.key == "invoice_number":
        return _invoices(rows, texts)
    found = find_records(plan.what.model, plan.key, list(texts.values()), system=plan.system)
    return {line: found.get(text, Named()) for line, text in texts.items()}


def _invoices(rows: Sequence[Mapped], texts: Mapping[int, str]) -> dict[int, Named]:
    contracts = {row.values["contract_id"] for row in rows if row.line in texts}
    known: dict[str, list[int]] = {}
    for pk, contract, number in Invoice.objects.filter(contract__in=contracts).values_list("pk", "contract", "number"):
        known.setdefault(f"{contract} {number}", []).append(pk)
    return {line: Named(tuple(known.get(text, ()))) for line, text in texts.items()}


def find_twice(plan: Plan, cells: Iterable[tuple[int, str]]) -> dict[int, int]:
    """Rows whose key an earlier row of the file has: line to that line."""
    first: dict[str, int] = {}
    twice: dict[int, int] = {}
    for batch in _batches(cells):
        for (line, _), key in zip(batch, normal_keys(plan, [text for _, text in batch]), strict=True):
            if key and first.setdefault(key, line) != line:
                twice[line] = first[key]
    return twice


def _batches(cells: Iterable[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    batch: list[tuple[int, str]] = []
    for one in cells:
        batch.append(one)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def key_cells(plan: Plan, header: Sequence[str], row: Sequence[str]) -> str:
    """The cells that make a row's key, before anything is looked up."""
    places: Mapping[str, Any] = {name: place for place, name in enumerate(header)}
    targets = list(KEYED_BY[plan.key]) if plan.key else []
    if plan.key == "invoice_number":
        names = [name for name, target in plan.targets().items() if target.column == "contract_id"]
    else:
        names = []
    names += [name for name in (plan.column_of(target) for target in targets) if name]
    cells = [" ".join(row[places[name]].split()) for name in names]
    return "\x1f".join(cells) if cells and all(cells) else ""
