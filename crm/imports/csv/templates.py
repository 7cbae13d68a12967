"""Matchings that somebody kept under a name: used again for the next file whose header fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from crm.core.errors import Missing, Refused
from crm.core.text import tidy
from crm.imports.csv.plan import Column, Plan
from crm.imports.models import ImportTemplate
from crm.people.models import User

# Of a run's choices, what the next file takes over; its columns are taken by their names.
KEPT = ("words", "people", "key", "system", "mode", "pattern", "account", "owner")


def keep_template(plan: Plan, header: Sequence[str], name: str, *, actor: User, at: datetime) -> ImportTemplate:
    """Keep a plan under a name; the same name for the same kind of record is written over.

    Raises:
        Refused: `forbidden`, `no_template_name`, `too_long`.
    """
    if not actor.is_manager:
        raise Refused("forbidden", "Matchings are kept by managers and administrators.")
    called = tidy(name)
    if not called or len(called) > 100:
        said = "Give the matching a name of 100 characters at most."
        raise Refused("no_template_name", said, [Missing("no_template_name", said, "template_name")])
    values = {"header": list(header), "plan": plan.as_json(), "by": actor, "kept_at": at}
    return ImportTemplate.objects.update_or_create(object=plan.object, name=called, defaults=values)[0]


def drop_template(template: ImportTemplate, *, actor: User) -> None:
    """Forget a kept matching.

    Raises:
        Refused: `forbidden`.
    """
    if not actor.is_manager:
        raise Refused("forbidden", "Matchings are forgotten by managers and administrators.")
    template.delete()


def fitting_template(plan: Plan, header: Sequence[str], *, named: str = "") -> ImportTemplate | None:
    """The template of that name; without a name, the newest whose columns are all in the header.

    Raises:
        Refused: `unknown_template` for a name that nobody kept.
    """
    mine = ImportTemplate.objects.filter(object=plan.object).order_by("-kept_at", "-pk")
    if named:
        found = mine.filter(name=named).first()
        if found is None:
            known = ", ".join(mine.values_list("name", flat=True)) or "none"
            raise Refused(
                "unknown_template", f"There is no matching “{named[:80]}” for these records; kept are: {known}."
            )
        return found
    return next((one for one in mine if set(one.header) <= set(header)), None)


def plan_by(template: ImportTemplate, plan: Plan) -> Plan:
    """The plan with what the template says of its columns and of everything else."""
    kept = Plan.from_json(template.plan)
    columns: dict[str, Column] = {name: kept.columns.get(name, column) for name, column in plan.columns.items()}
    taken: dict[str, Any] = {name: getattr(kept, name) for name in KEPT}
    return replace(plan, columns=columns, **taken)
