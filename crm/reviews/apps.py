"""Reviews and rituals."""

from django.apps import AppConfig


class ReviewsConfig(AppConfig):
    name = "crm.reviews"
    label = "reviews"
    verbose_name = "Rituals"

    def ready(self) -> None:
        from crm.reviews import (
            home,  # noqa: F401 - registers what is due on home
            policies,  # noqa: F401 - registers who may do what
        )
