"""Among whom a rule of the handbook gives leads in turn: the rules' teams and people as the database knows them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Count, Q

from accounts.matching import SHARED_HOSTS, email_domain
from crm import handbook
from crm.core.keys import key_of
from crm.handbook.schema import Assignment, AssignmentRule
from crm.people.models import Team, User
from leads.assignment_rules import Asked, Room, first_fit
from leads.models import Lead
from leads.statuses import OPEN

EVERYBODY = "everybody"
# For each lead the account whose domain its company's is, else the oldest with its website there, else that of the
# oldest contact with one of its emails; with who owns the account.
ACCOUNTS = """
    SELECT asked.n, COALESCE(own.owner_id, by_domain.owner_id, by_email.owner_id)
    FROM (
        SELECT n, email_key(email) AS email, email_key(second_email) AS second_email,
               COALESCE(NULLIF(CASE WHEN domain_key(website) = ANY(%s) THEN '' ELSE domain_key(website) END, ''),
                        domain_key(domain)) AS domain
        FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[])
             WITH ORDINALITY AS given (website, domain, email, second_email, n)
    ) asked
    LEFT JOIN accounts_accountdomain d ON asked.domain <> '' AND d.key = asked.domain
    LEFT JOIN accounts_account own ON own.id = d.account_id
    LEFT JOIN LATERAL (
        SELECT a.id, a.owner_id FROM accounts_account a
        WHERE own.id IS NULL AND asked.domain <> '' AND a.domain_key = asked.domain ORDER BY a.id LIMIT 1
    ) by_domain ON true
    LEFT JOIN LATERAL (
        SELECT a.owner_id
        FROM accounts_contact c JOIN accounts_account a ON a.id = c.account_id
        WHERE own.id IS NULL AND by_domain.id IS NULL AND (
            (asked.email <> '' AND (c.email_key = asked.email OR c.personal_email_key = asked.email))
            OR (asked.second_email <> ''
                AND (c.email_key = asked.second_email OR c.personal_email_key = asked.second_email)))
        ORDER BY c.id LIMIT 1
    ) by_email ON true
    ORDER BY asked.n
"""


@dataclass(frozen=True, slots=True)
class Pool:
    """Those among whom leads go in turn. `key` is what their turns are stored under; `queue` is where a lead waits
    when none of them can take one (None: the queue of whoever brought it in)."""

    key: str
    rule: str
    people: tuple[int, ...]
    queue: Team | None
    members: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """A name of a rule behind which is nobody: what it is, in a sentence, and in one that names no person."""

    rule: str
    name: str
    said: str
    unnamed: str


class Pools:
    """The handbook's section as the database knows it; `unknowns` are the names that it does not know.

    A rule whose team or people are all unknown is passed over, as if it was not there.
    """

    def __init__(self, assignment: Assignment) -> None:
        self.assignment = assignment
        self.unknowns: list[Unknown] = []
        named = any(rule.team for rule in assignment.rules)
        teams = Team.objects.select_related("manager__team") if named else ()
        self._teams = {team.name.casefold(): team for team in teams}
        addresses = Q(email_key__in=self._emails()) if self._emails() else Q()
        people = User.objects.active_people().filter(Q(role__in=assignment.roles) | addresses)
        self._people = {user.pk: user for user in people.select_related("team__manager")}
        self._by_address = {user.email_key: user for user in self._people.values()}
        self.rules: list[tuple[AssignmentRule, Pool]] = []
        for rule in assignment.rules:
            pool = self._of(rule)
            if pool is not None:
                self.rules.append((rule, pool))
        sellers = [user.pk for user in self._people.values() if user.role in assignment.roles]
        self.everybody = Pool(EVERYBODY, "", tuple(sellers), None, "everybody of these roles")

    @property
    def unknown(self) -> list[str]:
        """What is wrong with the names, in sentences."""
        return [one.said for one in self.unknowns]

    def _note(self, rule: AssignmentRule, name: str, said: str, unnamed: str) -> None:
        self.unknowns.append(Unknown(rule.label, name, said, unnamed))

    def named(self) -> set[int]:
        """Everybody whom some rule, or none, may give a lead to."""
        return {pk for _, pool in self.rules for pk in pool.people} | set(self.everybody.people)

    def of(self, lead: Asked) -> Pool:
        """Among whom this lead goes in turn: the first rule that fits, else everybody."""
        fit = first_fit([rule for rule, _ in self.rules], lead)
        return next((pool for rule, pool in self.rules if rule is fit), self.everybody)

    def _emails(self) -> list[Any]:
        return [key_of("email_key", address) for rule in self.assignment.rules for address in rule.people]

    def _of(self, rule: AssignmentRule) -> Pool | None:
        """The pool of a rule: its people, or those of its team who have one of the roles that get leads."""
        if rule.team:
            team = self._teams.get(rule.team.casefold())
            if team is None:
                said = f"names the team {rule.team}, which is not here: it is skipped."
                self._note(rule, "team", f"Rule “{rule.label}” {said}", f"It {said}")
                return None
            members = [u.pk for u in self._people.values() if u.team_id == team.pk and u.role in self.assignment.roles]
            if not members:
                why = f"obody in the team {team} has a role that gets leads: they wait in its queue."
                self._note(rule, "members", f"Rule “{rule.label}”: n{why}", f"N{why}")
            return Pool(f"team:{team.pk}", rule.label, tuple(members), team, team.name)
        known, teams = [], set[Team]()
        for n, address in enumerate(rule.people):
            user = self._by_address.get(address.casefold())
            if user is None:
                said = f"Rule “{rule.label}” names {address}, who does not work here: passed over."
                self._note(rule, f"people.{n}", said, f"Number {n + 1} of its people does not work here: passed over.")
                continue
            known.append(user.pk)
            if user.team is not None:
                teams.add(user.team)
        if not known:
            return None
        queue = teams.pop() if len(teams) == 1 else None
        return Pool(f"rule:{rule.label}", rule.label, tuple(known), queue, ", ".join(rule.people))

    def people(self, ids: Iterable[int]) -> dict[int, User]:
        """These people by id, as far as they are active: those of the rules are known, others are looked up."""
        wanted = set(ids)
        unknown = wanted - self._people.keys()
        if unknown:
            found = User.objects.active_people().filter(pk__in=unknown)
            self._people.update({user.pk: user for user in found.select_related("team__manager")})
        return {pk: self._people[pk] for pk in wanted if pk in self._people}


def asked(lead: Lead) -> Asked:
    """What the rules look at."""
    return Asked(lead.country, lead.employees, lead.lead_source)


def account_owners(leads: Sequence[Lead]) -> list[int | None]:
    """Who owns the account that each lead belongs to, if there is one and it has an owner; one query."""
    if not leads:
        return []
    free_mail = set(handbook.current().company.free_mail)
    with connection.cursor() as cursor:
        cursor.execute(
            ACCOUNTS,
            [
                sorted(free_mail | SHARED_HOSTS),
                [lead.website for lead in leads],
                [email_domain(lead.email, free_mail) for lead in leads],
                [lead.email for lead in leads],
                [lead.second_email for lead in leads],
            ],
        )
        return [row[1] for row in cursor.fetchall()]


def room_of(assignment: Assignment, people: Iterable[int] = ()) -> Room:
    """How many more open leads people may own; those named are counted together, the others when they are asked for."""
    most = assignment.most_open_leads

    def count(user: int) -> int:
        return Lead.objects.filter(owner=user, status__in=OPEN).order_by().values("pk")[:most].count()

    room = Room(most, count)
    ids = list(people)
    if ids:
        rows = Lead.objects.filter(owner__in=ids, status__in=OPEN).order_by().values_list("owner")
        room.know([(pk, 0) for pk in ids])
        room.know(rows.annotate(many=Count("pk")))
    return room
