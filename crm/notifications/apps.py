"""What people are told."""

from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "crm.notifications"
    label = "notifications"

    def ready(self) -> None:
        from crm.notifications import policies  # noqa: F401 - registers who may do what
