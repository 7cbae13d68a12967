"""Work outside a request, and whether somebody is there to do it."""

from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "crm.jobs"
    label = "jobs"

    def ready(self) -> None:
        from crm.jobs import policies  # noqa: F401 - registers who may do what
