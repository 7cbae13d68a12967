"""Records that are one and the same: found, shown side by side, merged, and taken apart again."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class DuplicatesConfig(AppConfig):
    name = "crm.duplicates"
    label = "duplicates"

    def ready(self) -> None:
        from crm.duplicates import (
            forwarding,  # noqa: F401 - says where merged records went
            nightly,  # noqa: F401 - registers the kind of job
            policies,  # noqa: F401 - registers who may do what
        )

        # Each app that has records to merge says how.
        autodiscover_modules("merging")
        from crm.duplicates import panels

        panels.offer()
