"""Touches with people, the next touch, and the timeline."""

from django.apps import AppConfig


class ActivitiesConfig(AppConfig):
    name = "crm.activities"
    label = "activities"

    def ready(self) -> None:
        from crm.activities import policies, seeds  # noqa: F401 - registers who may do what, and what the handbook seeds
        from crm.activities.feed import register_panels

        register_panels()
