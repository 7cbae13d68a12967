"""Leads: their flow from New to SAO Converted, and their conversion."""

from django.apps import AppConfig


class LeadsConfig(AppConfig):
    name = "leads"
    label = "leads"

    def ready(self) -> None:
        from leads import panels, policies  # noqa: F401 - register who may do what, and receipts on other pages
