"""A finding as it is now, locked until the transaction ends, for somebody who may answer it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from crm.checkups.models import Finding, Step
from crm.core.errors import Refused, Stale
from crm.core.permissions import may
from crm.people.models import User

MOST = 500  # so many findings are answered at once
WHO = {
    "assign": "Findings are assigned by managers.",
    "accept": "Findings are accepted, and opened again, by managers.",
    "fix": "A finding is put right by a manager, by whom it is assigned to, or by who may change the record.",
    "comment": "A finding is discussed by managers, by whom it is assigned to, and by who may change the record.",
}
DID = {
    Step.Kind.FOUND: "found it",
    Step.Kind.BACK: "found it again",
    Step.Kind.GONE: "did not find it any more",
    Step.Kind.ASSIGNED: "changed whom it is assigned to",
    Step.Kind.DUE: "changed by when it is due",
    Step.Kind.ACCEPTED: "accepted it",
    Step.Kind.REOPENED: "opened it again",
    Step.Kind.FIXED: "carried out its fix",
}


def locked_for(finding: Finding, verb: str, actor: User) -> Finding:
    """The finding as it is now.

    Raises:
        Refused: `not_found`, `forbidden`, `gone` for one that is no longer so.
    """
    # The row by itself: who waited for the lock would see the new row beside what it pointed to before.
    if not Finding.objects.select_for_update(of=("self",)).filter(pk=finding.pk).exists():
        raise Refused("not_found", "There is no such finding.")
    locked = Finding.objects.select_related("assignee").get(pk=finding.pk)
    if not may(actor, verb, locked):
        raise Refused("forbidden", WHO.get(verb, WHO["fix"]))
    refuse_gone(locked)
    return locked


def refuse_gone(finding: Finding) -> None:
    """Refuse what is no longer so: nothing is left to be done about it.

    Raises:
        Refused: `gone`.
    """
    if finding.state == Finding.State.FIXED:
        raise Refused("gone", "It is gone: a checkup does not find it any more.")


def last_step(finding: Finding) -> int:
    """What somebody has seen who looks at the finding now: its last step that is no comment; 0 for none."""
    steps = finding.steps.exclude(kind=Step.Kind.COMMENT).order_by("-pk")
    return steps.values_list("pk", flat=True).first() or 0


def refuse_since(finding: Finding, seen: int | None) -> None:
    """Refuse what was decided by somebody who did not see the last step; None asks nothing.

    Raises:
        Stale: naming who did what since.
    """
    if seen is None:
        return
    later = (
        finding.steps.filter(pk__gt=seen).exclude(kind=Step.Kind.COMMENT).select_related("by").order_by("-pk").first()
    )
    if later is None:
        return
    who = str(later.by) if later.by_id else "A checkup"
    told = f": {later.text}" if later.text else "."
    raise Stale(f"{who} {DID.get(Step.Kind(later.kind), 'changed it')} since you opened this{told}")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one of many findings: nothing stood in the way, or why it was left as it is."""

    id: int
    finding: Finding | None
    refusal: Refused | None = None
    said: str = ""


def for_each(ids: Sequence[int], call: Callable[[Finding], str]) -> list[Verdict]:
    """Do it to each of these findings in the order of their ids, each by itself; a verdict for each.

    Raises:
        Refused: `too_many`.
    """
    if len(set(ids)) > MOST:
        raise Refused("too_many", f"{MOST} findings at most are answered at once: narrow the filter.")
    found = Finding.objects.select_related("assignee").in_bulk(list(set(ids)))
    verdicts = []
    for pk in sorted(set(ids)):
        finding = found.get(pk)
        if finding is None:
            verdicts.append(Verdict(pk, None, Refused("not_found", "There is no such finding.")))
            continue
        try:
            verdicts.append(Verdict(pk, finding, said=call(finding)))
        except Refused as refusal:
            verdicts.append(Verdict(pk, finding, refusal))
    return verdicts
