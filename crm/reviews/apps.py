"""Reviews: rituals, meetings, the pipeline and its forecast."""

from django.apps import AppConfig


class ReviewsConfig(AppConfig):
    name = "crm.reviews"
    label = "reviews"
    verbose_name = "Reviews"

    def ready(self) -> None:
        from crm.reviews import policies  # noqa: F401 - registers who may do what
        from crm.reviews.rituals import home  # noqa: F401 - registers what is due on home
