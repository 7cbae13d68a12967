"""The list of enquiries: who asked, by which channel, whose it is, when it came, and the time that is left."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db import models
from django.db.models import Q
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.timezone import localtime

from accounts.models import Account, Contact
from contracts.models import Opportunity
from crm import handbook
from crm.core.admin import moment
from crm.core.admin_list import OneFilter, OwnerFilter, pick
from crm.core.display import short_day
from crm.core.keys import compute_keys
from crm.core.related import of_record
from crm.enquiries.attainment_filter import FiguresFilter
from crm.enquiries.models import Enquiry, channel_choices, priority_choices
from crm.enquiries.subjects import title_of
from crm.enquiries.waiting import BY_TIME_LEFT, STATES, UNANSWERED, in_state, stand, with_verdict, with_whose
from crm.people.models import User
from leads.models import Lead

STATE = "state"
LONGEST = 60


class StateFilter(OneFilter):
    """How it stands."""

    title = "state"
    parameter_name = STATE

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        return list(STATES.items())

    def condition(self, request: HttpRequest, picked: list[str]) -> Q:
        return in_state(picked[0], moment(request))


class WhoseFilter(OwnerFilter):
    """Whose it is: mine, my team's, nobody's, in my team's queue, a colleague's."""

    title = "owner"
    parameter_name = "owner"

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        me, *rest = super().options(request)
        own = [("team", "My team"), ("queue", "My team's queue")] if getattr(request.user, "team_id", None) else []
        return [me, *own, *rest]

    def condition(self, request: HttpRequest, picked: list[str]) -> Q:
        team = getattr(request.user, "team_id", None)
        found = Q(pk__in=[])
        for value in picked:
            if value == "none":
                found |= Q(whose=None)
            elif value == "queue":
                found |= Q(queue_now=team)
            elif value == "team":
                found |= Q(whose__in=User.objects.filter(team=team).values("pk")) | Q(queue_now=team)
            else:
                found |= Q(whose=request.user.pk if value == "me" else int(value))
        return found


class EnquiryListMixin:
    """The list part of the enquiries' admin."""

    list_display = ("shown_who", "shown_left", "shown_whose", "shown_channel", "shown_received", "shown_text")
    list_display_links = ("shown_who",)
    list_select_related = (
        "clock",
        "owner",
        "queue",
        "lead__owner",
        "lead__queue",
        "contact",
        "account__owner",
        "opportunity__owner",
    )
    sortable: ClassVar[Any] = {"shown_received": ("received_at", "id")}
    named_filters: ClassVar[dict[str, dict[str, str]]] = {"Unanswered": {STATE: UNANSWERED}}
    filters = (
        StateFilter,
        WhoseFilter,
        pick("channel", "channel", channel_choices),
        pick("priority", "priority", priority_choices),
        pick("came in by", "came_by", lambda: Enquiry.Came.choices),
        of_record("lead", Lead),
        of_record("contact", Contact),
        of_record("account", Account),
        of_record("opportunity", Opportunity),
        FiguresFilter,
    )
    search_help_text = "Name, company or email of who asked"
    empty_title = "No enquiries yet"
    empty_hint = "They come by the form, the API, chat, calendar and mail; or enter one."

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        """With whose each is, for conditions, and whether its promise was kept."""
        return with_verdict(with_whose(super().get_queryset(request)))  # type: ignore[misc]

    def get_ordering(self, request: HttpRequest) -> Any:
        """What is still to be answered by the time that is left; everything else, the newest first."""
        if request.GET.get(STATE) in BY_TIME_LEFT:
            return ("clock__limit_at", "id")
        return ("-received_at", "-id")

    def search(self, queryset: models.QuerySet[Any], term: str) -> models.QuerySet[Any]:
        """By whom they are: a lead, a contact, an address; of what stands alone, by the words it came with."""
        (email,) = compute_keys("email_key", [term]) if "@" in term else ("",)
        rows = Enquiry.objects.order_by()
        words = Q(name__icontains=term) | Q(company__icontains=term) | Q(subject__icontains=term)
        found = [
            rows.filter(lead__in=Lead.objects.search(term).order_by().values("pk")),
            rows.filter(contact__in=Contact.objects.search(term).order_by().values("pk")),
            rows.filter(lead=None, contact=None, voided_at=None).filter(words),
        ]
        if email:
            found.append(rows.filter(email_key=email))
        first, *rest = (one.values("pk") for one in found)
        return queryset.filter(pk__in=first.union(*rest))

    def prepare_rows(self, request: HttpRequest, rows: list[Any]) -> None:
        """How each stands, in one query."""
        super().prepare_rows(request, rows)  # type: ignore[misc]
        at = moment(request)
        stand(rows, at=at)
        for row in rows:
            row.today = handbook.current().today(at)

    @admin.display(description="enquiry")
    def shown_who(self, enquiry: Any) -> str:
        """The channel and who asked."""
        return title_of(enquiry).partition(" from ")[2] or title_of(enquiry)

    @admin.display(description="time left")
    def shown_left(self, enquiry: Any) -> Any:
        """A countdown while somebody waits; else how it ended."""
        return enquiry.standing.shown

    @admin.display(description="owner")
    def shown_whose(self, enquiry: Any) -> str:
        """Whose it is, or in whose queue it waits."""
        if enquiry.responsible is not None:
            return str(enquiry.responsible)
        return f"Queue of {enquiry.waits_in}" if enquiry.waits_in else "Nobody"

    @admin.display(description="channel")
    def shown_channel(self, enquiry: Any) -> str:
        """The handbook's label."""
        return str(enquiry.channel_label)

    @admin.display(description="received")
    def shown_received(self, enquiry: Any) -> str:
        """The reader's day of it."""
        when = localtime(enquiry.received_at)
        return f"{short_day(when.date(), enquiry.today)}, {date_format(when, 'TIME_FORMAT')}"

    @admin.display(description="what they wrote", empty_value="")
    def shown_text(self, enquiry: Any) -> Any:
        """Its beginning."""
        text = ": ".join(filter(None, (enquiry.subject, enquiry.text)))
        return format_html('<span title="{}">{}</span>', text[:1000], Truncator(text).chars(LONGEST)) if text else None
