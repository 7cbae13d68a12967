"""`manage.py handbook`: print the handbook, check a file, or apply the one this installation reads."""

from __future__ import annotations

import getpass
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from crm.handbook import HandbookError, current, read
from crm.handbook.further import further_problems
from crm.handbook.services import apply_handbook


class Command(BaseCommand):
    """Says what the handbook says, one value a line under its full place."""

    help = "Prints the handbook as it was read; with --check tries another file; with --apply puts it in force."
    # A file is tried with --check most of all when something is wrong with the configured one.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        group = parser.add_mutually_exclusive_group()
        group.add_argument("--check", metavar="FILE", type=Path, help="Say what is wrong with this file, if anything.")
        group.add_argument("--apply", action="store_true", help="Put it in force and add what it asks for.")

    def handle(self, *args: Any, check: Path | None, apply: bool, **options: Any) -> None:
        if check is not None:
            self._check(check)
        elif apply:
            version = apply_handbook(at=timezone.now(), by_name=_login_name())
            self.stdout.write(f"In force: {version}")
        else:
            self.stdout.write("\n".join(current().lines()))

    def _check(self, path: Path) -> None:
        try:
            problems = tuple(further_problems(read(path), str(path)))
        except HandbookError as error:
            problems = error.problems
        if problems:
            for problem in problems:
                self.stderr.write(str(problem))
            sys.exit(1)
        self.stdout.write(f"{path}: fine")


def _login_name() -> str:
    """Who typed the command; a container's user may have no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
