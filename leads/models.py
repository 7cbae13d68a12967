"""The lead: a person worth reaching out to, and the record of what came of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F, Q

from accounts.models import Account, Contact, employees, industry_choices, source_choices
from contracts.models import Opportunity
from crm import handbook
from crm.activities.covering import LEADS
from crm.activities.gate import bars_of, hold_for
from crm.activities.models import Activity
from crm.activities.naming import Named
from crm.core.errors import Refused
from crm.core.flow import Ask, Verb
from crm.core.keys import generated_key
from crm.core.linkedin import person_profile
from crm.core.phones import PhoneKey
from crm.core.records import Record
from crm.core.searching import find, first_letters
from crm.core.text import Email, Line, Link, Paragraphs
from crm.core.triggers import guarded, tracked
from crm.history.models import Change, Move
from crm.people.models import Team
from leads import closing, guards
from leads.flow import LeadFlow
from leads.statuses import CLOSED, MEANING, OPEN, Status

if TYPE_CHECKING:
    from leads.assignment import Given


def rating_choices() -> list[tuple[str, str]]:
    """Ratings of a lead as the handbook names them."""
    return handbook.current().choices("lead.ratings")


def nurture_reason_choices() -> list[tuple[str, str]]:
    """Reasons for Closed nurture as the handbook names them."""
    return handbook.current().choices("lead.nurture_reasons")


# The key of a URL that names a person on LinkedIn, not a company or some other site.
LINKEDIN_PROFILE = "^(in|pub|sales/(lead|people))/."


class Known(models.TextChoices):
    """What is known of one of Budget, Authority, Need and Timing."""

    UNKNOWN = "unknown", "Unknown"
    CONFIRMED = "confirmed", "Confirmed"
    NOT_MET = "not_met", "Not met"


def known(label: str) -> Line:
    """One of the four of BANT."""
    return Line(label, max_length=10, choices=Known, default=Known.UNKNOWN, blank=False)


class LeadQuerySet(models.QuerySet["Lead"]):
    """Reads of leads."""

    def open(self) -> Self:
        """Those somebody may still work."""
        return self.filter(status__in=OPEN)

    def unowned(self) -> Self:
        """Those nobody has claimed yet."""
        return self.filter(owner__isnull=True)

    def waiting(self, queue: Team | int | None) -> Self:
        """Open ones that nobody owns, in the queue of this team; None: in no queue, for anybody to claim."""
        return self.open().unowned().filter(queue=queue)

    def meetings_between(self, start: Any, end: Any) -> Self:
        """Those whose meeting lies in this span of time."""
        return self.filter(status=Status.MEETING_SCHEDULED, meeting_at__gte=start, meeting_at__lt=end)

    def meetings_without_outcome(self, *, at: Any) -> Self:
        """Those whose meeting has passed and nobody said what became of it (L8)."""
        return self.filter(status=Status.MEETING_SCHEDULED, meeting_at__lt=at, meeting_outcome="")

    def come_backs(self, *, today: Any) -> Self:
        """Those put aside until today or earlier (L10)."""
        return self.filter(status=Status.CLOSED_NURTURE, come_back_on__lte=today)

    def search(self, term: str) -> Self:
        """Those that a term finds: in name, company, email or domain; two letters or fewer, at the beginning of one."""
        starts = ("first_name", "last_name", "company", "email_key")
        return find(self, term, piece="search", starts=starts, keyed=LEADS)

    def like(self, lead: Lead) -> Self:
        """Other leads that share its email or LinkedIn URL: likely the same person."""
        same = Q()
        if lead.email_key:
            same |= Q(email_key=lead.email_key)
        if lead.linkedin_key:
            same |= Q(linkedin_key=lead.linkedin_key)
        return self.filter(same).exclude(pk=lead.pk) if same else self.none()


class Lead(LeadFlow):
    """A person with an email or a LinkedIn profile URL (L1) who may come to buy."""

    first_name = Line("first name", max_length=100)
    last_name = Line("last name", max_length=100)
    company = Line()
    title = Line("job title")
    email = Email("email")
    email_key = generated_key("email_key", "email")
    second_email = Email("second email")
    second_email_key = generated_key("email_key", "second_email")
    phone = Line(max_length=60)
    phone_key = PhoneKey(of="phone")
    mobile = Line(max_length=60)
    mobile_key = PhoneKey(of="mobile")
    linkedin_url = Link("LinkedIn profile URL", validators=[person_profile])
    linkedin_key = generated_key("linkedin_key", "linkedin_url")
    website = Link()
    industry = Line(max_length=50, choices=industry_choices)
    employees = employees()
    street = Paragraphs(max_length=500)
    city = Line()
    state = Line("state or province")
    postal_code = Line("postal code", max_length=40)
    country = Line()
    lead_source = Line("lead source", max_length=50, choices=source_choices)
    rating = Line(max_length=50, choices=rating_choices)
    # Its index is leads_lead_by_owner, which serves the lists as well.
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, db_index=False, related_name="owned_leads"
    )
    # Where it waits while nobody owns it.
    queue = models.ForeignKey(
        Team, models.PROTECT, null=True, blank=True, editable=False, db_index=False, related_name="queued_leads"
    )
    description = Paragraphs()
    meeting_at = models.DateTimeField("meeting", null=True, blank=True, editable=False)
    meeting_outcome = Line("outcome of the meeting", max_length=20, editable=False)
    budget = known("budget")
    budget_note = Line("note on budget", max_length=500)
    authority = known("authority")
    authority_note = Line("note on authority", max_length=500)
    need = known("need")
    need_note = Line("note on need", max_length=500)
    timing = known("timing")
    timing_note = Line("note on timing", max_length=500)
    nurture_reason = Line("reason for nurture", max_length=50, choices=nurture_reason_choices, editable=False)
    come_back_on = models.DateField("come back on", null=True, blank=True, editable=False)
    converted_account = models.ForeignKey(
        Account, models.PROTECT, null=True, blank=True, editable=False, db_index=False, related_name="converted_leads"
    )
    converted_contact = models.ForeignKey(
        Contact, models.PROTECT, null=True, blank=True, editable=False, db_index=False, related_name="converted_leads"
    )
    converted_opportunity = models.ForeignKey(
        Opportunity,
        models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        db_index=False,
        related_name="converted_leads",
    )
    converted_at = models.DateTimeField("converted", null=True, blank=True, editable=False)
    came_from = Line("where the details came from", editable=False)
    kept = models.JSONField("kept import values", default=dict, blank=True, editable=False)
    search = models.GeneratedField(
        expression=models.Func(
            *(F(name) for name in ("first_name", "last_name", "company", "email", "website")),
            function="lead_search_text",
        ),
        output_field=models.TextField(),
        db_persist=True,
        editable=False,
    )

    # Who got it and why, on an instance that has just been created (leads.assignment).
    given: Given | None = None

    objects = LeadQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(email="") | Q(linkedin_key__regex=LINKEDIN_PROFILE),
                name="leads_lead_can_be_reached",
                violation_error_message="A lead has an email or a LinkedIn profile URL.",
            ),
            models.CheckConstraint(
                condition=~Q(status=Status.SAO_CONVERTED)
                | (Q(converted_at__isnull=False) & Q(converted_account__isnull=False)),
                name="leads_lead_converted_into_account",
                violation_error_message="A converted lead has the account it was converted into, and the time.",
            ),
            *(
                models.CheckConstraint(
                    condition=Q(**{f"{part}__in": Known.values}),
                    name=f"leads_lead_{part}_is_known_word",
                    violation_error_message=f"{part.capitalize()} is unknown, confirmed or not met.",
                )
                for part in guards.BANT
            ),
        ]
        indexes = [
            models.Index(fields=["status", "-id"], name="leads_lead_by_status"),
            # What came last into each status; and everything that figures of the whole pipeline look at in a lead.
            models.Index(
                fields=["status", "-status_since", "-id"],
                include=["owner", "queue", "lead_source", "created_at"],
                name="leads_lead_figures",
            ),
            models.Index(fields=["owner", "-id"], name="leads_lead_by_owner"),
            models.Index(fields=["owner", "status", "-id"], name="leads_lead_by_owner_status"),
            models.Index(fields=["queue", "-id"], name="leads_lead_in_queue", condition=Q(owner__isnull=True)),
            models.Index(fields=["lead_source", "-id"], name="leads_lead_by_source"),
            models.Index(fields=["rating", "-id"], name="leads_lead_by_rating"),
            models.Index(fields=["updated_at", "id"], name="leads_lead_by_change"),
            models.Index(fields=["linkedin_key"], name="leads_lead_by_linkedin"),
            models.Index(fields=["meeting_at"], name="leads_lead_by_meeting", condition=Q(status="meeting_scheduled")),
            models.Index(fields=["come_back_on"], name="leads_lead_by_come_back", condition=Q(status="closed_nurture")),
            # Of converted leads alone: every other write of a lead has three entries less to make.
            *(
                models.Index(
                    fields=[f"converted_{kind}"],
                    name=f"leads_lead_to_{kind}",
                    condition=Q(**{f"converted_{kind}__isnull": False}),
                )
                for kind in ("account", "contact", "opportunity")
            ),
            GinIndex(OpClass(F("search"), name="gin_trgm_ops"), name="leads_lead_search"),
            first_letters("first_name", "leads_lead_first_name_begins"),
            first_letters("last_name", "leads_lead_last_name_begins"),
            first_letters("company", "leads_lead_company_begins"),
            first_letters("email_key", "leads_lead_email_begins"),
        ]
        triggers = [*tracked(), *guarded("status", initial=Status.NEW)]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """First and last name; without one, what they are reached by."""
        return f"{self.first_name} {self.last_name}".strip() or self.email or self.linkedin_url

    @property
    def linkedin_link(self) -> str:
        """The profile's address as a page may link to it: http or https, or empty."""
        url = self.linkedin_url if "://" in self.linkedin_url else f"https://{self.linkedin_url}"
        return url if self.linkedin_url and url.lower().startswith(("https://", "http://")) else ""

    @property
    def is_open(self) -> bool:
        """Whether somebody may still work it."""
        return self.status not in CLOSED

    @property
    def is_worked(self) -> bool:
        """Whether its BANT and its next touch are still anybody's business: neither converted nor never again."""
        return self.status not in (Status.SAO_CONVERTED, Status.CLOSED_DO_NOT_CONTACT)

    @property
    def status_meaning(self) -> str:
        """The status in the handbook page's words."""
        return MEANING.get(self.status, "")

    @classmethod
    def prepare_moves(cls, records: Sequence[Self]) -> None:
        """Fetch, in a few queries for the whole batch, what `may` and the guards look at beside the rows themselves."""
        models.prefetch_related_objects(records, "owner", "converted_opportunity")
        ids = [record.pk for record in records]
        moves: dict[int, list[Move]] = defaultdict(list)
        for step in Move.objects.filter(object="lead", record_id__in=ids).order_by("record_id", "version"):
            moves[step.record_id].append(step)
        spoke = set(Activity.objects.two_way().filter(lead__in=ids).values_list("lead_id", flat=True))
        changes = Change.objects.filter(
            object="lead", record_id__in=ids, op="U", what__has_any_keys=guards.CHANNELS
        ).order_by("-id")
        bars = bars_of("lead", ids)
        at_first: dict[int, dict[str, str]] = defaultdict(dict)
        for record_id, what in changes.values_list("record_id", "what"):
            at_first[record_id].update({name: what[name][0] for name in guards.CHANNELS if what and name in what})
        for record in records:
            record.moves_so_far = moves[record.pk]
            record.bars = bars.get(record.pk, [])
            record.two_way_touch = record.pk in spoke
            record.came_with = {
                name for name in guards.CHANNELS if at_first[record.pk].get(name, getattr(record, name))
            }

    @classmethod
    def take_holds(cls, ids: Iterable[int], info: Verb, ask: Ask) -> None:
        """Lock what converting and returning touch, before the lead itself (design: one order); and keep who may be
        contacted as it is, or be the one to change it."""
        from leads.conversion import hold_for_convert, hold_for_return

        wanted = list(ids)
        if info.name in guards.FORWARD or info.name in ("do_not_contact", "lift", "revert"):
            hold_for("lead", wanted, exclusive=info.name not in guards.FORWARD)
        if info.name == "convert":
            hold_for_convert(wanted, ask.facts)
        elif info.name == "return_lead":
            hold_for_return(wanted)

    @classmethod
    def refuse_batch(cls, count: int, info: Verb, ask: Ask) -> Refused | None:
        """D5: closing many at once as do not contact takes a manager."""
        return closing.refuse_batch(count, info, ask)

    @classmethod
    def after_moves(cls, records: Sequence[Self], info: Verb, ask: Ask) -> None:
        """Closing as do not contact suppresses; lifting lifts what the closing suppressed."""
        if info.name == "do_not_contact":
            closing.suppress_leads(records, ask)
        elif info.name == "lift":
            closing.lift_leads(records, ask)

    def named_by(self, reason: str) -> list[Named]:
        """What a do not contact by this reason would hold on to of this lead; nothing when it fits none of it."""
        return closing.named_by(self, reason)


class Conversion(Record):
    """The receipt of one conversion: what was considered, what was chosen and by whom, what was made and copied.

    It stays when the lead is returned; a lead has at most one that stands.
    """

    class State(models.TextChoices):
        """What the opportunity's owner said of it."""

        HANDED_OVER = "handed_over", "Handed over"
        ACCEPTED = "accepted", "Accepted"
        RETURNED = "returned", "Returned"

    lead = models.ForeignKey(Lead, models.PROTECT, related_name="conversions")
    account = models.ForeignKey(Account, models.PROTECT, related_name="conversions")
    contact = models.ForeignKey(Contact, models.PROTECT, related_name="conversions")
    opportunity = models.ForeignKey(Opportunity, models.PROTECT, related_name="conversions")
    at = models.DateTimeField("converted")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="conversions")
    note = Paragraphs("hand-over note")
    receipt = models.JSONField(default=dict)
    state = Line(max_length=20, choices=State, default=State.HANDED_OVER, blank=False)
    answered_at = models.DateTimeField("answered", null=True, blank=True)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="answered_conversions"
    )
    answer = Paragraphs("reason for the return")

    class Meta:
        ordering = ["-at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["lead"],
                condition=~Q(state="returned"),
                name="leads_conversion_stands_once",
                violation_error_message="The lead is converted already.",
            )
        ]
        triggers = tracked()

    def __str__(self) -> str:
        return f"{self.lead} into {self.opportunity}"
