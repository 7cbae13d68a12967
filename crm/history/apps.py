"""The change log: who changed what, from what to what, when, how and why."""

from django.apps import AppConfig


class HistoryConfig(AppConfig):
    name = "crm.history"
    label = "history"
    verbose_name = "History"

    def ready(self) -> None:
        from django.utils.module_loading import autodiscover_modules

        from crm.history import policies  # noqa: F401 - registers who may do what

        autodiscover_modules("undoing")
