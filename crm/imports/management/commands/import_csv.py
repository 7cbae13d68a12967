"""`manage.py import_csv`: one CSV file brought in from the command line, by the same steps as the page's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.core.files import File
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from crm.core.errors import Refused
from crm.imports.csv import runs
from crm.imports.csv.plan import KEYED_BY, MODES
from crm.imports.csv.targets import OBJECTS
from crm.imports.models import ImportRun
from crm.imports.report import Counts, Problem, Report
from crm.imports.runs import drop_run
from crm.jobs.models import Job
from crm.jobs.work import work_here
from crm.people.commands import GivenCommand
from crm.people.models import User


class Command(GivenCommand):
    help = """Bring in one CSV file: leads, accounts, contacts, opportunities, contracts, invoices, enquiries, touches
or tasks.

Encoding and delimiter are recognised, columns matched by their names. What a file does not say by itself (dates that
can be read in two ways, words that are not known here) is decided by a matching that was kept on the import's page:
--template NAME. Without a name, the newest one whose columns are all in the file is used.

The file is brought in slices of its rows, each in one transaction; one that was stopped is resumed, or undone, on the
page of the import. Every row counts once: created, updated, unchanged or rejected; the problems name each by line.

Exit code: 0 when every row was stored or held; 1 when the file could not be read, or something is to be decided."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", type=Path, help="the CSV file")
        parser.add_argument("--object", required=True, choices=list(OBJECTS), help="what its rows are")
        parser.add_argument("--template", default="", metavar="NAME", help="a matching that was kept under this name")
        parser.add_argument("--key", choices=list(KEYED_BY), help="by what rows are known here")
        parser.add_argument("--system", metavar="NAME", help="whose ids the file has, as “hubspot”")
        parser.add_argument("--mode", choices=list(MODES), help="create, update, or both")
        parser.add_argument("--dry-run", action="store_true", help="do everything, report it, and undo it")
        parser.add_argument("--json", action="store_true", help="print the report as JSON and nothing else")
        parser.add_argument("--as", dest="email", help="who does it: a manager or an administrator")

    def handle(self, *args: Any, file: Path, json: bool, email: str | None, **options: Any) -> None:
        actor = self._actor(email)
        try:
            run = self._run(file, actor, options)
        except Refused as refused:
            raise CommandError(refused.message) from refused
        except OSError as error:
            raise CommandError(f"{file} cannot be opened: {error.strerror}.") from error
        report = _report(run.trial if options["dry_run"] else run.report)
        self.stdout.write(_dumps(report.as_json() | {"import": run.pk}) if json else report.as_text())
        if options["dry_run"] and not json:
            self.stdout.write("\nThis was a dry run: nothing was stored.")

    def _run(self, file: Path, actor: User, options: dict[str, Any]) -> ImportRun:
        """Upload, look, choose, and try or import: as the page does, each job worked at once."""
        at = timezone.now()
        with file.open("rb") as opened:
            upload = File(opened, name=file.name)
            run = runs.upload_csv(
                upload,
                object=options["object"],
                ticket=uuid4(),
                actor=actor,
                at=at,
                template=options["template"],
                woken=False,
            )
        try:
            run = _worked(run)
            changes = {name: options[name] for name in ("key", "system", "mode") if options[name] is not None}
            if changes and "error" not in run.found:
                run = runs.keep_plan(run, changes, actor=actor, at=at)
            step = runs.try_csv if options["dry_run"] else runs.start_csv
            run = _worked(step(run, actor=actor, at=at, woken=False))
        except Refused:
            _drop(run, actor, at)
            raise
        if options["dry_run"]:
            _drop(run, actor, at)
        return run

    def _actor(self, email: str | None) -> User:
        if email:
            return self.user_named(email)
        user = next((one for one in User.objects.active_people().order_by("pk") if one.is_administrator), None)
        if user is None:
            raise CommandError("There is no active administrator: say who does it with --as EMAIL.")
        return user


def _worked(run: ImportRun) -> ImportRun:
    """The run after its present job was worked to its end.

    Raises:
        Refused: `job_failed`, with the job's own sentence.
    """
    if run.job is None:
        raise Refused("job_failed", "The import has nothing to do.")
    job = work_here(run.job, via="command")
    if job.state != Job.State.DONE:
        raise Refused("job_failed", job.message or "Another worker has this job: look at the import's page.")
    return ImportRun.objects.select_related("job", "import_job").get(pk=run.pk)


def _drop(run: ImportRun, actor: User, at: Any) -> None:
    fresh = ImportRun.objects.get(pk=run.pk)
    if fresh.import_job is None:
        drop_run(fresh, actor=actor, at=at)


def _report(kept: dict[str, Any]) -> Report:
    return Report(
        files={name: Counts(**counts) for name, counts in kept.get("files", {}).items()},
        problems=[Problem(**one) for one in kept.get("problems", [])],
    )


def _dumps(report: dict[str, Any]) -> str:
    return json.dumps(report, ensure_ascii=False, indent=1)
