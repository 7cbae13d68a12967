"""Who may see and answer findings."""

from __future__ import annotations

from django.apps import apps
from django.db import models

from crm.checkups.models import Finding, Result, Run, Step, Watch
from crm.core.permissions import may, policy
from crm.people.models import User


@policy(Run, Result, Watch)
def runs(user: User, verb: str, record: models.Model | None) -> bool:
    """Managers see runs and start them; a run is never edited."""
    return verb in ("view", "start") and user.is_manager and not user.is_service


@policy(Finding, Step)
def findings(user: User, verb: str, record: models.Model | None) -> bool:
    """Managers see and answer all; others see, comment and fix what is assigned to them or lies in their records."""
    if user.is_service or not user.rights:
        return False
    finding = getattr(record, "finding", None) if isinstance(record, Step) else record
    if verb in ("view", "comment", "fix"):
        # Of findings in general: everybody's list has what concerns them.
        return user.is_manager or finding is None or (isinstance(finding, Finding) and _concerns(user, finding))
    return verb in ("assign", "accept") and user.is_manager


def _concerns(user: User, finding: Finding) -> bool:
    if finding.assignee_id == user.pk:
        return True
    record = record_of(finding)
    return record is not None and may(user, "change", record)


def record_of(finding: Finding) -> models.Model | None:
    """The record that a finding is about; None for none, and for one that is gone."""
    if not finding.object:
        return None
    kind = next((one for one in apps.get_models() if one._meta.model_name == finding.object), None)
    found: models.Model | None = kind._default_manager.filter(pk=finding.record_id).first() if kind else None
    return found
