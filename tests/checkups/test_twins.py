"""A rule about stored records means the same in SQL, which counts millions, and in plain Python, which reads a file."""

from __future__ import annotations

import os
from collections import Counter
from datetime import timedelta

import pytest

from crm import handbook
from crm.checkups.rules import Look, Looked, all_rules
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
