"""Breaking one thing is one finding: the rule that looks after it sees it, no other does, and the fix closes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from crm.checkups.looking import identity_of, look_at
from crm.checkups.models import Area
from crm.checkups.rules import Outcome, Rule, all_rules
from crm.people.models import Team, User
from tests.checkups import mutations_configuration as mutations_configuration
from tests.checkups import mutations_pages as mutations_pages
from tests.checkups.mutations import MUTATIONS, Mutation, World
from tests.checkups.remembering import Remembered, remembering
from tests.checkups.showing import look_at_pages, look_now, make_records
from tests.factories import make_user

Found = set[tuple[str, str, str]]
GUARDED = [rule for rule in all_rules() if rule.is_presentation or rule.area == Area.CONFIGURATION]


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """One active person with a record of each kind, made once; each row is undone. Pages are remembered."""
    with django_db_blocker.unblock(), transaction.atomic():
        sdr = make_user("alice", role="sdr", team=Team.objects.create(name="North"))
        make_records(sdr)
        with remembering(Remembered()):
            yield World(sdr, User.objects.system(), timezone.now() + timedelta(seconds=1))
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def before(world: World) -> Found:
    """What is found while nothing is broken: of what people are shown, nothing."""
    found = look(GUARDED)
    assert not [one for one in found if one[0] in {rule.id for rule in GUARDED if rule.is_presentation}]
    return found


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: f"{one.rule}: {one.what}")
def test_breaking_one_thing_is_seen_by_its_rule_alone_until_it_is_put_right(
    world: World, before: Found, mutation: Mutation
) -> None:
    rules = [rule for rule in GUARDED if mutation.rendered or not rule.is_presentation]
    with transaction.atomic():
        try:
            mutation.breaks(world)
            found = look(rules) - before
        finally:
            mutation.fixes(world)
        assert {rule for rule, _, _ in found} == {mutation.rule}, found
        assert not look([rule for rule in GUARDED if rule.id == mutation.rule]) - before
        transaction.set_rollback(True)


def test_every_rule_about_pages_and_configuration_has_something_that_breaks_it() -> None:
    broken = {one.rule for one in MUTATIONS}
    assert {rule.id for rule in GUARDED} - broken == set()
    assert broken - {rule.id for rule in GUARDED} == set()


def look(rules: Iterable[Rule]) -> Found:
    """Everything that these rules find now."""
    rules, at = list(rules), look_now()
    shown = [rule.id for rule in rules if rule.is_presentation]
    outcomes: list[Outcome] = [look_at(rule, at) for rule in rules if not rule.is_presentation]
    outcomes += look_at_pages(shown).values() if shown else []
    assert not [(one.rule.id, one.crash) for one in outcomes if one.crash]
    return {(one.rule.id, *identity_of(sight)) for one in outcomes for sight in one.sights}
