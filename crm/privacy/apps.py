"""Erasing a person on request, and the record of details that left (L16)."""

from django.apps import AppConfig


class PrivacyConfig(AppConfig):
    name = "crm.privacy"
    label = "privacy"
    verbose_name = "Privacy"

    def ready(self) -> None:
        from crm.privacy import (
            following,  # noqa: F401 - registers what followers are told
            policies,  # noqa: F401 - registers who may do what
        )
