"""Moving in from other systems."""

from django.apps import AppConfig


class ImportsConfig(AppConfig):
    name = "crm.imports"
    label = "imports"

    def ready(self) -> None:
        from crm.imports import policies  # noqa: F401 - registers who may do what
