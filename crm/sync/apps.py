"""What lies between Plumb and other systems: the ids records have elsewhere, and the keys of programs."""

from django.apps import AppConfig


class SyncConfig(AppConfig):
    name = "crm.sync"
    label = "sync"

    def ready(self) -> None:
        from crm.sync import checks, policies  # noqa: F401 - register who may do what, and what is checked
