"""Users, teams and their rights."""

from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate


class PeopleConfig(AppConfig):
    name = "crm.people"
    label = "people"
    verbose_name = "People"

    def ready(self) -> None:
        from crm.people import policies  # noqa: F401 - registers who may do what

        post_migrate.connect(make_system_user, sender=self)


def make_system_user(sender: Any, using: str, **kwargs: Any) -> None:
    """Make the service account that tasks and commands act as, if it was never there."""
    from crm import handbook
    from crm.people.models import SYSTEM_EMAIL, User

    # Migrated back to before there were users.
    if User._meta.db_table not in connections[using].introspection.table_names():
        return
    role = handbook.current().roles_with("service")[0].key
    User.objects.using(using).get_or_create(
        email=SYSTEM_EMAIL,
        defaults={"first_name": "Plumb", "role": role, "is_service": True, "password": "!"},
    )
