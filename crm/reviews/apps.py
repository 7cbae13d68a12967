"""Reviews: rituals, meetings, the pipeline and its forecast."""

from django.apps import AppConfig


class ReviewsConfig(AppConfig):
    name = "crm.reviews"
    label = "reviews"
    verbose_name = "Reviews"

    def ready(self) -> None:
        from crm.reviews import policies  # noqa: F401 - registers who may do what
        from crm.reviews.meetings import home as meetings_home  # noqa: F401 - registers what runs on home
        from crm.reviews.meetings import leaving  # noqa: F401 - registers what becomes of minutes of who leaves
        from crm.reviews.rituals import home  # noqa: F401 - registers what is due on home
