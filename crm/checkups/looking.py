"""One look of one rule at what is stored: in a transaction that cannot write, a crash of the rule caught and kept."""

from __future__ import annotations

import hashlib
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet

from crm.checkups.models import Finding
from crm.checkups.rules import Look, Looked, Outcome, Rows, Rule, Sight, Text
from crm.core.text import tidy

log = structlog.get_logger(__name__)
# What takes longer is stopped, and its rule has crashed: a slice of a run that outlived its lease would be done again
# and again by one worker after the other.
LONGEST_STATEMENT, LONGEST_LOOK = 60_000, 75_000  # milliseconds
LONGEST_KEY = 120
SWITCHED_OFF = "Switched off in the handbook (checkups.off)."


@contextmanager
def read_only() -> Iterator[None]:
    """A transaction, or a part of one, in which the database refuses every write; what follows may write again."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL transaction_read_only = on; SET LOCAL statement_timeout = {LONGEST_STATEMENT}")
        with connection.execute_wrapper(in_time(time.monotonic())):
            yield
        # There is nothing to keep, and rolling back puts both settings back to what they were before.
        transaction.set_rollback(True)


def in_time(began: float) -> Callable[..., Any]:
    """Give each statement of a look only what is left of its time; one that has none left is not made."""

    def execute_in_time(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        left = LONGEST_LOOK - int((time.monotonic() - began) * 1000)
        if str(sql).startswith(("ROLLBACK", "RELEASE")):
            return execute(sql, params, many, context)
        if left <= 0:
            raise OperationalError("The time of a look is over.")
        if left < LONGEST_STATEMENT:
            # Beside Django, which would ask this wrapper again.
            context["cursor"].cursor.execute(f"SET LOCAL statement_timeout = {left}")
        return execute(sql, params, many, context)

    return execute_in_time


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
        outcome.note = SWITCHED_OFF
        return outcome
    began, most = time.monotonic(), look.book.checkups.most_findings
    try:
        with read_only():
            answer = rule.function(look)
            if isinstance(answer, Looked):
                count_sights(answer, outcome, most=most)
            else:
                count_rows(rule, answer, outcome, most=most)
    except Exception as error:
        crashed(outcome, error)
    outcome.milliseconds = int((time.monotonic() - began) * 1000)
    return outcome


def crashed(outcome: Outcome, error: Exception) -> None:
    """Note that a rule crashed: what it would have found is unknown, which is no pass.

    What the error says may quote a record, and is for the log alone.
    """
    log.error("checkup_crashed", rule=outcome.rule.id, error=error, trace=traceback.format_exc())
    outcome.crash = words_of(error)
    outcome.sights, outcome.total, outcome.covers = [], 0, False
    outcome.still.clear()


def words_of(error: Exception) -> str:
    """What kind of error it was, and the last line of ours that it passed."""
    ours = Path(__file__).resolve().parents[2]
    steps = traceback.extract_tb(error.__traceback__)
    places = [(Path(step.filename), step.lineno) for step in steps]
    here = [(path, line) for path, line in places if path.is_relative_to(ours) and ".venv" not in path.parts]
    where = f", {here[-1][0].relative_to(ours)} line {here[-1][1]}" if here else ""
    return f"{type(error).__name__}{where}"


def count_sights(answer: Looked, outcome: Outcome, *, most: int) -> None:
    """Take over what a rule says it saw: what is known already first, then in its own order up to the limit."""
    outcome.looked_at, outcome.note, outcome.off = answer.at, answer.note, answer.off
    seen = {identity_of(one): one for one in answer.sights}
    outcome.total, outcome.covers = len(seen), not answer.off
    standing = Finding.objects.standing().filter(rule=outcome.rule.id).values_list("subject", "detail")
    known = [one for one in standing.order_by("pk") if one in seen]
    # In this order, each once.
    kept = list(dict.fromkeys([*known, *seen]))[: max(most, len(known))]
    outcome.sights = [seen[one] for one in kept]
    outcome.still = set(seen)


def count_rows(rule: Rule, parts: Iterable[Rows], outcome: Outcome, *, most: int) -> None:
    """Count what every part finds; keep what is known already first, then the oldest records up to the limit."""
    looked: dict[Any, int] = {}
    counted: dict[int, tuple[QuerySet[Any], int]] = {}
    standing: dict[tuple[str, str], list[int]] = {}
    known = Finding.objects.standing().filter(rule=rule.id, record_id__isnull=False)
    for kind, detail, pk in known.values_list("object", "detail", "record_id"):
        standing.setdefault((kind, detail), []).append(pk or 0)
    for part in parts:
        wrong = part.found_rows
        meta = wrong.model._meta
        if id(part.among) not in counted:
            # Many parts look among the same records: these are counted once.
            counted[id(part.among)] = (part.among, part.among.count())
        looked[wrong.model] = max(looked.get(wrong.model, 0), counted[id(part.among)][1])
        ids = standing.get((str(meta.model_name), key_of(part.detail)), [])
        total = wrong.count()
        outcome.total += total
        if not total:
            continue
        rows = part.rows
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


def identity_of(sight: Sight) -> tuple[str, str]:
    """Subject and detail of a finding, as they are stored."""
    return subject_of(sight), key_of(sight.detail)


def subject_of(sight: Sight) -> str:
    """What a finding is about, as its identity has it."""
    if sight.record is None:
        return key_of(sight.subject)
    return f"{sight.record._meta.model_name}:{sight.record.pk}"


def key_of(text: str) -> str:
    """A text as it fits a key; two that differ only far behind stay two."""
    text = tidy(text)
    if len(text) <= LONGEST_KEY:
        return text
    return f"{text[: LONGEST_KEY - 13]}~{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _text(text: Text, row: Any) -> str:
    return text if isinstance(text, str) else text(row)
