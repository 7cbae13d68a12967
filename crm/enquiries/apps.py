"""The enquiries."""

from django.apps import AppConfig


class EnquiriesConfig(AppConfig):
    name = "crm.enquiries"
    label = "enquiries"
    verbose_name = "Enquiries"

    def ready(self) -> None:
        from crm.enquiries import (
            bulk,  # noqa: F401 - registers what can be done to many
            carrying,  # noqa: F401 - registers what becomes of them when a lead is converted or returned
            home,  # noqa: F401 - registers “Respond now”
            leaving,  # noqa: F401 - registers how those of who leaves are handed over
            panels,  # noqa: F401 - registers them on the pages of their records
            policies,  # noqa: F401 - registers who may do what
            responding,
            subjects,  # noqa: F401 - says what a clock is about
            timeline,  # noqa: F401 - registers them in timelines
        )

        responding.listen()
