"""A random history of opportunities through every way they are written, told a second time in plain Python.

Each write is followed by a look at the table as it is: that is how it was from then on, whatever the history says.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection

from accounts.models import Account
from contracts.models import Contract, Opportunity
from crm.core.acting import acting
from crm.core.door import create, move
from crm.core.errors import Refused
from crm.history.models import Transaction
from crm.history.revert import revert
from crm.people.models import User
from crm.sync.store import upsert
from tests.contracts.deals import facts_for
from tests.duplicates.dumping import merge
from tests.factories import START, make_account

FIELDS = ("account_id", "owner_id", "type", "amount", "currency", "close_on", "stated_forecast", "stage")
Row = dict[str, Any]
STAGES = ("meeting_set", "discovery", "scope", "proof_of_value", "negotiation", "closed_won", "closed_lost")


class World:
    """Opportunities that live: `moments` are when something was written, `was(at)` is how all of them were."""

    def __init__(self, boss: User, owners: list[User | None], *, seed: int) -> None:
        self.boss, self.owners, self.chance = boss, owners, random.Random(seed)
        self.at = START
        self.accounts = [make_account() for _ in range(4)]
        self.told: dict[int, list[tuple[datetime, Row | None]]] = {}
        self.survivor: dict[int, int] = {}
        self.moments: list[datetime] = []
        self.done: list[str] = []

    def live(self, steps: int) -> None:
        """So many writes, some hours after one another; those that the rules refuse are tried and not made."""
        ways = [
            *("add",) * 5, *("place",) * 3, *("edit",) * 8, *("advance", "lose", "reopen", "win") * 2, "remove",
            "undo", "undo", "bring_back", "bring_back", "by_sql", "by_sql", "by_file", "by_file", "merge_accounts",
        ]  # fmt: skip
        for number in range(steps):
            self.at += timedelta(hours=self.chance.randrange(1, 40))
            way = self.chance.choice(ways) if number > 6 else "add"
            try:
                getattr(self, way)()
            except Refused:
                continue
            self.done.append(way)
            self.look()

    def look(self) -> None:
        """Write down what is different now."""
        rows = {row.pop("id"): row for row in Opportunity.objects.values("id", *FIELDS)}
        for pk in {*rows, *self.told}:
            line = self.told.setdefault(pk, [])
            if not line or line[-1][1] != rows.get(pk):
                line.append((self.at, rows.get(pk)))
        self.moments.append(self.at)

    def was(self, at: datetime) -> dict[int, Row]:
        """Every opportunity at a moment, under the account that it is now."""
        found = {}
        for pk, line in self.told.items():
            known = [row for then, row in line if then <= at]
            if known and (row := known[-1]) is not None:
                found[pk] = {**row, "account_id": self._now(row["account_id"])}
        return found

    def _now(self, account: int) -> int:
        while account in self.survivor:
            account = self.survivor[account]
        return account

    # --- ways of writing ----------------------------------------------------------------------------------------------

    def _values(self) -> Row:
        pick = self.chance.choice
        return {
            "owner": pick(self.owners),
            "amount": pick([None, Decimal(self.chance.randrange(1, 9_000_000)) / 100, Decimal(1000)]),
            "currency": pick(["USD", "USD", "EUR", "GBP", "JPY"]),
            "close_on": pick([None, *(date(2026, 3, 1) + timedelta(self.chance.randrange(150)),) * 5]),
            "type": pick(["", "new_business", "renewal"]),
            "stated_forecast": pick(["", "", "commit", "omitted"]),
        }

    def _some(self, *stages: str) -> Opportunity:
        found = Opportunity.objects.filter(stage__in=stages) if stages else Opportunity.objects.all()
        ids = list(found.order_by("pk").values_list("pk", flat=True))
        if not ids:
            raise Refused("nothing", "There is none.")
        return Opportunity.objects.get(pk=self.chance.choice(ids))

    def add(self) -> None:
        """By hand, in the first stage."""
        account = self.chance.choice(self.accounts)
        new = Opportunity(stage="meeting_set", name="New 2026", account=account, **self._values())
        create(new, actor=self.boss, at=self.at, via="test")

    def place(self) -> None:
        """By a program that says in which stage it is there, since when, and that it was made before."""
        stage, came = self.chance.choice(STAGES), self.at - timedelta(days=self.chance.randrange(5, 60))
        since = came + (self.at - came) * self.chance.random()
        account = self.chance.choice(self.accounts)
        new = Opportunity(stage=stage, name="Placed 2026", account=account, created_at=came, **self._values())
        with acting(actor=self.boss, via="import", at=self.at):
            create(new, actor=self.boss, at=since, via="import", state=stage)
        row = Opportunity.objects.values(*FIELDS).get(pk=new.pk)
        # What it was before nobody knows; that it was there is known.
        self.told[new.pk] = [(came, {**row, "stage": ""}), (since, row)]

    def edit(self) -> None:
        """In the form."""
        one = self._some()
        values = self._values()
        names = self.chance.sample(sorted(values), self.chance.randrange(1, 4))
        for name in names:
            setattr(one, name, values[name])
        with acting(actor=self.boss, via="admin", at=self.at):
            one.save(update_fields=names)

    def advance(self) -> None:
        """On to the next stage."""
        self._move("advance", "meeting_set", "discovery", "scope", "proof_of_value")

    def lose(self) -> None:
        """Lost."""
        self._move("lose", "meeting_set", "discovery", "scope", "negotiation")

    def win(self) -> None:
        """Won with its contract: the close date is the contract's then."""
        self._move("win", "scope", "proof_of_value", "negotiation", "discovery")

    def reopen(self) -> None:
        """Open again."""
        self._move("reopen", "closed_won", "closed_lost")

    def _move(self, verb: str, *stages: str) -> None:
        one = self._some(*stages)
        move(one, verb, actor=self.boss, at=self.at, via="test", reason="So", **facts_for(one, verb, self.at))

    def remove(self) -> None:
        """Deleted, if nothing holds it."""
        one = self._some()
        if Contract.objects.filter(opportunity=one).exists():
            raise Refused("held", "It has a contract.")
        with acting(actor=self.boss, via="admin", at=self.at):
            one.delete()

    def undo(self) -> None:
        """What was written last is undone, as far as it may be; also what was deleted comes back."""
        last = Transaction.objects.exclude(via="import").order_by("-id")[self.chance.randrange(2)]
        revert(last, actor=self.boss, at=self.at, via="test")

    def bring_back(self) -> None:
        """Deleted, brought back some hours later, and changed after that."""
        self.remove()
        self.look()
        last = Transaction.objects.order_by("-id")[0]
        self.at += timedelta(hours=30)
        revert(last, actor=self.boss, at=self.at, via="test")
        self.look()
        self.at += timedelta(hours=30)
        one = Opportunity.objects.order_by("-updated_at")[0]
        one.amount, one.owner = self._values()["amount"], None
        with acting(actor=self.boss, via="admin", at=self.at):
            one.save(update_fields=["amount", "owner"])

    def by_sql(self) -> None:
        """In the database, many at once."""
        with acting(actor=self.boss, via="shell", at=self.at), connection.cursor() as cursor:
            cursor.execute(
                "UPDATE contracts_opportunity SET amount = amount * 1.1, close_on = close_on + 20 WHERE id %% 3 = %s",
                [self.chance.randrange(3)],
            )

    def by_file(self) -> None:
        """By a batch that brings new ones and moves those it brought before."""
        columns = ["name", "account_id", "amount", "currency", "close_on", "stage", "stage_since"]
        rows = []
        for number in self.chance.sample(range(12), 4):
            values = self._values()
            named = (values["amount"], values["currency"], values["close_on"], self.chance.choice(STAGES))
            rows.append((f"F{number}", f"File {number} 2026", self.accounts[0].pk, *named, self.at))
        with acting(actor=self.boss, via="import", at=self.at):
            list(upsert(Opportunity, system="erp", columns=columns, rows=rows))

    def merge_accounts(self) -> None:
        """Two accounts that were one."""
        if len(self.accounts) < 3:
            raise Refused("few", "Too few are left.")
        gone = self.accounts.pop()
        stays = self.accounts[0]
        merge(stays, gone, actor=self.boss, at=self.at)
        self.survivor[gone.pk] = stays.pk
        self.accounts = [Account.objects.get(pk=one.pk) for one in self.accounts]

    # --- moments ------------------------------------------------------------------------------------------------------

    def some_moments(self, count: int) -> Iterator[datetime]:
        """Moments before, at, between and after the writes."""
        yield START - timedelta(days=90)
        yield self.at + timedelta(days=1)
        for one in self.chance.sample(self.moments, min(count, len(self.moments))):
            yield one
            yield one - timedelta(microseconds=1)
            yield one - timedelta(hours=self.chance.randrange(1, 1500))
