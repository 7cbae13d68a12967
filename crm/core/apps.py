"""What every app stands on; it has no tables, only the SQL functions that keys are made with."""

from __future__ import annotations

import gc
from typing import Any

from django.apps import AppConfig, apps
from django.db import connections
from django.db.models.signals import post_migrate

# Every trigger that django-pgtrigger makes first asks whether it is to be ignored. We never ignore any, and its own
# function answers by catching an error in a subtransaction, which for each row of a large update costs more than all
# the rest. Each migration that makes a trigger makes that function again, so it is replaced after migrating.
NEVER_IGNORE = """
CREATE OR REPLACE FUNCTION public._pgtrigger_should_ignore(trigger_name name) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT false'
"""

# What is imported stays, and pages and tasks make few cycles: looking for garbage after every 700 objects, as Python
# does by itself, takes a sixth of each start. This comes before models, pages and forms are imported.
gc.set_threshold(50_000, 10, 10)


class CoreConfig(AppConfig):
    name = "crm.core"
    label = "core"

    def ready(self) -> None:
        from crm.core.checks import refuse_unsafe_start

        refuse_unsafe_start()
        # Sent for apps with models only, which this one has not.
        post_migrate.connect(never_ignore_triggers, sender=apps.get_app_config("people"))


def never_ignore_triggers(using: str, **kwargs: Any) -> None:
    """Let every trigger always run, and answer so at no cost."""
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT to_regproc('public._pgtrigger_should_ignore') IS NOT NULL")
        if cursor.fetchone()[0]:
            cursor.execute(NEVER_IGNORE)
