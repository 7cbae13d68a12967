"""What people are told."""

from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "crm.notifications"
    label = "notifications"

    def ready(self) -> None:
        from crm.notifications import (
            leaving,  # noqa: F401 - registers what becomes of what somebody was told who leaves
            policies,  # noqa: F401 - registers who may do what
        )
