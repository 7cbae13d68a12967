"""Checkups."""

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class CheckupsConfig(AppConfig):
    name = "crm.checkups"
    label = "checkups"
    verbose_name = "Checkups"

    def ready(self) -> None:
        from crm.checkups import (
            job,  # noqa: F401 - registers how a run is done
            leaving,  # noqa: F401 - registers what becomes of the findings of who leaves
            policies,  # noqa: F401 - registers who may do what
        )

        autodiscover_modules("checkups", "checkup_fixes")
        from crm.checkups import panels

        panels.offer()
