"""A rule about stored records means the same in SQL, which counts millions, and in plain Python, which reads a file."""

from __future__ import annotations

import os
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from crm import handbook
from crm.checkups.findings_list import OTHERS
from crm.checkups.looking import look_at
from crm.checkups.rules import Look, Looked, all_rules
from crm.workspace.models import OBJECTS
from tests.checkups.twins import Shelf, build_world, compare

pytestmark = pytest.mark.django_db
# Of this world it is known that it has something wrong and something right for every rule.
SEED = "6"
# An hour, some days and two months after the world was made: limits pass one after another.
LATER = (timedelta(hours=1), timedelta(days=4), timedelta(days=62))


def test_every_rule_says_the_same_in_sql_and_in_plain_python() -> None:
    world = build_world(int(os.environ.get("TWINS_SEED", SEED)))
    wrong: list[str] = []
    shelf = Shelf()
    right, found = Counter[str](), Counter[str]()
    rules = [rule for rule in all_rules() if not rule.is_presentation]
    for after in LATER:
        look = Look(world.now + after, handbook.current())
        for rule in rules:
            answer = rule.function(look)
            if isinstance(answer, Looked):
                found[rule.id] += 1
                right[rule.id] += 1
                continue
            for part in answer:
                compared = compare(part, shelf)
                wrong += [f"{rule.id} after {after}: {said}" for said in compared.differences]
                found[rule.id] += compared.wrong
                right[rule.id] += compared.right
    assert not wrong, "\n".join(wrong[:40])
    if os.environ.get("TWINS_SEED", SEED) != SEED:
        return
    poor = [rule.id for rule in rules if not found[rule.id] or not right[rule.id]]
    assert not poor, f"the world (twins.py) has no record that is wrong, or none that is right, for {poor}"


def test_findings_can_be_filtered_by_every_kind_of_record_that_rules_look_at() -> None:
    look = Look(timezone.now(), handbook.current())
    answers = [rule.function(look) for rule in all_rules() if not rule.is_presentation]
    parts = [part for answer in answers if not isinstance(answer, Looked) for part in answer]
    kinds = {str(part.among.model._meta.model_name) for part in parts}
    assert kinds <= {key for key, _ in OBJECTS} | set(OTHERS)


def test_a_rule_asks_as_many_queries_for_a_hundred_findings_as_for_one() -> None:
    look = Look(build_world(int(SEED)).now + LATER[-1], handbook.current())
    for rule in all_rules():
        answer = None if rule.is_presentation else rule.function(look)
        if answer is None or isinstance(answer, Looked):
            continue
        parts = list(answer)
        with CaptureQueriesContext(connection) as asked:
            outcome = look_at(rule, look)
        # Of each part: how many there are, how many are wrong, those that are kept, and what is read along with them.
        most = 6 + sum(3 + len(part.prefetch) for part in parts)
        assert not outcome.crash
        assert len(asked) <= most, f"{rule.id} asks {len(asked)} queries for {outcome.total} findings"
