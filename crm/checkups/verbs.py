"""What can be done with a finding: what each is called, what it asks, whom it is for, and the call it makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from crm.checkups import services
from crm.checkups.dialog_forms import AcceptForm, AssignForm, CommentForm, DueForm, FindingForm, NothingForm
from crm.checkups.fixes import fix_of
from crm.checkups.models import Finding
from crm.core.permissions import may
from crm.people.models import User

FIX, LOOK = "fix", "look"
# The finding, the facts, the last step that was seen, and actor, at, via; answers what is said after.
Do = Callable[[Finding, Mapping[str, Any], int | None, Mapping[str, Any]], str]


@dataclass(frozen=True, slots=True)
class Verb:
    """One thing to do with a finding."""

    name: str
    label: str
    right: str
    form: type[FindingForm]
    do: Do
    note: str = ""
    # Whether there is something to do for it, as the finding stands.
    fits: Callable[[Finding], bool] = lambda finding: True
    # Whether this person may, where that is another question than `right`.
    by: Callable[[User, Finding], bool] | None = None

    def allowed(self, user: User, finding: Finding) -> bool:
        """Whether this person may do it."""
        return self.by(user, finding) if self.by else may(user, self.right, finding)


def _assign(finding: Finding, facts: Mapping[str, Any], seen: int | None, frame: Mapping[str, Any]) -> str:
    services.assign_finding(finding, facts["assignee"], seen=seen, **frame)
    return f"Assigned to {facts['assignee']}."


def _take_back(finding: Finding, facts: Mapping[str, Any], seen: int | None, frame: Mapping[str, Any]) -> str:
    services.assign_finding(finding, None, seen=seen, **frame)
    return "It is nobody’s now."


def _due(finding: Finding, facts: Mapping[str, Any], seen: int | None, frame: Mapping[str, Any]) -> str:
    changed = services.set_due(finding, facts["due_on"], seen=seen, **frame)
    return f"Due {services.day_words(changed.due_on)}." if changed.due_on else "It is due by no particular day."


def _accept(finding: Finding, facts: Mapping[str, Any], seen: int | None, frame: Mapping[str, Any]) -> str:
    changed = services.accept_finding(finding, until=facts["until"], reason=facts["reason"], seen=seen, **frame)
    return f"Accepted until {services.day_words(changed.accepted_until)}."


def _reopen(finding: Finding, facts: Mapping[str, Any], seen: int | None, frame: Mapping[str, Any]) -> str:
    services.reopen_finding(finding, seen=seen, **frame)
    return "It is open again."


def _comment(finding: Finding, facts: Mapping[str, Any], seen: int | None, frame: Mapping[str, Any]) -> str:
    services.comment_finding(finding, facts["text"], **frame)
    return "Your comment stands below."


def _nothing(finding: Finding, facts: Mapping[str, Any], seen: int | None, frame: Mapping[str, Any]) -> str:
    raise NotImplementedError


VERBS: Mapping[str, Verb] = {
    one.name: one
    for one in (
        Verb(FIX, "Put right", "fix", NothingForm, _nothing, fits=lambda finding: fix_of(finding) is not None),
        Verb("assign", "Assign", "assign", AssignForm, _assign),
        Verb(
            "take_back",
            "Take back",
            "assign",
            NothingForm,
            _take_back,
            "Nobody will answer for it until it is assigned again.",
            fits=lambda finding: finding.assignee_id is not None,
        ),
        Verb(
            "give_back",
            "Give back",
            "view",
            NothingForm,
            _take_back,
            "Nobody will answer for it until a manager assigns it again.",
            by=lambda user, finding: finding.assignee_id == user.pk and not may(user, "assign", finding),
        ),
        Verb("due", "Set due date", "assign", DueForm, _due),
        Verb(
            "accept",
            "Accept",
            "accept",
            AcceptForm,
            _accept,
            "It may stay as it is for a while, and is counted apart; put right before, it is gone all the same.",
        ),
        Verb(
            "reopen",
            "Open again",
            "accept",
            NothingForm,
            _reopen,
            "It is to be put right after all.",
            fits=lambda finding: finding.state == Finding.State.ACCEPTED,
        ),
        Verb("comment", "Comment", "comment", CommentForm, _comment),
        Verb(LOOK, "Look again", "fix", NothingForm, _nothing, "Its rule looks at this one again, now."),
    )
}


def offered(finding: Finding, user: User) -> list[Verb]:
    """What this person can do with it now; nothing with what is gone."""
    if finding.state == Finding.State.FIXED:
        return []
    return [one for one in VERBS.values() if one.fits(finding) and one.allowed(user, finding)]
