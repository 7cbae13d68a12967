"""Erasing a person on request (L16): one transaction that leaves ids, versions and times, and nothing that names them.

Their records, parts and log are emptied column by column; everywhere else their addresses, numbers and full name are
taken out of texts and documents, whatever table they stand in. What others share (a name, a switchboard's number) stays
where it is not theirs. Do not contact outlives it, by a hash of the key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.core.files.storage import default_storage
from django.db import connection, transaction

from accounts.models import Contact
from crm.activities.suppressing import suppress as make_suppression
from crm.core.acting import acting, retry_deadlocks
from crm.core.errors import Missing, Refused
from crm.core.locks import hold
from crm.core.permissions import may
from crm.core.text import tidy
from crm.people.models import User
from crm.privacy.answering import blank_answers
from crm.privacy.blanking import (
    FREE_FACTS,
    blank_held_rows,
    blank_ids,
    blank_log,
    blank_near,
    blank_parts,
    blank_records,
    hash_keys,
    labels,
    placeholder,
)
from crm.privacy.everywhere import replace_in, tables, take_out
from crm.privacy.files import end_sessions, files_with, uploads_about
from crm.privacy.models import Erasure
from crm.privacy.persons import CHOSEN, Person, far, find_person
from leads.models import Lead

# Colleagues are not erased here; words of the process, and what the database keeps for itself, name nobody.
LEFT = (
    "people_user",
    "handbook_handbookversion",
    "django_migrations",
    "django_content_type",
    "django_session",
    "auth_permission",
    "auth_group",
    "activities_suppressedkey",
    "activities_suppression_secret",
    "activities_touch_channel",
    "privacy_erasure",
)
# Names of things, by which programs find them again.
KEEP = {
    "sync_externalid": ("value", "object", "system"),
    "history_change": ("object",),
    "sync_apikey": ("prefix", "hash"),
}
SUPPRESSION_REASON = "asked_us"


@dataclass(frozen=True, slots=True)
class Erased:
    """What was blanked: rows by kind of record, files that were deleted, and what stays where it is not theirs."""

    label: str
    records: list[tuple[str, int]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    shared: list[str] = field(default_factory=list)
    users: int = 0
    dry_run: bool = False
    parts: list[tuple[str, int]] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """How many rows were blanked."""
        return sum(self.counts.values())


class _DryRun(Exception):
    """Undoes everything that a dry run wrote."""


@retry_deadlocks
def erase_person(
    *,
    lead: Lead | None = None,
    contact: Contact | None = None,
    email: str = "",
    keys: Iterable[str] = CHOSEN,
    reason: str,
    suppress: bool = False,
    actor: User,
    at: datetime,
    via: str,
    dry_run: bool = False,
) -> Erased:
    """Erase the person that a lead, a contact or an address names. `keys` tell which records are the same person.

    With `dry_run` everything is done, counted, and undone. A second time there is nothing left, and nothing is written.

    Raises:
        Refused: `forbidden` for who is no administrator, `missing_facts` without a reason, `invalid_email`.
    """
    if not may(actor, "add", Erasure):
        raise Refused("forbidden", "A person is erased by an administrator.")
    if not tidy(reason) and not dry_run:
        raise Refused("missing_facts", "Say why.", [Missing("needs_reason", "Say why.", "reason")])
    wanted = {"lead": lead, "contact": contact, "email": email, "keys": keys}
    named = find_person(**wanted)  # type: ignore[arg-type]
    said = replace_in(tidy(reason), named.near().pattern()) if not named.is_erased else tidy(reason)
    done = Erased("")
    try:
        with acting(actor=actor, via=via, at=at, reason=said):
            hold(("erase", "person"))
            person = find_person(**wanted, lock=True)  # type: ignore[arg-type]
            if person.is_erased:
                return Erased(person.label, dry_run=dry_run)
            if suppress:
                _suppress(person, actor, at, via)
            done = _erase(person, actor, dry_run)
            if dry_run:
                raise _DryRun
            if done.counts or done.files:
                _note(done, actor, at, via, said, suppress)
            for name in done.files:
                transaction.on_commit(lambda name=name: default_storage.delete(name))  # type: ignore[misc]
    except _DryRun:
        pass
    return done


def _suppress(person: Person, actor: User, at: datetime, via: str) -> None:
    """Before anything is blanked: what names them is hashed with the rest.

    What their leads are called from now on names nobody, and keeps anybody from being offered a lead that nobody can
    reach.
    """
    left = {placeholder(pk) for pk in person.ids["lead"]}
    make_suppression(
        actor=actor,
        at=at,
        via=via,
        reason=SUPPRESSION_REASON,
        emails=sorted(person.keys["email"] | person.emails | left),
        linkedin_urls=sorted(link for link in person.links if "://" in link),
        phone_numbers=sorted(number for number in person.phones if number.startswith("+")),
    )


def _erase(person: Person, actor: User, dry_run: bool) -> Erased:
    elsewhere, shared = far(person)
    counts: Counter[str] = Counter()
    with connection.cursor() as cursor:
        # Lets this transaction change the log, and no other (crm.core.triggers).
        cursor.execute("SELECT set_config('crm.upkeep', 'on', true)")
    files = files_with(elsewhere)
    counts.update(blank_records(person))
    parts, own = blank_parts(person)
    counts.update(parts)
    counts["imports_heldrow"], held = blank_held_rows(person, elsewhere)
    own |= {"lead": person.ids["lead"], "contact": person.ids["contact"], "heldrow": held}
    counts.update(blank_near(person, own))
    files = list(dict.fromkeys([*files, *uploads_about(own)]))
    counts["sync_idempotencykey"] = blank_answers(own, person.near(), FREE_FACTS)
    counts["sync_externalid"] += blank_ids(elsewhere)
    counts["activities_suppressedkey"] = hash_keys(person)
    counts["django_session"] = end_sessions(elsewhere)
    # The log last: every change of the steps before is in it, with the value that was.
    for table in sorted(tables(), key=lambda one: (one.name.startswith("history_"), one.schema, one.name)):
        if table.name == "history_change":
            counts.update(blank_log(own, person.near()))
        if table.name not in LEFT:
            counts[table.name] += take_out(
                table,
                elsewhere,
                where="t.object <> 'user'" if table.name == "history_change" else "true",
                skip=KEEP.get(table.name, ()),
            )
    records = [(name, pk) for name, ids in person.ids.items() for pk in ids]
    theirs = [(name, pk) for name, ids in own.items() if name not in (*person.ids, "heldrow") for pk in ids]
    users = User.objects.filter(email_key__in=person.keys["email"]).count()
    return Erased(person.label, records, labels(counts.items()), files, shared, users, dry_run, theirs)


def _note(done: Erased, actor: User, at: datetime, via: str, reason: str, suppressed: bool) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT history_transaction()")
        (made,) = cursor.fetchone()
        cursor.execute("SELECT set_config('crm.upkeep', '', true)")
    Erasure.objects.create(
        by=actor,
        at=at,
        via=via,
        reason=reason,
        records=[list(record) for record in done.records],
        parts=[list(part) for part in done.parts],
        counts=done.counts | ({"stored files": len(done.files)} if done.files else {}),
        suppressed=suppressed,
        transaction_id=made,
    )
