"""Opportunities, their stages, and contracts."""

from django.apps import AppConfig


class ContractsConfig(AppConfig):
    name = "contracts"
    label = "contracts"

    def ready(self) -> None:
        from contracts import (
            opportunity_panels,  # noqa: F401 - registers what pages show of opportunities
            panels,  # noqa: F401 - registers what pages show of contracts
            policies,  # noqa: F401 - registers who may do what
        )
