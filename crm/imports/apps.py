"""Moving in from other systems."""

from django.apps import AppConfig


class ImportsConfig(AppConfig):
    name = "crm.imports"
    label = "imports"

    def ready(self) -> None:
        from crm.imports import policies, work  # noqa: F401 - register who may do what, and the jobs
        from crm.imports.csv import work as csv_work  # noqa: F401
