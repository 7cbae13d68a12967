"""Suppressing and lifting: who asked not to be contacted is not, from the same transaction on (D1, D5)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from crm import handbook
from crm.activities.covering import LEADS
from crm.activities.gate import bars_of, channel_of, hold_terms
from crm.activities.models import NextTouch, SuppressedKey, Suppression
from crm.activities.naming import Named, read_named
from crm.activities.watching import tell_watchers
from crm.core.acting import acting, retry_deadlocks
from crm.core.errors import Missing, Refused
from crm.core.permissions import may
from crm.core.text import tidy
from crm.people.models import User

Kind, Scope = SuppressedKey.Kind, Suppression.Scope
BATCH = 1000


@dataclass(frozen=True, slots=True)
class Row:
    """One suppression to make. `came_from` says which value of which record it is; with `once`, a suppression of the
    same value that a manager lifted since is not made again."""

    named: tuple[Named, ...]
    reason: str
    since: datetime
    note: str = ""
    came_from: str = ""
    closed_lead_id: int | None = None
    once: bool = False

    @property
    def identity(self) -> tuple[str, frozenset[str]]:
        """What makes two of them the same: the reason, and everything it names."""
        return self.reason, frozenset(one.term for one in self.named)


@dataclass(frozen=True, slots=True)
class Made:
    """What suppressing did: the suppressions in force for what was asked, how many of them are new, and how many
    planned touches were taken out of the calendar."""

    suppressions: tuple[Suppression, ...]
    new: int
    unplanned: int


@retry_deadlocks
def suppress(
    *,
    actor: User,
    at: datetime,
    via: str,
    reason: str,
    emails: Iterable[str] = (),
    linkedin_urls: Iterable[str] = (),
    phone_numbers: Iterable[str] = (),
    domains: Iterable[str] = (),
    note: str = "",
    since: datetime | None = None,
    came_from: str = "",
) -> Made:
    """Do not contact whoever any of these names, with or without a record here, from `since` (default: `at`) on.

    The same one that is in force is not made a second time.

    Raises:
        Refused: `forbidden`, or `missing_facts` naming everything that is missing or will not do.
    """
    if not may(actor, "add", Suppression):
        raise Refused("forbidden", "A do not contact is noted by those who have a role here.")
    named, wrong = read_named(emails=emails, linkedin_urls=linkedin_urls, phone_numbers=phone_numbers, domains=domains)
    wrong += check_facts(named, reason, since, at) if not wrong else []
    if wrong:
        raise Refused("missing_facts", " ".join(item.message for item in wrong), wrong)
    row = Row(tuple(fit(named, scope_of(reason))), reason, since or at, tidy(note), tidy(came_from))
    return suppress_many([row], actor=actor, at=at, via=via)


def check_facts(named: Sequence[Named], reason: str, since: datetime | None, at: datetime) -> list[Missing]:
    """What is missing for a suppression by this reason, or cannot be."""
    wrong = []
    known = {one.key: one.label for one in handbook.current().lead.do_not_contact_reasons}
    if not reason:
        wrong.append(Missing("needs_reason", "Say why they are not to be contacted.", "reason"))
    elif reason not in known:
        wrong.append(Missing("invalid_reason", f"“{reason}” is not a reason: {', '.join(known)}.", "reason"))
    if since is not None and since > at:
        wrong.append(Missing("invalid_since", "It cannot begin in the future.", "since"))
    if not named:
        said = "Name them: an email, a LinkedIn URL, a phone number or a domain."
        wrong.append(Missing("needs_address", said, "email"))
    elif reason in known and not fit(named, scope_of(reason)):
        if scope_of(reason) == Scope.DOMAIN:
            wrong.append(Missing("needs_domain", "Name the company's domain: this reason covers all of it.", "domain"))
        else:
            said = "Name the person by an email, a LinkedIn URL or a phone number: this reason covers no whole domain."
            wrong.append(Missing("needs_address", said, "email"))
    return wrong


def scope_of(reason: str) -> str:
    """What a reason of the handbook covers (D1)."""
    return next(one.scope for one in handbook.current().lead.do_not_contact_reasons if one.key == reason)


def fit(named: Iterable[Named], scope: str) -> list[Named]:
    """Of everything that names somebody, what a suppression of this scope holds on to.

    A company is known by its domain (of the email, where no domain is given). A person is known by all that is their
    own, so that an opt-out of calls holds where they are found by their email alone. A bad address is one address.
    """
    own = [one for one in named if one.kind != Kind.DOMAIN]
    if scope == Scope.DOMAIN:
        given = [one for one in named if one.kind == Kind.DOMAIN]
        return given or read_named(domains=[one.key.rpartition("@")[2] for one in own if one.kind == Kind.EMAIL])[0]
    if scope == Scope.EMAIL:
        return [one for one in own if one.kind != Kind.PHONE] or own
    if scope == Scope.ADDRESS:
        return [one for one in own if one.kind == Kind.EMAIL] or own
    return own


@retry_deadlocks
def suppress_many(rows: Sequence[Row], *, actor: User, at: datetime, via: str) -> Made:
    """Make these suppressions, each once: what is in force for the same reason and the same addresses stays as it is.

    A few statements for each thousand rows. Returns every suppression that now stands for one of the rows.
    """
    wanted = {row.identity: row for row in rows if row.named}
    if not wanted:
        return Made((), 0, 0)
    with acting(actor=actor, via=via, at=at):
        hold_terms({one.term for row in wanted.values() for one in row.named}, exclusive=True)
        known = _known(wanted.values())
        standing: list[Suppression] = []
        fresh: list[Row] = []
        for identity, row in wanted.items():
            same = known[identity]
            in_force = next((one for one in same if one.lifted_at is None), None)
            if in_force is not None:
                standing.append(in_force)
            elif not (row.once and any(one.came_from == row.came_from for one in same)):
                fresh.append(row)
        made = _store(fresh, actor)
        tell_watchers([one.pk for one in made])
        return Made((*standing, *made), len(made), _unplan(made))


def _known(rows: Iterable[Row]) -> dict[tuple[str, frozenset[str]], list[Suppression]]:
    """Every suppression, lifted or not, that shares an address with one of the rows, by what makes it the same."""
    keys = {one.key for row in rows for one in row.named}
    touching = SuppressedKey.objects.filter(key__in=keys).values("suppression")
    terms: dict[int, set[str]] = defaultdict(set)
    for one in SuppressedKey.objects.filter(suppression__in=touching):
        terms[one.suppression_id].add(f"{one.kind}:{one.key}")
    found: dict[tuple[str, frozenset[str]], list[Suppression]] = defaultdict(list)
    for suppression in Suppression.objects.in_bulk(list(terms)).values():
        found[suppression.reason, frozenset(terms[suppression.pk])].append(suppression)
    return found


def _store(rows: Sequence[Row], actor: User) -> list[Suppression]:
    made = [
        Suppression(
            reason=row.reason,
            scope=scope_of(row.reason),
            note=row.note,
            since=row.since,
            by=actor,
            came_from=row.came_from,
            closed_lead_id=row.closed_lead_id,
        )
        for row in rows
    ]
    Suppression.objects.bulk_create(made, batch_size=BATCH)
    SuppressedKey.objects.bulk_create(
        [
            SuppressedKey(suppression=suppression, kind=one.kind, value=one.value, key=one.key)
            for suppression, row in zip(made, rows, strict=True)
            for one in row.named
        ],
        batch_size=BATCH,
    )
    return made


def _unplan(made: Sequence[Suppression]) -> int:
    """Take the planned touches that these cover out of the calendar; how many they were."""
    planned = {one.lead_id: one for one in NextTouch.objects.filter(lead__in=_planned_of(made))}
    if not planned:
        return 0
    bars = bars_of("lead", planned)
    covered = [
        planned[lead_id].pk
        for lead_id, found in bars.items()
        if any(bar.is_whole or channel_of(planned[lead_id].kind) in bar.channels for bar in found)
    ]
    NextTouch.objects.filter(pk__in=covered).delete()
    return len(covered)


def _planned_of(made: Sequence[Suppression]) -> list[int]:
    """The ids of the leads with something planned that any of these names."""
    if not made:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT l.id FROM ({LEADS}) l JOIN activities_nexttouch n ON n.lead_id = l.id ORDER BY l.id",
            [[f"{kind}:{key}" for kind, key in _terms(made)]],
        )
        return [row[0] for row in cursor.fetchall()]


def _terms(made: Sequence[Suppression]) -> Iterable[tuple[str, str]]:
    return SuppressedKey.objects.filter(suppression__in=made).values_list("kind", "key")


@retry_deadlocks
def lift(suppression: Suppression, *, actor: User, at: datetime, via: str, reason: str) -> None:
    """They may be contacted again, as far as this suppression goes; it stays on record with who lifted it and why.

    Raises:
        Refused: `forbidden`, `needs_reason` (as a missing fact), or `already_lifted`, naming by whom.
    """
    if not may(actor, "lift", suppression):
        raise Refused("forbidden", "A do not contact is lifted by a manager.")
    said = tidy(reason)
    if not said:
        raise Refused("missing_facts", "Say why it is lifted.", [Missing("needs_reason", "Say why.", "reason")])
    with acting(actor=actor, via=via, at=at, reason=said):
        hold_terms([f"{one.kind}:{one.key}" for one in suppression.keys.all()], exclusive=True)
        locked = Suppression.objects.select_for_update(of=("self",)).get(pk=suppression.pk)
        if locked.lifted_at is not None:
            raise Refused("already_lifted", f"It was lifted by {locked.lifted_by} already.")
        locked.lifted_at, locked.lifted_by, locked.lifted_reason = at, actor, said
        locked.save(update_fields=["lifted_at", "lifted_by", "lifted_reason"])
        tell_watchers([locked.pk])
    suppression.refresh_from_db()
