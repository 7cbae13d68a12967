"""What follows when the change of an opportunity is undone: its promises are what they were before it."""

from __future__ import annotations

from collections.abc import Iterable

from contracts.models import NextStep, Opportunity
from crm.history.undoing import CHANGE, Asked, Wanted, follows_undo

STEP = {"next_step", "next_step_due"}


@follows_undo
def promises(wanted: Iterable[Wanted], asked: Asked) -> None:
    """A promise that the undone change ended stands again; those that it and the undoing made were never made.

    The undoing wrote the next step back, and the database took that for another promise.
    """
    for one in wanted:
        if one.kind is not Opportunity or one.action != CHANGE or one.refusal is not None:
            continue
        if STEP & set(one.values):
            _put_back(one.record_id)


def _put_back(pk: int) -> None:
    steps = list(NextStep.objects.filter(opportunity=pk).order_by("pk").select_for_update(of=("self",)))
    now = Opportunity.objects.values_list("next_step", "next_step_due").get(pk=pk)
    standing = next((step for step in steps if step.ended_at is None), None)
    if standing is not None and (standing.text, standing.due_on) != now:
        return
    before = [step for step in steps if step is not standing]
    again = next((step for step in reversed(before) if (step.text, step.due_on) == now), None) if now[0] else None
    if now[0] and again is None:
        return
    # Everything that was promised after the one that stands again is undone with it. Without one, only the last was.
    made = [step for step in steps if again is None or step.pk > again.pk] if now[0] else before[-1:]
    NextStep.objects.filter(pk__in=[step.pk for step in made]).delete()
    if again is not None:
        again.outcome, again.ended_at = NextStep.Outcome.STANDING, None
        again.save(update_fields=["outcome", "ended_at"])
