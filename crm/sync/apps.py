"""What lies between Plumb and other systems: the ids records have elsewhere, and the keys of programs."""

from django.apps import AppConfig


class SyncConfig(AppConfig):
    name = "crm.sync"
    label = "sync"

    def ready(self) -> None:
        from crm.sync import (
            checks,  # noqa: F401 - registers what is checked
            idempotency,  # noqa: F401 - registers who keeps answers
            leaving,  # noqa: F401 - registers what becomes of the keys of who leaves
            policies,  # noqa: F401 - registers who may do what
        )
        from crm.sync.exporting import record  # noqa: F401 - registers what exports are on record as
        from crm.sync.jobs import work  # noqa: F401 - registers the kind of job that works uploads off
        from crm.sync.webhooks import checks as webhook_checks  # noqa: F401 - registers what is checked
        from crm.sync.webhooks import leaving as webhook_leaving  # noqa: F401 - registers what falls silent
