"""Webhooks: who is told of changes, what waits for them, and what became of each message."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower

from crm.core.records import Record
from crm.core.salted import Salted
from crm.core.text import Line
from crm.core.triggers import tracked


class WebhookHost(Record):
    """A host that an administrator allows webhooks to be sent to (L16)."""

    host = Line(blank=False, help_text="As in hooks.example.com; without https:// and path.")
    note = Line(help_text="What it is for.")

    class Meta:
        ordering = ["host"]
        constraints = [
            models.UniqueConstraint(
                Lower("host"), name="sync_webhookhost_once", violation_error_message="This host is allowed already."
            )
        ]
        triggers = tracked()

    def __str__(self) -> str:
        return self.host


class Webhook(Salted, Record):
    """Another system that is told when records change: where, of what, and only of what its `user` may see.

    `objects_told` are resources (`leads`), `events` among created, updated, deleted, merged and erased; `fields`
    narrows updates to those of one of these fields, `filter` is the query of the resource's list (`lead_status=new`)
    that a record passes. Its secret is made of the server's own and `salt`; a new salt is a new secret.
    """

    name = Line(blank=False)
    url = Line("address", max_length=500, blank=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="webhooks")
    objects_told = ArrayField(models.CharField(max_length=50), default=list)
    events = ArrayField(models.CharField(max_length=20), default=list)
    fields = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    filter = Line(max_length=500)
    salt = models.CharField(max_length=64, editable=False)
    old_salt = models.CharField(max_length=64, blank=True, default="", editable=False)
    old_until = models.DateTimeField("old secret until", null=True, blank=True, editable=False)
    paused_at = models.DateTimeField("paused", null=True, blank=True, editable=False)
    paused_because = Line(max_length=500, editable=False)
    stopped_at = models.DateTimeField("stopped", null=True, blank=True, editable=False)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, editable=False, related_name="made_webhooks")

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                Lower("name"), name="sync_webhook_name_once", violation_error_message="There is a webhook of this name."
            )
        ]
        triggers = tracked(unlogged=("salt", "old_salt"))

    def __str__(self) -> str:
        return self.name

    def state(self, at: datetime) -> str:
        """`active`, `paused`, `stopped` for good, or `idle` while its user is deactivated."""
        if self.stopped_at is not None:
            return "stopped"
        if self.paused_at is not None:
            return "paused"
        return "active" if self.user.is_active else "idle"


class WebhookQueue(models.Model):
    """How far a webhook has been told: the place in the feed after which its next message begins.

    A row of its own, since it changes with each message, which is no new version of the webhook. While its server
    does not answer (`failures`, `failing_since`), its oldest message alone is tried, at `next_at`; the others wait.
    """

    webhook = models.OneToOneField(Webhook, models.CASCADE, primary_key=True, related_name="queue")
    pos = models.BigIntegerField(default=0)
    change_id = models.BigIntegerField(default=0)
    token = models.UUIDField(null=True)
    next_at = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(null=True)
    lease = models.UUIDField(null=True)
    leased_until = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["next_at"], name="sync_webhookqueue_due")]

    def __str__(self) -> str:
        return f"{self.webhook}: {self.pos}"


class WebhookMessage(models.Model):
    """One message to a webhook: a hint at what changed. `body` is what is signed and sent, byte for byte, each time."""

    class State(models.TextChoices):
        """What became of it."""

        WAITING = "waiting", "Waits"
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Given up"

    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="messages")
    message_id = Line(max_length=50, blank=False, unique=True)
    event = Line(max_length=50, blank=False)
    body = models.TextField()
    made_at = models.DateTimeField("made")
    state = Line(max_length=20, choices=State, default=State.WAITING, blank=False)
    attempts = models.PositiveIntegerField(default=0)
    ended_at = models.DateTimeField(null=True)
    # The last that is of the feed: what a replay begins behind.
    pos = models.BigIntegerField("place in the feed", default=0)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["webhook", "-id"], name="sync_webhookmessage_log"),
            models.Index(
                fields=["webhook", "id"], name="sync_webhookmessage_waits", condition=models.Q(state="waiting")
            ),
            models.Index(fields=["made_at"], name="sync_webhookmessage_by_time"),
        ]

    def __str__(self) -> str:
        return self.message_id


class WebhookAttempt(models.Model):
    """One try of a message: when, how long it took, and what the other side said (the first of it)."""

    message = models.ForeignKey(WebhookMessage, models.CASCADE, related_name="tries")
    at = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True)
    error = Line(max_length=500)
    answer = models.TextField(blank=True, default="")
    milliseconds = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.at}: {self.status or self.error}"
