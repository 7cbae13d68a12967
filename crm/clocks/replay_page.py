"""The page on which managers try other policies on requests of the past."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from crm import handbook
from crm.clocks.replaying import Replay, Tally, replay, since
from crm.core.admin import moment, user_of
from crm.core.days import Day, ask_at, clean_past_day
from crm.handbook.document import Handbook
from crm.handbook.trying import clean_tried
from crm.people.models import User
from crm.site import site

# A page is waited for: the newest so many requests are tried, the command tries all.
MOST = 20_000
LONGEST = 200_000
SECTION = "policies"
WORDS = {"met": "answered in time", "breached": "late", "open": "open", "nothing": "promised nothing"}


class ReplayForm(forms.Form):
    """Other policies, and since when they are tried."""

    since = Day(label="Requests since", back=10, widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}))
    policies = forms.CharField(
        label="Policies to try",
        max_length=LONGEST,
        help_text="The handbook's sections [[policies]], all of them, or a whole handbook with other hours or holidays."
        " Nothing is changed by trying.",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 20, "spellcheck": "false", "class": "font-mono"}),
    )

    def __init__(self, *args: Any, at: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        ask_at(self, at)

    def clean_policies(self) -> str:
        """The text, checked as any handbook is; `tried` is the handbook with it."""
        text, self.tried = clean_tried(self.cleaned_data["policies"], section=SECTION, name=SECTION)
        return text

    def clean_since(self) -> date:
        """A day that has come."""
        said = "No requests have come since then: choose a day that has passed."
        return clean_past_day(self, "since", else_say=said)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: how many were late, and would have been."""

    name: str
    tally: Tally

    @property
    def late(self) -> int:
        """How many are late."""
        return self.tally.was("breached")

    @property
    def would_be_late(self) -> int:
        """How many would be late."""
        return self.tally.would("breached")

    @property
    def change(self) -> int:
        """How many more."""
        return self.would_be_late - self.late


@site.page("clocks/replay/", "clocks_replay")
@require_http_methods(["GET", "HEAD", "POST"])
def replay_clocks(request: HttpRequest) -> HttpResponse:
    """Asked with other policies: whose verdicts would have been others. Writes nothing."""
    if not user_of(request).is_manager:
        raise PermissionDenied
    at, book = moment(request), handbook.current()
    first = {"since": (book.today(at) - timedelta(days=30)).isoformat(), "policies": written(book)}
    form = ReplayForm(request.POST if request.method == "POST" else None, initial=first, at=at)
    context: dict[str, Any] = {"title": "Try other policies", "form": form, "most": MOST}
    if form.is_valid():
        context |= tried(form.tried, form.cleaned_data["since"], at)
    return TemplateResponse(request, "clocks/replay.html", {**site.each_context(request), **context})


def tried(book: Handbook, day: date, at: datetime) -> dict[str, Any]:
    """What the page says of it."""
    wanted = datetime.combine(day, time(), tzinfo=handbook.current().zone).astimezone(UTC)
    # One more than are tried: it is the last that is left out.
    last = since(wanted).order_by("-started_at", "-id").values_list("started_at", flat=True)[MOST : MOST + 1].first()
    found = replay(book, moment=last + timedelta(microseconds=1) if last else wanted, at=at)
    return {"found": found, "since": day, "left_out": last is not None, **tables(found)}


def tables(found: Replay) -> dict[str, Any]:
    """By channel and by owner, in the order of their names, and the first that would differ."""
    people = User.objects.in_bulk([pk for pk in found.by_owner if pk is not None])
    label = handbook.current().label
    channels = [Row(label("enquiry.channels", key), tally) for key, tally in found.by_channel.items()]
    owners = [Row(str(people[pk]) if pk in people else "Nobody", tally) for pk, tally in found.by_owner.items()]
    examples = [
        {
            "one": one,
            "channel": label("enquiry.channels", one.channel),
            "was": WORDS[one.was],
            "would": WORDS[one.would],
        }
        for one in found.examples
    ]
    return {
        "tables": [
            (title, sorted(rows, key=lambda row: row.name.casefold()))
            for title, rows in (("By channel", channels), ("By owner", owners))
        ],
        "examples": examples,
    }


def written(book: Handbook) -> str:
    """The policies as the file has them, comments between them left out, to be changed and tried."""
    kept: list[str] = []
    inside = False
    for line in book.text.splitlines():
        if line.startswith("["):
            inside = line.strip() == f"[[{SECTION}]]"
            if inside and kept:
                kept.append("")
        if inside and line.strip() and not line.startswith("#"):
            kept.append(line)
    return "\n".join(kept) + "\n"
