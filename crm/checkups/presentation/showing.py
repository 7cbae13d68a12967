"""One slice of a run: a group is shown its pages, and each rule says what is not as it should be."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import structlog
from django.db import models
from django.urls import reverse

from crm.checkups.looking import database_now, words_of
from crm.checkups.presentation.choosing import OWN, TEAM, choices
from crm.checkups.presentation.groups import Group, groups
from crm.checkups.presentation.reading import Link, Page, read_page
from crm.checkups.presentation.rendering import Answer, show
from crm.checkups.presentation.shown import (
    LIST,
    PAGE,
    TABS,
    OpenedTab,
    Shown,
    ShownTabs,
    kinds_expected,
    label_of,
    subject_of,
    tab_of,
)
from crm.checkups.rules import Look, Rule, Sight, known_ids
from crm.jobs.kinds import Row
from crm.people.models import User

log = structlog.get_logger(__name__)
# The rule that a page opens at all; in a run without it, each rule about the page says so.
OPENS = "tabs.standard"
WHOSE = {OWN: "their own", TEAM: "their team’s"}


def slices(rules: Iterable[Rule], person: User | None = None) -> list[dict[str, Any]]:
    """The slices for the presentation rules among `rules`: one for each group; for a person, one of theirs.

    Each has `group`, by which `look_at_group` takes it: None where there is nobody. `rows`: its output has so many.
    """
    chosen = [rule.id for rule in rules if rule.is_presentation]
    if not chosen:
        return []
    of = {"rules": chosen, "person": person.pk if person else None, "rows": 1}
    found = [group for group in groups() if person is None or _within(group, person.pk).members]
    return [{"group": list(group.key), **of} for group in found] or [{"group": None, **of}]


def look_at_group(input: Mapping[str, Any], look: Look) -> list[Row]:
    """What one group is shown: one row, to be kept as the slice's output, with what each rule makes of it.

    No page and no rule that fails raises: that is what is found.
    """
    known, off = known_ids(), look.book.checkups.off
    rules = [known[one] for one in input["rules"] if one in known and one not in off]
    group, notes, seen_at = _group_of(input), {rule.id: _Note(rule) for rule in rules}, database_now()
    if group is not None:
        _Tour(group, notes, look).take()
    role, people = (look.book.label("roles", group.key.role), group.size) if group else ("", 0)
    return [
        {
            "label": f"Shown to {role} ({people})" if people else "Nobody to be shown anything",
            "outcome": _outcome(notes.values()),
            "role": role,
            "people": people,
            "seen_at": seen_at.isoformat(),
            "rules": {rule: note.as_json() for rule, note in notes.items()},
        }
    ]


def _group_of(input: Mapping[str, Any]) -> Group | None:
    """The group as it is now; None when nobody is left in it."""
    wanted, person = input.get("group"), input.get("person")
    for group in groups() if wanted else ():
        if _plain(group.key) == _plain(wanted):
            left = _within(group, person) if person else group
            return left if left.members else None
    return None


def _within(group: Group, person: int) -> Group:
    return Group(group.key, tuple(one for one in group.members if one.pk == person))


def _plain(key: Any) -> list[Any]:
    return [list(part) if isinstance(part, tuple | list) else part for part in key]


class _Note:
    """What one rule saw of one group."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.pages, self.closed, self.milliseconds = 0, 0, 0
        self.failed = ""
        self.sights: list[dict[str, str]] = []
        self.not_there: list[str] = []

    def add(self, sight: Sight, on: str = "") -> None:
        """Keep what is wrong, and on what it was seen."""
        said = {name: getattr(sight, name) for name in ("subject", "label", "detail", "expected", "found")}
        self.sights.append({**said, "on": on})

    def as_json(self) -> dict[str, Any]:
        """The same for the slice's output."""
        return {name: value for name, value in vars(self).items() if name != "rule"}


def _outcome(notes: Iterable[_Note]) -> str:
    """How it went, in a word that the job's page knows."""
    notes = list(notes)
    if any(one.failed for one in notes):
        return "failed"
    return "looked" if any(one.pages for one in notes) else "nothing_to_look_at"


class _Tour:
    """A walk through what one group is shown, once for all rules."""

    def __init__(self, group: Group, notes: Mapping[str, _Note], look: Look) -> None:
        self.group, self.notes, self.look = group, notes, look

    def take(self) -> None:
        """Open everything that a rule of this run looks at."""
        reader = User.objects.get(pk=self.group.members[0].pk)
        scopes = {one.rule.scope for one in self.notes.values()}
        # Whom no page lets in is shown nothing, right or wrong; that they have such a role is another rule's finding.
        if not reader.rights:
            for scope in scopes:
                self._not_there(scope, "a role of the handbook")
            return
        if any(scope.partition(":")[0] in (TABS, LIST) for scope in scopes):
            self._lists(reader, scopes)
        for kind in kinds_expected():
            if subject_of(PAGE, kind) in scopes:
                self._pages(kind)
        expected = {kind._meta.model_name for kind in kinds_expected()}
        for scope in scopes - {TABS}:
            if scope.partition(":")[2] not in expected:
                self._not_there(scope, "anything that the handbook expects of it")

    # --- tabs and lists -----------------------------------------------------------------------------------------------

    def _lists(self, reader: User, scopes: set[str]) -> None:
        with self._timed(TABS):
            home = show(reverse("admin:index"), reader, at=self.look.at)
        if home.problem:
            subject, label = f"tabs:{reader.role}", ShownTabs(reader, ()).label
            closed = Sight("Plumb opens for them", f"It does not. {home.problem}", subject, label, "opens")
            self._does_not_open(closed, [scope for scope in scopes if scope.startswith(LIST)])
            return
        labels = {label: key for key, label in self.look.book.choices("tabs")}
        tabs = []
        for link in read_page(home.html).tabs:
            key = labels.get(link.label, "")
            of = [subject_of(LIST, kind) for kind in kinds_expected() if tab_of(kind) == key]
            if TABS in scopes or scopes.intersection(of):
                tabs.append(self._tab(key, link, reader, of[0] if of else TABS))
        shown = ShownTabs(reader, tuple(tabs))
        self._ask(TABS, shown, pages=1 + len(tabs))
        for kind in kinds_expected():
            self._list(kind, shown)

    def _tab(self, key: str, link: Link, reader: User, scope: str) -> OpenedTab:
        with self._timed(scope):
            answer = show(link.address, reader, at=self.look.at)
            return OpenedTab(key, link, read_page(answer.html) if answer.html else None, answer.problem)

    def _list(self, kind: type[models.Model], shown: ShownTabs) -> None:
        """What the tab of a kind of record opens on; a role without the tab has nothing that it could open on."""
        scope = subject_of(LIST, kind)
        for tab in (one for one in shown.tabs if one.key == tab_of(kind)):
            if tab.page is not None:
                self._ask(scope, Shown(shown.reader, kind, tab.page))
                return
            text = f"It does not open. {tab.problem}"
            self._does_not_open(Sight("The list opens", text, scope, label_of(LIST, kind), "opens"), [scope])
            return
        self._not_there(scope, "a tab")

    # --- pages of records ---------------------------------------------------------------------------------------------

    def _pages(self, kind: type[models.Model]) -> None:
        scope = subject_of(PAGE, kind)
        with self._timed(scope):
            chosen = choices(self.group, kind, self.look.book, at=self.look.at)
        for one in chosen:
            whose = WHOSE.get(one.whose, "another’s")
            record = kind._default_manager.filter(pk=one.record).first() if one.record else None
            if record is None:
                self._not_there(scope, f"{whose} {kind._meta.verbose_name}")
                continue
            on = f"{kind._meta.verbose_name} {one.record}, {whose}"
            reader = User.objects.get(pk=one.reader)
            with self._timed(scope):
                answer, page = self._open(kind, record, reader)
            if page is None:
                text = f"It does not open. {answer.problem}"
                opened = f"The page of {whose} {kind._meta.verbose_name} opens"
                closed = Sight(opened, text, scope, label_of(PAGE, kind), f"opens:{one.whose}")
                self._does_not_open(closed, [scope], on=on)
            else:
                self._ask(scope, Shown(reader, kind, page, record), on=on)

    def _open(self, kind: type[models.Model], record: Any, reader: User) -> tuple[Answer, Page | None]:
        address = reverse(f"admin:{kind._meta.app_label}_{kind._meta.model_name}_change", args=[record.pk])
        answer = show(address, reader, at=self.look.at)
        return answer, read_page(answer.html) if answer.html else None

    # --- rules --------------------------------------------------------------------------------------------------------

    def _of(self, scope: str) -> Iterator[_Note]:
        return (one for one in self.notes.values() if one.rule.scope == scope)

    def _ask(self, scope: str, shown: Shown | ShownTabs, *, on: str = "", pages: int = 1) -> None:
        """Let each rule of a scope look at what is shown; one that fails is noted, and the others go on."""
        for note in self._of(scope):
            began = time.monotonic()
            note.pages += pages
            try:
                for found in list(note.rule.function(shown, self.look)):
                    note.add(found, on)
            except Exception as error:
                log.error("checkup_crashed", rule=note.rule.id, error=error, trace=traceback.format_exc())
                note.failed = words_of(error)
            note.milliseconds += int((time.monotonic() - began) * 1000)

    def _does_not_open(self, sight: Sight, scopes: Sequence[str], *, on: str = "") -> None:
        """A page that does not open is a finding, and whatever was found on it before may be so still."""
        teller = self.notes.get(OPENS)
        # What the rule about tabs says of a tab itself, it says once.
        if teller is not None and not (sight.subject.startswith(LIST)):
            teller.add(sight, on)
            teller.pages += 1
        for scope in scopes:
            for note in self._of(scope):
                note.closed += 1
                if teller is None:
                    note.add(sight, on)
                    note.pages += 1

    def _not_there(self, scope: str, what: str) -> None:
        for note in self._of(scope):
            note.not_there.append(what)

    @contextmanager
    def _timed(self, scope: str) -> Iterator[None]:
        """Put the time that pages took down to the rules that look at them, in equal parts."""
        began = time.monotonic()
        yield
        asked = list(self._of(scope)) or list(self._of(TABS))
        for note in asked:
            note.milliseconds += int((time.monotonic() - began) * 1000 / len(asked))
