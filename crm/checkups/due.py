"""What runs by itself: every month everything, every night what is stored, at the handbook's hour of the company's day.

Each occasion starts once, whoever asks at the same moment, and late where nobody asked in time; what fell due before
Plumb was installed here is not made up for.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from django.db import transaction

from crm import handbook
from crm.checkups.models import Run
from crm.checkups.rules import all_rules
from crm.checkups.running import start_run
from crm.core.locks import hold
from crm.handbook.document import Handbook
from crm.handbook.models import HandbookVersion
from crm.handbook.services import is_applied
from crm.people.models import User

Why = Run.Why


def start_due(*, at: datetime) -> list[Run]:
    """Start what is due and was not started (P3); nothing while another handbook is in force than the one read here."""
    if not is_applied():
        return []
    book = handbook.current()
    day, month = night_of(at, book), month_of(at, book)
    started = [
        _start_once(Why.MONTHLY, f"monthly {month:%Y-%m}", due=moment_of(month, book), at=at),
        _start_once(Why.NIGHTLY, f"nightly {day:%Y-%m-%d}", due=moment_of(day, book), at=at),
    ]
    return [run for run in started if run is not None]


def moment_of(day: date, book: Handbook) -> datetime:
    """When checkups are due on a day of the company's. An hour that a change of clocks leaves out comes an hour later,
    of one that comes twice it is the first."""
    return datetime.combine(day, time(book.checkups.hour), tzinfo=book.zone).astimezone(UTC)


def night_of(at: datetime, book: Handbook) -> date:
    """The day whose nightly run was due last."""
    today = book.today(at)
    return today if moment_of(today, book) <= at else today - timedelta(days=1)


def month_of(at: datetime, book: Handbook) -> date:
    """The day whose monthly run was due last."""
    this = book.today(at).replace(day=book.checkups.day)
    return this if moment_of(this, book) <= at else (this.replace(day=1) - timedelta(days=1)).replace(day=this.day)


def _start_once(why: Run.Why, occasion: str, *, due: datetime, at: datetime) -> Run | None:
    if _is_done(why, occasion, due):
        return None
    with transaction.atomic():
        hold(("checkup", occasion))
        if _is_done(why, occasion, due):
            return None
        rules = [rule.id for rule in all_rules() if not rule.is_presentation] if why == Why.NIGHTLY else []
        return start_run(why=why, by=User.objects.system(), at=at, rules=rules, occasion=occasion)


def _is_done(why: Run.Why, occasion: str, due: datetime) -> bool:
    """Whether it was started, or need not be: before Plumb was here, or by night where the whole one has begun."""
    if Run.objects.filter(occasion=occasion).exists():
        return True
    if why == Why.NIGHTLY and Run.objects.filter(why=Why.MONTHLY, started_at__gte=due).exists():
        return True
    return not HandbookVersion.objects.filter(applied_at__lte=due).exists()
