"""What every app stands on; it has no tables, only the SQL functions that keys are made with."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "crm.core"
    label = "core"

    def ready(self) -> None:
        from crm.core import checks  # noqa: F401 - registers the system checks
