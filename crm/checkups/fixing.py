"""Carrying out a fix: what was shown is done, once, and the rule looks at the finding again at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crm.checkups.again import Again, look_again, look_beside
from crm.checkups.fixes import Change, digest_of, fix_of, refuse_unless
from crm.checkups.locking import Verdict, for_each, locked_for, refuse_gone, refuse_since
from crm.checkups.models import Finding, Step
from crm.checkups.services import note
from crm.core.acting import acting, retry_deadlocks
from crm.core.errors import Refused, Stale
from crm.core.permissions import may
from crm.jobs.models import Job
from crm.people.models import User

LONGEST_NOTE = 500


@dataclass(frozen=True, slots=True)
class Fixed:
    """What a fix did, and what the rule says now; or the job that does it once it is confirmed."""

    said: str
    again: Again
    job: Job | None = None


def preview_fix(
    finding: Finding, *, facts: Mapping[str, Any] | None = None, actor: User, at: datetime
) -> Sequence[Change]:
    """What the fix of a finding would change, without changing it.

    Raises:
        Refused: `forbidden`, `gone`, `no_fix`, `cannot_fix`, or as the fix says.
    """
    if not may(actor, "fix", finding):
        raise Refused("forbidden", "You may not put this right.")
    refuse_gone(finding)
    return refuse_unless(finding, fix_of(finding), actor).preview(finding, actor=actor, at=at, **(facts or {}))


def fix_finding(
    finding: Finding,
    *,
    facts: Mapping[str, Any] | None = None,
    digest: str | None = None,
    actor: User,
    at: datetime,
    via: str,
    seen: int | None = None,
) -> Fixed:
    """Carry out the fix of a finding, then look again whether its rule still finds it.

    `digest` is of the preview that was confirmed. When nothing is left to change, as after a double click, nothing is
    done and the rule looks again.

    Raises:
        Refused: `not_found`, `forbidden`, `gone`, `no_fix`, `cannot_fix`, or as the fix's own door refuses.
        Stale: when something else would change now than was shown, or somebody did something else since `seen`.
    """
    said, job = _carry_out(finding, facts=facts or {}, digest=digest, actor=actor, at=at, via=via, seen=seen)
    if job is not None:
        return Fixed(said, Again(False), job)
    again = look_again(finding, at=at)
    if not finding.object:
        look_beside(finding, at=at)
    return Fixed(said, again)


@retry_deadlocks
def _carry_out(
    finding: Finding,
    *,
    facts: Mapping[str, Any],
    digest: str | None,
    actor: User,
    at: datetime,
    via: str,
    seen: int | None,
) -> tuple[str, Job | None]:
    with acting(actor=actor, via=via, at=at):
        locked = locked_for(finding, "fix", actor)
        found = refuse_unless(locked, fix_of(locked), actor)
        changes = found.preview(locked, actor=actor, at=at, **facts)
        if not changes:
            return "", None
        refuse_since(locked, seen)
        if digest is not None and digest_of(changes) != digest:
            raise Stale("What it changes is no longer what you were shown: somebody changed it meanwhile.")
        job = found.hand_over(locked, actor=actor, at=at, **facts)
        if job is not None:
            return job.title, job
        said = found.apply(locked, actor=actor, at=at, via=via, **facts)
        note(locked, Step.Kind.FIXED, f"{found.label}: {said}"[:LONGEST_NOTE], actor=actor, at=at)
    return said, None


def fix_findings(
    ids: Sequence[int], *, digests: Mapping[int, str], actor: User, at: datetime, via: str
) -> list[Verdict]:
    """Carry out the fixes of many findings, each by itself; `digests` are of what was shown of each.

    Raises:
        Refused: `too_many`.
    """

    def mend(finding: Finding) -> str:
        if finding.state != Finding.State.FIXED and _went_along(finding):
            return "put_right"
        fixed = fix_finding(finding, digest=digests.get(finding.pk, ""), actor=actor, at=at, via=via)
        if fixed.job is not None:
            return "to_be_confirmed"
        return "put_right" if fixed.again.gone else "carried_out"

    with acting(actor=actor, via=via, at=at):
        return for_each(ids, mend)


def _went_along(finding: Finding) -> bool:
    """Whether it was put right together with another one of the same selection."""
    return Finding.objects.filter(pk=finding.pk, state=Finding.State.FIXED).exists()
