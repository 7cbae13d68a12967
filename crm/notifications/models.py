"""What somebody is told, once: a row for each person and cause, whatever way it is delivered."""

from __future__ import annotations

import uuid
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from crm.core.text import Line, Paragraphs


class NotificationQuerySet(models.QuerySet["Notification"]):
    """Reads of notifications."""

    def unread(self) -> Self:
        """Those that nobody has put aside."""
        return self.filter(read_at=None)


class Notification(models.Model):
    """One thing one person is told. `key` names its cause: a second one for the same cause is never stored."""

    to = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="notifications")
    kind = Line(max_length=50, blank=False)
    key = Line(blank=False)
    title = Line(blank=False)
    text = Paragraphs()
    address = Line("page", max_length=500, help_text="A path of this server.")
    at = models.DateTimeField("when")
    read_at = models.DateTimeField("read", null=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-id"]
        constraints = [models.UniqueConstraint(fields=["to", "key"], name="notifications_told_once")]
        indexes = [
            models.Index(fields=["to", "-at"], name="notifications_unread", condition=models.Q(read_at=None)),
        ]

    def __str__(self) -> str:
        return self.title


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    """Reads of deliveries."""

    def due(self) -> Self:
        """Those to be tried now; the database's clock decides."""
        return self.filter(state=Delivery.State.WAITING, next_at__lte=Now())

    def waiting(self) -> Self:
        """Those that are still to be sent."""
        return self.filter(state=Delivery.State.WAITING)

    def given_up(self) -> Self:
        """Dead ends: nobody got them, and nobody tries any more."""
        return self.filter(state=Delivery.State.DEAD)


class Delivery(models.Model):
    """One message that leaves for one recipient and cause, by email or into a chat room: one row, never a second.

    It is tried until it is taken, each time under the same `message_id`, so that who gets it twice can tell.
    """

    class Medium(models.TextChoices):
        """By what it is sent."""

        EMAIL = "email", "Email"
        CHAT = "chat", "Chat"

    class State(models.TextChoices):
        """How far it got."""

        WAITING = "waiting", "Waiting"
        SENT = "sent", "Sent"
        DEAD = "dead", "Given up"
        DROPPED = "dropped", "Not needed any more"

    medium = Line(max_length=10, blank=False, choices=Medium)
    kind = Line(max_length=50, blank=False)
    key = Line(blank=False)
    # Of an email, whom it is for; of a chat, the room's key in the handbook.
    to = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="deliveries")
    room = Line(max_length=40)
    title = Line(blank=False)
    text = Paragraphs()
    address = Line("page", max_length=500, help_text="A path of this server.")
    lines = models.JSONField(
        default=list, db_default=[], blank=True, help_text="Words with the page of each: [words, path]."
    )
    message_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    state = Line(max_length=10, blank=False, choices=State, default=State.WAITING)
    made_at = models.DateTimeField("made")
    next_at = models.DateTimeField("next try")
    give_up_at = models.DateTimeField("given up after")
    attempts = models.PositiveIntegerField("tries", default=0)
    sent_at = models.DateTimeField("sent", null=True)
    last_error = Line(max_length=500)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = "message", "messages"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["to", "key"], condition=models.Q(medium="email"), name="notifications_emailed_once"
            ),
            models.UniqueConstraint(
                fields=["room", "key"], condition=models.Q(medium="chat"), name="notifications_posted_once"
            ),
            models.CheckConstraint(
                condition=models.Q(medium="email", to__isnull=False, room="")
                | (models.Q(medium="chat", to=None) & ~models.Q(room="")),
                name="notifications_delivery_has_a_recipient",
                violation_error_message="An email goes to somebody, a chat message into a room.",
            ),
        ]
        indexes = [
            models.Index(fields=["next_at", "id"], name="notifications_due", condition=models.Q(state="waiting")),
            models.Index(fields=["-id"], name="notifications_dead", condition=models.Q(state="dead")),
        ]

    def __str__(self) -> str:
        return self.title


class Muted(models.Model):
    """A kind of notice that somebody does not want by one way; what the handbook always sends cannot be muted."""

    class Way(models.TextChoices):
        """Which way."""

        BELL = "bell", "Bell"
        EMAIL = "email", "Email"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="muted")
    kind = Line(max_length=50, blank=False)
    way = Line(max_length=10, blank=False, choices=Way)

    class Meta:
        verbose_name_plural = "muted"
        constraints = [models.UniqueConstraint(fields=["user", "kind", "way"], name="notifications_muted_once")]

    def __str__(self) -> str:
        return f"{self.kind}: {self.way}"
