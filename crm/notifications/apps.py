"""What people are told."""

from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "crm.notifications"
    label = "notifications"

    def ready(self) -> None:
        from crm.notifications import (
            checks,  # noqa: F401 - registers what is said of a mail server or a room that is not set
            leaving,  # noqa: F401 - registers what becomes of what somebody was told who leaves
            metrics,  # noqa: F401 - registers how many messages wait
            policies,  # noqa: F401 - registers who may do what
        )
        from crm.notifications.preferences import context_of
        from crm.people.profile_parts import on_profile

        on_profile("notifications/preferences.html", context_of)
