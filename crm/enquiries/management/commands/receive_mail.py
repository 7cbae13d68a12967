"""`manage.py receive_mail < message`: one message of a mail server, for instance by a pipe of Postfix.

It ends with the codes of sysexits, which tell the mail server what to do: 0 it is taken; 65 it cannot be read, and 77 a
colleague's address is forged: it is returned to its sender; 75 try again later, as when the database is away; 78 set up
wrongly. What is returned is kept nowhere here.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from crm import handbook
from crm.core.errors import Refused
from crm.enquiries.mail.reading import read_mail
from crm.enquiries.mail.receiving import take_mail
from crm.people.models import User

UNREADABLE, TRY_LATER, FORGED, CONFIGURED = os.EX_DATAERR, os.EX_TEMPFAIL, os.EX_NOPERM, os.EX_CONFIG
log = structlog.get_logger(__name__)


class Command(BaseCommand):
    help = "Receive one message (RFC 5322) from standard input: an enquiry, or what a colleague wrote to somebody."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--channel", default="email", help="the channel of its enquiries (default: email)")

    def handle(self, *args: Any, **options: Any) -> None:
        channels = [one.key for one in handbook.current().enquiry.channels]
        if options["channel"] not in channels:
            raise CommandError(f"--channel is one of {', '.join(channels)}.", returncode=CONFIGURED)
        limit = settings.MAIL_LIMIT
        raw = sys.stdin.buffer.read(limit + 1)
        if len(raw) > limit:
            said = f"The message is larger than {limit // 1024 // 1024} MB: it was not taken."
            raise CommandError(said, returncode=UNREADABLE)
        if not raw.strip():
            raise CommandError("There is no message on standard input.", returncode=UNREADABLE)
        self.stdout.write(self.take(raw, options["channel"]))

    def take(self, raw: bytes, channel: str) -> str:
        """Take the message; a sentence for the mail server's log.

        Raises:
            CommandError: with the exit code that says what the mail server is to do.
        """
        at = timezone.now()
        try:
            mail = read_mail(raw, at=at, relay=settings.MAIL_RELAY, lists=settings.MAIL_LISTS)
            taken = take_mail(mail, channel=channel, actor=User.objects.system(), at=at)
        except Refused as refused:
            code = FORGED if refused.code == "forged" else UNREADABLE
            raise CommandError(refused.message, returncode=code) from None
        except (DatabaseError, InterfaceError) as error:
            log.warning("mail_not_taken", error=type(error).__name__)
            raise CommandError("The database did not answer: try again.", returncode=TRY_LATER) from None
        except Exception:
            # A fault of ours: the message stays with the mail server until it is mended.
            log.exception("mail_not_taken")
            raise CommandError("Something went wrong here: try again.", returncode=TRY_LATER) from None
        log.info("mail_taken", outcome=taken.outcome)
        return taken.sentence
