"""Tabs, list views and page layouts."""

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class WorkspaceConfig(AppConfig):
    name = "crm.workspace"
    label = "workspace"

    def ready(self) -> None:
        from crm.workspace import (
            checks,  # noqa: F401 - looks at what a handbook names of fields and panels
            leaving,  # noqa: F401 - registers what becomes of the views of who leaves
            own_api,  # noqa: F401 - tells programs which fields are the company's own
            policies,  # noqa: F401 - registers who may do what
            seeds,  # noqa: F401 - registers what the handbook asks for
        )

        autodiscover_modules("fields")
