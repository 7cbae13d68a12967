"""The flow of a contract: from draft to the end of what was agreed.

People send, sign and terminate it. The company's calendar activates it on its effective date and ends it after its
subscription end date (`contracts.tasks`); one that renews by itself is followed by a contract of another term then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

from django.db import models
from django.db.models.functions import Now
from django_fsm import FSMField

from contracts import signing_facts as facts
from contracts import terms
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


# What counts as agreed and was not taken back: whether it is in force is read off its dates.
AGREED = (ContractStatus.SIGNED, ContractStatus.ACTIVE, ContractStatus.EXPIRED)


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

    @property
    def is_agreed(self) -> bool:
        """Signed and not terminated; it may be over."""
        return self.status in AGREED

    @property
    def renewal_term(self) -> int | None:
        """How many months another term has: those agreed on, else what the dates make."""
        known: Any = self
        if known.term_months or not (known.effective_date and known.end_date):
            return known.term_months  # type: ignore[no-any-return]
        return terms.months_of_term(known.effective_date, known.end_date)

    @classmethod
    def prepare_moves(cls, records: Sequence[Self]) -> None:
        """Fetch for the whole batch what `may` and the guards look at beside the rows themselves."""
        models.prefetch_related_objects(records, "opportunity__owner", "account__owner")
        renewing: list[Any] = [record for record in records if getattr(record, "auto_renew", False)]
        models.prefetch_related_objects(renewing, "renewals__contracts")

    @verb("Send", field=status, source="draft", target="sent", who=OWNER, needs="A draft")
    def send(self, ask: Ask) -> None:
        """To the customer, to be signed."""

    @verb("Recall", field=status, source="sent", target="draft", who=OWNER, needs="One that was sent")
    def recall(self, ask: Ask) -> None:
        """Back to a draft: it is not to be signed as it is."""

    @verb(
        "Sign",
        field=status,
        source=["draft", "sent"],
        target="signed",
        who=OWNER,
        needs="The day the last party signed; signed or accepted online",
        guard=facts.sign_guard,
        facts=facts.SignFacts,
    )
    def sign(self, ask: Ask) -> None:
        """The last party has signed."""
        self._take(ask, "close_date", "signing")

    @verb(
        "Activate",
        field=status,
        source="signed",
        target="active",
        who="By itself on the effective date; " + OWNER.lower(),
        needs="The effective date has come",
        guard=facts.activate_guard,
    )
    def activate(self, ask: Ask) -> None:
        """The service has begun."""

    @verb(
        "Expire",
        field=status,
        source="active",
        target="expired",
        who="By itself after the subscription end date; " + OWNER.lower(),
        needs="The subscription end date has passed",
        guard=facts.expire_guard,
    )
    def expire(self, ask: Ask) -> None:
        """The last day of service has passed."""

    @verb(
        "Renew for another term",
        field=status,
        source="active",
        target="expired",
        who="By itself after the subscription end date; " + OWNER.lower(),
        needs="Renews by itself; a term; the subscription end date has passed; no renewal agreed or lost",
        guard=facts.renew_guard,
        writes=True,
    )
    def renew(self, ask: Ask) -> None:
        """The last day has passed and nobody gave notice: a contract of the same terms follows it."""
        from contracts.renewing import follow  # it works with contracts, which stand on this flow

        follow(self, ask)

    @verb(
        "Terminate",
        field=status,
        source=["signed", "active"],
        target="terminated",
        who=OWNER,
        needs="The first day without service; a reason",
        guard=facts.terminate_guard,
        facts=facts.TerminateFacts,
    )
    def terminate(self, ask: Ask) -> None:
        """Ended before its time."""
        self._take(ask, "terminated_on")

    @verb(
        "Reinstate",
        field=status,
        source="terminated",
        target="signed",
        who="A manager",
        needs="A reason",
        guard=facts.reinstate_guard,
    )
    def reinstate(self, ask: Ask) -> None:
        """It was not terminated after all: agreed as before, and activated again by its dates."""
        known: Any = self
        known.terminated_on = None

    def _take(self, ask: Ask, *names: str) -> None:
        """Set the fields that facts were given for."""
        for name in names:
            if ask.facts.get(name):
                setattr(self, name, ask.facts[name])
