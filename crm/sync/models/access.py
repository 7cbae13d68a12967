"""Keys of programs: what each may do, how much it asks, and what it was answered."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from crm.core.records import Record
from crm.core.text import Line
from crm.core.triggers import tracked


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    """Reads of API keys."""

    def of(self, user: models.Model) -> Self:
        """Those that act as this user."""
        return self.filter(user=user.pk)


class ApiKey(Record):
    """A program's way in: it acts as a user, within its scopes. Only a hash of it is stored; it is shown once.

    A key can do no more than its user may (crm.core.permissions) and no more than its scopes (`leads:read`) say.
    """

    name = Line(blank=False, help_text="What uses it.")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="api_keys")
    prefix = Line(max_length=16, blank=False, unique=True, editable=False)
    hash = models.CharField(max_length=64, editable=False)
    # The secret before this one, until it ends: so it is exchanged without a refused request in between.
    old_hash = models.CharField(max_length=64, blank=True, default="", editable=False)
    old_until = models.DateTimeField("old secret until", null=True, blank=True, editable=False)
    scopes = ArrayField(models.CharField(max_length=50), default=list)
    per_minute = models.PositiveIntegerField(
        "requests per minute", default=600, validators=[MinValueValidator(1), MaxValueValidator(100_000)]
    )
    expires_at = models.DateTimeField("expires", null=True, blank=True)
    revoked_at = models.DateTimeField("revoked", null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField("last used", null=True, editable=False)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, editable=False, related_name="made_api_keys")

    # Whether the request came with the secret before this one.
    by_old_secret = False

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = "API key"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                Lower("name"),
                condition=Q(revoked_at=None),
                name="sync_apikey_name_once",
                violation_error_message="There is a key of this name: revoke it first, or choose another name.",
            )
        ]
        triggers = tracked(unlogged=("hash", "old_hash", "last_used_at"))

    def __str__(self) -> str:
        return self.name

    @property
    def start(self) -> str:
        """How the key begins: enough to tell which one a program has, and no secret."""
        return f"plumb_{self.prefix}_…"

    def state(self, at: datetime) -> str:
        """`active`, `expired`, `revoked`, or `stopped` while its user is deactivated."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= at:
            return "expired"
        return "active" if self.user.is_active else "stopped"


class KeyUse(models.Model):
    """How often a key, or failing attempts from one part of the network, asked in the present minute.

    One row each, counted up by `sync_count_use()`. Its table is not logged: after a crash of the database the counts
    begin again, which costs nobody more than a minute's patience and saves a disk write with each request.
    """

    subject = models.CharField(max_length=40, primary_key=True)
    began_at = models.DateTimeField()
    count = models.IntegerField()

    def __str__(self) -> str:
        return f"{self.subject}: {self.count}"


class KeyDay(models.Model):
    """How often a key asked on one day (UTC), and how often it was told to wait.

    Added up by `sync_count_use()` whenever a minute is over. Its table is not logged either: it is a figure for people.
    """

    api_key = models.ForeignKey(ApiKey, models.CASCADE, db_constraint=False, related_name="days")
    day = models.DateField()
    requests = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-day"]
        constraints = [models.UniqueConstraint(fields=["api_key", "day"], name="sync_keyday_once")]

    def __str__(self) -> str:
        return f"{self.day}: {self.requests}"


class IdempotencyKey(models.Model):
    """A request that its sender marked as one and the same however often it is sent (Idempotency-Key, IETF draft 07).

    Stored in the transaction of its effect, so that neither is there without the other. `fingerprint` is a hash of
    what was asked; `key` one of what the sender calls it. Kept for a week.
    """

    api_key = models.ForeignKey(ApiKey, models.CASCADE, related_name="idempotency_keys")
    route = Line(max_length=200, blank=False)
    key = models.CharField(max_length=64)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    body = models.TextField(blank=True, default="")
    headers = models.JSONField(default=dict)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["api_key", "route", "key"], name="sync_idempotency_once")]
        indexes = [models.Index(fields=["at"], name="sync_idempotency_by_time")]

    def __str__(self) -> str:
        return f"{self.route} {self.key[:8]}"
