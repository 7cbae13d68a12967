"""Checkups."""

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class CheckupsConfig(AppConfig):
    name = "crm.checkups"
    label = "checkups"
    verbose_name = "Checkups"

    def ready(self) -> None:
        from crm.checkups import (
            configuration,  # noqa: F401 - registers its rules, as do those below that look at no record of an app
            drift,  # noqa: F401
            job,  # noqa: F401 - registers how a run is done
            labels,  # noqa: F401
            leaving,  # noqa: F401 - registers what becomes of the findings of who leaves
            links,  # noqa: F401
            policies,  # noqa: F401 - registers who may do what
            rights,  # noqa: F401 - and keeps what each role may do when a handbook is applied
            words_left,  # noqa: F401
        )

        autodiscover_modules("checkups", "checkup_fixes")
        from crm.checkups import panels

        panels.offer()
