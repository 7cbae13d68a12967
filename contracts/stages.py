"""The stages of an opportunity as the handbook has them: their kinds, their order, and what it takes to leave one."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from crm import handbook

if TYPE_CHECKING:
    from crm.handbook.entries import Entry
    from crm.handbook.schema import Stage


def stage_choices() -> list[tuple[str, str]]:
    """Stages as the handbook names them."""
    return handbook.current().choices("opportunity.stages")


def stage_keys(kind: str) -> list[str]:
    """The keys of the stages of one kind (`open`, `won`, `lost`), in order."""
    return [stage.key for stage in handbook.current().opportunity.stages if stage.kind == kind]


def find_stage(key: str) -> Stage | None:
    """The stage of that key; None for a word that left the handbook."""
    return next((stage for stage in handbook.current().opportunity.stages if stage.key == key), None)


def neighbour(key: str, step: int) -> str:
    """The open stage `step` places on, or an empty string at either end."""
    stages = stage_keys("open")
    if key not in stages:
        return ""
    place = stages.index(key) + step
    return stages[place] if 0 <= place < len(stages) else ""


def criteria_of(key: str) -> tuple[Entry, ...]:
    """What has to be true to leave this stage forwards."""
    stage = find_stage(key)
    return stage.exit if stage else ()


def criteria_before(key: str) -> list[tuple[Stage, Entry]]:
    """What had to be true to come to this stage, with the stage that asks for it."""
    stages = [stage for stage in handbook.current().opportunity.stages if stage.kind == "open"]
    keys = [stage.key for stage in stages]
    passed = stages[: keys.index(key)] if key in keys else stages if key in stage_keys("won") else []
    return [(stage, one) for stage in passed for one in stage.exit]


def every_criterion() -> list[tuple[str, str]]:
    """Every exit criterion there is, of any stage: its key and its words."""
    return [(one.key, one.label) for stage in handbook.current().opportunity.stages for one in stage.exit]


def unmet(key: str, met: Collection[str]) -> list[Entry]:
    """The exit criteria of a stage that nobody has said to be met."""
    return [one for one in criteria_of(key) if one.key not in met]
