"""What the tests of pages share: a logged-in browser without JavaScript, and addresses."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.test import Client
from django.utils import timezone

from crm.core.acting import acting
from crm.core.dialogs import REFUSED_HEADER, url_of
from crm.people.models import User
from leads.guards import BANT
from leads.models import Lead

BACKEND = "crm.people.backends.EmailBackend"
HTMX = {"HX-Request": "true"}


def browse(user: User, **kwargs: Any) -> Client:
    """A browser in which this person is logged in."""
    client = Client(**kwargs)
    client.force_login(user, backend=BACKEND)
    return client


def move_url(record: Any, verb: str) -> str:
    """The address of a move's dialog."""
    return url_of(record, "move", verb)


def page_url(record: Any) -> str:
    """The address of a record's page."""
    return url_of(record, "change")


def codes(response: Any) -> list[str]:
    """The codes of a refusal, as a program would read them."""
    text: str = response.headers.get(REFUSED_HEADER, "")
    return text.split(",") if text else []


def text_of(response: Any) -> str:
    """The page as it was sent."""
    return str(response.content.decode())


def confirm_bant(lead: Lead, *, actor: User) -> None:
    """All four of BANT confirmed."""
    with acting(actor=actor, via="test", at=timezone.now()):
        for part in BANT:
            setattr(lead, part, "confirmed")
        lead.save(update_fields=list(BANT))


def soon(**delta: float) -> str:
    """A moment from now as the browser's control sends it, in the company's zone."""
    return local(timezone.now() + timedelta(**delta))


def local(moment: datetime) -> str:
    """A moment as the browser's control sends it."""
    from crm import handbook

    return moment.astimezone(handbook.current().zone).strftime("%Y-%m-%dT%H:%M")


def conversion(owner: User, **facts: str) -> Mapping[str, str]:
    """What a conversion asks, answered."""
    due = (timezone.now() + timedelta(days=7)).date().isoformat()
    answers = {"opportunity_owner": str(owner.pk), "next_step": "Send the proposal", "next_step_due": due}
    return {**answers, "type": "new_business", **facts}
