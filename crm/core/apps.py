"""What every app stands on; it has no tables, only the SQL functions that keys are made with."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "crm.core"
    label = "core"

    def ready(self) -> None:
        from crm.core.checks import refuse_unsafe_start

        refuse_unsafe_start()
