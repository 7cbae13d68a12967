"""Leads: their flow from New to SAO Converted, and their conversion."""

from django.apps import AppConfig


class LeadsConfig(AppConfig):
    name = "leads"
    label = "leads"

    def ready(self) -> None:
        from leads import (
            bulk,  # noqa: F401 - registers what can be done to many leads
            checkups_assignment,  # noqa: F401 - registers whether rules of assignment name anybody
            leaving,  # noqa: F401 - registers how the leads of who leaves are handed over
            material,  # noqa: F401 - registers the sales material
            meetings,  # noqa: F401 - registers meetings that passed
            panels,  # noqa: F401 - registers receipts on other pages
            policies,  # noqa: F401 - registers who may do what
        )
