"""What figures of the lead pipeline are asked for: of whose leads, since when, and which number of the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from accounts.models import source_choices
from crm import handbook
from crm.core.errors import Missing, Refused
from crm.core.text import whole_number
from crm.enquiries.attainment_asked import MOST_DAYS, NOBODY, midnight, read_day, read_id, read_word
from crm.reviews.models import Meeting
from leads.statuses import Status

USUAL_DAYS = 7
OPEN = "open"  # in the place of a status: every one that is not closed

# What a number of the page counts, and its words. Without one: every lead of the status.
NOW = {
    "at_risk": "At risk",
    "breached": "Limit passed",
    "over": "Over their status’s limit",
    "unowned": "Nobody’s",
    "no_next": "Without a next touch",
    "stale": "Untouched",
}
SINCE = {
    "arrived": "Arrived",
    "left": "Left",
    "on": "Went further",
    "here": "Still there",
    "aside": "Put aside",
    "back": "Went back",
}
WHAT = NOW | SINCE

SCOPE = ("owner", "team", "source")
PARAMETERS = (*SCOPE, "since", "until", "review")
# A number of the page says also of which status, and what of it.
NAMES = (*PARAMETERS, "status", "what")


@dataclass(frozen=True, slots=True)
class Asked:
    """The moments from `since` until before `before`, and whose leads: by owner, team and source as they are now.

    `days` are the first and the last day where days of the company's calendar were asked for, `review` is the id of the
    held review since whose end it is. `owner` and `team` are an id, 0 for nobody, None for all; the team of a lead is
    its owner's, of one that nobody owns the one in whose queue it waits. `source` is a word, `NOBODY` for none.
    """

    since: datetime
    before: datetime
    days: tuple[date, date] | None = None
    review: int = 0
    owner: int | None = None
    team: int | None = None
    source: str = ""
    status: str = ""
    what: str = ""

    @property
    def scope(self) -> dict[str, str]:
        """Whose leads, as it stands in an address."""
        found = {}
        for name in ("owner", "team"):
            value = getattr(self, name)
            if value is not None:
                found[name] = str(value) if value else NOBODY
        return found | ({"source": self.source} if self.source else {})

    @property
    def parameters(self) -> dict[str, str]:
        """As it stands in an address."""
        period = {"review": str(self.review)} if self.review else {}
        if self.days:
            period = {"since": self.days[0].isoformat(), "until": self.days[1].isoformat()}
        figure = {name: value for name in ("status", "what") if (value := getattr(self, name))}
        return self.scope | period | figure

    @property
    def everything(self) -> Asked:
        """The same of all leads."""
        return replace(self, owner=None, team=None, source="")


def last_review(scope: Mapping[str, Any]) -> Meeting | None:
    """The last held review of these leads: of this very scope, or of all."""
    wanted = {str(name): str(value) for name, value in scope.items()}
    for meeting in Meeting.objects.held().filter(kind=Meeting.Kind.LEADS)[:20]:
        theirs = {str(name): str(value) for name, value in meeting.scope.items()}
        if not theirs or theirs == wanted:
            return meeting
    return None


def of_days(first: date, last: date) -> Asked:
    """Of these days of the company's calendar, both with."""
    return Asked(midnight(first), midnight(last + timedelta(days=1)), days=(first, last))


def of_last_days(count: int, at: datetime) -> Asked:
    """Of so many days until today."""
    today = handbook.current().today(at)
    return of_days(today - timedelta(days=count - 1), today)


def of_review(meeting: Meeting, at: datetime) -> Asked:
    """Of the time since a review was held."""
    return Asked(meeting.ended_at or meeting.started_at, at, review=meeting.pk)


def read_asked(params: Mapping[str, str], *, at: datetime) -> Asked:
    """What an address asks for: since the last held review where it names neither days nor a review, and of seven days
    where none was held.

    Raises:
        Refused: `missing_facts`, with a `Missing` for each parameter whose value will not do.
    """
    wrong: list[Missing] = []
    scope = read_scope_values(params, wrong)
    figure: dict[str, Any] = {
        "status": read_word(params, "status", [OPEN, *Status.values], wrong),
        "what": read_word(params, "what", list(WHAT), wrong),
    }
    period = _period(params, scope, at, wrong)
    if wrong:
        raise Refused("missing_facts", " ".join(item.message for item in wrong), wrong)
    return replace(period, **scope, **figure)


def read_scope_values(params: Mapping[str, str], wrong: list[Missing]) -> dict[str, Any]:
    """Whose leads an address asks for, as `Asked` has them; what will not do is added to `wrong`."""
    return {
        "owner": read_id(params, "owner", wrong),
        "team": read_id(params, "team", wrong),
        "source": read_word(params, "source", [NOBODY, *(key for key, _ in source_choices())], wrong),
    }


def _period(params: Mapping[str, str], scope: Mapping[str, Any], at: datetime, wrong: list[Missing]) -> Asked:
    since, until = read_day(params, "since", wrong), read_day(params, "until", wrong)
    if since is None and until is None:
        given = {name: value for name, value in scope.items() if value not in (None, "")}
        return _since_review(params.get("review", ""), given, at, wrong)
    today = handbook.current().today(at)
    last = until or max(today, since or today)
    first = since or last - timedelta(days=USUAL_DAYS - 1)
    if first > last:
        wrong.append(Missing("invalid_since", "Since: not after the last day.", "since"))
    elif (last - first).days > MOST_DAYS:
        wrong.append(Missing("invalid_since", "Since: three years at most before the last day.", "since"))
    return of_days(first, last)


def _since_review(text: str, scope: Mapping[str, Any], at: datetime, wrong: list[Missing]) -> Asked:
    if not text:
        meeting = last_review(scope)
        return of_review(meeting, at) if meeting else of_last_days(USUAL_DAYS, at)
    number = whole_number(text)
    held = Meeting.objects.held().filter(kind=Meeting.Kind.LEADS)
    found = held.filter(pk=number).first() if number is not None and number < 2**63 else None
    if found is None:
        wrong.append(Missing("invalid_review", "Review: the number of a lead pipeline review that was held.", "review"))
        return of_last_days(USUAL_DAYS, at)
    return of_review(found, at)
