"""`manage.py rotate_api_key plumb_12ab34cd --hours 24`: another secret for a key, printed once."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Q
from django.utils import timezone

from crm.core.errors import Refused
from crm.core.salted import OVERLAP_HOURS
from crm.sync.management.asking import administrator
from crm.sync.models import ApiKey
from crm.sync.rotation import rotate_api_key


class Command(BaseCommand):
    help = "Give an API key another secret and print the key: it is shown this once. The old one works for some hours."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("key", help="how it begins, as in plumb_12ab34cd, or its name")
        parser.add_argument(
            "--hours",
            type=int,
            default=OVERLAP_HOURS,
            help="how long the old secret works (default: 24; 0: not at all)",
        )
        parser.add_argument("--reason", default="", help="why, for the change log")
        parser.add_argument("--as", dest="acting", metavar="EMAIL", help="the administrator who does it")

    def handle(self, *args: Any, **options: Any) -> None:
        at = timezone.now()
        named = options["key"]
        prefix = named.removeprefix("plumb_").partition("_")[0]
        found = list(ApiKey.objects.filter(Q(prefix=prefix) | Q(name__iexact=named, revoked_at=None))[:2])
        if len(found) != 1:
            raise CommandError(f"No key is called “{named}”." if not found else "More than one key is called so.")
        try:
            key, secret = rotate_api_key(
                found[0],
                actor=administrator(options["acting"]),
                at=at,
                via="command",
                hours=options["hours"],
                reason=options["reason"],
            )
        except Refused as refused:
            raise CommandError(refused.message) from None
        until = f"works until {key.old_until:%Y-%m-%d %H:%M} UTC" if key.old_hash else "works no longer"
        self.stderr.write(f"The key “{key}” is shown this once; its old secret {until}:")
        self.stdout.write(secret)
