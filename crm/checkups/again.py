"""Looking at one finding again, as after a fix: it closes at once when its rule finds it no more, else says what it is.

A look at one finding changes this one alone: whatever else its rule would find is for the next run.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import structlog
from django.db import transaction

from crm import handbook
from crm.checkups.looking import SWITCHED_OFF, database_now, identity_of, look_at, read_only, sight_of
from crm.checkups.models import Finding, Step
from crm.checkups.rules import Look, Looked, Outcome, Rule, Sight, rule_of
from crm.checkups.storing import CRASHED, lock_watch, write_sight

log = structlog.get_logger(__name__)


class NotLooked(Exception):
    """The rule does not look now; the message says why."""


@dataclass(frozen=True, slots=True)
class Again:
    """What a second look came to: whether it is gone, and why that is not known."""

    gone: bool
    unknown: str = ""


def look_again(finding: Finding, *, at: datetime) -> Again:
    """Let the rule look at this finding now, and store what it sees of it."""
    rule = rule_of(finding.rule)
    if rule is None:
        return Again(False, "This version of Plumb no longer has its rule.")
    seen_at, look = database_now(), Look(at, handbook.current())
    if rule.id in look.book.checkups.off:
        return Again(False, SWITCHED_OFF)
    try:
        sight = see_one(rule, finding, look)
    except NotLooked as error:
        return Again(False, str(error))
    except Exception as error:
        log.error("checkup_crashed", rule=rule.id, error=error, finding=finding.pk)
        return Again(False, f"Its rule crashed ({type(error).__name__}): the next run looks again.")
    return Again(_store(finding, sight, rule=rule, seen_at=seen_at, at=at))


def look_beside(finding: Finding, *, at: datetime) -> None:
    """Look again at everything else that stands of the same page, list or tabs: what is put back is put back whole,
    and with it goes what other rules found there. Pages are rendered once for all of it."""
    from crm.checkups.presentation import look_at_group, outcomes, slices

    others = Finding.objects.standing().filter(object="", subject=finding.subject).exclude(pk=finding.pk)
    seen_at, look = database_now(), Look(at, handbook.current())
    shown: dict[str, list[Finding]] = {}
    for other in others.order_by("pk"):
        rule = rule_of(other.rule)
        if rule is None or not rule.is_presentation:
            look_again(other, at=at)
        elif rule.id not in look.book.checkups.off:
            shown.setdefault(rule.id, []).append(other)
    rules = [rule for id in shown if (rule := rule_of(id)) is not None]
    rows = [row for part in (slices(rules) if rules else ()) for row in look_at_group(part, look)]
    for outcome in outcomes(rows, look, whole=True) if rules else ():
        for other in shown.get(outcome.rule.id, ()) if outcome.covers and not outcome.crash else ():
            if (other.subject, other.detail) in outcome.still:
                continue
            sight = next((one for one in outcome.sights if is_same(one, other)), None)
            _store(other, sight, rule=outcome.rule, seen_at=seen_at, at=at)


def see_one(rule: Rule, finding: Finding, look: Look) -> Sight | None:
    """What the rule sees now of this finding; None when it is no longer so.

    Raises:
        RuntimeError: when pages cannot be looked at; else as the rule raises.
    """
    if rule.is_presentation:
        return see_rendered(rule, finding, look)
    if finding.detail == CRASHED:
        outcome = look_at(rule, look)
        if outcome.crash:
            raise RuntimeError(outcome.crash)
        return None
    with read_only():
        answer = rule.function(look)
        if isinstance(answer, Looked):
            if answer.off:
                raise NotLooked(answer.note or SWITCHED_OFF)
            return next((one for one in answer.sights if is_same(one, finding)), None)
        for part in answer:
            meta = part.among.model._meta
            if (meta.model_name, part.detail[:120]) != (finding.object, finding.detail):
                continue
            narrow = replace(part, among=part.among.filter(pk=finding.record_id))
            rows = narrow.found_rows
            row = (rows.select_related(*part.related) if part.related else rows).first()
            if row is not None:
                return sight_of(part, row)
    return None


def is_same(sight: Sight, finding: Finding) -> bool:
    """Whether this sight is of that finding."""
    return identity_of(sight) == (finding.subject, finding.detail)


def see_rendered(rule: Rule, finding: Finding, look: Look) -> Sight | None:
    """The same of a rule about pages: they are rendered for every group of people, as in a run."""
    # Above this module: pages show findings.
    from crm.checkups.presentation import look_at_group, outcomes, slices

    rows = [row for part in slices([rule]) for row in look_at_group(part, look)]
    outcome = next((one for one in outcomes(rows, look, whole=True) if one.rule.id == rule.id), None)
    if outcome is None or outcome.crash:
        raise RuntimeError(outcome.crash if outcome else "nothing was looked at")
    return next((one for one in outcome.sights if is_same(one, finding)), None)


@transaction.atomic
def _store(finding: Finding, sight: Sight | None, *, rule: Rule, seen_at: datetime, at: datetime) -> bool:
    """Write what was seen of it; under the rule's lock, as a run does, and never over a newer look."""
    watch = lock_watch(rule.id)
    locked = Finding.objects.select_for_update().filter(pk=finding.pk).first()
    if locked is None or locked.state == Finding.State.FIXED:
        return True
    if watch.seen_at is not None and watch.seen_at > seen_at:
        return False
    if sight is not None:
        write_sight(locked, sight, Outcome(rule, seen_at))
        locked.last_seen = max(at, locked.last_seen)
        locked.save()
        return False
    locked.state, locked.fixed_at = Finding.State.FIXED, max(at, locked.first_seen)
    locked.accepted_until, locked.accepted_because = None, ""
    locked.save(update_fields=["state", "fixed_at", "accepted_until", "accepted_because"])
    Step.objects.create(finding=locked, kind=Step.Kind.GONE, at=at, text="Looked at again.")
    return True
