"""What the page of one finding shows: expected and found, what speaks for it, where it is, and what happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse

from crm import handbook
from crm.checkups.fixes import fix_of
from crm.checkups.handbook_words import words_behind
from crm.checkups.locking import last_step
from crm.checkups.models import Finding, Run, Step
from crm.checkups.rules import rule_of
from crm.checkups.services import LONGEST_COMMENT
from crm.checkups.verbs import FIX, LOOK, Verb, offered
from crm.checkups.words import subjects_of
from crm.core.permissions import may
from crm.handbook.models import HandbookVersion
from crm.people.models import User
from crm.workspace.models import OBJECTS, PageLayout

SHOWN = 200  # steps; who has more reads the newest
ICONS = {
    Step.Kind.FOUND: "search",
    Step.Kind.BACK: "history",
    Step.Kind.GONE: "check_circle",
    Step.Kind.ASSIGNED: "person",
    Step.Kind.DUE: "event",
    Step.Kind.ACCEPTED: "pause_circle",
    Step.Kind.REOPENED: "undo",
    Step.Kind.COMMENT: "chat",
    Step.Kind.FIXED: "build",
}


@dataclass(frozen=True, slots=True)
class Happened:
    """One step of its history."""

    step: Step
    icon: str
    address: str

    @property
    def is_comment(self) -> bool:
        """Whether it is something that somebody said."""
        return self.step.kind == Step.Kind.COMMENT


def finding_page(finding: Finding, *, user: User, at: datetime) -> Mapping[str, Any]:
    """Everything on the page."""
    book, rule = handbook.current(), rule_of(finding.rule)
    verbs = offered(finding, user)
    sees_runs = may(user, "view", Run)
    fix = fix_of(finding)
    steps = finding.steps.select_related("by", "run").order_by("-at", "-pk")[: SHOWN + 1]
    named = subjects_of([finding])[0]
    return {
        "finding": finding,
        "rule": rule,
        "rule_address": reverse("admin:checkup_rule", args=[rule.id]) if rule is not None and sees_runs else "",
        "named": named,
        "place": place_of(finding, user),
        "today": book.today(at),
        "words": words_behind(rule, book) if rule is not None else [],
        "handbook_address": reverse("admin:handbook_handbookversion_changelist")
        if may(user, "view", HandbookVersion)
        else "",
        "main": main_of(verbs, finding, user),
        "buttons": [verb for verb in verbs if verb.name not in (FIX, LOOK, "comment")],
        "may_look": any(verb.name == LOOK for verb in verbs),
        "may_comment": any(verb.name == "comment" for verb in verbs),
        "fix": fix,
        "fix_blocked": fix.why_not(finding, user) if fix and finding.state != Finding.State.FIXED else "",
        "longest_comment": LONGEST_COMMENT,
        "seen": last_step(finding),
        "steps": [Happened(one, ICONS[Step.Kind(one.kind)], _run_of(one, sees_runs)) for one in steps[:SHOWN]],
        "more_steps": len(steps) > SHOWN,
    }


def main_of(verbs: list[Verb], finding: Finding, user: User) -> Verb | None:
    """The button that stands out: the fix, for who can carry it out."""
    fix = fix_of(finding)
    if fix is None or fix.why_not(finding, user):
        return None
    return next((verb for verb in verbs if verb.name == FIX), None)


def place_of(finding: Finding, user: User) -> tuple[str, str] | None:
    """Where an administrator changes what a finding about a part of the installation is about: words and address."""
    if finding.object or not may(user, "change", PageLayout):
        return None
    what, _, name = finding.subject.removeprefix("workspace:").replace(".", ":", 1).partition(":")
    kinds = dict(OBJECTS)
    if what in ("page", "layout") and name in kinds:
        return "Edit the layout", reverse("admin:workspace_layout", args=[name])
    if what in ("tabs", "role") and name in dict(handbook.current().choices("roles")):
        return "Edit the tabs", reverse("admin:workspace_tabs", args=[name])
    if what in ("page", "layout", "tabs", "role", "list", "view", "list_view"):
        return "Open the workspace", reverse("admin:workspace")
    return None


def _run_of(step: Step, sees_runs: bool) -> str:
    return reverse("admin:checkups_run_change", args=[step.run_id]) if step.run_id and sees_runs else ""
