"""`manage.py make_api_key --user EMAIL --scopes leads:read leads:write`: a key for a program, printed once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from crm.core.errors import Refused
from crm.sync.management.asking import administrator, find
from crm.sync.scopes import scopes
from crm.sync.services import PER_MINUTE, make_api_key


class Command(BaseCommand):
    help = "Make an API key and print it: it is shown this once. Without --scopes, list the scopes there are."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--user", metavar="EMAIL", help="who the key acts as")
        parser.add_argument("--scopes", nargs="+", metavar="SCOPE", help="what it may do, as in leads:read")
        parser.add_argument("--name", default="", help="what uses it (default: the command, and when)")
        parser.add_argument("--days", type=int, default=365, help="how long it works; 0: until it is revoked")
        parser.add_argument("--per-minute", type=int, default=PER_MINUTE, help="requests a minute (default: 600)")
        parser.add_argument("--as", dest="acting", metavar="EMAIL", help="the administrator who gives it")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["user"] or not options["scopes"]:
            for name, said in scopes().items():
                self.stdout.write(f"{name:24} {said}")
            if options["user"] or options["scopes"]:
                raise CommandError("Give both --user and --scopes; the scopes are listed above.")
            return
        at = timezone.now()
        if not 0 <= options["days"] <= 36500:
            raise CommandError("--days is a number from 0 to 36500.")
        try:
            key, secret = make_api_key(
                name=options["name"] or f"manage.py make_api_key, {at:%Y-%m-%d %H:%M:%S}",
                user=find(options["user"]),
                scopes=options["scopes"],
                expires_at=at + timedelta(days=options["days"]) if options["days"] else None,
                per_minute=options["per_minute"],
                actor=administrator(options["acting"]),
                at=at,
                via="command",
            )
        except Refused as refused:
            raise CommandError(refused.message) from None
        self.stderr.write(f"The key of {key.user} is shown this once:")
        self.stdout.write(secret)
