"""The page of the rules by which leads get their owners: who is next, what is wrong, and a trial of other rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from crm import handbook
from crm.core.admin import moment, user_of
from crm.core.days import Day, ask_at, clean_past_day
from crm.core.permissions import may
from crm.handbook.schema import AssignmentRule
from crm.handbook.trying import clean_tried
from crm.people.models import Turn, User
from crm.people.presence import Presence
from crm.site import site
from leads.assignment_pools import Pool, Pools, room_of
from leads.assignment_trial import try_rules, written

# A page is waited for: the newest so many leads are tried, the command tries all.
MOST = 20_000
LONGEST = 100_000


class TrialForm(forms.Form):
    """Other rules, and since when they are tried."""

    since = Day(label="Leads since", back=10, widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}))
    rules = forms.CharField(
        label="Rules to try",
        max_length=LONGEST,
        help_text="The handbook's section [assignment], or a whole handbook. Nothing is changed by trying.",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 14, "spellcheck": "false", "class": "font-mono"}),
    )

    def __init__(self, *args: Any, at: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        ask_at(self, at)

    def clean_rules(self) -> str:
        """The text, checked as any handbook is; `tried` is the handbook with it."""
        text, self.tried = clean_tried(self.cleaned_data["rules"], section="assignment", name="rules")
        return text

    def clean_since(self) -> date:
        """A day that has come."""
        said = "No leads have come since then: choose a day that has passed."
        return clean_past_day(self, "since", else_say=said)


@dataclass(frozen=True, slots=True)
class Shown:
    """One rule as the page shows it: what it asks for, among whom leads go, who is next and who cannot now."""

    title: str
    asks: str
    members: str
    next: str
    others: str


@site.page("assignment/", "assignment")
@require_http_methods(["GET", "HEAD", "POST"])
def assignment(request: HttpRequest) -> HttpResponse:
    """The rules in force; posted to, what other rules would have done. Writes nothing."""
    if not may(user_of(request), "view", Turn):
        raise PermissionDenied
    at, book = moment(request), handbook.current()
    today = book.today(at)
    first = {"since": (today - timedelta(days=30)).isoformat(), "rules": written(book.assignment)}
    form = TrialForm(request.POST if request.method == "POST" else None, initial=first, at=at)
    trial = try_rules(form.tried, since=form.cleaned_data["since"], most=MOST) if form.is_valid() else None
    pools = Pools(book.assignment)
    context = {
        "title": "Assignment",
        "form": form,
        "trial": trial,
        "most": MOST,
        "shown": rules_of(pools, today),
        "unknown": pools.unknown,
        "section": book.assignment,
        "roles": [book.label("roles", role) for role in book.assignment.roles],
    }
    return TemplateResponse(request, "admin/leads/assignment.html", {**site.each_context(request), **context})


def rules_of(pools: Pools, today: date) -> list[Shown]:
    """Every rule in the order of the handbook, then everybody."""
    presence = Presence(today)
    members = pools.people(pools.named())
    room = room_of(pools.assignment, members)
    turns: dict[str, dict[int, int]] = {}
    for pool, user, number in Turn.objects.values_list("pool", "user", "number"):
        turns.setdefault(pool, {})[user] = number

    def one(title: str, asks: str, pool: Pool) -> Shown:
        people = sorted((members[pk] for pk in pool.people), key=lambda u: (turns.get(pool.key, {}).get(u.pk, 0), u.pk))
        able = [user for user in people if presence.is_present(user) and room.has(user.pk)]
        reasons = [f"{user} ({why_not(user, presence)})" for user in people if user not in able]
        waits = f"Nobody: they wait in the queue of {pool.queue}" if pool.queue else "Nobody"
        return Shown(title, asks, ", ".join(map(str, able)), str(able[0]) if able else waits, ", ".join(reasons))

    shown = [one(rule.label, asks_of(rule), pool) for rule, pool in pools.rules]
    return [*shown, one("Everybody in turn", "Every other lead", pools.everybody)]


def why_not(user: User, presence: Presence) -> str:
    """Why somebody gets no leads now."""
    return "has as many as anybody may" if presence.is_present(user) else "away"


def asks_of(rule: AssignmentRule) -> str:
    """What a rule asks of a lead, in words."""
    least, most = rule.employees_from, rule.employees_to
    sizes = {
        (True, True): f"{least:,} to {most:,} employees" if least and most else "",
        (True, False): f"{least:,} employees or more" if least else "",
        (False, True): f"at most {most:,} employees" if most else "",
    }
    sources = [handbook.current().label("lead.sources", source) for source in rule.sources]
    parts = [" or ".join(rule.countries), sizes.get((least is not None, most is not None), ""), " or ".join(sources)]
    return "; ".join(part for part in parts if part) or "Every lead"
