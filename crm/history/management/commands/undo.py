"""`manage.py undo`: undo a transaction of the change log, also one that is too large for its page."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from crm.core.errors import Refused
from crm.history.models import Transaction
from crm.history.revert import Reverted, preview_revert, revert
from crm.people.commands import GivenCommand


class Command(GivenCommand):
    help = """Undo one transaction of the change log: each record that nobody changed since is put back to what it was.

Its number is the last part of its page's address. Everything is done in one transaction: a crash changes nothing. An
import by the command is one transaction, and may have more changes than a page can undo.

Shows first what will be done, and asks. Exit code: 0 when it is done, or there was nothing; 1 when it was not."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("transaction", type=int, metavar="NUMBER", help="of the transaction")
        parser.add_argument("--as", dest="by", required=True, metavar="EMAIL", help="who undoes it")
        parser.add_argument("--reason", default="", help="why; undoing a do not contact needs it")
        parser.add_argument("--dry-run", action="store_true", help="only show what will be done")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        log = Transaction.objects.filter(pk=options["transaction"]).first()
        if log is None:
            raise CommandError(f"There is no transaction {options['transaction']}.")
        actor = self.user_named(options["by"])
        asked = {"actor": actor, "at": timezone.now(), "via": "command", "reason": options["reason"]}
        try:
            looked = preview_revert(log, **asked)
            self.stdout.write(str(log))
            self._tell(looked)
            if options["dry_run"] or not looked.put_back:
                return
            question = f"Type “undo” to put back {looked.put_back:,} of {len(looked.rows):,}: "
            if not options["yes"] and input(question) != "undo":
                raise CommandError("Nothing was undone.")
            self._tell(revert(log, **asked))
        except Refused as refused:
            raise CommandError(refused.message) from refused

    def _tell(self, found: Reverted) -> None:
        """How many of the records came out in which way."""
        if not found.rows:
            self.stdout.write("There is nothing to put back.")
        for _, _, message, many in found.counts():
            self.stdout.write(f"  {many:>9,}  {message}")
