"""What lists of leads say about enquiries: the time left to answer, and how it stands with the promise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.functional import cached_property

from crm import handbook
from crm.clocks.countdown import countdown, stands_still
from crm.core.paging import capped_count
from crm.enquiries.time_left import HELD_UP, NONE, WORDS, TimeLeft, times_left
from crm.workspace.fields import Field, declare
from leads.models import Lead

# A table that nothing joins on its own: a lead without a row, and one whose limit is empty, are the same.
OF_LEAD = TimeLeft.objects.filter(lead_id=OuterRef("pk"))


class ByTimeLeft:
    """Leads by the time that is left to answer them: those that wait for an answer first, then the newest.

    Only slices of it are read. Those with a limit come from the side table in the order of its index; the others are
    the list's own rows, from where the first end.
    """

    def __init__(self, rows: QuerySet[Any], down: bool) -> None:
        self.rows, self.down = rows, down
        self.known_count = capped_count(rows)

    @cached_property
    def _open(self) -> QuerySet[TimeLeft]:
        found = TimeLeft.objects.filter(limit_at__isnull=False)
        if self.rows.query.where:
            found = found.filter(lead_id__in=self.rows.order_by().values("pk"))
        return found.order_by("-limit_at", "-lead_id") if self.down else found.order_by("limit_at", "lead_id")

    def __len__(self) -> int:
        return self.known_count

    def __iter__(self) -> Iterator[Any]:
        return iter(self[:])

    def __getitem__(self, part: slice) -> list[Any]:
        start, stop = part.start or 0, self.known_count if part.stop is None else part.stop
        ids = list(self._open.values_list("lead_id", flat=True)[start:stop])
        by_id = {row.pk: row for row in self.rows.filter(pk__in=ids)} if ids else {}
        found = [by_id[pk] for pk in ids if pk in by_id]
        if len(ids) < stop - start:
            before = start + len(ids) if ids else capped_count(self._open)
            rest = self.rows.filter(~Exists(OF_LEAD.filter(limit_at__isnull=False))).order_by("-pk")
            found += list(rest[max(0, start - before) : stop - before])
        return found

    def _clone(self) -> ByTimeLeft:
        return self


def limit_rows(operator: str, values: Sequence[str], at: datetime) -> Q:
    """Leads by the day of their limit, in the company's calendar."""
    if operator in ("empty", "not_empty"):
        known = Q(Exists(OF_LEAD.filter(limit_at__isnull=False)))
        return ~known if operator == "empty" else known
    begins = [_begin(date.fromisoformat(value)) for value in values]
    if operator in ("is", "is_not"):
        found = Q(pk__in=[])
        for begin in begins:
            found |= Q(Exists(OF_LEAD.filter(limit_at__gte=begin, limit_at__lt=begin + timedelta(days=1))))
        return found if operator == "is" else ~found
    if operator == "at_least":
        return Q(Exists(OF_LEAD.filter(limit_at__gte=begins[0])))
    return Q(Exists(OF_LEAD.filter(limit_at__lt=begins[0] + timedelta(days=1))))


def limit_cell(lead: Any, limit: datetime | None, at: datetime) -> Any:
    """What is left, running; a row whose clock is held up says so."""
    left: TimeLeft | None = lead.__dict__.get("left_to_answer")
    if limit is not None:
        return countdown(limit, at, near=left is not None and left.warned)
    return stands_still(WORDS[HELD_UP]) if left is not None and left.held_up else ""


def limits_of_a_page(leads: Sequence[Any], at: datetime) -> Mapping[int, datetime]:
    """As `limits`; each row keeps what the cell shows beside it."""
    found = times_left(leads)
    for lead in leads:
        lead.left_to_answer = found.get(lead.pk)
    return {pk: left.limit_at for pk, left in found.items() if left.limit_at is not None}


def states(leads: Sequence[Any], at: datetime) -> Mapping[int, str]:
    """How it stands with each; nothing for those that nobody has to answer."""
    return {pk: state for pk, left in times_left(leads).items() if (state := left.state(at)) != NONE}


def state_rows(operator: str, values: Sequence[str], at: datetime) -> Q:
    """Leads in any of these states; empty is `NONE`."""
    wanted = {"empty": [NONE], "not_empty": [key for key in WORDS if key != NONE]}.get(operator, list(values))
    found = Q(pk__in=[])
    for state in wanted:
        if state == NONE:
            found |= ~Q(Exists(TimeLeft.objects.open().filter(lead_id=OuterRef("pk"))))
        else:
            found |= Q(pk__in=TimeLeft.objects.in_state(state, at=at).values("lead_id"))
    return ~found if operator == "is_not" else found


def _begin(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=handbook.current().zone).astimezone(UTC)


declare(
    Lead,
    Field(
        "time_left",
        "time left",
        kind="datetime",
        values=limits_of_a_page,
        condition=limit_rows,
        arrange=ByTimeLeft,
        cell=limit_cell,
        help="Until the first limit of what they asked and nobody has answered.",
    ),
    Field(
        "response",
        "response",
        kind="choice",
        values=states,
        condition=state_rows,
        choices=lambda: list(WORDS.items()),
        offered=True,
        help="How it stands with what they asked and nobody has answered.",
    ),
)
