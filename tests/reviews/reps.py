"""A random world of what reps do, and the figures of it told a second time in plain Python."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from typing import Any

from contracts.models import NextStep, Opportunity
from crm import handbook
from crm.activities.models import Activity
from crm.core.acting import acting
from crm.people.models import User
from crm.reviews.rep_activity.asked import Asked
from leads.models import Conversion
from tests.factories import START, make_account, make_contact, make_lead, make_opportunity

DAY = timedelta(days=1)
WINDOW, MOST = timedelta(days=7), 3
QUIET = ("meeting", "note")
OUTCOMES = ("kept", "late", "rewritten", "dropped")
COUNTS = (
    "touches", "outreach", "reached", "people", "excess", "kept", "late", "rewritten", "dropped", "past_due", "open",
    "converted", "returned",
)  # fmt: skip


def fill(alice: User, bob: User, charlie: User, ann: User, now: datetime) -> None:
    """Touches, next steps and conversions of every kind over fifty days."""
    chance = random.Random(3)
    owners = [alice, bob, charlie]
    accounts = [make_account() for _ in range(3)]
    contacts = [make_contact(account=account) for account in accounts] + [make_contact()]
    leads = [make_lead(owner=one) for one in owners]
    became = make_contact(account=accounts[1])
    leads.append(make_lead(status="sao_converted", converted_account=accounts[2], converted_contact=became))
    deals = [make_opportunity(owner=one, account=chance.choice(accounts)) for one in (*owners, ann, None)]
    lost = [make_opportunity(stage="closed_lost", lost_reason="returned", account=one) for one in accounts]
    about: list[dict[str, Any]] = [
        {"contact": became},
        {"lead": leads[-1]},
        {"account": accounts[0]},
        {"contact": contacts[1], "account": accounts[0], "opportunity": deals[0]},
        *({"contact": one} for one in contacts),
        *({"lead": one} for one in leads),
        *({"opportunity": one} for one in deals),
    ]
    lost.append(make_opportunity(stage="closed_lost", lost_reason="price", account=accounts[0]))
    with acting(actor=User.objects.system(), via="test", at=now):
        Activity.objects.bulk_create(
            Activity(
                kind=chance.choice(["call", "email", "linkedin_message", "meeting", "note"]),
                direction=chance.choice(["out", "out", "out", "in"]),
                outcome=chance.choice(["sent", "held", "no_show", ""]),
                happened_at=now - timedelta(minutes=chance.randrange(50 * 24 * 60)),
                by=chance.choice(owners),
                **chance.choice(about[:4] * 4 + about),
            )
            for _ in range(160)
        )
        for n, deal in enumerate(deals):
            for outcome in [chance.choice(OUTCOMES) for _ in range(6)]:
                due = chance.choice([None, (now - timedelta(days=chance.randrange(-5, 45))).date()])
                ended = now - timedelta(hours=chance.randrange(45 * 24))
                NextStep.objects.create(
                    opportunity=deal, text="Call", due_on=due, made_at=START, outcome=outcome, ended_at=ended
                )
            # Past due, due today, and later.
            due = (now + (n - 2) * DAY).date() if n < 4 else None
            NextStep.objects.create(opportunity=deal, text="Call", due_on=due, made_at=START)
        for n in range(12):
            Conversion.objects.create(
                lead=leads[n % 4],
                account=accounts[n % 3],
                contact=contacts[0],
                opportunity=lost[n % 3] if n < 8 else deals[n % 5],
                at=now - timedelta(days=chance.randrange(45)),
                by=chance.choice(owners),
                state="returned" if n < 6 else "accepted" if n % 4 in {one % 4 for one in range(6, n)} else "returned",
            )


class Twin:
    """The same figures, counted record by record in Python."""

    def __init__(self, asked: Asked, at: datetime) -> None:
        self.asked, self.at = asked, at
        self.today = handbook.current().today(at)
        self.groups: dict[str, dict[Any, Counter[str]]] = {
            by: defaultdict(Counter) for by in ("total", "owner", "account")
        }
        self.people: dict[tuple[str, Any], set[Any]] = defaultdict(set)
        self.windows: dict[Any, int] = {}
        self._touches()
        self._promises()
        self._conversions()

    def add(self, owner: User | None, account: int | None, *names: str, person: Any = None) -> None:
        """Count something for whose and what it is, if that is asked for."""
        wanted = self.asked
        team = owner.team_id if owner else None
        for asked, got in ((wanted.owner, owner.pk if owner else None), (wanted.team, team), (wanted.account, account)):
            if asked is not None and (asked or None) != got:
                return
        for by, key in (("total", None), ("owner", owner.pk if owner else None), ("account", account)):
            self.groups[by][key].update(names)
            if person is not None:
                self.people[by, key].add(person)

    def within(self, day: date) -> bool:
        return self.asked.since <= day <= self.asked.until

    def day(self, moment: datetime) -> date:
        return handbook.current().today(moment)

    def _touches(self) -> None:
        found = Activity.objects.select_related("by", "contact", "opportunity", "lead")
        rows = [(one, self._person(one)) for one in found]
        for one, person in rows:
            if not self.within(self.day(one.happened_at)):
                continue
            ours = one.direction == "out" and one.kind not in QUIET
            names = ["touches", f"kind:{one.kind}"]
            reached = None
            if ours:
                names.append("outreach")
            if ours and person:
                reached = person
                names.append("reached")
                window = [
                    other
                    for other, whom in rows
                    if whom == person and other.direction == "out" and other.kind not in QUIET
                    and one.happened_at - WINDOW < other.happened_at <= one.happened_at
                ]  # fmt: skip
                self.windows[person] = max(self.windows.get(person, 0), len(window))
                if len(window) > MOST:
                    names.append("excess")
            self.add(one.by, self._account(one), *names, person=reached)

    def _person(self, one: Activity) -> Any:
        contact = one.contact_id or (one.lead.converted_contact_id if one.lead else None)
        return ("contact", contact) if contact else ("lead", one.lead_id) if one.lead_id else None

    def _account(self, one: Activity) -> int | None:
        places = (
            one.account_id,
            one.contact and one.contact.account_id,
            one.opportunity and one.opportunity.account_id,
        )
        return next((pk for pk in (*places, one.lead and one.lead.converted_account_id) if pk), None)

    def _promises(self) -> None:
        for one in NextStep.objects.select_related("opportunity__owner"):
            day = one.due_on or (self.day(one.ended_at) if one.ended_at else None)
            if day is None or not self.within(day):
                continue
            name = str(one.outcome)
            if name == "standing":
                name = "past_due" if one.due_on is not None and one.due_on < self.today else "open"
            self.add(one.opportunity.owner, one.opportunity.account_id, name)

    def _conversions(self) -> None:
        seen: dict[Any, set[int]] = defaultdict(set)
        rows = [one for one in Conversion.objects.select_related("by") if self.within(self.day(one.at))]
        for one in rows:
            for by, key in (("total", None), ("owner", one.by_id), ("account", one.account_id)):
                seen[by, key].add(one.lead_id)
        for (by, key), ids in seen.items():
            self.groups[by][key]["converted"] += len(ids)
        for deal in Opportunity.objects.filter(stage="closed_lost", lost_reason="returned"):
            if not self.within(self.day(deal.stage_since)):
                continue
            own = sorted(deal.conversions.select_related("by"), key=lambda c: (c.state == "returned", c.at, c.pk))
            self.add(own[-1].by if own else None, deal.account_id, "returned")

    def figures(self, by: str, key: Any) -> tuple[int, ...]:
        counts = self.groups[by][key]
        counts["people"] = len(self.people[by, key])
        return tuple(counts[name] for name in COUNTS)
