"""Bulk operations on records."""

from __future__ import annotations

from django.apps import AppConfig


class BulkConfig(AppConfig):
    name = "crm.bulk"
    label = "bulk"

    def ready(self) -> None:
        from crm.bulk import deleting, exporting, moving, reassigning, tasks  # noqa: F401 - each registers its operation
