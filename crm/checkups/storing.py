"""What a look found, stored: findings that are new, still there, back, or gone; the rule's figures; its ratchet.

One rule's looks are stored one after another under the lock of its `Watch`, and a look that is older than the one
stored last changes no finding: two runs at once do not disturb each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from crm import handbook
from crm.checkups.looking import subject_of
from crm.checkups.models import Finding, Result, Run, Step, Watch
from crm.checkups.rules import Outcome, Sight
from crm.checkups.telling import tell_of_rise

State = Finding.State
LONGEST_LABEL = 255
SEEN = ("area", "severity", "label", "expected", "found", "evidence", "last_seen")


@transaction.atomic
def settle(outcome: Outcome, *, run: Run, at: datetime) -> Result:
    """Store one look of one rule and its figures in a run; once for each rule of a run."""
    rule, severity = outcome.rule, outcome.rule.severity_by(handbook.current())
    Watch.objects.get_or_create(rule=rule.id)
    watch = Watch.objects.select_for_update().get(rule=rule.id)
    result = Result(
        run=run,
        rule=rule.id,
        area=rule.area,
        severity=severity,
        state=_state_of(outcome),
        looked_at=outcome.looked_at,
        total=outcome.total,
        milliseconds=outcome.milliseconds,
        note=(outcome.crash or outcome.note)[:1000],
    )
    if watch.seen_at and watch.seen_at > outcome.seen_at:
        result.note = f"{result.note} A later look was stored before this one, which changed no finding.".strip()
    else:
        sights = [_crash_of(outcome)] if outcome.crash else outcome.sights
        keep_findings(outcome, sights, result, run=run, at=at)
        if outcome.covers or outcome.still:
            if watch.ceiling is not None and outcome.total > watch.ceiling:
                tell_of_rise(rule, outcome.total, watch.ceiling, run=run, at=at)
            watch.seen_at, watch.total, watch.ceiling = outcome.seen_at, outcome.total, outcome.total
            watch.save()
    result.open = Finding.objects.open().filter(rule=rule.id).count()
    result.save()
    return result


def keep_findings(outcome: Outcome, sights: Sequence[Sight], result: Result, *, run: Run, at: datetime) -> None:
    """Bring the findings of a rule to what was seen, and count on `result` what changed."""
    rule = outcome.rule
    seen = {(subject_of(one), one.detail[:120]): one for one in sights}
    subjects = {subject for subject, _ in seen}
    there = {(one.subject, one.detail): one for one in Finding.objects.filter(rule=rule.id, subject__in=subjects)}
    standing = {(one.subject, one.detail): one for one in Finding.objects.standing().filter(rule=rule.id)}
    there.update(standing)
    new: list[Finding] = []
    changed: list[Finding] = []
    steps: list[Step] = []
    today = handbook.current().today(at)
    for identity, sight in seen.items():
        finding = there.get(identity)
        if finding is None:
            finding = Finding(rule=rule.id, subject=identity[0], detail=identity[1], first_seen=at)
            new.append(finding)
        else:
            changed.append(finding)
        _write(finding, sight, severity=str(result.severity), area=str(rule.area), at=at)
        if finding.state == State.FIXED:
            finding.state, finding.fixed_at, finding.times_back = State.OPEN, None, finding.times_back + 1
            result.back += 1
            steps.append(Step(finding=finding, kind=Step.Kind.BACK, at=at, run=run))
        elif finding.state == State.ACCEPTED and finding.accepted_until and finding.accepted_until < today:
            text = f"It was accepted until {finding.accepted_until:%Y-%m-%d}: {finding.accepted_because}"
            finding.state, finding.accepted_until, finding.accepted_because = State.OPEN, None, ""
            steps.append(Step(finding=finding, kind=Step.Kind.REOPENED, at=at, run=run, text=text))
    Finding.objects.bulk_create(new)
    steps += [Step(finding=one, kind=Step.Kind.FOUND, at=at, run=run) for one in new]
    result.new = len(new)
    if not outcome.crash and (outcome.covers or outcome.still):
        gone = [one for identity, one in standing.items() if identity not in seen and identity not in outcome.still]
        for finding in gone:
            finding.state, finding.fixed_at = State.FIXED, at
            finding.accepted_until, finding.accepted_because = None, ""
            steps.append(Step(finding=finding, kind=Step.Kind.GONE, at=at, run=run))
        result.gone = len(gone)
        changed += gone
    fields = (*SEEN, "state", "fixed_at", "times_back", "accepted_until", "accepted_because")
    Finding.objects.bulk_update(changed, fields, batch_size=500)
    Step.objects.bulk_create(steps)


def _write(finding: Finding, sight: Sight, *, severity: str, area: str, at: datetime) -> None:
    record = sight.record
    finding.severity, finding.area = severity, area
    finding.object = str(record._meta.model_name) if record is not None else ""
    finding.record_id = record.pk if record is not None else None
    # Of a record the name is read when it is shown: it may change, and may have to be blanked.
    finding.label = "" if record is not None else (sight.label or sight.subject)[:LONGEST_LABEL]
    finding.expected, finding.found = sight.expected, sight.found
    finding.evidence = [list(one) for one in sight.evidence]
    finding.last_seen = max(at, finding.first_seen)


def _crash_of(outcome: Outcome) -> Sight:
    """A rule that crashed is a finding of its own, never a pass."""
    return Sight(
        expected="The rule looks and says what it finds.",
        found=f"It crashed: {outcome.crash}",
        subject=f"rule:{outcome.rule.id}",
        label=f"The rule “{outcome.rule.title}”",
        detail="crashed",
    )


def _state_of(outcome: Outcome) -> Result.State:
    if outcome.crash:
        return Result.State.CRASHED
    if outcome.off:
        return Result.State.OFF
    return Result.State.DONE if outcome.looked_at else Result.State.EMPTY
