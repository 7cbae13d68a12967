"""One look of one rule at what is stored: in a transaction that cannot write, a crash of the rule caught and kept."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import structlog
from django.db import connection, transaction

from crm.checkups.models import Finding
from crm.checkups.rules import Look, Looked, Outcome, Rows, Rule, Sight, Text

log = structlog.get_logger(__name__)


@contextmanager
def read_only() -> Iterator[None]:
    """A transaction, or a part of one, in which the database refuses every write; what follows may write again."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL transaction_read_only = on")
        yield


def database_now() -> datetime:
    """What time it is for everybody: looks are put in order by it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        found: datetime = cursor.fetchone()[0]
    return found


def look_at(rule: Rule, look: Look) -> Outcome:
    """What a rule about stored things finds now; at most so many as the handbook keeps, all of them counted."""
    outcome = Outcome(rule, database_now())
    if rule.id in look.book.checkups.off:
        outcome.off, outcome.covers = True, False
        outcome.note = "Switched off in the handbook (checkups.off)."
        return outcome
    began = time.monotonic()
    try:
        with read_only():
            answer = rule.function(look)
            if isinstance(answer, Looked):
                outcome.looked_at, outcome.total, outcome.note = answer.at, len(answer.sights), answer.note
                outcome.sights = list(answer.sights)[: look.book.checkups.most_findings]
                outcome.covers = len(outcome.sights) == outcome.total
                outcome.still = {(subject_of(one), one.detail) for one in answer.sights}
            else:
                count_rows(rule, answer, outcome, most=look.book.checkups.most_findings)
    except Exception as error:
        crashed(outcome, error)
    outcome.milliseconds = int((time.monotonic() - began) * 1000)
    return outcome


def crashed(outcome: Outcome, error: Exception) -> None:
    """Note that a rule crashed: what it would have found is unknown, which is no pass."""
    log.error("checkup_crashed", rule=outcome.rule.id, error=error, trace=traceback.format_exc())
    outcome.crash = f"{type(error).__name__}: {error}"[:1000]
    outcome.sights, outcome.covers = [], False


def count_rows(rule: Rule, parts: Iterable[Rows], outcome: Outcome, *, most: int) -> None:
    """Count what every part finds; keep what is known already first, then the oldest records up to the limit."""
    looked: dict[Any, int] = {}
    standing: dict[tuple[str, str], list[int]] = {}
    known = Finding.objects.standing().filter(rule=rule.id, record_id__isnull=False)
    for kind, detail, pk in known.values_list("object", "detail", "record_id"):
        standing.setdefault((kind, detail), []).append(pk or 0)
    for part in parts:
        wrong = part.found_rows
        meta = wrong.model._meta
        looked[wrong.model] = max(looked.get(wrong.model, 0), part.among.count())
        ids = standing.pop((str(meta.model_name), part.detail), [])
        total = wrong.count()
        outcome.total += total
        if not total:
            continue
        rows = wrong.select_related(*part.related) if part.related else wrong
        kept = list(rows.filter(pk__in=ids).order_by("pk")) if ids else []
        room = min(most - len(outcome.sights) - len(kept), total - len(kept))
        if room > 0:
            kept += rows.exclude(pk__in=ids).order_by("pk")[:room]
        outcome.sights += [sight_of(part, row) for row in kept]
    outcome.looked_at = sum(looked.values())


def sight_of(part: Rows, row: Any) -> Sight:
    """What a rule says of one record."""
    return Sight(
        expected=_text(part.expected, row),
        found=_text(part.found, row),
        detail=part.detail,
        record=row,
        evidence=part.evidence(row) if part.evidence else (),
    )


def subject_of(sight: Sight) -> str:
    """What a finding is about, as its identity has it."""
    if sight.record is None:
        return sight.subject
    return f"{sight.record._meta.model_name}:{sight.record.pk}"


def _text(text: Text, row: Any) -> str:
    return text if isinstance(text, str) else text(row)
