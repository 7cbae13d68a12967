"""Runs of the checkups, what each rule saw, and the findings, which outlive the run that saw them first (K2)."""

from __future__ import annotations

from datetime import date
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from crm.core.text import Line, Paragraphs


class Severity(models.TextChoices):
    """How much a finding matters; an error makes the command fail, so that a pipeline stops."""

    ERROR = "error", "Error"
    WARNING = "warning", "Warning"
    NOTE = "note", "Note"


class Area(models.TextChoices):
    """What a rule is about, in the order of the handbook page's own list (K1)."""

    TABS = "tabs", "Tabs"
    ACCOUNTS = "accounts", "Accounts"
    OPPORTUNITIES = "opportunities", "Opportunities"
    CONTACTS = "contacts", "Contacts"
    LEADS = "leads", "Leads"
    DATA = "data", "Data"
    PROCESS = "process", "Process"
    CONFIGURATION = "configuration", "Configuration"


class RunQuerySet(models.QuerySet["Run"]):
    """Reads of runs."""

    def unfinished(self) -> Self:
        """Those that have not ended."""
        return self.filter(state=Run.State.RUNNING)

    def whole(self) -> Self:
        """Those that ended after looking at everything that every rule looks at."""
        return self.filter(state=Run.State.DONE, rules=[], person=None)


class Run(models.Model):
    """One time the rules were run: when, why, by whom, by which handbook.

    `occasion` names a run that starts by itself ("monthly 2026-11"), so that each starts once; empty for one that
    somebody asked for. `rules`: only these; empty for all. `person`: only what this user is shown.
    """

    class Why(models.TextChoices):
        """What started it."""

        MONTHLY = "monthly", "Monthly"
        NIGHTLY = "nightly", "Nightly"
        ASKED = "asked", "On demand"
        COMMAND = "command", "From the command line"

    class State(models.TextChoices):
        """How far it is."""

        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"
        KILLED = "killed", "Broken off"

    why = Line(max_length=10, blank=False, choices=Why)
    occasion = Line(max_length=40)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="checkup_runs")
    job = models.OneToOneField("jobs.Job", models.SET_NULL, null=True, related_name="checkup_run")
    started_at = models.DateTimeField("started")
    finished_at = models.DateTimeField("finished", null=True)
    state = Line(max_length=10, blank=False, choices=State, default=State.RUNNING)
    rules = models.JSONField(default=list)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="looked_at_in")
    handbook = Line(max_length=64, help_text="The hash of the handbook that it was held against.")
    note = Line(max_length=1000)

    objects = RunQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = "run", "runs"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["occasion"], condition=~Q(occasion=""), name="checkups_run_once"),
        ]

    def __str__(self) -> str:
        return f"{self.get_why_display()} checkup of {timezone.localtime(self.started_at):%Y-%m-%d %H:%M}"

    @property
    def took(self) -> str:
        """How long it was at work, in words; empty while it is."""
        if self.finished_at is None:
            return ""
        seconds = max(0, round((self.finished_at - self.started_at).total_seconds()))
        minutes, rest = divmod(seconds, 60)
        return f"{minutes} min {rest} s" if minutes else f"{rest} s"


class Result(models.Model):
    """What one rule came to in one run; its figures over time are the rule's trend.

    `total` is how many findings there truly are, `open` how many of them are kept and open (not accepted) after the
    run; `new`, `back` (fixed before, and here again) and `gone` are what the run changed.
    """

    class State(models.TextChoices):
        """How it went. Only `done` is a pass when nothing was found."""

        DONE = "done", "Looked"
        EMPTY = "empty", "Nothing to look at"
        OFF = "off", "Switched off"
        CRASHED = "crashed", "Crashed"

    run = models.ForeignKey(Run, models.CASCADE, related_name="results")
    rule = Line(max_length=80, blank=False)
    area = Line(max_length=20, blank=False, choices=Area)
    severity = Line(max_length=10, blank=False, choices=Severity)
    state = Line(max_length=10, blank=False, choices=State)
    looked_at = models.PositiveBigIntegerField("looked at", default=0)
    total = models.PositiveBigIntegerField(default=0)
    open = models.PositiveIntegerField(default=0)
    new = models.PositiveIntegerField(default=0)
    back = models.PositiveIntegerField(default=0)
    gone = models.PositiveIntegerField(default=0)
    milliseconds = models.PositiveBigIntegerField(default=0)
    note = Line(max_length=1000)

    class Meta:
        ordering = ["run", "id"]
        constraints = [models.UniqueConstraint(fields=["run", "rule"], name="checkups_result_once")]
        indexes = [models.Index(fields=["rule", "-id"], name="checkups_result_by_rule")]

    def __str__(self) -> str:
        return f"{self.rule}: {self.total}"


class Watch(models.Model):
    """What is known of a rule between runs: when its findings were last looked for, and its ratchet.

    `seen_at` is the moment of the newest look that was stored: an older look that ends later changes nothing. `ceiling`
    is how many it may find without anybody being told: it falls with the findings and rises only after a notice.
    """

    rule = Line(max_length=80, blank=False, unique=True)
    seen_at = models.DateTimeField("last looked", null=True)
    total = models.PositiveBigIntegerField(default=0)
    ceiling = models.PositiveBigIntegerField(null=True)

    class Meta:
        verbose_name_plural = "watches"

    def __str__(self) -> str:
        return self.rule


class FindingQuerySet(models.QuerySet["Finding"]):
    """Reads of findings."""

    def open(self) -> Self:
        """Those that somebody has to do something about."""
        return self.filter(state=Finding.State.OPEN)

    def standing(self) -> Self:
        """Those that are still so, accepted or not."""
        return self.filter(state__in=[Finding.State.OPEN, Finding.State.ACCEPTED])

    def of_record(self, kind: str, pk: int) -> Self:
        """Those about one record."""
        return self.filter(object=kind, record_id=pk)

    def lapsed(self, *, today: date) -> Self:
        """Accepted until a day that has passed."""
        return self.filter(state=Finding.State.ACCEPTED, accepted_until__lt=today)


class Finding(models.Model):
    """Something that is not as the handbook has it: which rule saw it on what, expected and found, since when.

    The same thing seen again is the same finding: rule, `subject` and `detail` are its identity. `subject` is
    "lead:17" for a record (`object` and `record_id` then say so), else a part of the installation: "page:account",
    "role:sdr". It closes by itself when a run that looks at it sees it no more.
    """

    class State(models.TextChoices):
        """Where it stands."""

        OPEN = "open", "Open"
        ACCEPTED = "accepted", "Accepted"
        FIXED = "fixed", "Gone"

    rule = Line(max_length=80, blank=False)
    area = Line(max_length=20, blank=False, choices=Area)
    severity = Line(max_length=10, blank=False, choices=Severity)
    subject = Line(max_length=120, blank=False)
    object = Line(max_length=50)
    record_id = models.BigIntegerField(null=True)
    label = Line("on", max_length=255)
    detail = Line(max_length=120)
    expected = Paragraphs()
    found = Paragraphs()
    # What else speaks for it: [["Shown to", "12 users"], …].
    evidence = models.JSONField(default=list)
    state = Line(max_length=10, blank=False, choices=State, default=State.OPEN)
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()
    times_back = models.PositiveIntegerField("came back", default=0)
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="findings",
        verbose_name="assigned to",
    )
    due_on = models.DateField("due", null=True, blank=True)
    accepted_until = models.DateField(null=True, blank=True)
    accepted_because = Line(max_length=500)
    fixed_at = models.DateTimeField("gone since", null=True)

    objects = FindingQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["rule", "subject", "detail"], name="checkups_finding_once"),
            models.CheckConstraint(
                condition=Q(object="", record_id=None) | (~Q(object="") & Q(record_id__isnull=False)),
                name="checkups_finding_of_a_record_or_none",
                violation_error_message="A finding is about a record or a part of the installation.",
            ),
            models.CheckConstraint(
                condition=~Q(state="accepted") | (Q(accepted_until__isnull=False) & ~Q(accepted_because="")),
                name="checkups_accepted_until_and_why",
                violation_error_message="To accept a finding, say until when and why.",
            ),
            models.CheckConstraint(
                condition=Q(state="fixed", fixed_at__isnull=False) | (~Q(state="fixed") & Q(fixed_at=None)),
                name="checkups_gone_since",
                violation_error_message="A finding that is gone is gone since a moment.",
            ),
            models.CheckConstraint(
                condition=Q(last_seen__gte=F("first_seen")),
                name="checkups_seen_in_order",
                violation_error_message="It is not seen last before it is seen first.",
            ),
        ]
        indexes = [
            models.Index(fields=["rule", "state", "-id"], name="checkups_by_rule"),
            models.Index(fields=["state", "-id"], name="checkups_by_state"),
            models.Index(
                fields=["object", "record_id"], name="checkups_standing_by_record", condition=~Q(state="fixed")
            ),
            models.Index(
                fields=["assignee", "due_on", "-id"], name="checkups_by_assignee", condition=Q(assignee__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label}: {self.rule}"


class Step(models.Model):
    """Something that happened to a finding, never changed: seen, gone, back, assigned, accepted, said, fixed."""

    class Kind(models.TextChoices):
        """What happened."""

        FOUND = "found", "Found"
        BACK = "back", "Found again"
        GONE = "gone", "Not found any more"
        ASSIGNED = "assigned", "Assigned"
        DUE = "due", "Due date"
        ACCEPTED = "accepted", "Accepted"
        REOPENED = "reopened", "Opened again"
        COMMENT = "comment", "Comment"
        FIXED = "fixed", "Fix carried out"

    finding = models.ForeignKey(Finding, models.CASCADE, related_name="steps")
    kind = Line(max_length=10, blank=False, choices=Kind)
    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="checkup_steps")
    run = models.ForeignKey(Run, models.SET_NULL, null=True, related_name="steps")
    text = Paragraphs()

    class Meta:
        ordering = ["at", "id"]
        indexes = [models.Index(fields=["finding", "id"], name="checkups_step_by_finding")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.finding_id}"
