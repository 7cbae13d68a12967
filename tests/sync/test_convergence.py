"""Whoever joins an export with the feed holds an exact copy, whoever writes and whatever dies: the main proof of it.

Writers of every kind write for some seconds, each in a thread of its own. Beside them two followers of `docs/` keep
copies over HTTP: one that dies between any two statements and reads pages again, and one whose process is killed with
`kill -9`. In the end both copies are what the API lists, and what is in the tables. Two mutants show that it can fail:
a feed in the order of a sequence, and a follower without the rule of versions. With CRM_SOAK it goes on for minutes.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from crm.core.api.resources import followed, object_of
from crm.duplicates.models import Tombstone
from crm.history import feed
from crm.history.models import Change, Transaction
from crm.people.models import User
from crm.privacy.models import Erasure
from leads.models import Conversion, Lead
from tests.children import kill_group, running, wait_for
from tests.factories import make_account, make_lead
from tests.keys import program
from tests.races import in_thread, outcomes
from tests.sync.copies import (
    FOLLOWER,
    Credulous,
    Follower,
    InProcess,
    Mortal,
    copy_of,
    differences,
    differences_from_tables,
    has_place,
    late_commits,
    listed,
    versions_wrong,
)
from tests.sync.writers import WRITERS, World

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.crash]
LONG = bool(os.environ.get("CRM_SOAK"))
SECONDS = 120 if LONG else 3
# What each kind of writer writes at least.
LEAST = 3
# A place in the feed that is drawn while the transaction writes, as one from a sequence is.
NAIVE = "UPDATE history_transaction SET pos = id WHERE pos IS NULL"


@pytest.fixture
def world(alice: User, bob: User, ann: User, root: User, now: datetime) -> World:
    return World({"alice": alice, "bob": bob, "ann": ann, "root": root}, now).begin()


def keep_following(follower: Mortal, world: World) -> None:
    """Follow until the writers are told to stop."""
    while not world.done.is_set():
        follower.live()


def keep_killing(url: str, folder: Path, world: World) -> int:
    """Run the follower's program and kill it, again and again: first while it loads, then while it follows. How often.

    A life is so long that it can get somewhere, on however busy a machine.
    """
    draw, kills, log, file = random.Random(1), 0, folder / "log", folder / "process.sqlite3"
    while not world.done.is_set():
        with running(str(FOLLOWER), url, world.key, str(file), log=log) as process:
            if kills == 1:
                wait_for(lambda: has_place(file) or world.done.is_set(), seconds=60)
            world.done.wait(draw.uniform(0.5, 1.5))
            assert process.poll() is None, log.read_text()
            kill_group(process)
            kills += 1
    return kills


def let_all_write(world: World, url: str, followers: list[Mortal], folder: Path, enough: Callable[[], bool]) -> int:
    """All write and all follow for some seconds, on a busy machine until it was enough: how often one was killed."""
    with ThreadPoolExecutor(len(WRITERS) + len(followers) + 1) as pool:
        follows = [in_thread(pool, partial(keep_following, one, world)) for one in followers]
        killed = in_thread(pool, lambda: keep_killing(url, folder, world))
        writers = world.start(pool, 1)
        try:
            time.sleep(SECONDS)
            wait_for(lambda: failed([*writers, *follows, killed]) or enough(), seconds=120)
        finally:
            world.done.set()
        found = outcomes([*writers, *follows, killed])
    assert [one for one in found if isinstance(one, BaseException)] == []
    return int(found[-1])


def failed(futures: list[Future[Any]]) -> bool:
    """Whether somebody ended before being told to."""
    return any(one.done() for one in futures)


def happened() -> Counter[str]:
    """What a run is to have, and how often it was yet: doors, kinds of change, and each object that is followed."""
    found = Counter(Transaction.objects.filter(changes__isnull=False).values_list("via", flat=True))
    found.update(Change.objects.values_list("op", flat=True))
    objects = Counter(Change.objects.values_list("object", flat=True))
    found.update({view.resource: objects[object_of(view)] for view in followed().values()})
    found.update({kind.__name__: kind._base_manager.count() for kind in (Tombstone, Conversion, Erasure)})
    found["put back"] = Change.objects.filter(op="I", version__gt=1).count()
    return found


def missing(begun: Counter[str]) -> set[str]:
    """What has not happened since that was counted."""
    due = {"admin", "api", "command", "database", "import", "I", "U", "D", "put back", *followed()}
    return (due | {kind.__name__ for kind in (Tombstone, Conversion, Erasure)}) - (happened() - begun).keys()


def test_a_follower_holds_an_exact_copy_whoever_writes_and_whatever_dies(
    live_server: Any, world: World, tmp_path: Path
) -> None:
    mortal = Mortal(live_server.url, world.key, tmp_path / "mortal.sqlite3", seed=1)
    credulous = Credulous(live_server.url, world.key, tmp_path / "credulous.sqlite3", seed=2, fearless=True)

    begun: list[Counter[str]] = []

    def enough() -> bool:
        """Everybody had work to do, the followers died and read again, and transactions committed late."""
        if not begun and mortal.places:
            # It follows: all that begins from here on comes to it as a change.
            begun.append(happened())
        met = min(len(mortal.deaths) - 4, mortal.again - 2, mortal.steps - 10, late_commits() - 2)
        worked = min(world.written[name] for name in WRITERS) >= LEAST
        return bool(met > 0 and worked and begun and not missing(begun[0]))

    kills = let_all_write(world, live_server.url, [mortal, credulous], tmp_path, enough)
    killed = Follower(live_server.url, world.key, str(tmp_path / "process.sqlite3"))
    while killed.step(wait=0):
        pass
    mortal.drain()
    credulous.drain()

    table = listed(live_server.url, world.key)
    for name in ("mortal", "process"):
        copy = copy_of(tmp_path / f"{name}.sqlite3")
        assert differences(copy, table) == [], name
        assert differences_from_tables(copy) == [], name
    assert versions_wrong() == []
    # The rule of versions is what made it so.
    assert differences(copy_of(tmp_path / "credulous.sqlite3"), table)

    # It proves something: in each kind of door and of change, in who was killed and read again, in who committed late.
    assert enough(), (world.written, mortal.deaths, mortal.again, mortal.steps, late_commits())
    assert kills >= 2
    assert set(mortal.ops) == {"created", "updated", "deleted", "merged", "erased"}, mortal.ops
    assert {change["object"] for change in mortal.pages} == set(followed())


def test_the_same_with_a_cursor_on_a_sequence_does_not_hold(
    live_server: Any, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What shows that the test above can fail: the place in the feed is a number drawn while the transaction writes."""
    monkeypatch.setattr(feed, "NUMBER", NAIVE)
    # It keeps up with them, and never goes back: what it passed by, it passed by.
    follower = Mortal(live_server.url, world.key, tmp_path / "naive.sqlite3", seed=1, fearless=True)
    let_all_write(world, live_server.url, [follower], tmp_path, lambda: world.written["late_commit"] > 4 * LEAST)
    follower.drain()
    lost = differences(copy_of(tmp_path / "naive.sqlite3"), listed(live_server.url, world.key))
    assert [one for one in lost if "not in the copy" in one], "it lost nothing: the test above proves nothing"


class Interrupted(InProcess):
    """Between its exports somebody changes what the first of them told already; `last`: it takes the last cursor."""

    last = False

    def ask(self, path: str, **query: Any) -> Any:
        answer = super().ask(path, **query)
        if path == "leads/export":
            Lead.objects.update(company="Changed meanwhile")
        if path == "accounts/export" and self.last:
            self.newest = json.loads(answer.getvalue().splitlines()[-1])["cursor"]
        return answer


def test_exports_are_joined_at_the_oldest_of_their_cursors(root: User) -> None:
    make_lead()
    make_account()
    follower = Interrupted(program(root), "leads accounts")
    assert [follower.go(), follower.go(), follower.go()] == [0, 0, 1]
    assert {row["company"] for (name, _), row in follower.copy().items() if name == "leads"} == {"Changed meanwhile"}
    # At the last one's, what happened between them would be in neither.
    Lead.objects.update(company="Globex")
    mistaken = Interrupted(program(root), "leads accounts")
    mistaken.last = True
    mistaken.go()
    mistaken.db.execute("UPDATE place SET cursor = ?", [mistaken.newest])
    mistaken.step()
    assert {row["company"] for (name, _), row in mistaken.copy().items() if name == "leads"} == {"Globex"}
