"""Work outside a request, and whether somebody is there to do it."""

from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "crm.jobs"
    label = "jobs"

    def ready(self) -> None:
        from crm.jobs import (
            leaving,  # noqa: F401 - registers what becomes of the jobs of who leaves
            policies,  # noqa: F401 - registers who may do what
            undo,  # noqa: F401 - registers the kind of job that undoes others
        )
