"""The tables of allowed moves of opportunities and contracts, read off the code: for `manage.py flow` and README."""

from __future__ import annotations

from contracts.models import Contract, Opportunity
from contracts.signing import ContractStatus
from contracts.stages import find_stage, stage_keys

# The stages are the handbook's: where each verb is made, and where it leads.
OPEN, CLOSED = "Any open stage", "A closed stage"
PATHS = {
    "advance": (OPEN, "The next open stage"),
    "step_back": (OPEN, "The open stage before"),
    "win": (OPEN, "won"),
    "lose": (OPEN, "lost"),
    "reopen": (CLOSED, "The open stage it was closed from"),
}


def opportunity_moves() -> list[dict[str, str]]:
    """One row for each verb."""
    rows = []
    for name, info in Opportunity.verbs().items():
        source, to = PATHS[name]
        if to in ("won", "lost"):
            stage = find_stage(stage_keys(to)[0])
            to = stage.label if stage else to
        rows.append({"from": source, "to": to, "verb": info.label, "who": info.who, "needs": info.needs})
    return rows


def contract_moves() -> list[dict[str, str]]:
    """One row for each allowed move, in the order of the statuses."""
    order = list(ContractStatus.values)
    steps = sorted(
        Contract.transitions(), key=lambda step: (order.index(str(step.source)), order.index(str(step.target)))
    )
    return [
        {
            "from": ContractStatus(str(step.source)).label,
            "to": ContractStatus(str(step.target)).label,
            "verb": step.custom["verb"].label,
            "who": step.custom["verb"].who,
            "needs": step.custom["verb"].needs,
        }
        for step in steps
    ]
