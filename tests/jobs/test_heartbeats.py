"""What the signs of life of beat and worker say together."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from crm.jobs.heartbeats import judge, note

LONG = timedelta(minutes=10)


@pytest.mark.django_db
def test_it_says_that_nothing_was_ever_seen(now: datetime) -> None:
    assert judge(at=now) == {"beat": "never seen", "worker": "never seen"}


@pytest.mark.django_db
def test_it_finds_both_well(now: datetime) -> None:
    note("beat", at=now)
    note("worker", at=now)
    assert judge(at=now + timedelta(seconds=59)) == {"beat": "ok", "worker": "ok"}


@pytest.mark.django_db
def test_it_tells_a_stopped_worker_from_a_stopped_beat(now: datetime) -> None:
    note("worker", at=now)
    note("beat", at=now + LONG)
    assert judge(at=now + LONG) == {"beat": "ok", "worker": "silent for 600 s"}


@pytest.mark.django_db
def test_it_does_not_blame_a_worker_that_nobody_asks(now: datetime) -> None:
    note("beat", at=now)
    note("worker", at=now)
    assert judge(at=now + LONG) == {
        "beat": "silent for 600 s",
        "worker": "unknown: beat sends nothing for it to do",
    }


@pytest.mark.django_db
def test_it_blames_a_worker_that_stopped_before_beat_did(now: datetime) -> None:
    note("worker", at=now)
    note("beat", at=now + LONG)
    assert judge(at=now + 2 * LONG) == {"beat": "silent for 600 s", "worker": "silent for 1200 s"}


@pytest.mark.django_db
def test_it_keeps_one_row_for_each_part(now: datetime) -> None:
    note("beat", at=now)
    note("beat", at=now + LONG)
    assert judge(at=now + LONG)["beat"] == "ok"
