"""The clocks."""

from django.apps import AppConfig


class ClocksConfig(AppConfig):
    name = "crm.clocks"
    label = "clocks"
    verbose_name = "Response times"

    def ready(self) -> None:
        from crm.clocks import (
            policies,  # noqa: F401 - registers who may do what
            recalculating,  # noqa: F401 - registers what becomes of open clocks when a handbook is applied
            watching,  # noqa: F401 - registers what /readyz and /metrics say of the sweep
        )
