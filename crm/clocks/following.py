"""What is looked at before each sweep: higher layers say so, since imports point one way.

A response that came by a path which wakes nobody is found here at the latest, before anybody is told of a breach.
"""

from __future__ import annotations

import traceback
from datetime import datetime
from typing import Protocol

import structlog

log = structlog.get_logger(__name__)


class Follower(Protocol):
    """Brings clocks up to date with what happened elsewhere, in transactions of its own."""

    def __call__(self, *, at: datetime) -> object: ...


_followers: list[Follower] = []


def before_sweep(follower: Follower) -> Follower:
    """Call this function before each sweep; usable as a decorator."""
    if follower not in _followers:
        _followers.append(follower)
    return follower


def follow(*, at: datetime) -> None:
    """Call each. One that fails is logged and stops no sweep: a warning too many does less harm than none."""
    for follower in _followers:
        try:
            follower(at=at)
        except Exception as error:
            log.error("follower_failed", follower=str(follower), error=error, trace=traceback.format_exc())
