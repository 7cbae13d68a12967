"""What other apps say about undoing: what is never undone, what is undone in another way, and what has to follow.

Each app may have a module `undoing` that registers itself here; it is found when Plumb starts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from django.apps import apps
from django.db import models

from crm.core.errors import Refused

if TYPE_CHECKING:
    from crm.history.models import Move, Transaction
    from crm.people.models import User

REMOVE, RESTORE, CHANGE = "remove", "restore", "change"


@dataclass(frozen=True, slots=True)
class Asked:
    """One asked-for undo: of which transaction, by whom, when, by which door, and why.

    `beside` are transactions that are undone together with this one: what they did to a record is no touch of
    somebody's, because they are undone before it, or were themselves the undoing.
    """

    transaction: Transaction
    actor: User
    at: datetime
    via: str
    reason: str
    beside: frozenset[int] = frozenset()


@dataclass(slots=True)
class Wanted:
    """What undoing asks of one record: to be removed, restored with `values` (its image), or changed back to them.

    `last_change` is the last one of the transaction, `moves` are those that it made; `version` is the newest there was.
    """

    kind: type[models.Model]
    record_id: int
    version: int
    last_change: int
    action: str
    values: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    moves: list[Move] = field(default_factory=list)
    record: models.Model | None = None
    refusal: tuple[str, str, str] | None = None

    @property
    def object(self) -> str:
        """What the change log calls the kind of record."""
        return str(self.kind._meta.model_name)

    def refuse(self, outcome: str, code: str, message: str) -> None:
        """Leave it as it is, and say why; the first reason stands."""
        self.refusal = self.refusal or (outcome, code, message)


# Looks at all records of its kind at once, and calls `refuse` on those that are not undone.
Bar = Callable[[list[Wanted], Asked], None]
# Refuses a whole transaction at this moment, or lets it pass.
TransactionBar = Callable[["Transaction", datetime], Refused | None]
# Whether what is asked is one whole that this person may undo, whosever the records are that it touched.
Grant = Callable[[Asked], bool]
# What an inserted record is changed to instead of being removed.
Instead = Callable[[Wanted, Asked], Mapping[str, Any]]
# Told what was done to which records, within the same transaction.
Follower = Callable[[Iterable[Wanted], Asked], None]
B = TypeVar("B", bound=Bar)
T = TypeVar("T", bound=TransactionBar)
G = TypeVar("G", bound=Grant)
I = TypeVar("I", bound=Instead)  # noqa: E741
F = TypeVar("F", bound=Follower)

holders: dict[str, list[Bar]] = {}
bars: dict[str, list[Bar]] = {}
transaction_bars: list[TransactionBar] = []
grants: list[Grant] = []
instead: dict[str, Instead] = {}
followers: list[Follower] = []


def bars_undo(*kinds: type[models.Model]) -> Callable[[B], B]:
    """Register what may stand against undoing what was done to these kinds of records."""

    def register(function: B) -> B:
        for kind in kinds:
            bars.setdefault(str(kind._meta.model_name), []).append(function)
        return function

    return register


def holds_undo(*kinds: type[models.Model]) -> Callable[[B], B]:
    """Register what is held before the rows of these kinds are locked, so that a bar's answer stands."""

    def register(function: B) -> B:
        for kind in kinds:
            holders.setdefault(str(kind._meta.model_name), []).append(function)
        return function

    return register


def bars_transaction(function: T) -> T:
    """Register what may stand against undoing a whole transaction."""
    transaction_bars.append(function)
    return function


def grants_undo(function: G) -> G:
    """Register what is undone by the right to do it, and not record by record."""
    grants.append(function)
    return function


def instead_of_removing(kind: type[models.Model]) -> Callable[[I], I]:
    """Register how a record of this kind is undone that is not removed: the columns that are set."""

    def register(function: I) -> I:
        instead[str(kind._meta.model_name)] = function
        return function

    return register


def follows_undo(function: F) -> F:
    """Register what keeps up with records that were put back."""
    followers.append(function)
    return function


def is_import(transaction: Transaction) -> bool:
    """Whether it brought records in from another system, by a command or as a job."""
    if transaction.via == "import":
        return True
    number = transaction.request.removeprefix("job-")
    if number == transaction.request or not number.isdecimal():
        return False
    jobs: Any = apps.get_model("jobs", "Job")
    return bool(jobs.objects.filter(pk=number, kind__startswith="import").exists())
