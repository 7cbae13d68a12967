"""Accounts and contacts: the companies we know and the people in them."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    label = "accounts"

    def ready(self) -> None:
        from accounts import policies  # noqa: F401 - registers who may do what
