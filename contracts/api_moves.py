"""Moves of opportunities and contracts over the API."""

from __future__ import annotations

from contracts.api import OpportunitySerializer
from contracts.api_contracts import ContractSerializer
from contracts.models import Contract, Opportunity
from crm.core.api.moves import ManyMoves, Moves, MovesView, OneMove, move_addresses


class OpportunityMovesView(MovesView):
    """What the addresses about moves of opportunities share."""

    resource = "opportunities"
    kind = Opportunity
    status_name = "stage"
    name_of = staticmethod(OpportunitySerializer.name_of)


class OpportunityMoves(OpportunityMovesView, Moves):
    """Every move of an opportunity, and why not."""


class MoveOpportunity(OpportunityMovesView, OneMove):
    """One move of one opportunity."""


class MoveOpportunities(OpportunityMovesView, ManyMoves):
    """One move of many opportunities."""


class ContractMovesView(MovesView):
    """What the addresses about moves of contracts share."""

    resource = "contracts"
    kind = Contract
    name_of = staticmethod(ContractSerializer.name_of)


class ContractMoves(ContractMovesView, Moves):
    """Every move of a contract, and why not."""


class MoveContract(ContractMovesView, OneMove):
    """One move of one contract."""


class MoveContracts(ContractMovesView, ManyMoves):
    """One move of many contracts."""


addresses = [
    *move_addresses("opportunities", {"many": MoveOpportunities, "moves": OpportunityMoves, "move": MoveOpportunity}),
    *move_addresses("contracts", {"many": MoveContracts, "moves": ContractMoves, "move": MoveContract}),
]
