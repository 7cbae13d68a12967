"""`manage.py flow [lead|opportunity|contract]`: the table of moves of such records, from the code."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from leads.moves_table import COLUMNS, TABLES, markdown


class Command(BaseCommand):
    help = "Print every allowed move of a kind of record: from, to, verb, who may make it, and what it asks for."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("kind", nargs="?", choices=TABLES, default="lead", help="which records (default: lead)")
        form = parser.add_mutually_exclusive_group()
        form.add_argument("--json", action="store_true", help="a list of objects with " + ", ".join(COLUMNS))
        form.add_argument("--markdown", action="store_true", help="the table as README has it")

    def handle(self, *args: Any, **options: Any) -> None:
        found = TABLES[options["kind"]]()
        if options["json"]:
            self.stdout.write(json.dumps(found, indent=2, ensure_ascii=False))
            return
        if options["markdown"]:
            self.stdout.write(markdown(options["kind"]))
            return
        rows = [dict(zip(COLUMNS, ("From", "To", "Move", "Who", "Asks for"), strict=True)), *found]
        width = {name: max(len(row[name]) for row in rows) for name in COLUMNS}
        for row in rows:
            self.stdout.write("  ".join(row[name].ljust(width[name]) for name in COLUMNS).rstrip())
