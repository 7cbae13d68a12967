"""What lies between Plumb and other systems: the ids records have elsewhere."""

from django.apps import AppConfig


class SyncConfig(AppConfig):
    name = "crm.sync"
    label = "sync"

    def ready(self) -> None:
        from crm.sync import policies  # noqa: F401 - registers who may do what
