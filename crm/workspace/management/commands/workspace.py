"""`manage.py workspace`: where tabs, views and layouts depart from the handbook, and putting them back."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.text import capfirst

from crm.core.errors import Refused
from crm.core.panels import panels_for
from crm.people.models import User
from crm.workspace.drift import Departure, departures
from crm.workspace.editing import restore
from crm.workspace.fields import fields_of
from crm.workspace.models import OBJECTS
from crm.workspace.validity import model_of

EVERYTHING = "all"


class Command(BaseCommand):
    """Compares what people see with what the handbook says."""

    help = """Says where tabs, list views and page layouts depart from the handbook (exit code 1 when they do);
with --restore puts one item or all of them back; with --fields lists what a layout or a view may name."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        group = parser.add_mutually_exclusive_group()
        group.add_argument("--diff", action="store_true", help="Say what departs (also without any option).")
        group.add_argument(
            "--restore",
            metavar="ITEM",
            nargs="?",
            const=EVERYTHING,
            help="Put back an item, as layout.account, view.account.customers or tabs.sdr; without one, all.",
        )
        group.add_argument("--fields", metavar="OBJECT", choices=list(dict(OBJECTS)), help="List fields and panels.")
        parser.add_argument("--json", action="store_true", help="Print JSON and nothing else.")

    def handle(
        self, *args: Any, restore: str | None, fields: str | None, json: bool, diff: bool, **options: Any
    ) -> None:
        if fields is not None:
            self._fields(fields, as_json=json)
        elif restore is not None:
            self._restore(restore, as_json=json)
        else:
            self._diff(as_json=json)

    def _diff(self, *, as_json: bool) -> None:
        found = departures()
        if as_json:
            self._print([one.as_json() for one in found])
        elif found:
            self.stdout.write("\n".join(line for one in found for line in _written(one)))
        else:
            self.stdout.write("Tabs, list views and layouts are as the handbook says.")
        if found:
            sys.exit(1)

    def _restore(self, item: str, *, as_json: bool) -> None:
        items = [one.item for one in departures()] if item == EVERYTHING else [item]
        actor, at = User.objects.system(), timezone.now()
        try:
            for one in items:
                restore(one, actor=actor, at=at, via="command")
        except Refused as refused:
            raise CommandError(refused.message) from refused
        if as_json:
            self._print({"restored": items})
        else:
            self.stdout.write("\n".join(f"Put back: {one}" for one in items) or "There was nothing to put back.")

    def _fields(self, kind: str, *, as_json: bool) -> None:
        model = model_of(kind)
        fields, panels = fields_of(model), panels_for(model)
        if as_json:
            self._print(
                {
                    "fields": [{"name": one.name, "label": capfirst(one.label), "kind": one.kind} for one in fields],
                    "panels": [{"name": one.name, "label": one.title} for one in panels.values()],
                }
            )
            return
        width = max(len(name) for name in [*(one.name for one in fields), *panels])
        self.stdout.write("Fields")
        for field in fields:
            self.stdout.write(f"  {field.name:{width}}  {capfirst(field.label)} ({field.kind.replace('_', ' ')})")
        self.stdout.write("Panels")
        for panel in panels.values():
            self.stdout.write(f"  {panel.name:{width}}  {panel.title}")

    def _print(self, what: Any) -> None:
        self.stdout.write(json.dumps(what, ensure_ascii=False, indent=1))


def _written(departure: Departure) -> list[str]:
    """An item and its lines, as a person reads them."""
    lines = [f"{departure.item}: {departure.title}"]
    for line in departure.lines:
        lines += [f"  {line.part}", f"    handbook: {line.handbook}", f"    here:     {line.here}"]
    return lines
