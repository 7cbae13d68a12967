"""What puts findings right with one click: always shown before it is done, and done by the doors people use.

    @fix("add_year", label="Add the year")
    class AddYear(Fix):
        def preview(self, finding, *, actor, at, **facts): return [Change("Name", "Initech", "Initech 2026")]
        def apply(self, finding, *, actor, at, via, **facts): ...

A rule names its fix by its key. Apps register theirs in their module `checkup_fixes`, which is found when Plumb starts.
A fix has no rights of its own: the door it goes through asks who may.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, ClassVar, NamedTuple, TypeVar

from django import forms

from crm.checkups.models import Finding
from crm.checkups.rules import rule_of
from crm.core.errors import Refused
from crm.jobs.models import Job
from crm.people.models import User


class Change(NamedTuple):
    """One thing that a fix changes, in words: what, and its value before and after."""

    what: str
    before: str
    after: str


class Fix:
    """One way to put findings right. A subclass is registered with `@fix`."""

    key: ClassVar[str] = ""
    label: ClassVar[str] = ""
    # What should be known before it is done.
    hint: ClassVar[str] = ""

    def why_not(self, finding: Finding, actor: User) -> str:
        """Why this person cannot do it to this finding, in a sentence; empty when they can."""
        return ""

    def form(self, finding: Finding, data: Any = None) -> forms.Form:
        """What it has to be told; most have to be told nothing."""
        return forms.Form(data)

    def preview(self, finding: Finding, *, actor: User, at: datetime, **facts: Any) -> Sequence[Change]:
        """What it would change, without changing it; nothing when nothing is left to change."""
        raise NotImplementedError

    def apply(self, finding: Finding, *, actor: User, at: datetime, via: str, **facts: Any) -> str:
        """Do it, inside the caller's frame; what was done, for the history. May raise `Refused`."""
        raise NotImplementedError

    def hand_over(self, finding: Finding, *, actor: User, at: datetime, **facts: Any) -> Job | None:
        """A job that does it instead, counting first, when it is too much while somebody waits; None when it is not."""
        return None


F = TypeVar("F", bound=type[Fix])
_fixes: dict[str, Fix] = {}


def fix(key: str, *, label: str) -> Callable[[F], F]:
    """Register a fix.

    Raises:
        ValueError: when another has that key.
    """

    def register(kind: F) -> F:
        if key in _fixes and type(_fixes[key]) is not kind:
            raise ValueError(f"there is a fix {key!r} already")
        kind.key, kind.label = key, label
        _fixes[key] = kind()
        return kind

    return register


def fix_of(finding: Finding) -> Fix | None:
    """What puts this finding right; None when nothing does by itself, and for a rule that crashed."""
    rule = rule_of(finding.rule)
    if rule is None or not rule.fix or finding.detail == "crashed":
        return None
    return _fixes.get(rule.fix)


def known_fixes() -> dict[str, Fix]:
    """Every fix by its key."""
    return dict(_fixes)


def digest_of(changes: Sequence[Change]) -> str:
    """What was shown, in short: a fix is carried out only while it would change what was shown."""
    return hashlib.sha256(json.dumps([list(one) for one in changes]).encode()).hexdigest()[:32]


def refuse_unless(finding: Finding, found: Fix | None, actor: User) -> Fix:
    """The fix, for who may carry it out.

    Raises:
        Refused: `no_fix`, `cannot_fix`.
    """
    if found is None:
        raise Refused("no_fix", "Nothing puts this right by itself.")
    if why := found.why_not(finding, actor):
        raise Refused("cannot_fix", why)
    return found
