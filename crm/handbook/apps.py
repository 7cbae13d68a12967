"""The handbook as an app: its check, and its application after every migration."""

from __future__ import annotations

import sys
from typing import Any

from django.apps import AppConfig, apps
from django.core.checks import register
from django.db.models.signals import post_migrate


class HandbookConfig(AppConfig):
    """Reads the company's handbook and keeps the versions that were applied."""

    name = "crm.handbook"
    label = "handbook"
    verbose_name = "Handbook"

    def ready(self) -> None:
        from crm.core.phones import use_region
        from crm.handbook import current, policies  # noqa: F401 - registers who may do what
        from crm.handbook.checks import check_handbook

        register(check_handbook)
        use_region(lambda: current().company.country)
        # Web servers and workers run no checks, so the file is read here. Only the command that says what is wrong
        # with a file has to run without a good one.
        if sys.argv[1:2] != ["handbook"]:
            current()
        # The signal is sent app by app. What the seeds need of other apps, permissions above all, is there only after
        # the last one.
        last = [config for config in apps.get_app_configs() if config.models_module is not None][-1]
        post_migrate.connect(apply_after_migrating, sender=last, dispatch_uid="handbook.apply")


def apply_after_migrating(*, using: str, **_: Any) -> None:
    """Apply the handbook, unless migrations are left to do: a seed may need their tables."""
    from django.db import DEFAULT_DB_ALIAS, connections
    from django.db.migrations.executor import MigrationExecutor
    from django.utils import timezone

    from crm.handbook.services import apply_handbook

    if using != DEFAULT_DB_ALIAS:
        return
    executor = MigrationExecutor(connections[using])
    if not executor.migration_plan(executor.loader.graph.leaf_nodes()):
        apply_handbook(at=timezone.now())
