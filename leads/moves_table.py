"""The tables of allowed moves, read off the code: for `manage.py flow`, README and the handbook's readers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contracts.moves_table import contract_moves, opportunity_moves
from leads.models import Lead
from leads.statuses import Status

COLUMNS = ("from", "to", "verb", "who", "needs")


def moves_table() -> list[dict[str, str]]:
    """One row for each allowed move, in the order of the statuses; taking back and placing are left out."""
    order = [str(status) for status in Status]
    found: list[tuple[int, int, dict[str, str]]] = []
    for step in Lead.transitions():
        info = step.custom["verb"]
        if not info.listed:
            continue
        for target in _targets(step.target):
            row = {
                "from": Status(str(step.source)).label,
                "to": Status(target).label,
                "verb": info.label,
                "who": info.who,
                "needs": info.needs,
            }
            found.append((order.index(str(step.source)), order.index(target), row))
    return [row for _, _, row in sorted(found, key=lambda item: item[:2])]


TABLES: dict[str, Callable[[], list[dict[str, str]]]] = {
    "lead": moves_table,
    "opportunity": opportunity_moves,
    "contract": contract_moves,
}


def markdown(kind: str = "lead") -> str:
    """The same table as README shows it."""
    rows = [" | ".join(row[name] for name in COLUMNS) for row in TABLES[kind]()]
    head = ["From", "To", "Move", "Who", "Asks for"]
    return "\n".join(f"| {line} |" for line in [" | ".join(head), " | ".join(["---"] * len(head)), *rows])


def _targets(target: Any) -> list[str]:
    """The statuses a transition may lead to: one, or those its computed target is limited to."""
    return list(target.allowed_states) if hasattr(target, "allowed_states") else [target]
