"""`manage.py checkup`: run rules now, without a worker, and say what is not as the handbook has it."""

from __future__ import annotations

import json
import logging
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from tqdm import tqdm

from crm.checkups import elsewhere
from crm.checkups.models import Run
from crm.checkups.printing import as_json, lines, listed, rules_as_json, should_fail
from crm.checkups.rules import known_ids
from crm.checkups.running import mark_stopped, start_run
from crm.core.errors import Refused
from crm.jobs.models import Job
from crm.jobs.services import cancel_job
from crm.jobs.work import work_here
from crm.people.models import User

BAD_ARGUMENTS, INTERRUPTED = 2, 130
PAUSE = 0.5  # seconds until it is asked again how far a run is that a worker has taken


class Command(BaseCommand):
    """A run as any other: it is kept with its findings, and stands on the pages of checkups."""

    help = (
        "Runs checkups now and reports what is not as the handbook has it. Ends with 1 while there are open findings "
        "of the severity error of the rules that ran, so that a pipeline stops, and with 2 for bad arguments."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rule", action="append", metavar="ID", help="Run only this rule; can be given again.")
        parser.add_argument("--user", metavar="NAME", help="Look at what this user (email or name) is shown.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object and nothing else.")
        parser.add_argument("--rules", action="store_true", help="List the rules, and run none.")
        parser.add_argument(
            "--salesforce",
            metavar="DIR",
            type=Path,
            help="Hold a folder of Salesforce's data export against the data rules; nothing of it is stored.",
        )
        parser.add_argument("--html", metavar="FILE", type=Path, help="Write that report as a page as well.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["rules"]:
            self.stdout.write(_written(rules_as_json()) if options["json"] else "\n".join(listed()))
            return
        if options["salesforce"] is not None or options["html"] is not None:
            self._look_at_export(options)
            return
        rules = [find_rule(one) for one in options["rule"] or ()]
        run = run_here(rules, find_person(options["user"]) if options["user"] is not None else None)
        self.stdout.write(_written(as_json(run)) if options["json"] else "\n".join(lines(run)))
        if should_fail(run):
            sys.exit(1)

    def _look_at_export(self, options: dict[str, Any]) -> None:
        folder, page = options["salesforce"], options["html"]
        if folder is None or options["rule"] or options["user"] is not None:
            said = "--html goes with --salesforce, and neither goes with --rule or --user."
            raise CommandError(said, returncode=BAD_ARGUMENTS)
        if not folder.is_dir() or (page is not None and (not page.parent.is_dir() or page.is_dir())):
            missing = f"There is no folder {folder if not folder.is_dir() else page.parent}."
            raise CommandError(f"{page} is a folder." if page and page.is_dir() else missing, returncode=BAD_ARGUMENTS)
        at, actor = timezone.now(), User.objects.system()
        with tqdm(unit="B", unit_scale=True, disable=None, delay=0.5) as bar:
            try:
                progress = partial(_advance, bar)
                export = elsewhere.look_at_export("salesforce", folder, actor=actor, at=at, progress=progress)
            except Refused as refusal:
                raise CommandError(refusal.message, returncode=BAD_ARGUMENTS) from refusal
        self.stdout.write(_written(elsewhere.as_json(export)) if options["json"] else elsewhere.as_text(export))
        if page is not None:
            try:
                page.write_text(elsewhere.as_html(export, at=at), encoding="utf-8")
            except OSError as error:
                raise CommandError(f"{page} cannot be written: {error.strerror}.") from error
        if export.has_errors:
            sys.exit(1)


def _advance(bar: Any, file: str, size: int) -> None:
    bar.set_description(file, refresh=False)
    bar.update(size)


def run_here(rules: list[str], person: User | None) -> Run:
    """Run these rules to their end; a worker that takes the run first is waited for.

    Raises:
        CommandError: when the run fails or is cancelled; Ctrl-C cancels it.
    """
    by, at = User.objects.system(), timezone.now()
    mark_stopped(at=at)
    try:
        run = start_run(why=Run.Why.COMMAND, by=by, at=at, rules=rules, person=person, woken=False)
    except Refused as refusal:
        raise CommandError(refusal.message, returncode=BAD_ARGUMENTS) from refusal
    job = Job.objects.get(checkup_run=run)
    try:
        with quiet():
            while (job := work_here(job, via="command")).unfinished:
                time.sleep(PAUSE)
    except KeyboardInterrupt:
        cancel_job(job, by=by, at=timezone.now())
        said = f"Run {run.pk} was cancelled. What it did look at is stored."
        raise CommandError(said, returncode=INTERRUPTED) from None
    if job.state != Job.State.DONE:
        raise CommandError(f"Run {run.pk} did not come to its end. {job.message}")
    return Run.objects.select_related("person").get(pk=run.pk)


@contextmanager
def quiet() -> Iterator[None]:
    """Without a line in the log for each page that is rendered to be looked at."""
    requests = logging.getLogger("django_structlog")
    before = requests.level
    requests.setLevel(logging.WARNING)
    try:
        yield
    finally:
        requests.setLevel(before)


def find_rule(given: str) -> str:
    """The rule of this id.

    Raises:
        CommandError: naming those that it may have meant.
    """
    known = known_ids()
    if given in known:
        return given
    near = [one for one in known if given and given in one] or get_close_matches(given, known, n=3, cutoff=0.4)
    meant = f" Did you mean {' or '.join(near[:3])}?" if near else ""
    raise CommandError(f"There is no rule “{given}”.{meant} --rules lists them.", returncode=BAD_ARGUMENTS)


def find_person(given: str) -> User:
    """The active person of this email or name.

    Raises:
        CommandError: for nobody, for who is not active, and for a name that several have.
    """
    wanted = " ".join(given.split()).casefold()
    everybody = User.objects.filter(is_service=False).order_by("-is_active", "pk")
    found = [one for one in everybody if wanted and wanted in (one.email.casefold(), str(one).casefold())]
    active = [one for one in found if one.is_staff]
    if len(active) == 1:
        return active[0]
    if active:
        said = f"Several people are called “{given}”: name one by email, {' or '.join(one.email for one in active)}."
    elif found:
        said = f"{found[0]} is no longer active, and is shown nothing."
    else:
        said = f"There is no user “{given}”: give an email or a whole name."
    raise CommandError(said, returncode=BAD_ARGUMENTS)


def _written(what: Any) -> str:
    return json.dumps(what, ensure_ascii=False, indent=1)
