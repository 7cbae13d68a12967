"""What can be done to many findings: assigned, accepted, discussed, put right; each with its own verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.utils.dateparse import parse_date

from crm.bulk.operations import FormRequest, Kind, Operation, Task, done, gone, judged, refused, serve
from crm.bulk.reassigning import owner_of
from crm.checkups.assigning import refuse_assignee
from crm.checkups.fixes import Change, digest_of
from crm.checkups.fixing import fix_findings, preview_fix
from crm.checkups.locking import MOST, WHO, Verdict, refuse_gone
from crm.checkups.models import Finding
from crm.checkups.services import (
    LONGEST_COMMENT,
    LONGEST_REASON,
    accept_findings,
    assign_findings,
    comment_findings,
)
from crm.checkups.words import subjects_of
from crm.core.admin_fields import PersonChoice
from crm.core.days import Day, ask_at
from crm.core.errors import Refused
from crm.core.inputs import DateInput
from crm.core.permissions import may
from crm.jobs.kinds import Row
from crm.people.models import User


class OfFindings(Operation):
    """Something that is done to each finding of a selection that may be answered."""

    size = most = MOST
    undo = False
    right = ""

    def bar(self, user: User, kind: Kind, facts: Mapping[str, Any], count: int, at: datetime) -> Refused | None:
        if not may(user, self.right, kind):
            return Refused("forbidden", WHO[self.right])
        if count > self.most:
            return Refused("too_many", f"{self.most} findings at most at once: narrow the filter.")
        return None

    def judge(self, task: Task) -> list[Row]:
        found = Finding.objects.select_related("assignee").in_bulk(list(task.ids))
        rows = judged(task, lambda record: self.why_not(task, record), found)
        return _named(rows, found)

    def why_not(self, task: Task, finding: Finding) -> Refused | None:
        """Why it cannot be done to this one."""
        if not may(task.actor, self.right, finding):
            return Refused("forbidden", WHO[self.right])
        try:
            refuse_gone(finding)
            self.check(task, finding)
        except Refused as refusal:
            return refusal
        return None

    def check(self, task: Task, finding: Finding) -> None:
        """Refuse what will not do."""

    def run(self, task: Task) -> list[Row]:
        verdicts = {one.id: one for one in self.call(task)}
        rows = []
        for pk in task.ids:
            one = verdicts[pk]
            if one.finding is None:
                rows.append(gone(task.kind, pk))
            elif one.refusal is not None:
                rows.append(refused(one.finding, one.refusal))
            else:
                rows.append(done(one.finding, one.said))
        return _named(rows, {pk: one.finding for pk, one in verdicts.items() if one.finding is not None})

    def call(self, task: Task) -> Sequence[Verdict]:
        """The one domain call."""
        raise NotImplementedError


def _named(rows: list[Row], found: Mapping[int, Any]) -> list[Row]:
    """The rows, each called by what its finding is about."""
    names = {one.finding.pk: one.name for one in subjects_of(list(found.values()))}
    for row in rows:
        row["label"] = str(names.get(row["id"], row["label"]))[:255]
    return rows


class AssigneeForm(forms.Form):
    """Whose they are to be."""

    owner = PersonChoice(User.objects.none(), label="Assign to", empty_label="Choose one")

    def __init__(self, *args: Any, at: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["owner"].queryset = User.objects.to_choose(at=at)  # type: ignore[attr-defined]


class AssignFindings(OfFindings):
    """Give them to somebody, who is told once."""

    name, label, button, right = "assign_findings", "Assign…", "Assign", "assign"
    hint = "They are told once, for all of them."

    def form(self, request: FormRequest) -> forms.Form:
        return AssigneeForm(request.data, at=request.at)

    def check(self, task: Task, finding: Finding) -> None:
        owner = owner_of(task.facts)
        if owner is not None and finding.assignee_id != owner.pk:
            refuse_assignee(finding, owner)

    def call(self, task: Task) -> Sequence[Verdict]:
        owner = owner_of(task.facts)
        if owner is None:
            raise Refused("not_found", "Whom they were to be assigned to is no longer there.")
        return assign_findings(task.ids, owner, actor=task.actor, at=task.at, via=task.via)


class AcceptForm(forms.Form):
    """Until when they may stay as they are, and why."""

    until = Day(label="Until", widget=DateInput(), help_text="A day within a year; then they open again.")
    why = forms.CharField(label="Why?", max_length=LONGEST_REASON, widget=forms.Textarea(attrs={"rows": 2}))


class AcceptFindings(OfFindings):
    """Let them stay as they are for a while."""

    name, label, button, right = "accept_findings", "Accept…", "Accept", "accept"
    hint = "They may stay as they are for a while, and are counted apart."

    def form(self, request: FormRequest) -> forms.Form:
        form = AcceptForm(request.data)
        ask_at(form, request.at)
        return form

    def call(self, task: Task) -> Sequence[Verdict]:
        until, why = parse_date(str(task.facts.get("until", ""))), str(task.facts.get("why", ""))
        return accept_findings(task.ids, until=until, reason=why, actor=task.actor, at=task.at, via=task.via)


class CommentForm(forms.Form):
    """What is to be said of each."""

    text = forms.CharField(label="Comment", max_length=LONGEST_COMMENT, widget=forms.Textarea(attrs={"rows": 3}))


class CommentFindings(OfFindings):
    """Say the same of each."""

    name, label, button, right = "comment_findings", "Comment…", "Comment on", "comment"

    def form(self, request: FormRequest) -> forms.Form:
        return CommentForm(request.data)

    def call(self, task: Task) -> Sequence[Verdict]:
        return comment_findings(task.ids, str(task.facts.get("text", "")), actor=task.actor, at=task.at, via=task.via)


class FixForm(forms.Form):
    """Asks nothing, and knows what every fix would change, to be shown before anybody confirms."""

    def __init__(self, request: FormRequest) -> None:
        super().__init__(request.data)
        self.changes: list[tuple[Finding, Sequence[Change]]] = []
        if request.data is None:
            return
        for finding in Finding.objects.filter(pk__in=request.rows.values("pk")).select_related("assignee"):
            try:
                changes = preview_fix(finding, actor=request.user, at=request.at)
            except Refused:
                # Why not is said, and counted, row by row.
                continue
            if changes:
                self.changes.append((finding, changes))


class FixFindings(OfFindings):
    """Carry out the fix of each that has one; what each would change is shown before."""

    name, label, button, right = "fix_findings", "Put right…", "Put right", "fix"
    most = 100  # so many are shown one by one
    hint = "Each is put right by the fix of its rule. The next page says what every one would change."

    def form(self, request: FormRequest) -> forms.Form:
        return FixForm(request)

    def facts(self, form: forms.Form, data: Mapping[str, Any]) -> dict[str, Any]:
        shown = form.changes if isinstance(form, FixForm) else []
        return {"digests": {str(finding.pk): digest_of(changes) for finding, changes in shown}}

    def spoken(self, form: forms.Form) -> list[tuple[str, str]]:
        shown = form.changes if isinstance(form, FixForm) else []
        names = {one.finding.pk: one.name for one in subjects_of([finding for finding, _ in shown])}
        return [
            (names[finding.pk], "; ".join(f"{one.what}: {one.before} → {one.after}" for one in changes))
            for finding, changes in shown
        ]

    def check(self, task: Task, finding: Finding) -> None:
        if not preview_fix(finding, actor=task.actor, at=task.at):
            raise Refused("nothing_to_fix", "Nothing is left to change: let its rule look again.")

    def call(self, task: Task) -> Sequence[Verdict]:
        digests = {int(pk): str(digest) for pk, digest in task.facts.get("digests", {}).items()}
        return fix_findings(task.ids, digests=digests, actor=task.actor, at=task.at, via=task.via)


ASSIGN, ACCEPT = serve(AssignFindings()), serve(AcceptFindings())
COMMENT, FIX = serve(CommentFindings()), serve(FixFindings())
