"""Who is told what of checkups: the DRI of a run, the owner of a rule that finds more than before, an assignee."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from django.urls import reverse

from crm import handbook
from crm.checkups.models import Area, Result, Run, Severity
from crm.checkups.rules import Rule, rule_of
from crm.notifications.services import Notice, Post, notify
from crm.people.models import User
from crm.people.presence import Presence

MOST_NAMED = 5
SAID = {
    Result.State.CRASHED: "Crashed, so nobody knows",
    Result.State.EMPTY: "Nothing to look at",
    Result.State.OFF: "Switched off",
}


def behind(dri: str, *, at: datetime) -> list[User]:
    """The people behind an email or the key of a role, or who stands in; while there is an administrator, somebody."""
    people = User.objects.active_people()
    named = list(people.filter(email__iexact=dri) if "@" in dri else people.filter(role=dri))
    presence = Presence(handbook.current().today(at))
    found = {one.pk: one for user in named if (one := presence.told(user)) is not None}
    if found:
        return list(found.values())
    roles = [role.key for role in handbook.current().roles_with("administrator")]
    return list(people.filter(role__in=roles))


def tell_of_rise(rule: Rule, total: int, before: int, *, run: Run, at: datetime) -> None:
    """The ratchet: a rule's findings may fall without a word, and rise only with one to its owner."""
    people = behind(rule.owner_by(handbook.current()), at=at)
    tell(
        people,
        kind="checkup_rose",
        key=f"checkup_rose:{rule.id}:{run.pk}",
        title=f"{rule.title}: {total:,} instead of {before:,}",
        text=f"The rule found {before:,} when it was run before, and {total:,} now.",
        address=reverse("admin:checkup_rule", args=[rule.id]),
        at=at,
    )


def tell_of_end(run: Run, *, at: datetime) -> None:
    """A run that looked at everything has ended: who answers for checkups gets its figures and a link, once (P3)."""
    results = list(run.results.all())
    found, errors = sum(one.open for one in results), sum(one.open for one in results if one.severity == Severity.ERROR)
    title = f"{run.get_why_display()} checkup: {f'{found:,} to put right' if found else 'nothing to put right'}"
    tell(
        behind(handbook.current().checkups.dri, at=at),
        kind="checkup_done",
        key=f"checkup_done:{run.pk}",
        title=title,
        text="\n".join(summary(results, errors)),
        address=reverse("admin:checkups_run_change", args=[run.pk]),
        at=at,
    )


def summary(results: Sequence[Result], errors: int) -> Iterator[str]:
    """The figures of a run in a few lines: what changed, by area, and which rules said nothing."""
    new, gone = sum(one.new + one.back for one in results), sum(one.gone for one in results)
    yield f"{len(results)} rules looked. Open errors: {errors:,}. New: {new:,}. Gone: {gone:,}."
    of_area = ((area.label, sum(one.open for one in results if one.area == area)) for area in Area)
    if areas := ", ".join(f"{label} {count:,}" for label, count in of_area if count):
        yield f"Open by area: {areas}."
    for state, words in SAID.items():
        rules = [(rule.title if (rule := rule_of(one.rule)) else one.rule) for one in results if one.state == state]
        if rules:
            more = f" and {len(rules) - MOST_NAMED} more" if len(rules) > MOST_NAMED else ""
            yield f"{words}: {'; '.join(rules[:MOST_NAMED])}{more}."


def tell(people: Iterable[User], *, kind: str, key: str, title: str, text: str, address: str, at: datetime) -> None:
    """One notice to each of them, and one post into the room that the handbook names for the kind."""
    notices = [Notice(to_id=one.pk, kind=kind, key=key, title=title, text=text, address=address) for one in people]
    notify(notices, at=at, posts=[Post(kind=kind, key=key, title=title, text=text, address=address)])
