"""What commands have in common that somebody gives: help as it is written, and who it is that gives them."""

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from crm.core.keys import key_of
from crm.people.models import User


class GivenCommand(BaseCommand):
    """A command that somebody gives, named by `--as EMAIL`."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        return parser

    def user_named(self, email: str) -> User:
        """Whose address it is. Raises `CommandError` when nobody who has access has it."""
        user = User.objects.filter(email_key=key_of("email_key", email), is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active user {email}.")
        return user
