"""`manage.py erase_person`: erase a person on request, everywhere."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from accounts.models import Contact
from crm.core.errors import Refused
from crm.people.commands import GivenCommand
from crm.people.models import User
from crm.privacy.erasing import Erased, erase_person
from crm.privacy.persons import CHOSEN, KEYS
from leads.models import Lead


class Command(GivenCommand):
    help = """Erase the person with this email, or that a lead or contact is about: every record that shares the
email or LinkedIn profile, their touches, what imports kept, and every mention in texts, reports and the change log.
Ids, versions and times stay, and so does do not contact, by a hash. Nothing brings the values back.

Shows first what would be blanked, and asks. Exit code: 0 when it is done, or there was nothing; 1 when it was not."""

    def add_arguments(self, parser: CommandParser) -> None:
        who = parser.add_mutually_exclusive_group(required=True)
        who.add_argument("email", nargs="?", default="", metavar="EMAIL", help="an address of theirs")
        who.add_argument("--lead", type=int, metavar="ID", help="the id of a lead")
        who.add_argument("--contact", type=int, metavar="ID", help="the id of a contact")
        parser.add_argument("--same", nargs="+", choices=[*KEYS], default=[*CHOSEN], help="what makes records the same")
        parser.add_argument("--reason", default="", help="why: who asked, and when")
        parser.add_argument("--suppress", action="store_true", help="and never contact them again")
        parser.add_argument("--as", dest="by", default="", help="who does it: an administrator")
        parser.add_argument("--dry-run", action="store_true", help="only show what would be blanked")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = {
            "lead": self._record(Lead, options["lead"]),
            "contact": self._record(Contact, options["contact"]),
            "email": options["email"],
            "keys": options["same"],
            "actor": self._actor(options["by"]),
            "at": timezone.now(),
            "via": "command",
            "reason": options["reason"],
            "suppress": options["suppress"],
        }
        try:
            looked = erase_person(**wanted, dry_run=True)
            self._tell(looked, "Would blank")
            if options["dry_run"] or not looked.counts:
                return
            if not options["yes"] and input(f"Type “{looked.label}” to erase them for good: ") != looked.label:
                raise CommandError("Nothing was erased.")
            self._tell(erase_person(**wanted), "Blanked")
        except Refused as refused:
            raise CommandError(" ".join(item.message for item in refused.missing) or refused.message) from refused

    def _tell(self, found: Erased, word: str) -> None:
        if not found.counts:
            self.stdout.write("There is nothing here that names them.")
            return
        self.stdout.write(f"{word} {found.rows:,} rows:")
        for label, many in found.counts.items():
            self.stdout.write(f"  {many:>8,}  {label}")
        for name in found.files:
            self.stdout.write(f"  deleted file: {name}")
        for name in found.shared:
            self.stdout.write(f"  stays where it is not theirs, because others have the name too: {name}")
        if found.users:
            self.stdout.write("  A user has this email: colleagues are not erased here.")

    def _record(self, kind: Any, pk: int | None) -> Any:
        if pk is None:
            return None
        found = kind.objects.filter(pk=pk).first()
        if found is None:
            raise CommandError(f"There is no {kind._meta.verbose_name} {pk}.")
        return found

    def _actor(self, email: str) -> User:
        if not email:
            found = next(
                (user for user in User.objects.filter(is_active=True).order_by("pk") if user.is_administrator), None
            )
            if found is None:
                raise CommandError("There is no administrator: name who does it with --as.")
            return found
        return self.user_named(email)
