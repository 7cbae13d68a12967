"""What each role may do, kept as it was when somebody last looked at it: a role that may more since is a finding.

A change of the handbook or of the program can give a role more than anybody meant. So applying a handbook keeps what
a role may do only when the role, or a kind of record, was never seen before; whatever is added later stays a finding
until an administrator says that it is meant (`acknowledge_rights`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.utils.text import capfirst

from crm import handbook
from crm.checkups.fixes import Change, Fix, fix
from crm.checkups.models import Finding
from crm.checkups.rules import Look, Looked, Sight, checkup
from crm.core.errors import Refused
from crm.core.flow import Stateful
from crm.core.permissions import has_policy, may, policy
from crm.core.text import Line
from crm.handbook.document import Handbook
from crm.handbook.schema import Role
from crm.handbook.services import register_seed
from crm.people.models import User

# Every verb that some page, program or command asks about, but for those of moves, which records name themselves; also
# one that is a move's elsewhere (`send` of contracts) where a record without moves is asked for it (`send` of minutes).
VERBS = (
    "view",
    "add",
    "change",
    "delete",
    "place",
    "export",
    "merge",
    "accept",
    "add_notes",
    "answer",
    "assign",
    "call_off",
    "claim",
    "comment",
    "dismiss",
    "fix",
    "hold",
    "join",
    "lift",
    "response_times",
    "send",
    "start",
    "take_back",
    "undo",
    "void",
)
Matrix = dict[str, list[str]]


class RoleRights(models.Model):
    """What a role was meant to do, by kind of record: `{"lead": ["add", "view"], …}`; since when, and who said so."""

    role = Line(max_length=50, blank=False, unique=True)
    rights = models.JSONField(default=dict)
    since = models.DateTimeField()
    acknowledged_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")

    class Meta:
        verbose_name = "rights of a role"
        verbose_name_plural = "rights of roles"

    def __str__(self) -> str:
        return f"Rights of {self.role}"


@policy(RoleRights)
def role_rights(user: User, verb: str, record: models.Model | None) -> bool:
    """Administrators see them, and say what is meant."""
    return verb in ("view", "acknowledge") and user.is_administrator


def rights_of(role: Role) -> Matrix:
    """What anybody of a role may do with records in general, as every door asks it."""
    somebody = User(role=role.key, is_service=role.rights == "service")
    found: Matrix = {}
    for kind in apps.get_models():
        if has_policy(kind):
            verbs = [*VERBS, *(kind.verbs() if issubclass(kind, Stateful) else ())]
            found[kind._meta.label_lower] = sorted({verb for verb in verbs if may(somebody, verb, kind)})
    return found


def gained(before: Mapping[str, Iterable[str]], now: Matrix) -> Matrix:
    """By kind of record the verbs that were not there; a kind of record that is new itself did not gain anything."""
    found = {
        kind: [verb for verb in verbs if verb not in before[kind]] for kind, verbs in now.items() if kind in before
    }
    return {kind: verbs for kind, verbs in found.items() if verbs}


def mark_of(rights: Matrix) -> str:
    """A short text that is another for other rights: who accepts what a role gained accepts this and no more."""
    return hashlib.sha256(json.dumps(rights, sort_keys=True).encode()).hexdigest()[:12]


def in_words(rights: Matrix) -> str:
    """The same for people, a line for each kind of record."""
    return "\n".join(sorted(f"{capfirst(name_of(kind))}: {_list(verbs)}" for kind, verbs in rights.items()))


def name_of(kind: str) -> str:
    """A kind of record in words."""
    return str(apps.get_model(kind)._meta.verbose_name_plural)


def _list(verbs: Iterable[str]) -> str:
    return ", ".join(sorted(verb.replace("_", " ") for verb in verbs)) or "nothing"


@register_seed
def seed_rights(handbook: Handbook, *, at: datetime) -> None:
    """Keep what roles and kinds of record may that were never seen before; nothing else."""
    there = {row.role: row for row in RoleRights.objects.select_for_update()}
    for role in handbook.roles:
        now, row = rights_of(role), there.get(role.key)
        if row is None:
            RoleRights.objects.create(role=role.key, rights=now, since=at)
        elif new := {kind: verbs for kind, verbs in now.items() if kind not in row.rights}:
            row.rights = {**row.rights, **new}
            row.save(update_fields=["rights"])


@checkup(
    "configuration.role_gained",
    title="No role may do more than was meant",
    row="K5",
    severity="error",
    fix="acknowledge_rights",
    why="A change of the handbook or of the program can open doors that nobody meant to open.",
)
def role_gained(look: Look) -> Looked:
    """What each role may now and might not when its rights were last looked at."""
    before = {row.role: row for row in RoleRights.objects.all()}
    found, unseen = [], []
    for role in look.book.roles:
        row = before.get(role.key)
        if row is None:
            unseen.append(role.label)
            continue
        if more := gained(row.rights, rights_of(role)):
            found.append(
                Sight(
                    subject=f"role:{role.key}",
                    label=f"Role “{role.label}”",
                    detail=mark_of(more),
                    expected=f"No more than on {row.since:%Y-%m-%d}",
                    found=in_words(more),
                )
            )
    note = f"Not looked at, since no handbook with them was applied: {', '.join(unseen)}." if unseen else ""
    return Looked(at=len(look.book.roles) - len(unseen), sights=found, note=note)


@fix("acknowledge_rights", label="It is meant")
class AcknowledgeRights(Fix):
    """What a role gained is what it was meant to do from now on; administrators say so."""

    hint = (
        "The role keeps what it may do, and from now on more than that is found. To take rights back, change its role."
    )

    def why_not(self, finding: Finding, actor: User) -> str:
        if not may(actor, "acknowledge", RoleRights):
            return "Only administrators say what a role is meant to do: assign it to one of them."
        return ""

    def preview(self, finding: Finding, *, actor: User, at: datetime, **facts: Any) -> list[Change]:
        role = role_of(finding)
        row = RoleRights.objects.filter(role=role.key).first() if role else None
        if role is None or row is None:
            return []
        more = gained(row.rights, rights_of(role))
        if mark_of(more) != finding.detail:
            return []
        return [
            Change(f"{role.label}: {name_of(kind)}", _list(row.rights[kind]), _list([*row.rights[kind], *verbs]))
            for kind, verbs in more.items()
        ]

    def apply(self, finding: Finding, *, actor: User, at: datetime, via: str, **facts: Any) -> str:
        role = role_of(finding)
        if role is None:
            raise Refused("not_any_more", "The role left the handbook.")
        acknowledge_rights(role, finding.detail, actor=actor, at=at)
        return f"what {role.label} may do is meant"


def role_of(finding: Finding) -> Role | None:
    """The role that a finding is about; None for one that left the handbook."""
    key = finding.subject.partition(":")[2]
    return next((role for role in handbook.current().roles if role.key == key), None)


def acknowledge_rights(role: Role, mark: str, *, actor: User, at: datetime) -> Matrix:
    """Say that a role is meant to do from now on what a finding with this mark says it gained, and return that.

    Raises:
        PermissionDenied: for anybody who is no administrator.
        Refused: `not_any_more` when it gained nothing, or something else meanwhile.
    """
    if not may(actor, "acknowledge", RoleRights):
        raise PermissionDenied
    with transaction.atomic():
        row = RoleRights.objects.select_for_update().filter(role=role.key).first()
        more = gained(row.rights, rights_of(role)) if row else {}
        if row is None or not more or mark_of(more) != mark:
            raise Refused("not_any_more", f"What the role “{role.label}” gained is another by now: run the rule again.")
        row.rights = {**row.rights, **{kind: sorted({*row.rights[kind], *verbs}) for kind, verbs in more.items()}}
        row.since, row.acknowledged_by = at, actor
        row.save()
    return more
