"""Who gets a lead that comes without an owner (L6): the owner of its account, else whose turn it is by the handbook.

Somebody who is not to be contacted at all (D3) is nobody's turn: only the owner of the account gets them.

The turn is taken under a hold on its pool, which lasts until the transaction ends: two leads that come at once never
go to one person because both saw the same turn. Why somebody got a lead is the reason in the lead's history.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from django.db import connection
from django.db.models import prefetch_related_objects

from crm import handbook
from crm.activities.gate import CODE, Bar, bars_of, first_bar, hold_for
from crm.activities.newcomers import bar_newcomer
from crm.core.acting import acting, because, retry_deadlocks
from crm.core.door import create
from crm.core.errors import Refused
from crm.core.locks import hold
from crm.core.permissions import may
from crm.people.models import Team, Turn, User
from crm.people.owners import stay
from crm.people.presence import Presence
from leads.assignment_pools import Pool, Pools, account_owners, asked, room_of
from leads.assignment_rules import Rotation
from leads.models import Lead
from leads.queues import tell_manager
from leads.statuses import OPEN


@dataclass(frozen=True, slots=True)
class Given:
    """Who got a lead, or in which queue it waits, and why, in a sentence. `rule` is the label of the rule, if any."""

    owner: User | None
    queue: Team | None
    why: str
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Assigned:
    """What became of one lead of `assign_leads`."""

    record_id: int
    given: Given | None
    refusal: Refused | None


@retry_deadlocks
def create_lead(lead: Lead, *, actor: User, at: datetime, via: str, reason: str = "", state: str | None = None) -> Lead:
    """Store a new lead through the door; one without an owner is given to somebody, unless it is placed in a status.

    Somebody who is not to be contacted costs nobody a turn: the owner of their account gets them, or nobody.
    `lead.given` says who got it and why; None when it came with an owner, or was placed.

    Raises:
        Refused: `forbidden`, as `crm.core.door.create`.
    """
    if not may(actor, "add", Lead):
        raise Refused("forbidden", "Leads are entered by those who have a role here.")
    with acting(actor=actor, via=via, at=at, reason=reason):
        # What another system says has its owner there, or none.
        if lead.owner_id is not None or (state or lead.current_state) not in Lead.entry_states():
            return create(lead, actor=actor, at=at, via=via, reason=reason, state=state)
        # The gate's holds come before those of the turns, as everywhere.
        bar = bar_newcomer(
            emails=[lead.email, lead.second_email],
            linkedin_url=lead.linkedin_url,
            phone_numbers=[lead.phone, lead.mobile],
            websites=[lead.website],
        )
        turns = Turns(handbook.current().today(at), brought_by=actor)
        given = turns.spare(lead, bar) if bar else turns.take([lead])[0]
        lead.owner, lead.queue, lead.given = given.owner, given.queue, given
        with because(f"{reason} {given.why}"):
            create(lead, actor=actor, at=at, via=via, reason=reason, state=state)
        if given.owner is None and bar is None:
            tell_manager(given.queue, turns.presence, at=at)
    return lead


@retry_deadlocks
def assign_leads(ids: Iterable[int], *, actor: User, at: datetime, via: str, reason: str = "") -> list[Assigned]:
    """Give open leads that nobody owns to somebody, by the rules: each row has its own answer, in the order of ids.

    One whose turn finds nobody goes into the queue. Refusals: `not_found`, `already_owned`, `closed`, `forbidden`,
    `do_not_contact`.
    """
    wanted = sorted(set(ids))
    with acting(actor=actor, via=via, at=at, reason=reason):
        turns = Turns(handbook.current().today(at), brought_by=actor)
        # The holds come before the rows' locks, as everywhere; which there are is seen without them.
        hold_for("lead", wanted)
        turns.hold_for(list(Lead.objects.filter(pk__in=wanted, owner=None, status__in=OPEN).order_by("pk")))
        rows = list(Lead.objects.select_for_update(of=("self",)).filter(pk__in=wanted).order_by("pk"))
        prefetch_related_objects(rows, "owner", "queue")
        found = {lead.pk: lead for lead in rows}
        bars = bars_of("lead", wanted)
        refused = {pk: no for pk in wanted if (no := refuse_assignment(found.get(pk), actor, bars.get(pk, ())))}
        taken = [found[pk] for pk in wanted if pk not in refused]
        answers = dict(zip((lead.pk for lead in taken), turns.take(taken), strict=True))
        store_given(answers, reason=reason)
        for queue in {given.queue for given in answers.values() if given.owner is None}:
            tell_manager(queue, turns.presence, at=at)
    return [Assigned(pk, answers.get(pk), refused.get(pk)) for pk in wanted]


def refuse_assignment(lead: Lead | None, actor: User, bars: Iterable[Bar] = ()) -> Refused | None:
    """Why this person may not have this lead given out by the rules, or None. `bars` is what covers the lead."""
    if lead is None:
        return Refused("not_found", "There is no such record.")
    if not may(actor, "change", lead):
        return Refused("forbidden", "You may not give this lead to anybody.")
    if lead.owner_id is not None:
        return Refused("already_owned", f"{lead.owner} owns this lead already.")
    if lead.status not in OPEN:
        return Refused("closed", "A closed lead is nobody's work.")
    if bar := first_bar(bars):
        return Refused(CODE, bar.sentence)
    return None


def store_given(answers: dict[int, Given], *, reason: str) -> None:
    """Write down who got what: for each sentence one statement, and one row in the change log."""
    alike: dict[str, list[tuple[int, int | None, int | None]]] = defaultdict(list)
    for pk, given in answers.items():
        alike[given.why].append((pk, given.owner.pk if given.owner else None, given.queue.pk if given.queue else None))
    for why, rows in alike.items():
        with because(f"{reason} {why}"), connection.cursor() as cursor:
            cursor.execute(
                "UPDATE leads_lead SET owner_id = given.owner, queue_id = COALESCE(given.queue, leads_lead.queue_id)"
                " FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS given (id, owner, queue)"
                " WHERE leads_lead.id = given.id",
                [list(column) for column in zip(*rows, strict=True)],
            )


class Turns:
    """Takes turns for the leads of one transaction, on one day of the company's calendar."""

    # What is looked at in a lead; with many, nothing else is fetched.
    COLUMNS = ("email", "second_email", "website", "country", "employees", "lead_source", "queue")

    def __init__(self, day: date, *, brought_by: User) -> None:
        self.day, self.brought_by = day, brought_by
        self.assignment = handbook.current().assignment
        self.pools = Pools(self.assignment)
        self.presence = Presence(day)
        self._room = room_of(self.assignment)
        self._stay: dict[int, bool] = {}

    def hold_for(self, leads: Iterable[Lead]) -> None:
        """Hold the pools that these leads may come from: others wait until this transaction ends."""
        hold(*(("turn", pool.key) for pool in {self.pools.of(asked(lead)) for lead in leads}))

    def hold_all(self) -> None:
        """Hold every pool there is, before anything else is locked."""
        hold(*(("turn", pool.key) for pool in (*(pool for _, pool in self.pools.rules), self.pools.everybody)))

    def take(self, leads: Sequence[Lead]) -> list[Given]:
        """Somebody for each lead, in order, and the turns they cost."""
        found = self._by_account(leads)
        rest: dict[Pool, list[int]] = defaultdict(list)
        for place, lead in enumerate(leads):
            if place not in found:
                rest[self.pools.of(asked(lead))].append(place)
        hold(*(("turn", pool.key) for pool in rest))
        for pool, places in rest.items():
            found.update(zip(places, self._from(pool, len(places)), strict=True))
        return [found[place] for place in range(len(leads))]

    def spare(self, lead: Lead, bar: Bar) -> Given:
        """Of somebody who is not to be contacted at all: the owner of the account, else nobody, for no turn."""
        said = f"not to be contacted ({bar.reason_label}, since {bar.since_day})."
        given = self._by_account([lead]).get(0)
        if given is None:
            return Given(None, None, f"Assigned to nobody, because they are {said}")
        return replace(given, why=f"{given.why} They are {said}")

    def _by_account(self, leads: Sequence[Lead]) -> dict[int, Given]:
        """Those that the owner of their account gets, by their place among the leads."""
        found: dict[int, Given] = {}
        owners = account_owners(leads) if self.assignment.account_owner_first else []
        owner_ids = {pk for pk in owners if pk is not None}
        if len(leads) > 1:
            self._room = room_of(self.assignment, owner_ids | self.pools.named())
        known = self.pools.people(owner_ids)
        for place, pk in enumerate(owners):
            if pk in known and self.presence.is_present(known[pk]) and self._can(pk):
                self._room.fill(pk)
                found[place] = Given(known[pk], None, "Assigned to the owner of the account.")
        return found

    def _from(self, pool: Pool, count: int) -> list[Given]:
        """So many turns of one pool."""
        stored = dict(Turn.objects.filter(pool=pool.key).values_list("user", "number"))
        people = self.pools.people(pool.people)
        here = {pk: stored.get(pk, 0) for pk, user in people.items() if self.presence.is_present(user)}
        rotation = Rotation(here, last=max(stored.values(), default=0))
        rule = f"by rule “{pool.rule}”" if pool.rule else "to everybody"
        answers = []
        for _ in range(count):
            taken = rotation.take(self._can)
            if taken is None:
                queue = pool.queue or self.brought_by.team
                where = f"the queue of {queue}" if queue else "no queue"
                why = f"Assigned {rule}, but nobody is present with room for more leads: it waits in {where}."
                answers.append(Given(None, queue, why, pool.rule))
            else:
                self._room.fill(taken)
                answers.append(Given(people[taken], None, f"Assigned {rule}, in turn.", pool.rule))
        Turn.objects.bulk_create(
            [Turn(pool=pool.key, user_id=pk, number=number) for pk, number in rotation.given.items()],
            update_conflicts=True,
            unique_fields=["pool", "user"],
            update_fields=["number"],
        )
        return answers

    def _can(self, user: int) -> bool:
        """Whether they have room for one more, and will still be here when this is committed."""
        if not self._room.has(user):
            return False
        if user not in self._stay:
            self._stay[user] = user in stay([user], wait=False)
        return self._stay[user]
