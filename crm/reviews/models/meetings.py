"""A review as a meeting: who was there, what was on its agenda, what was answered for each record (P1, P2)."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from crm.core.text import Line, Paragraphs
from crm.reviews.models.occasions import Occasion


class MeetingQuerySet(models.QuerySet["Meeting"]):
    """Reads of meetings."""

    def running(self) -> Self:
        """Those that were begun and are neither finished nor called off."""
        return self.filter(state=Meeting.State.RUNNING)

    def held(self) -> Self:
        """Those that have minutes, the newest first."""
        return self.filter(state=Meeting.State.HELD).order_by("-ended_at", "-id")


class Meeting(models.Model):
    """A sales huddle or a lead pipeline review: begun once, written by one holder at a time, resumed where it was.

    Its agenda is fixed when it begins: one item for each record in `scope`, in the order they are gone through;
    `place` is the position of the one that is shown now. `revision` rises with every write, so that those who follow
    ask whether there is news with one number. Records themselves are changed through their own doors, never here.
    """

    class Kind(models.TextChoices):
        """What is gone through."""

        HUDDLE = "huddle", "Sales huddle"
        LEADS = "leads", "Lead pipeline review"

    class State(models.TextChoices):
        """How far it is."""

        RUNNING = "running", "Running"
        HELD = "held", "Held"
        CALLED_OFF = "called_off", "Called off"

    kind = Line(max_length=20, blank=False, choices=Kind)
    # What narrows it, by name: {"owner": 4}, {"team": 2}; nothing is everything. `scope_key` is the same as one word.
    scope = models.JSONField(default=dict, blank=True)
    scope_key = Line(max_length=200)
    state = Line(max_length=10, blank=False, choices=State, default=State.RUNNING)
    started_at = models.DateTimeField("started")
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    ended_at = models.DateTimeField("ended", null=True)
    ended_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    holder = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="held_meetings",
        verbose_name="minutes held by",
    )
    held_since = models.DateTimeField(null=True)
    place = models.PositiveIntegerField(default=1)
    totals = models.JSONField("figures at its start", default=dict)
    notes = Paragraphs(help_text="What concerns none of the records alone.")
    decisions = Paragraphs(help_text="One on each line.")
    occasion = models.ForeignKey(Occasion, models.PROTECT, null=True, related_name="meetings")
    sent_at = models.DateTimeField("minutes sent", null=True)
    revision = models.PositiveIntegerField(default=0)

    objects = MeetingQuerySet.as_manager()

    class Meta:
        ordering = ["-started_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "scope_key"],
                condition=Q(state="running"),
                name="reviews_meeting_one_runs",
                violation_error_message="It is being held already: join it.",
            ),
            models.CheckConstraint(
                condition=Q(state="running", ended_at=None, ended_by=None)
                | (~Q(state="running") & Q(ended_at__isnull=False, ended_by__isnull=False, holder=None)),
                name="reviews_meeting_ended_by_somebody",
                violation_error_message="Somebody ends a meeting at a moment, and nobody writes in it after.",
            ),
            models.CheckConstraint(
                condition=Q(holder=None, held_since=None) | Q(holder__isnull=False, held_since__isnull=False),
                name="reviews_meeting_held_since",
                violation_error_message="Whoever holds the minutes holds them since a moment.",
            ),
        ]
        indexes = [models.Index(fields=["kind", "-started_at", "-id"], name="reviews_meeting_by_kind")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {self.started_at:%Y-%m-%d}"


class Attendee(models.Model):
    """Somebody who was at a meeting. Who was put down by mistake is taken out again."""

    meeting = models.ForeignKey(Meeting, models.CASCADE, related_name="attendees")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="meetings_attended")
    since = models.DateTimeField()

    class Meta:
        ordering = ["since", "id"]
        constraints = [models.UniqueConstraint(fields=["meeting", "user"], name="reviews_attendee_once")]

    def __str__(self) -> str:
        return f"{self.user} at {self.meeting}"


class ItemQuerySet(models.QuerySet["Item"]):
    """Reads of what is on an agenda."""

    def waiting(self) -> Self:
        """Those that nobody has answered or skipped."""
        return self.filter(state=Item.State.WAITING)


class Item(models.Model):
    """One record on the agenda of a meeting: why it is there, how it was then, and what was answered.

    `record_id` is an opportunity's in a huddle, a lead's in a lead pipeline review. `before` is the record as it was
    when the meeting began, by field: what has changed since is read from the change log. `answers` are codes of what
    was done, in its order (`step_kept`, `step_set`, `moved`, `forecast`, `nothing_new` ...); nothing is left without
    one: answered, or skipped for a reason, or gone (closed, deleted or merged meanwhile).
    """

    class State(models.TextChoices):
        """Whether it was answered."""

        WAITING = "waiting", "To be answered"
        ANSWERED = "answered", "Answered"
        SKIPPED = "skipped", "Skipped"
        GONE = "gone", "Gone"

    meeting = models.ForeignKey(Meeting, models.CASCADE, related_name="items")
    position = models.PositiveIntegerField()
    record_id = models.BigIntegerField()
    name = Line(blank=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    # Codes of why it is where it is, the heaviest first.
    reasons = models.JSONField(default=list)
    before = models.JSONField(default=dict)
    state = Line(max_length=10, blank=False, choices=State, default=State.WAITING)
    answers = models.JSONField(default=list)
    note = Paragraphs()
    decision = Line(max_length=500)
    skip_reason = Line("why it was skipped", max_length=500)
    answered_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    answered_at = models.DateTimeField(null=True)

    objects = ItemQuerySet.as_manager()

    class Meta:
        ordering = ["position"]
        verbose_name = "agenda item"
        constraints = [
            models.UniqueConstraint(fields=["meeting", "position"], name="reviews_item_one_place"),
            models.UniqueConstraint(fields=["meeting", "record_id"], name="reviews_item_once"),
            models.CheckConstraint(
                condition=~Q(state="skipped") | ~Q(skip_reason=""),
                name="reviews_item_skipped_for_a_reason",
                violation_error_message="To skip it, say why.",
            ),
            models.CheckConstraint(
                condition=Q(state="waiting", answered_at=None) | (~Q(state="waiting") & Q(answered_at__isnull=False)),
                name="reviews_item_answered_at",
                violation_error_message="What is answered was answered at a moment.",
            ),
        ]
        indexes = [
            models.Index(fields=["record_id", "-id"], name="reviews_item_of_record"),
            models.Index(fields=["meeting", "state", "position"], name="reviews_item_by_state"),
        ]

    def __str__(self) -> str:
        return f"{self.position}. {self.name}"
