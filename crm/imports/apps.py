"""Moving in from other systems."""

from django.apps import AppConfig


class ImportsConfig(AppConfig):
    name = "crm.imports"
    label = "imports"

    def ready(self) -> None:
        from crm.imports import checking, policies, work  # noqa: F401 - register who may do what, jobs, the checkup
        from crm.imports.csv import work as csv_work  # noqa: F401
