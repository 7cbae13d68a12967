"""What happened between us and people (touches), what is to happen next, and who is not to be contacted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

from django.conf import settings
from django.db import connection, models
from django.db.models import Q
from django.db.models.expressions import RawSQL
from django.utils.formats import date_format

from crm import handbook
from crm.activities.triggers import MarkViolation
from crm.core.constraints import any_of
from crm.core.records import Record
from crm.core.text import Line, Link, Paragraphs
from crm.core.triggers import tracked


def kind_choices() -> list[tuple[str, str]]:
    """Kinds of touch as the handbook names them."""
    return handbook.current().choices("touch.kinds")


def outcome_choices() -> list[tuple[str, str]]:
    """Outcomes of a touch as the handbook names them."""
    return handbook.current().choices("touch.outcomes")


# What a touch or a task can be with or about, by the names of the foreign keys; the nearest first.
ABOUT = ("lead", "contact", "opportunity", "contract", "account")
# The kind of touch that has notes: the flow of leads logs it by this word as well.
MEETING_KIND = "meeting"
MEETING = Q(kind=MEETING_KIND)


class ActivityQuerySet(models.QuerySet["Activity"]):
    """Reads of touches."""

    def two_way(self) -> Self:
        """Those that prove contact was made (L7): they replied, a call connected, a meeting was held."""
        return self.filter(outcome__in=[o.key for o in handbook.current().touch.outcomes if o.two_way])

    def newest_first(self) -> Self:
        """By when they happened."""
        return self.order_by("-happened_at", "-id")


class Activity(Record):
    """A touch: one call, message, meeting or note, with its direction and outcome. What happened is never refused."""

    class Direction(models.TextChoices):
        """Who reached out."""

        OUTBOUND = "out", "We reached out"
        INBOUND = "in", "They reached out"

    kind = Line(max_length=50, blank=False, choices=kind_choices)
    direction = Line(max_length=3, blank=False, choices=Direction, default=Direction.OUTBOUND)
    outcome = Line(max_length=50, choices=outcome_choices)
    happened_at = models.DateTimeField("when")
    text = Paragraphs("what was said")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, verbose_name="by", related_name="touches")
    lead = models.ForeignKey("leads.Lead", models.CASCADE, null=True, blank=True, related_name="touches")
    contact = models.ForeignKey("accounts.Contact", models.CASCADE, null=True, blank=True, related_name="touches")
    account = models.ForeignKey("accounts.Account", models.CASCADE, null=True, blank=True, related_name="touches")
    opportunity = models.ForeignKey(
        "contracts.Opportunity", models.CASCADE, null=True, blank=True, related_name="touches"
    )
    contract = models.ForeignKey("contracts.Contract", models.CASCADE, null=True, blank=True, related_name="touches")
    # What it answers, as long as nobody knows who asked.
    enquiry = models.ForeignKey(
        "enquiries.Enquiry", models.PROTECT, null=True, editable=False, db_index=False, related_name="touches"
    )
    title = Line(help_text="As notes are titled: “Charlie (Fleet)”.")
    notes_url = Link("meeting notes", help_text="Where the notes are.")
    # Set by the database on every way of writing (D4): an outreach to somebody who was not to be contacted then.
    violation_of = models.ForeignKey(
        "activities.Suppression", models.SET_NULL, null=True, blank=True, editable=False, related_name="violations"
    )
    violation_told_at = models.DateTimeField(null=True, editable=False)
    kept = models.JSONField("kept import values", default=dict, blank=True, editable=False)

    objects = ActivityQuerySet.as_manager()

    class Meta:
        verbose_name = "touch"
        verbose_name_plural = "touches"
        ordering = ["-happened_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=any_of("lead", "contact", "account", "opportunity", "contract", "enquiry"),
                name="activities_touch_is_with_somebody",
                violation_error_message="A touch belongs to a lead, contact, account, opportunity or contract.",
            )
        ]
        indexes = [
            models.Index(fields=["lead", "-happened_at"], name="activities_touch_of_lead"),
            models.Index(fields=["opportunity", "-happened_at"], name="activities_touch_of_opp"),
            models.Index(fields=["contact", "-happened_at"], name="activities_touch_of_contact"),
            models.Index(fields=["account", "-happened_at"], name="activities_touch_of_account"),
            models.Index(fields=["contract", "-happened_at"], name="activities_touch_of_contract"),
            # Of the many touches of a record the few meetings, for their notes.
            models.Index(fields=["contact", "-happened_at"], name="activities_meeting_of_contact", condition=MEETING),
            models.Index(fields=["account", "-happened_at"], name="activities_meeting_of_account", condition=MEETING),
            models.Index(fields=["opportunity", "-happened_at"], name="activities_meeting_of_opp", condition=MEETING),
            models.Index(fields=["contract", "-happened_at"], name="activities_meeting_of_contract", condition=MEETING),
            models.Index(fields=["kind", "-id"], name="activities_touch_by_kind"),
            models.Index(fields=["outcome", "-id"], name="activities_touch_by_outcome"),
            models.Index(fields=["happened_at", "id"], name="activities_touch_by_time"),
            models.Index(fields=["updated_at", "id"], name="activities_touch_by_change"),
            models.Index(
                fields=["id"],
                name="activities_touch_untold",
                condition=Q(violation_of__isnull=False, violation_told_at=None),
            ),
            models.Index(fields=["-id"], name="activities_touch_violations", condition=Q(violation_of__isnull=False)),
            models.Index(fields=["enquiry"], name="activities_touch_of_enquiry", condition=Q(enquiry__isnull=False)),
        ]
        triggers = [*tracked(unlogged=("violation_told_at",)), MarkViolation()]

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, and hold what names the people it is with: who suppresses them at this moment comes before or after."""
        if self._state.adding and self.direction == self.Direction.OUTBOUND and connection.in_atomic_block:
            from crm.activities.gate import hold_for

            for kind in ABOUT:
                if (pk := getattr(self, f"{kind}_id")) is not None:
                    hold_for(kind, [pk])
        outreach = self._state.adding and self.direction == self.Direction.OUTBOUND
        super().save(*args, **kwargs)
        if outreach:
            from crm.activities.tasks import tell_on_commit

            # What the database's trigger found.
            self.refresh_from_db(fields=["violation_of"])
            if self.violation_of_id is not None:
                tell_on_commit()

    def __str__(self) -> str:
        return f"{self.kind_label}{f', {self.outcome_label.lower()}' if self.outcome else ''}"

    @property
    def kind_label(self) -> str:
        """The handbook's label; a word that left the file stands as it is."""
        return dict(kind_choices()).get(self.kind, self.kind)

    @property
    def outcome_label(self) -> str:
        """The handbook's label; a word that left the file stands as it is."""
        return dict(outcome_choices()).get(self.outcome, self.outcome)

    @property
    def about(self) -> Any:
        """The record that it is nearest to."""
        return nearest(self)

    @property
    def has_notes(self) -> bool:
        """Whether what was said is written down, here or elsewhere."""
        return bool(self.text or self.notes_url)


def nearest(one: Any) -> Any:
    """Of the records that a touch or a task is with or about, the nearest: a person before their company."""
    return next((getattr(one, name) for name in ABOUT if getattr(one, f"{name}_id") is not None), None)


class NextTouchQuerySet(models.QuerySet["NextTouch"]):
    """Reads of next touches."""

    def due(self, *, today: object) -> Self:
        """Those due today or earlier, the oldest first."""
        return self.filter(due_on__lte=today).order_by("due_on", "id")


class NextTouch(Record):
    """The one next thing to do with a lead: a day in the company's calendar, a kind, a word on it."""

    lead = models.OneToOneField("leads.Lead", models.CASCADE, related_name="next_touch")
    due_on = models.DateField("due")
    kind = Line(max_length=50, blank=False, choices=kind_choices)
    text = Line("what to do")

    objects = NextTouchQuerySet.as_manager()

    class Meta:
        verbose_name = "next touch"
        verbose_name_plural = "next touches"
        ordering = ["due_on", "id"]
        indexes = [models.Index(fields=["due_on", "id"], name="activities_next_touch_due")]
        triggers = tracked()

    def __str__(self) -> str:
        return f"{dict(kind_choices()).get(self.kind, self.kind)} on {date_format(self.due_on, 'DATE_FORMAT')}"


class TaskQuerySet(models.QuerySet["Task"]):
    """Reads of tasks."""

    def open(self) -> Self:
        """Those that nobody has done yet, the first due first, those without a day last."""
        return self.filter(done_at=None).order_by("due_on", "id")

    def to_hand_over(self) -> Self:
        """What somebody else has to take over when their owner leaves: what is done stays whose it was."""
        return self.filter(done_at=None)


class Task(Record):
    """Something to do with or about a record by a day of the company's calendar."""

    text = Line("what to do", max_length=500, blank=False)
    # How somebody is to be reached; empty for what is no outreach, which a do not contact does not bar.
    kind = Line(max_length=50, choices=kind_choices, help_text="Empty: it is nothing that reaches out to them.")
    due_on = models.DateField("due", null=True, blank=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="tasks")
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, editable=False, related_name="tasks_made"
    )
    done_at = models.DateTimeField("done", null=True, blank=True, editable=False)
    done_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, editable=False, related_name="tasks_done"
    )
    lead = models.ForeignKey("leads.Lead", models.CASCADE, null=True, blank=True, related_name="tasks")
    contact = models.ForeignKey("accounts.Contact", models.CASCADE, null=True, blank=True, related_name="tasks")
    account = models.ForeignKey("accounts.Account", models.CASCADE, null=True, blank=True, related_name="tasks")
    opportunity = models.ForeignKey(
        "contracts.Opportunity", models.CASCADE, null=True, blank=True, related_name="tasks"
    )
    contract = models.ForeignKey("contracts.Contract", models.CASCADE, null=True, blank=True, related_name="tasks")
    kept = models.JSONField("kept import values", default=dict, blank=True, editable=False)

    objects = TaskQuerySet.as_manager()

    class Meta:
        ordering = ["due_on", "id"]
        constraints = [
            models.CheckConstraint(
                condition=any_of("lead", "contact", "account", "opportunity", "contract"),
                name="activities_task_is_about_something",
                violation_error_message="A task belongs to a lead, contact, account, opportunity or contract.",
            ),
            models.CheckConstraint(
                condition=Q(done_at=None, done_by=None) | Q(done_at__isnull=False, done_by__isnull=False),
                name="activities_task_done_by_somebody",
            ),
        ]
        indexes = [
            models.Index(fields=["owner", "due_on"], name="activities_task_open", condition=Q(done_at=None)),
            models.Index(fields=["due_on", "id"], name="activities_task_by_due", condition=Q(done_at=None)),
            models.Index(fields=["lead", "-done_at"], name="activities_task_of_lead"),
            models.Index(fields=["contact", "-done_at"], name="activities_task_of_contact"),
            models.Index(fields=["account", "-done_at"], name="activities_task_of_account"),
            models.Index(fields=["opportunity", "-done_at"], name="activities_task_of_opp"),
            models.Index(fields=["contract", "-done_at"], name="activities_task_of_contract"),
            models.Index(fields=["updated_at", "id"], name="activities_task_by_change"),
            models.Index(fields=["done_at", "id"], name="activities_task_by_done"),
            models.Index(fields=["kind", "-id"], name="activities_task_by_kind"),
            models.Index(fields=["due_on", "id"], name="activities_task_by_day"),
        ]
        triggers = tracked()

    def __str__(self) -> str:
        return self.text

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; outreach to people who are not to be contacted is not planned.

        Raises:
            Refused: `do_not_contact`, in whatever way a task is made, changed or taken up again.
        """
        if self.done_at is None and self.kind and connection.in_atomic_block:
            from crm.activities.planning import refuse_barred

            refuse_barred(self)
        super().save(*args, **kwargs)

    @property
    def kind_label(self) -> str:
        """The handbook's label; a word that left the file stands as it is."""
        return dict(kind_choices()).get(self.kind, self.kind)

    @property
    def about(self) -> Any:
        """The record that it is nearest to."""
        return nearest(self)


def reason_choices() -> list[tuple[str, str]]:
    """Reasons not to contact somebody as the handbook names them."""
    return handbook.current().choices("lead.do_not_contact_reasons")


class SuppressionQuerySet(models.QuerySet["Suppression"]):
    """Reads of suppressions."""

    def in_force(self) -> Self:
        """Those that nobody has lifted."""
        return self.filter(lifted_at=None)

    def covering(self, kind: str, ids: Iterable[int]) -> Self:
        """Those in force that cover any of these records, of `kind` "lead", "contact", "account" or "opportunity"."""
        return self.filter(
            pk__in=RawSQL("SELECT suppression_id FROM suppressed_now(%s, %s::bigint[])", [kind, list(ids)])
        )


class Suppression(Record):
    """Somebody who is not to be contacted (D1): why, since when, who said so, and who lifted it (D5).

    It holds for everybody whom one of its keys names, with or without a record here, now and in future.
    """

    class Scope(models.TextChoices):
        """What it covers, as the handbook says for the reason."""

        PERSON = "person", "The person"
        DOMAIN = "domain", "Everybody at the domain"
        ADDRESS = "address", "That address"
        EMAIL = "email", "Email only"
        CALLS = "calls", "Calls and text messages only"

    reason = Line(max_length=50, blank=False, choices=reason_choices)
    scope = Line(max_length=10, blank=False, choices=Scope, editable=False)
    note = Paragraphs()
    since = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="suppressions")
    came_from = Line("where it came from", editable=False)
    # The lead whose closing made it: lifted with that lead, where it covers nobody else.
    closed_lead = models.ForeignKey(
        "leads.Lead", models.SET_NULL, null=True, blank=True, editable=False, related_name="suppressions"
    )
    lifted_at = models.DateTimeField("lifted", null=True, blank=True, editable=False)
    lifted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="lifted_suppressions",
    )
    lifted_reason = Paragraphs("why it was lifted", editable=False)

    objects = SuppressionQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(lifted_at=None) | (Q(lifted_by__isnull=False) & ~Q(lifted_reason="")),
                name="activities_suppression_lifted_by_somebody",
                violation_error_message="Who lifts a suppression says why.",
            )
        ]
        triggers = tracked()

    def __str__(self) -> str:
        since = self.since.astimezone(handbook.current().zone)
        return f"{self.reason_label}, since {date_format(since, 'DATE_FORMAT')}"

    @property
    def reason_label(self) -> str:
        """The handbook's label; a word that left the file stands as it is."""
        return dict(reason_choices()).get(self.reason, self.reason)


class SuppressedKey(models.Model):
    """One thing that names the suppressed: an email, a LinkedIn URL, a phone number or a domain.

    `key` is the normalised form in which records are matched; of an erased person it is a keyed hash, `value` empty.
    """

    class Kind(models.TextChoices):
        """What it is."""

        EMAIL = "email", "Email"
        LINKEDIN = "linkedin", "LinkedIn URL"
        PHONE = "phone", "Phone"
        DOMAIN = "domain", "Domain"

    suppression = models.ForeignKey(Suppression, models.CASCADE, related_name="keys")
    kind = Line(max_length=10, blank=False, choices=Kind)
    value = Line(max_length=500)
    key = Line(max_length=500, blank=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "key", "suppression"], name="activities_suppressed_key_once")
        ]
        indexes = [models.Index(fields=["key"], name="activities_suppressed_by_key")]

    def __str__(self) -> str:
        # Of a domain, what is matched: it may have been entered as the address of one of its pages.
        return (self.key if self.value and self.kind == self.Kind.DOMAIN else self.value) or "(erased)"
