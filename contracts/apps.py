"""Opportunities, their stages, and contracts."""

from django.apps import AppConfig


class ContractsConfig(AppConfig):
    name = "contracts"
    label = "contracts"

    def ready(self) -> None:
        from contracts import policies  # noqa: F401 - registers who may do what
