"""What a look found, stored: findings that are new, still there, back, or gone; the rule's figures; its ratchet.

One rule's looks are stored one after another under the lock of its `Watch`, and a look that is older than the one
stored last changes no finding: two runs at once do not disturb each other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from crm import handbook
from crm.checkups.lapsing import open_again
from crm.checkups.looking import identity_of
from crm.checkups.models import Finding, Result, Run, Severity, Step, Watch
from crm.checkups.rules import Outcome, Sight
from crm.checkups.telling import tell_of_rise

State = Finding.State
LONGEST_LABEL = 255
SEEN = ("object", "record_id", "area", "severity", "label", "expected", "found", "evidence")
STANDING = ("state", "fixed_at", "times_back", "accepted_until", "accepted_because")
CRASHED = "crashed"
OLDER = "A later look was stored before this one, which changed no finding."


@transaction.atomic
def settle(outcome: Outcome, *, run: Run, at: datetime) -> Result:
    """Store one look of one rule and its figures in a run; once for each rule of a run.

    Where only a part was looked at (`covers` is false), nothing closes, and the result counts as open what was seen.
    """
    rule = outcome.rule
    watch = lock_watch(rule.id)
    result = Result(
        run=run,
        rule=rule.id,
        area=rule.area,
        severity=rule.severity_by(handbook.current()),
        state=_state_of(outcome),
        looked_at=outcome.looked_at,
        total=outcome.total,
        milliseconds=outcome.milliseconds,
        note=(outcome.crash or outcome.note)[:1000],
    )
    of_rule = Finding.objects.open().filter(rule=rule.id)
    if watch.seen_at and watch.seen_at > outcome.seen_at:
        result.note = f"{result.note} {OLDER}".strip()
    elif not outcome.off:
        seen = keep_findings(outcome, result, run=run, at=at)
        if outcome.covers and not outcome.crash:
            if watch.ceiling is not None and outcome.total > watch.ceiling:
                tell_of_rise(rule, outcome.total, watch.ceiling, run=run, at=at)
            watch.seen_at, watch.total, watch.ceiling = outcome.seen_at, outcome.total, outcome.total
            watch.save()
        elif not outcome.crash:
            of_rule = of_rule.filter(pk__in=seen)
    result.open = of_rule.count()
    result.save()
    return result


def lock_watch(rule: str) -> Watch:
    """The rule's watch, until the transaction ends; whoever takes several takes them in the order of their ids."""
    Watch.objects.get_or_create(rule=rule)
    return Watch.objects.select_for_update().get(rule=rule)


@dataclass
class Changes:
    """What one look changes of a rule's findings."""

    run: Run
    at: datetime
    new: list[Finding] = field(default_factory=list)
    same: list[Finding] = field(default_factory=list)
    changed: list[Finding] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    def note(self, finding: Finding, kind: Step.Kind, text: str = "") -> None:
        """Something happened to a finding."""
        self.steps.append(Step(finding=finding, kind=kind, at=self.at, run=self.run, text=text))

    def store(self) -> None:
        """Write it: most findings are as they were, and are only seen again."""
        Finding.objects.bulk_create(self.new, batch_size=1000)
        Finding.objects.filter(pk__in=[one.pk for one in self.same]).update(last_seen=self.at)
        Finding.objects.bulk_update(self.changed, (*SEEN, *STANDING, "last_seen"), batch_size=200)
        Step.objects.bulk_create(self.steps, batch_size=1000)


def keep_findings(outcome: Outcome, result: Result, *, run: Run, at: datetime) -> Collection[int]:
    """Bring the findings of a rule to what was seen, and count on `result` what changed; the ids of what was seen."""
    sights: Sequence[Sight] = [_crash_of(outcome)] if outcome.crash else outcome.sights
    seen = {identity_of(one): one for one in sights}
    there = _locked(outcome.rule.id, seen)
    changes = Changes(run, at)
    for identity, sight in seen.items():
        _see(identity, sight, there.get(identity), outcome, changes)
    result.new = len(changes.new)
    result.back = sum(step.kind == Step.Kind.BACK for step in changes.steps)
    if outcome.covers and not outcome.crash:
        left = {one: finding for one, finding in there.items() if one not in seen and one not in outcome.still}
        result.gone = _close(left.values(), changes)
    for finding in changes.new:
        changes.note(finding, Step.Kind.FOUND)
    changes.store()
    return [one.pk for one in (*changes.new, *changes.same, *changes.changed) if one.state != State.FIXED]


def _locked(rule: str, seen: Collection[tuple[str, str]]) -> dict[tuple[str, str], Finding]:
    """What is known of a rule and stands, or was seen; locked, so that nobody's answer meanwhile is written over."""
    mine = Finding.objects.filter(rule=rule).select_for_update().order_by("pk")
    found = [*mine.standing(), *mine.filter(state=State.FIXED, subject__in={subject for subject, _ in seen})]
    return {(one.subject, one.detail): one for one in found}


def _see(identity: tuple[str, str], sight: Sight, finding: Finding | None, outcome: Outcome, changes: Changes) -> None:
    """One sight: a finding is made, seen again, found again, or opened again because it was accepted long enough."""
    at = changes.at
    if finding is None:
        finding = Finding(rule=outcome.rule.id, subject=identity[0], detail=identity[1], first_seen=at, last_seen=at)
        changes.new.append(finding)
        write_sight(finding, sight, outcome)
        return
    before = _as_seen(finding), finding.state
    write_sight(finding, sight, outcome)
    finding.last_seen = max(at, finding.last_seen)
    if finding.state == State.FIXED:
        finding.state, finding.fixed_at, finding.times_back = State.OPEN, None, finding.times_back + 1
        changes.note(finding, Step.Kind.BACK)
    elif finding.accepted_until is not None and finding.accepted_until < handbook.current().today(at):
        changes.note(finding, Step.Kind.REOPENED, open_again(finding))
    as_it_was = before == (_as_seen(finding), finding.state) and finding.last_seen == at
    (changes.same if as_it_was else changes.changed).append(finding)


def _close(findings: Iterable[Finding], changes: Changes, text: str = "") -> int:
    """What is not there any more is gone, accepted or not; how many they are."""
    gone = [one for one in findings if one.state != State.FIXED]
    for finding in gone:
        finding.state, finding.fixed_at = State.FIXED, changes.at
        finding.accepted_until, finding.accepted_because = None, ""
        changes.note(finding, Step.Kind.GONE, text)
    changes.changed += gone
    return len(gone)


@transaction.atomic
def close_unknown(rules: Mapping[str, object], *, run: Run, at: datetime) -> int:
    """Findings of rules that this version no longer has are nobody's to close but ours; how many they were."""
    changes = Changes(run, at)
    orphans = Finding.objects.standing().exclude(rule__in=list(rules)).select_for_update().order_by("pk")
    count = _close(list(orphans), changes, "The rule is no more.")
    changes.store()
    return count


def write_sight(finding: Finding, sight: Sight, outcome: Outcome) -> None:
    """Put on a finding what its rule says of it now; where it stands is the caller's."""
    record = sight.record
    severity = Severity.ERROR if outcome.crash else outcome.rule.severity_by(handbook.current())
    finding.severity, finding.area = str(severity), str(outcome.rule.area)
    finding.object = str(record._meta.model_name) if record is not None else ""
    finding.record_id = record.pk if record is not None else None
    # Of a record the name is read when it is shown: it may change, and may have to be blanked.
    finding.label = "" if record is not None else (sight.label or sight.subject)[:LONGEST_LABEL]
    finding.expected, finding.found = sight.expected.strip(), sight.found.strip()
    finding.evidence = [list(one) for one in sight.evidence]


def _as_seen(finding: Finding) -> list[object]:
    return [getattr(finding, name) for name in SEEN]


def _crash_of(outcome: Outcome) -> Sight:
    """A rule that crashed is a finding of its own, never a pass: an error, however mild the rule."""
    return Sight(
        expected="The rule looks and says what it finds.",
        found=f"It crashed: {outcome.crash}. The server's log has the whole story.",
        subject=f"rule:{outcome.rule.id}",
        label=f"The rule “{outcome.rule.title}”",
        detail=CRASHED,
    )


def _state_of(outcome: Outcome) -> Result.State:
    if outcome.crash:
        return Result.State.CRASHED
    if outcome.off:
        return Result.State.OFF
    return Result.State.DONE if outcome.looked_at else Result.State.EMPTY
