"""`manage.py load_demo`: a small company to look around in, and who can log in there."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from crm.core.errors import Refused
from crm.demo.cast import logins
from crm.demo.load import load_demo


class Command(BaseCommand):
    help = "Load a demo company (once; a second run adds nothing) and print its logins. Refused in production."

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("The demo's people have a password that everybody knows: not in production.")
        try:
            load_demo(at=timezone.now())
        except Refused as refusal:
            raise CommandError(f"The demo speaks the shipped handbook's words: {refusal.message}") from None
        self.stdout.write(logins())
        self.stdout.write("A key for a program that acts as one of them, to try the API with:")
        self.stdout.write("  .venv/bin/python manage.py make_api_key --user sam.sdr@plumb.example --scopes leads:read")
