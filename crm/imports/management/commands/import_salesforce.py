"""`manage.py import_salesforce`: moving in from Salesforce with one command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from tqdm import tqdm

from crm.core.errors import Refused
from crm.imports.services import import_folder
from crm.people.commands import GivenCommand
from crm.people.models import User


class Command(GivenCommand):
    help = """Bring in a folder of Salesforce's data export: User, Account, Contact, Lead, Opportunity (any of them).

Everything is stored in one transaction: a crash leaves nothing, and running it again changes nothing. A row that
cannot be the record it says it is (a lead with neither email nor LinkedIn URL) is kept whole as a held row, to be
mended and released in the admin. A row that only the file can mend (too few cells, an Id twice, deleted there) is
held as well, until the mended file is imported. A status that changed in the file is moved as at every other door;
what no move allows stays as it is here, and is flagged.

Every row read counts once: created, updated, unchanged or rejected. Flagged are those of the stored rows that
somebody should look at; the problems say why.

Exit code: 0 when everything that was read is stored or held; 1 when some input could not be read (the problems
name file and line; a file that cannot be read to its end leaves nothing)."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", metavar="DIR", type=Path, help="the folder of CSV files")
        parser.add_argument("--dry-run", action="store_true", help="do everything, report it, and undo it")
        parser.add_argument("--json", action="store_true", help="print the report as JSON and nothing else")
        parser.add_argument("--as", dest="email", help="who does it: an administrator; without it, the system")

    def handle(self, *args: Any, folder: Path, dry_run: bool, json: bool, email: str | None, **options: Any) -> None:
        actor = self.user_named(email) if email else User.objects.system()
        # None: no bar where nobody looks at it (a file, a pipe).
        with tqdm(total=_bytes(folder), unit="B", unit_scale=True, disable=None, delay=0.5) as bar:

            def progress(file: str, size: int) -> None:
                bar.set_description(file, refresh=False)
                bar.update(size)

            try:
                report = import_folder(folder, actor=actor, at=timezone.now(), dry_run=dry_run, progress=progress)
            except Refused as refused:
                raise CommandError(refused.message) from refused
        if json:
            self.stdout.write(_dumps(report.as_json()))
        else:
            self.stdout.write(report.as_text())
            if dry_run:
                self.stdout.write("\nThis was a dry run: nothing was stored.")
        if report.unreadable:
            raise SystemExit(1)


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*") if path.suffix.lower() == ".csv" and path.is_file())


def _dumps(report: dict[str, Any]) -> str:
    return json.dumps(report, ensure_ascii=False, indent=1)
