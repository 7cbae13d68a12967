"""Messages by email, over one connection to the mail server for as long as it lasts."""

from __future__ import annotations

import smtplib
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.template.loader import render_to_string
from django.urls import reverse

from crm.notifications.models import Delivery
from crm.notifications.outcomes import Failure, Outcome
from crm.notifications.rules import label_of, link_to, rule_of, sends_email
from crm.notifications.storing import one_line
from crm.people.models import User


class Mailer:
    """Sends emails one by one; a connection that broke is made anew for the next."""

    def __init__(self) -> None:
        self.connection: Any = None

    def send(self, delivery: Delivery) -> Outcome:
        """Give it to the mail server."""
        person = delivery.to
        if person is None or person.is_service:
            return Failure("No person gets this.", final=True, quiet=True)
        if not person.is_active:
            return Failure(f"{person} does not work here any more.", final=True, quiet=True)
        if not sends_email():
            return Failure("No mail server is set (EMAIL_URL).", away=True)
        try:
            message = message_of(delivery, person)
            if self.connection is None:
                self.connection = get_connection()
                self.connection.open()
            self.connection.send_messages([message])
        except Exception as error:
            self.close()
            return judge(error)
        return None

    def close(self) -> None:
        """End the connection; one that is broken is let go."""
        line, self.connection = self.connection, None
        if line is not None:
            try:
                line.close()
            except (OSError, smtplib.SMTPException):
                line.connection = None


def message_of(delivery: Delivery, person: User) -> EmailMultiAlternatives:
    """The email: plain text, and the same as simple HTML."""
    rule = rule_of(delivery.kind)
    context = {
        "delivery": delivery,
        "person": person,
        "link": link_to(delivery.address),
        "lines": [(words, link_to(path)) for words, path in delivery.lines],
        "label": label_of(delivery.kind),
        "always": bool(rule and rule.always),
        "preferences": link_to(f"{reverse('admin:profile')}#notices"),
    }
    message = EmailMultiAlternatives(
        subject=one_line(delivery.title),
        body=render_to_string("notifications/email.txt", context),
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[person.email],
        headers={
            "Message-ID": message_id(delivery),
            # Nobody's absence answers a machine (RFC 3834).
            "Auto-Submitted": "auto-generated",
            "X-Auto-Response-Suppress": "All",
        },
    )
    message.attach_alternative(render_to_string("notifications/email.html", context), "text/html")
    return message


def message_id(delivery: Delivery) -> str:
    """The same for every try, so that who gets it twice sees one."""
    host = (urlsplit(settings.PUBLIC_URL).hostname or "localhost").encode("idna").decode("ascii")
    return f"<{delivery.message_id}@{host}>"


def judge(error: Exception) -> Failure:
    """Whether a mail server's refusal is about this recipient for good, about now, or about the server itself."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code = max((int(code) for code, _ in error.recipients.values()), default=0)
        return Failure(f"The mail server refuses the recipient ({code}).", final=code >= 500)
    if isinstance(error, smtplib.SMTPDataError):
        code = error.smtp_code
        return Failure(f"The mail server refuses the message ({code}).", final=code >= 500)
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return Failure(f"The mail server does not let us in ({error.smtp_code}).", away=True)
    if isinstance(error, smtplib.SMTPSenderRefused):
        return Failure(f"The mail server refuses our sender ({error.smtp_code}).", away=True)
    if isinstance(error, smtplib.SMTPNotSupportedError | UnicodeError):
        return Failure("The mail server cannot write to this address.", final=True)
    if isinstance(error, smtplib.SMTPException | OSError):
        return Failure(f"The mail server does not answer ({type(error).__name__}).", away=True)
    return Failure(f"This cannot be written as an email ({type(error).__name__}).", final=True)
