"""Bulk operations on records."""

from __future__ import annotations

from django.apps import AppConfig


class BulkConfig(AppConfig):
    name = "crm.bulk"
    label = "bulk"

    def ready(self) -> None:
        from crm.bulk import (  # each registers its operations
            deleting,  # noqa: F401
            exporting,  # noqa: F401
            findings,  # noqa: F401
            moving,  # noqa: F401
            reassigning,  # noqa: F401
            tasks,  # noqa: F401
        )
