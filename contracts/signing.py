"""The flow of a contract: from draft to the end of what was agreed. Dates move it on; people sign and terminate it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from django.db import models
from django.db.models.functions import Now
from django_fsm import FSMField

from crm.core.errors import Missing
from crm.core.flow import Ask, Stateful, verb

OWNER = "Owner, their team, a manager"


class ContractStatus(models.TextChoices):
    """Where a contract stands. `signed`: agreed, not yet in force; `active`: in force today."""

    DRAFT = "draft", "Draft"
    SENT = "sent", "Sent"
    SIGNED = "signed", "Signed"
    ACTIVE = "active", "Active"
    EXPIRED = "expired", "Expired"
    TERMINATED = "terminated", "Terminated"


# What counts as agreed: revenue, first close dates and wins are read off these.
AGREED = (ContractStatus.SIGNED, ContractStatus.ACTIVE, ContractStatus.EXPIRED)


def sign_guard(record: Any, ask: Ask) -> Iterable[Missing]:
    """The day the last party signed is known."""
    if record.close_date is None:
        yield Missing("needs_close_date", "Say on which day the last party signed.", "close_date")


class ContractFlow(Stateful):
    """The status of a contract and the verbs that change it."""

    FLOW: ClassVar[str] = "status"
    status = FSMField(
        "status",
        max_length=20,
        choices=ContractStatus.choices,
        default=ContractStatus.DRAFT,
        protected=True,
        editable=False,
    )
    status_since = models.DateTimeField("in this status since", db_default=Now(), editable=False)

    class Meta:
        abstract = True

    @verb("Send", field=status, source="draft", target="sent", who=OWNER, needs="A draft")
    def send(self, ask: Ask) -> None:
        """To the customer, to be signed."""

    @verb(
        "Sign",
        field=status,
        source=["draft", "sent"],
        target="signed",
        who=OWNER,
        needs="The day the last party signed",
        guard=sign_guard,
    )
    def sign(self, ask: Ask) -> None:
        """The last party has signed."""
