"""How far a meeting is: its agenda counted in full, by state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Count

from crm.reviews.models import Item, Meeting

WORDS = {
    Item.State.ANSWERED: "answered",
    Item.State.SKIPPED: "skipped",
    Item.State.GONE: "gone",
    Item.State.WAITING: "to be answered",
}


@dataclass(frozen=True, slots=True)
class Counts:
    """How many items there are, and how many of them are in which state."""

    by_state: dict[str, int]

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.by_state.values())

    @property
    def waiting(self) -> int:
        """Those without an answer."""
        return self.by_state.get(Item.State.WAITING, 0)

    @property
    def done(self) -> int:
        """Those that are answered, skipped or gone."""
        return self.total - self.waiting

    @property
    def words(self) -> str:
        """ "20 on the agenda: 17 answered, 2 skipped, 1 gone"."""
        parts = [f"{self.by_state[state]:,} {word}" for state, word in WORDS.items() if self.by_state.get(state)]
        return f"{self.total:,} on the agenda: {', '.join(parts)}"


def counts_of(meeting: Meeting) -> Counts:
    """The agenda of a meeting, counted."""
    return counts_of_each([meeting])[meeting.pk]


def counts_of_each(meetings: Sequence[Meeting]) -> Mapping[int, Counts]:
    """The agendas of meetings by their ids, counted in one statement; none is asked for none."""
    states: dict[int, dict[str, int]] = {one.pk: {} for one in meetings}
    if states:
        rows = Item.objects.filter(meeting__in=states).order_by().values_list("meeting_id", "state")
        for pk, state, many in rows.annotate(many=Count("pk")):
            states[pk][str(state)] = many
    return {pk: Counts(found) for pk, found in states.items()}
