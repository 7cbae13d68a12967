"""What a huddle shows of one opportunity: what was promised, what changed, why it is here, and what can be done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.formats import date_format

from contracts.models import Opportunity
from contracts.models.choices import FORECASTS
from crm import handbook
from crm.checkups.words import counted
from crm.core.dialogs import url_of
from crm.core.offers import moves_of
from crm.core.permissions import may
from crm.people.models import User
from crm.reviews.huddle.promises import Promised, standing_at, told
from crm.reviews.huddle.scopes import last_held
from crm.reviews.huddle.since import changes_since, last_touches, silent_days
from crm.reviews.huddle.totals import money
from crm.reviews.huddle.writing import WHO
from crm.reviews.models import Item

LOSE = "lose"
# What is done with it most; the other moves come after.
MAIN = "advance"


@dataclass(frozen=True, slots=True)
class Offer:
    """A move that can be made: its dialog, and whether it is the likely one."""

    verb: str
    label: str
    address: str
    is_main: bool


def card_of(item: Item, record: Opportunity, *, user: User, at: datetime) -> dict[str, Any]:
    """Everything that the template shows; a constant number of queries, whatever happened to it."""
    book = handbook.current()
    last = last_held(item.meeting.scope, before=item.meeting.started_at)
    since = last.ended_at if last else None
    touched = last_touches([record.pk], at=at).get(record.pk)
    silent = silent_days(record, touched=touched, at=at)
    offers = _offers(record, user, at)
    return {
        "last": last,
        "promise": _promise(record, since or at, at),
        "changes": changes_since(record, since) if since else [],
        "account": record.account,
        "account_address": url_of(record.account, "change"),
        "contact": record.contact,
        "contact_address": url_of(record.contact, "change") if record.contact else "",
        "address": url_of(record, "change"),
        "facts": _facts(record, touched, at),
        "moves": [one for one in offers if not (silent is not None and one.verb == LOSE)],
        "silent": _silence(silent, book.reviews.silent_days),
        "refused": "" if may(user, "change", record) else WHO,
        "lose": next((one for one in offers if one.verb == LOSE), None),
    }


def _promise(record: Opportunity, moment: datetime, at: datetime) -> Promised | None:
    """What stood last time; where there was no last time, what stands."""
    step = standing_at([record.pk], moment).get(record.pk)
    return told(step, today=handbook.current().today(at), until=at) if step else None


def _facts(record: Opportunity, touched: datetime | None, at: datetime) -> list[tuple[str, str]]:
    """Label and value, in the order in which a huddle speaks of them."""
    book = handbook.current()
    stage_days = max(0, (at - record.stage_since).days)
    age = max(0, (at - min(record.created_at, record.stage_since)).days)
    found = [
        ("Owner", str(record.owner) if record.owner else "Nobody"),
        ("Amount", money(record.amount, record.currency) or "None"),
        ("Stage", f"{record.stage_label}, for {counted(stage_days, 'day')}"),
        ("Close date", date_format(record.close_on, "DATE_FORMAT") if record.close_on else "None"),
        ("Forecast", FORECASTS.get(record.forecast, record.forecast)),
        ("Age", counted(age, "day")),
    ]
    if touched is None:
        return [*found, ("Last touch", "Never")]
    day, today = touched.astimezone(book.zone).date(), book.today(at)
    ago = f"{counted((today - day).days, 'day')} ago" if day < today else "today"
    return [*found, ("Last touch", f"{date_format(day, 'DATE_FORMAT')} ({ago})")]


def _offers(record: Opportunity, user: User, at: datetime) -> list[Offer]:
    """The moves that this person can make; the likely one first."""
    Opportunity.prepare_moves([record])
    found = [
        Offer(one.verb.name, one.verb.label, url_of(record, "move", one.verb.name), one.verb.name == MAIN)
        for one in moves_of(record, actor=user, at=at).possible
    ]
    return sorted(found, key=lambda one: not one.is_main)


def _silence(days: int | None, limit: int) -> str:
    if days is None:
        return ""
    return (
        f"Nobody has touched or changed it for {counted(days, 'day')}. The handbook offers to close as lost what has "
        f"been silent for {counted(limit, 'day')}."
    )
