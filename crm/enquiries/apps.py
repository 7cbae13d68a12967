"""The enquiries."""

from django.apps import AppConfig


class EnquiriesConfig(AppConfig):
    name = "crm.enquiries"
    label = "enquiries"
    verbose_name = "Enquiries"

    def ready(self) -> None:
        from crm.enquiries import bulk, home, panels, timeline  # noqa: F401 - what pages of others show and lists offer
        from crm.enquiries import carrying, leaving, policies, responding, subjects  # noqa: F401 - they register themselves

        responding.listen()
