"""The path of a contract, at the top of its page."""

from __future__ import annotations

from typing import Any

from django import template

from contracts.models import Contract
from contracts.signing import ContractStatus
from contracts.templatetags.stages import Step
from crm.history.models import Move

register = template.Library()


@register.inclusion_tag("contracts/signing_path.html")
def contract_path(contract: Contract) -> dict[str, Any]:
    """From draft to its end: expired, unless it was terminated."""
    keys = [str(status) for status in ContractStatus]
    keys.remove("expired" if contract.status == ContractStatus.TERMINATED else "terminated")
    moves = list(Move.objects.of(contract))
    been = {state for move in moves for state in (move.from_state, move.to_state)} - {""} | {"draft"}

    def place(key: str) -> str:
        return "now" if key == contract.status else ("been" if key in been else "ahead")

    steps = [Step(key, ContractStatus(key).label, place(key), key == "terminated") for key in keys]
    return {"path": steps, "contract": contract}
