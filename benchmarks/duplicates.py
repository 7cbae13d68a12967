"""The nightly search for duplicates at many leads: what each of its slices takes, on the first night and on another.

`.venv/bin/python benchmarks/duplicates.py [--rows 1000000] [--rounds 2]`; a round is a night. For every hundred leads
there are a contact and an account. Of ten leads two are namesakes in one company, two have one phone number, one has a
name that many have; emails differ. Budget: no slice takes longer than the 30 seconds that a part of a job is given.
"""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any

from _fake import fake_leads
from _measure import FIRST_DAY, arguments, conclude, print_table, scratch_database, seconds, seed_leads
from django.db import connection

from accounts.models import Account, Contact
from crm.core.acting import acting
from crm.duplicates import evidence
from crm.duplicates.kinds import crossings, kinds
from crm.duplicates.models import Pair
from crm.people.models import User

SHARE = 100
SLICE = 30.0


def main() -> bool:
    asked = arguments(__doc__ or "", rows=1_000_000, rounds=2)
    with scratch_database():
        seed(asked.rows)
        return compare(asked.rows, asked.rounds)


def seed(rows: int) -> None:
    """Leads, and a hundredth of them as contacts in as many accounts under the same name, email and phone."""
    actor = User.objects.create_user("owner@bench.example", role="sdr")
    seed_leads(rows, owners=[actor], but=known_twice)
    people = [known_twice(number, lead) for number, lead in enumerate(fake_leads(rows // SHARE), 1)]
    with acting(actor=actor, via="benchmark", at=FIRST_DAY):
        accounts = Account.objects.bulk_create(
            # Every tenth company is there under two legal forms.
            [
                Account(name=f"Company {n - n % 10 // 9}{(' Inc', ' GmbH')[n % 2]}", owner=actor)
                for n in range(len(people))
            ],
            batch_size=1000,
        )
        Contact.objects.bulk_create(
            [
                Contact(**{name: one[name] for name in ("first_name", "last_name", "email", "phone")}, account=account)
                for one, account in zip(people, accounts, strict=True)
            ],
            batch_size=1000,
        )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def known_twice(number: int, lead: dict[str, Any]) -> dict[str, Any]:
    """Of ten leads the last is the ninth's namesake, the eighth has a common name, the seventh the sixth's phone."""
    shared = number - 1 if number % 10 == 7 else number
    phone = f"+1 212 {200 + shared // 10_000} {shared % 10_000:04}"
    reached = {**lead, "phone": phone, "phone_key": phone.replace(" ", "")}
    if number % 10 == 8:
        return reached
    alone = number - 1 if number % 10 == 0 else number
    company = f"Company {alone % 50_000}"
    return {**reached, "first_name": f"Given{alone % 1000}", "last_name": f"Family{alone}", "company": company}


def compare(rows: int, nights: int) -> bool:
    """Every search of a night as its slice runs it, night after night; the table, and the verdict on the slowest."""
    worst, table = ("", 0.0), []
    for search in evidence.searches(kinds().values(), crossings()):
        taken, found = [], 0
        for night in range(nights):
            start = perf_counter()
            found = run_slice(search, FIRST_DAY + timedelta(days=night))
            taken.append(perf_counter() - start)
        said = f"{search.object}, {search.by}"
        worst = max(worst, (said, max(taken)), key=lambda one: one[1])
        table.append((said, f"{found:,}", *(f"{one:.1f}" for one in taken), f"{max(taken) / SLICE:.2f}"))
    with acting(actor=User.objects.system(), via="benchmark", at=FIRST_DAY):
        table.append(("the end of the job", "", f"{seconds(evidence.finish):.1f}", *[""] * nights))
    print_table(("", "pairs", *(f"night {n} (s)" for n in range(1, nights + 1)), "of a slice"), table)
    assert Pair.objects.filter(object="lead", exact=False).count() >= rows // 10, "namesakes are not found"
    return conclude(
        work=f"nightly search for duplicates, {rows:,} leads, slowest slice: {worst[0]}",
        ours=worst[1],
        limit=SLICE,
        unit="s",
        at_most=1.0,
    )


def run_slice(search: evidence.Search, at: datetime) -> int:
    """One search in a transaction of its own, as a worker runs it; how many pairs."""
    with acting(actor=User.objects.system(), via="benchmark", at=at):
        return evidence.run(search, at=at)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
