"""A request that somebody waits for an answer to, and the systems that send such requests."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from accounts.models import Account, Contact
from contracts.models import Opportunity
from crm import handbook
from crm.activities.models import Activity
from crm.clocks.models import Clock
from crm.core.keys import generated_key
from crm.core.phones import PhoneKey
from crm.core.records import Record
from crm.core.salted import Salted
from crm.core.text import Email, Line, Link, Paragraphs
from crm.core.triggers import tracked
from crm.enquiries.time_left import TimeLeft  # noqa: F401 - a table of this app
from crm.people.models import Team, User
from leads.models import Lead


def channel_choices() -> list[tuple[str, str]]:
    """Channels as the handbook names them (R8)."""
    return handbook.current().choices("enquiry.channels")


def priority_choices() -> list[tuple[str, str]]:
    """Priorities as the handbook names them (S1)."""
    return handbook.current().choices("enquiry.priorities")


def void_choices() -> list[tuple[str, str]]:
    """Why an enquiry is voided, as the handbook names it."""
    return handbook.current().choices("enquiry.void_reasons")


class EnquiryQuerySet(models.QuerySet["Enquiry"]):
    """Reads of enquiries."""

    def unanswered(self) -> Self:
        """Those whose clock runs or is held up."""
        return self.filter(clock__stopped_at=None, clock__voided_at=None, clock__isnull=False)

    def open(self) -> Self:
        """As `unanswered`."""
        return self.unanswered()

    def to_hand_over(self) -> Self:
        """What somebody else has to take over when their owner leaves: what is answered stays whose it was."""
        return self.unanswered()

    def with_people(self) -> Self:
        """Together with everything that says whose they are."""
        return self.select_related(
            "clock",
            "owner__team",
            "queue",
            "lead__owner__team",
            "lead__queue",
            "contact",
            "account__owner__team",
            "opportunity__owner__team",
        )


class Enquiry(Record):
    """One request: by which channel, from whom, when it was received, what it says, and whom it belongs to (R5).

    It belongs to a lead, to a contact (with the account, and the opportunity that is open), or to nobody yet: then it
    stands in a team's queue. Whose it is follows from those records; only one that stands alone has an owner itself.
    """

    class Came(models.TextChoices):
        """How it came in."""

        ENTERED = "admin", "Entered here"
        API = "api", "API"
        FORM = "form", "Form"
        CHAT = "chat", "Chat"
        CALENDAR = "calendar", "Calendar"
        MAIL = "mail", "Mail"
        IMPORT = "import", "Import"

    channel = Line(max_length=40, blank=False, choices=channel_choices)
    priority = Line(max_length=40, choices=priority_choices)
    received_at = models.DateTimeField("received")
    subject = Line()
    text = Paragraphs("what they wrote")
    name = Line("name")
    company = Line()
    email = Email("email")
    email_key = generated_key("email_key", "email")
    linkedin_url = Link("LinkedIn profile URL")
    linkedin_key = generated_key("linkedin_key", "linkedin_url")
    phone = Line(max_length=60)
    phone_key = PhoneKey(of="phone")
    came_by = Line("came in by", max_length=20, blank=False, choices=Came, editable=False)
    # The other system and its id of the conversation, message or booking: a second one of the same is the same.
    system = Line(max_length=50, editable=False)
    external_id = Line(max_length=500, editable=False)
    lead = models.ForeignKey(Lead, models.PROTECT, null=True, blank=True, related_name="enquiries")
    contact = models.ForeignKey(Contact, models.PROTECT, null=True, blank=True, related_name="enquiries")
    account = models.ForeignKey(Account, models.PROTECT, null=True, blank=True, related_name="enquiries")
    opportunity = models.ForeignKey(Opportunity, models.PROTECT, null=True, blank=True, related_name="enquiries")
    # The lead that it belonged to until that was converted: a return gives it back.
    converted_lead = models.ForeignKey(
        Lead, models.PROTECT, null=True, blank=True, editable=False, related_name="carried_enquiries"
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, db_index=False, related_name="owned_enquiries"
    )
    queue = models.ForeignKey(
        Team, models.PROTECT, null=True, blank=True, db_index=False, related_name="queued_enquiries"
    )
    # Other records that the same details name, by kind and id: shown, so that a wrong match is seen.
    others = models.JSONField(default=list, blank=True, editable=False)
    clock = models.OneToOneField(Clock, models.PROTECT, null=True, blank=True, editable=False, related_name="enquiry")
    answer = models.ForeignKey(
        Activity, models.SET_NULL, null=True, blank=True, editable=False, db_index=False, related_name="answers"
    )
    meeting_at = models.DateTimeField("booked meeting", null=True, blank=True, editable=False)
    # When they took the slot, set by the database: it answered them, also when the meeting is moved or cancelled later.
    booked_at = models.DateTimeField("booked", null=True, blank=True, editable=False)
    meeting_sequence = models.IntegerField(default=0, editable=False)
    voided_at = models.DateTimeField("voided", null=True, blank=True, editable=False)
    voided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="voided_enquiries",
    )
    void_reason = Line("why it was voided", max_length=40, choices=void_choices, editable=False)
    void_note = Paragraphs(editable=False)
    # Not to be contacted when it came: stored, no clock, and a manager is asked.
    barred = models.BooleanField("not to be contacted", default=False, editable=False)
    kept = models.JSONField("kept import values", default=dict, blank=True, editable=False)

    objects = EnquiryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "enquiries"
        ordering = ["-received_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["system", "external_id"],
                condition=~Q(external_id=""),
                name="enquiries_enquiry_once_per_message",
                violation_error_message="This message is here already.",
            ),
            models.CheckConstraint(
                condition=Q(lead=None) | Q(contact=None),
                name="enquiries_enquiry_is_of_one_person",
                violation_error_message="An enquiry belongs to a lead or to a contact, not to both.",
            ),
            models.CheckConstraint(
                condition=Q(voided_at=None, void_reason="")
                | (Q(voided_at__isnull=False, voided_by__isnull=False) & ~Q(void_reason="")),
                name="enquiries_enquiry_voided_with_a_reason",
                violation_error_message="Who voids an enquiry says why.",
            ),
        ]
        indexes = [
            models.Index(F("received_at").desc(), F("id").desc(), name="enquiries_by_time"),
            models.Index(
                fields=["received_at"],
                include=[
                    "id",
                    "clock",
                    "channel",
                    "barred",
                    "voided_at",
                    "voided_by",
                    "lead",
                    "account",
                    "opportunity",
                    "owner",
                    "queue",
                ],
                name="enquiries_figures",
            ),
            models.Index(fields=["updated_at", "id"], name="enquiries_by_change"),
            models.Index(fields=["channel", "-received_at"], name="enquiries_by_channel"),
            models.Index(fields=["email_key"], name="enquiries_by_email", condition=~Q(email_key="")),
            models.Index(fields=["linkedin_key"], name="enquiries_by_linkedin", condition=~Q(linkedin_key="")),
            models.Index(
                fields=["queue", "-received_at"],
                name="enquiries_standing_alone",
                condition=Q(lead=None, contact=None, voided_at=None),
            ),
            models.Index(
                fields=["voided_by", "-voided_at"], name="enquiries_voided", condition=Q(voided_at__isnull=False)
            ),
        ]
        triggers = tracked()

    def __str__(self) -> str:
        who = self.name or self.email or "somebody unknown"
        return f"{self.channel_label} from {who}"

    @property
    def channel_label(self) -> str:
        """The handbook's label; a word that left the file stands as it is."""
        return dict(channel_choices()).get(self.channel, self.channel)

    @property
    def responsible(self) -> User | None:
        """Whose it is: of the opportunity, the lead, the account, else of the enquiry itself."""
        for record in (self.opportunity, self.lead, self.account):
            if record is not None and record.owner_id is not None:
                owner: User | None = record.owner
                return owner
        return self.owner

    @property
    def waits_in(self) -> Team | None:
        """The queue it waits in while it is nobody's."""
        if self.responsible is not None:
            return None
        return (self.lead.queue if self.lead is not None else None) or self.queue

    @property
    def about(self) -> models.Model | None:
        """The record it belongs to; None while it stands alone."""
        return self.lead or self.contact or self.opportunity or self.account


class Recheck(models.Model):
    """Somebody whose enquiries have to be looked at again: what may have answered them was written, changed or removed.

    Triggers add these rows on every way of writing (migration 0003); `crm.enquiries.responding` works them off.
    """

    lead_id = models.BigIntegerField(null=True)
    contact_id = models.BigIntegerField(null=True)
    enquiry_id = models.BigIntegerField(null=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"lead {self.lead_id}, contact {self.contact_id}, enquiry {self.enquiry_id}"


class Source(Salted, Record):
    """Another system that sends enquiries, signed: a chat tool, a calendar tool.

    Its secret is made of the server's own and `salt`, so that nothing stored here is worth stealing; a new salt is a
    new secret. It acts as `user`.
    """

    class Kind(models.TextChoices):
        """What it sends."""

        CHAT = "chat", "Chat"
        CALENDAR = "calendar", "Calendar"

    name = Line(blank=False, unique=True)
    kind = Line(max_length=20, blank=False, choices=Kind)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="enquiry_sources")
    channel = Line(max_length=40, blank=False, choices=channel_choices)
    salt = models.CharField(max_length=64, editable=False)
    # The one before, until it ends: so a secret is changed without losing a message.
    old_salt = models.CharField(max_length=64, blank=True, default="", editable=False)
    old_until = models.DateTimeField("old secret until", null=True, blank=True, editable=False)
    stopped_at = models.DateTimeField("stopped", null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField("last used", null=True, editable=False)

    class Meta:
        verbose_name = "source of enquiries"
        verbose_name_plural = "sources of enquiries"
        ordering = ["name"]
        triggers = tracked(unlogged=("salt", "old_salt", "last_used_at"))

    def __str__(self) -> str:
        return self.name

    @property
    def system(self) -> str:
        """What its ids are of: an enquiry's `system`."""
        return f"{self.kind}-{self.pk}"

    def state(self, at: datetime) -> str:
        """`active`, `stopped`, or `idle` while the user it acts as is deactivated."""
        if self.stopped_at is not None:
            return "stopped"
        return "active" if self.user.is_active else "idle"


class Thread(models.Model):
    """What another system calls a conversation, a booking or a mail, and the enquiry that it is part of now.

    `enquiry` is empty where there is none: a mail that asks for nothing, a booking that was cancelled before it came.
    """

    system = Line(max_length=50, blank=False)
    key = Line(max_length=500, blank=False)
    enquiry = models.ForeignKey(Enquiry, models.CASCADE, null=True, related_name="threads")
    # By the sender's clock: what came last, and whether that was the end. Of a booking also its SEQUENCE.
    last_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    sequence = models.IntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["system", "key"], name="enquiries_thread_once")]

    def __str__(self) -> str:
        return f"{self.system}: {self.key}"


class Received(models.Model):
    """One signed message of a source: its id, so that it counts once however often it is sent, and our answer.

    `digest` is a hash of what it said: another message under the same id is not taken for this one.
    """

    source = models.ForeignKey(Source, models.PROTECT, related_name="received")
    message_id = Line(max_length=200, blank=False)
    digest = models.CharField(max_length=64, default="")
    at = models.DateTimeField()
    status = models.PositiveSmallIntegerField()
    answer = models.JSONField(default=dict)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["source", "message_id"], name="enquiries_received_once")]
        indexes = [models.Index(fields=["at"], name="enquiries_received_by_time")]

    def __str__(self) -> str:
        return self.message_id
