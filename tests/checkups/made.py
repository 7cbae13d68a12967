"""A rule that finds what a test tells it to find."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from crm import handbook
from crm.checkups import rules
from crm.checkups.looking import look_at
from crm.checkups.models import Area, Finding, Result, Run, Severity
from crm.checkups.rules import Look, Looked, Outcome, Rule, Sight
from crm.checkups.running import start_run
from crm.checkups.storing import settle
from crm.handbook import Handbook
from crm.people.models import User

LATER = timezone.now() + timedelta(days=3)


@dataclass
class Made:
    """What it sees now: details of one subject; `at` how many things it looked at, `does` what else happens then."""

    sees: Sequence[str] = ()
    at: int = 5
    does: Callable[[], Any] = field(default=lambda: None)
    rule: Rule | None = None
    found: str = "Something"

    def __call__(self, look: Look) -> Looked:
        """The rule's function."""
        self.does()
        return Looked(self.at, [Sight("Nothing", self.found, "page:made", detail=one) for one in self.sees])

    def look(self, day: int = 0) -> Outcome:
        """Look on a later day, and store nothing yet."""
        assert self.rule is not None
        return look_at(self.rule, Look(LATER + timedelta(days=day), handbook.current()))

    def store(self, outcome: Outcome, day: int = 0) -> Result:
        """Store a look in a run of its own."""
        at = LATER + timedelta(days=day)
        run = start_run(
            why=Run.Why.ASKED, by=User.objects.system(), at=at, rules=[outcome.rule.id], occasion="", woken=False
        )
        return settle(outcome, run=run, at=at)

    def run(self, sees: Iterable[str] | None = None, day: int = 0) -> Result:
        """Look and store, and see these from now on."""
        if sees is not None:
            self.sees = list(sees)
        return self.store(self.look(day), day)

    def states(self) -> dict[str, str]:
        """The state of each of its findings, by detail."""
        assert self.rule is not None
        return dict(Finding.objects.filter(rule=self.rule.id).values_list("detail", "state"))


def make_rule(monkeypatch: pytest.MonkeyPatch, id: str = "process.made", **fields: Any) -> Made:
    """Register it for this test."""
    made = Made(**fields)
    made.rule = Rule(id, "Nothing is made up", "K6", Area.PROCESS, Severity.ERROR, made)
    monkeypatch.setitem(rules._rules, id, made.rule)
    return made


def with_checkups(**section: Any) -> Handbook:
    """The handbook with these in its section of checkups."""
    book = handbook.current()
    return book.model_copy(update={"checkups": book.checkups.model_copy(update=section)})
