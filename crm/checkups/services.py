"""What people do with findings: assign, put a day to, accept for a while, open again, discuss (K2).

Each is done under the finding's row lock and writes its step in the same transaction. Asked for what is so already, as
by a double click, it does nothing. `seen` is the last step that the person saw (`last_step`): what was decided without
seeing a later one is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from django.utils.formats import date_format

from crm import handbook
from crm.checkups.assigning import refuse_assignee, tell_assigned
from crm.checkups.locking import WHO, Verdict, for_each, locked_for, refuse_since
from crm.checkups.models import Finding, Step
from crm.core.acting import acting, retry_deadlocks
from crm.core.days import years_after
from crm.core.errors import Missing, Refused
from crm.core.permissions import may
from crm.core.text import tidy
from crm.people.models import User

State, Kind = Finding.State, Step.Kind
LONGEST_COMMENT = 10_000
LONGEST_REASON = 500
YEARS_AHEAD = 10  # as any day that is planned


@retry_deadlocks
def assign_finding(
    finding: Finding, assignee: User | None, *, actor: User, at: datetime, via: str, seen: int | None = None
) -> Finding:
    """Give it to somebody, who is told; None takes it back. Whose it is may give it back themselves.

    Raises:
        Refused: `not_found`, `forbidden`, `gone`, `missing_facts` with `invalid_assignee`.
        Stale: when somebody did something else since `seen`.
    """
    return _assign(finding, assignee, actor=actor, at=at, via=via, seen=seen)[0]


def _assign(
    finding: Finding,
    assignee: User | None,
    *,
    actor: User,
    at: datetime,
    via: str,
    seen: int | None = None,
    told: bool = True,
) -> tuple[Finding, Step | None]:
    with acting(actor=actor, via=via, at=at):
        locked = locked_for(finding, "view", actor)
        if not may(actor, "assign", locked) and (assignee is not None or not may_return(actor, locked)):
            raise Refused("forbidden", WHO["assign"])
        if locked.assignee_id == (assignee.pk if assignee else None):
            return locked, None
        refuse_since(locked, seen)
        if assignee is not None:
            refuse_assignee(locked, assignee)
        text = f"To {assignee}" if assignee else f"Taken back from {locked.assignee}"
        locked.assignee = assignee
        locked.save(update_fields=["assignee"])
        step = note(locked, Kind.ASSIGNED, text, actor=actor, at=at)
        if assignee is not None and told:
            tell_assigned(assignee, [locked], key=str(step.pk), actor=actor, at=at)
    return locked, step


def assign_findings(ids: Sequence[int], assignee: User | None, *, actor: User, at: datetime, via: str) -> list[Verdict]:
    """Give many to somebody, who is told once for all of them.

    Raises:
        Refused: `too_many`.
    """
    given: list[Finding] = []
    steps: list[Step] = []

    def give(finding: Finding) -> str:
        changed, step = _assign(finding, assignee, actor=actor, at=at, via=via, told=False)
        if step is not None:
            given.append(changed)
            steps.append(step)
        return "assigned" if step is not None else "theirs already"

    with acting(actor=actor, via=via, at=at):
        verdicts = for_each(ids, give)
        if assignee is not None and given:
            tell_assigned(assignee, given, key=str(steps[0].pk), actor=actor, at=at)
    return verdicts


@retry_deadlocks
def set_due(
    finding: Finding, due_on: date | None, *, actor: User, at: datetime, via: str, seen: int | None = None
) -> Finding:
    """By which day it is to be put right; None for no particular day.

    Raises:
        Refused: `not_found`, `forbidden`, `gone`, `missing_facts` with `invalid_due_on`.
        Stale: when somebody did something else since `seen`.
    """
    with acting(actor=actor, via=via, at=at):
        locked = locked_for(finding, "assign", actor)
        if locked.due_on == due_on:
            return locked
        refuse_since(locked, seen)
        today = handbook.current().today(at)
        if due_on is not None and not today <= due_on <= years_after(today, YEARS_AHEAD):
            said = f"Due: today or a later day, within {YEARS_AHEAD} years."
            raise Refused("missing_facts", said, [Missing("invalid_due_on", said, "due_on")])
        locked.due_on = due_on
        locked.save(update_fields=["due_on"])
        note(locked, Kind.DUE, f"By {day_words(due_on)}" if due_on else "By no particular day", actor=actor, at=at)
    return locked


@retry_deadlocks
def accept_finding(
    finding: Finding,
    *,
    until: date | None,
    reason: str,
    actor: User,
    at: datetime,
    via: str,
    seen: int | None = None,
) -> Finding:
    """Let it stand until a day, with a reason: it is counted apart, and opens again after that day.

    Raises:
        Refused: `not_found`, `forbidden`, `gone`, `missing_facts` with `needs_until`, `invalid_until`, `needs_reason`
            or `invalid_reason`.
        Stale: when somebody did something else since `seen`.
    """
    with acting(actor=actor, via=via, at=at):
        locked = locked_for(finding, "accept", actor)
        why = " ".join(tidy(reason).split())
        if locked.state == State.ACCEPTED and (locked.accepted_until, locked.accepted_because) == (until, why):
            return locked
        refuse_since(locked, seen)
        day = _acceptable(until, why, today=handbook.current().today(at))
        locked.state, locked.accepted_until, locked.accepted_because = State.ACCEPTED, day, why
        locked.save(update_fields=["state", "accepted_until", "accepted_because"])
        note(locked, Kind.ACCEPTED, f"Until {day_words(day)}: {why}", actor=actor, at=at)
    return locked


def accept_findings(
    ids: Sequence[int], *, until: date | None, reason: str, actor: User, at: datetime, via: str
) -> list[Verdict]:
    """Let many stand until one day, for one reason.

    Raises:
        Refused: `too_many`.
    """

    def accept(finding: Finding) -> str:
        accept_finding(finding, until=until, reason=reason, actor=actor, at=at, via=via)
        return "accepted"

    with acting(actor=actor, via=via, at=at):
        return for_each(ids, accept)


def _acceptable(until: date | None, why: str, *, today: date) -> date:
    wrong = []
    if until is None:
        wrong.append(Missing("needs_until", "Until when may it stay as it is?", "until"))
    elif not today < until <= years_after(today, 1):
        wrong.append(Missing("invalid_until", "Until: a day after today, within a year.", "until"))
    if not why:
        wrong.append(Missing("needs_reason", "Why may it stay as it is?", "reason"))
    elif len(why) > LONGEST_REASON:
        wrong.append(Missing("invalid_reason", f"Why: {LONGEST_REASON} characters at most.", "reason"))
    if wrong or until is None:
        raise Refused("missing_facts", " ".join(item.message for item in wrong), wrong)
    return until


@retry_deadlocks
def reopen_finding(finding: Finding, *, actor: User, at: datetime, via: str, seen: int | None = None) -> Finding:
    """What was accepted is to be put right after all.

    Raises:
        Refused: `not_found`, `forbidden`, `gone`.
        Stale: when somebody did something else since `seen`.
    """
    with acting(actor=actor, via=via, at=at):
        locked = locked_for(finding, "accept", actor)
        if locked.state == State.OPEN:
            return locked
        refuse_since(locked, seen)
        text = f"It was accepted until {day_words(locked.accepted_until)}: {locked.accepted_because}"
        locked.state, locked.accepted_until, locked.accepted_because = State.OPEN, None, ""
        locked.save(update_fields=["state", "accepted_until", "accepted_because"])
        note(locked, Kind.REOPENED, text, actor=actor, at=at)
    return locked


@retry_deadlocks
def comment_finding(finding: Finding, text: str, *, actor: User, at: datetime, via: str) -> Finding:
    """Say something about it. The same words of the same person, as the last that was said, are a second click.

    Raises:
        Refused: `not_found`, `forbidden`, `gone`, `missing_facts` with `needs_text` or `invalid_text`.
    """
    said = tidy(text)
    with acting(actor=actor, via=via, at=at):
        locked = locked_for(finding, "comment", actor)
        if not said or len(said) > LONGEST_COMMENT:
            code = "invalid_text" if said else "needs_text"
            words = f"Comment: {LONGEST_COMMENT:,} characters at most." if said else "Write what you want to say."
            raise Refused("missing_facts", words, [Missing(code, words, "text")])
        last = locked.steps.filter(kind=Kind.COMMENT).order_by("-pk").first()
        if last is None or (last.by_id, last.text) != (actor.pk, said):
            note(locked, Kind.COMMENT, said, actor=actor, at=at)
    return locked


def comment_findings(ids: Sequence[int], text: str, *, actor: User, at: datetime, via: str) -> list[Verdict]:
    """Say the same of many.

    Raises:
        Refused: `too_many`.
    """

    def comment(finding: Finding) -> str:
        comment_finding(finding, text, actor=actor, at=at, via=via)
        return "said"

    with acting(actor=actor, via=via, at=at):
        return for_each(ids, comment)


def note(finding: Finding, kind: Step.Kind, text: str, *, actor: User, at: datetime) -> Step:
    """One step of its history, by a person."""
    return Step.objects.create(finding=finding, kind=kind, text=text, by=actor, at=at)


def day_words(day: date | None) -> str:
    """A day as it is written on pages."""
    return date_format(day, "DATE_FORMAT") if day else ""


def may_return(user: User, finding: Finding) -> bool:
    """Whether this person may take it back from whom it is assigned to: a manager, or they themselves."""
    return finding.assignee_id is not None and (finding.assignee_id == user.pk or may(user, "assign", finding))
