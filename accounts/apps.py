"""Accounts and contacts: the companies we know and the people in them."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    label = "accounts"

    def ready(self) -> None:
        from accounts import (
            dri_panel,  # noqa: F401 - registers the guided change of the champion
            material,  # noqa: F401 - registers the sales material
            meeting_notes,  # noqa: F401 - registers meeting notes and their reminder
            policies,  # noqa: F401 - registers who may do what
        )
