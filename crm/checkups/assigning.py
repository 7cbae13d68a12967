"""Who findings can be assigned to, and how they are told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.urls import reverse

from crm.checkups.models import Finding
from crm.checkups.policies import record_of
from crm.checkups.rules import rule_of
from crm.checkups.words import counted
from crm.core.errors import Missing, Refused
from crm.core.permissions import may
from crm.notifications.services import Notice, notify
from crm.people.models import User
from crm.people.owners import stay


def refuse_assignee(finding: Finding, assignee: User) -> None:
    """Refuse who does not work here, or may not see what it is about; keeps the others active until the end.

    Raises:
        Refused: `missing_facts` with `invalid_assignee`.
    """
    said = ""
    if assignee.pk not in stay([assignee.pk]) or not assignee.rights:
        said = f"{assignee} cannot take findings: choose somebody who works here."
    elif (record := record_of(finding)) is not None and not may(assignee, "view", record):
        said = f"{assignee} may not see the {record._meta.verbose_name} that it is about."
    if said:
        raise Refused("missing_facts", said, [Missing("invalid_assignee", said, "assignee")])


def tell_assigned(assignee: User, findings: Sequence[Finding], *, key: str, actor: User, at: datetime) -> None:
    """Tell whose they are now, once for all of them; nobody is told what they did themselves."""
    if assignee.pk == actor.pk:
        return
    titles = dict.fromkeys(title_of(one) for one in findings)
    if len(findings) == 1:
        address = reverse("admin:checkups_finding_change", args=[findings[0].pk])
        title = f"{actor} assigned a finding to you"
    else:
        address = f"{reverse('admin:checkups_finding_changelist')}?assignee=me&state=open"
        title = f"{actor} assigned {counted(len(findings), 'finding')} to you"
    text = "; ".join(list(titles)[:3]) + (f"; and {len(titles) - 3} more" if len(titles) > 3 else "")
    notice = Notice(
        to_id=assignee.pk,
        kind="finding_assigned",
        key=f"finding_assigned:{key}",
        title=title,
        text=text,
        address=address,
    )
    notify([notice], at=at)


def title_of(finding: Finding) -> str:
    """The sentence of its rule; of a rule that this version no longer has, its id."""
    rule = rule_of(finding.rule)
    return rule.title if rule is not None else finding.rule
