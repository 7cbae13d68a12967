"""Who is meant: the leads and contacts that are one person, deleted ones included, and everything that names them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, models
from django.db.models import Q

from accounts.models import Contact
from crm.core import phones
from crm.core.errors import Refused
from crm.core.keys import compute_keys
from crm.core.text import tidy
from crm.history.models import Change
from crm.people.models import User
from crm.privacy.everywhere import Values
from leads.models import Lead

ERASED_DOMAIN = "@erased.invalid"
EMAILS = ("email", "second_email", "personal_email")
PHONES = ("phone", "mobile")
NAMES = ("first_name", "last_name")
# What may tell that two records are one person. A phone may be a switchboard's: it is taken only when it is chosen.
KEYS: dict[str, tuple[str, ...]] = {
    "email": ("email_key", "second_email_key", "personal_email_key"),
    "linkedin": ("linkedin_key",),
    "phone": ("phone_key", "mobile_key"),
}
CHOSEN = ("email", "linkedin")
FIRST_NAME, LAST_NAME = "Erased", "person"
FEWEST_DIGITS = 7


@dataclass(slots=True)
class Person:
    """One person: records that are here, ids of deleted ones, and the keys and values that name them."""

    leads: list[Lead] = field(default_factory=list)
    contacts: list[Contact] = field(default_factory=list)
    gone: list[tuple[str, int]] = field(default_factory=list)
    keys: dict[str, set[str]] = field(default_factory=lambda: {kind: set() for kind in KEYS})
    emails: set[str] = field(default_factory=set)
    phones: set[str] = field(default_factory=set)
    links: set[str] = field(default_factory=set)
    names: set[tuple[str, str]] = field(default_factory=set)

    @property
    def ids(self) -> dict[str, list[int]]:
        """The ids of all its records, deleted ones included, by the change log's names."""
        return {
            "lead": sorted([lead.pk for lead in self.leads] + [pk for name, pk in self.gone if name == "lead"]),
            "contact": sorted([one.pk for one in self.contacts] + [pk for name, pk in self.gone if name == "contact"]),
        }

    @property
    def label(self) -> str:
        """What to type to confirm: the name, or what they are reached by."""
        named = [f"{first} {last}".strip() for first, last in sorted(self.names)]
        return next(iter([*named, *sorted(self.emails), *sorted(self.links)]), "")

    @property
    def is_erased(self) -> bool:
        """Whether nothing here names anybody (any more)."""
        return not (self.emails or self.phones or self.links or self.names)

    def full_names(self) -> list[str]:
        """First and last name, and the other way round."""
        whole = [(first, last) for first, last in self.names if first and last]
        return sorted(
            {text for first, last in whole for text in (f"{first} {last}", f"{last}, {first}", f"{last} {first}")}
        )

    def near(self) -> Values:
        """What is taken out of rows that belong to the person: also a first or last name alone."""
        single = {word for pair in self.names for word in pair if len(word) > 1}
        return Values(sorted(self.emails | self.links | self.phones), [*self.full_names(), *sorted(single)])


def find_person(
    *,
    lead: Lead | None = None,
    contact: Contact | None = None,
    email: str = "",
    keys: Iterable[str] = CHOSEN,
    lock: bool = False,
) -> Person:
    """The person that a record or an address names, with every record that shares one of the chosen kinds of keys.

    Raises:
        Refused: `invalid_email` for what is no address; `unknown_key` for a kind that is none.
    """
    chosen = list(dict.fromkeys(keys))
    if unknown := [kind for kind in chosen if kind not in KEYS]:
        raise Refused("unknown_key", f"“{unknown[0]}” is none of {', '.join(KEYS)}.")
    person = Person()
    if email:
        (key,) = compute_keys("email_key", [tidy(email)])
        if "@" not in key:
            raise Refused("invalid_email", f"“{email}” is not an email address.")
        person.keys["email"].add(key)
        person.emails |= {tidy(email), key}
    seeds = {Lead: {lead.pk} if lead else set(), Contact: {contact.pk} if contact else set()}
    # Keys lead to records and records to keys, until nothing new comes of it.
    before, known = -1, 0
    while before != known:
        before = known
        for kind, ids in seeds.items():
            rows: Any = kind._base_manager
            for row in rows.filter(pk__in=ids):
                _note_keys(person, row, chosen)
            ids |= set(rows.filter(_sharing(kind, person.keys)).values_list("pk", flat=True))
        known = sum(len(keys) for keys in person.keys.values()) + sum(len(ids) for ids in seeds.values())
    for kind, into in ((Contact, person.contacts), (Lead, person.leads)):
        everybody: Any = kind._base_manager.filter(pk__in=seeds[kind]).order_by("pk")
        into.extend(everybody.select_for_update(of=("self",)) if lock else everybody)
    _find_deleted(person)
    for record in (*person.leads, *person.contacts):
        _note_values(person, {f.attname: getattr(record, f.attname) for f in record._meta.concrete_fields})
    _note_history(person)
    return person


def _note_keys(person: Person, row: Any, chosen: Iterable[str]) -> None:
    for kind in chosen:
        found = {getattr(row, name, "") for name in KEYS[kind]}
        person.keys[kind] |= {key for key in found if key and not key.endswith(ERASED_DOMAIN)}


def _sharing(kind: type[models.Model], keys: dict[str, set[str]]) -> Q:
    own = {f.attname for f in kind._meta.concrete_fields}
    same = Q(pk__in=[])
    for name, columns in KEYS.items():
        for column in columns:
            if column in own and keys[name]:
                same |= Q(**{f"{column}__in": sorted(keys[name])})
    return same


def _find_deleted(person: Person) -> None:
    """Records of theirs that were deleted: the change log has their last image, of which a key is made here."""
    emails, links = sorted(person.keys["email"]), sorted(person.keys["linkedin"])
    person.gone = _merged(person)
    if not emails and not links:
        return
    same = " OR ".join(f"email_key(c.what->>'{name}') = ANY(%s)" for name in EMAILS)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT DISTINCT c.object, c.record_id FROM history_change c WHERE c.op = 'D'"
            f" AND c.object IN ('lead', 'contact') AND ({same} OR linkedin_key(c.what->>'linkedin_url') = ANY(%s))"
            " ORDER BY 1, 2",
            [emails, emails, emails, links],
        )
        known = {*_here(person), *person.gone}
        person.gone += [(name, pk) for name, pk in cursor.fetchall() if (name, pk) not in known]


def _here(person: Person) -> list[tuple[str, int]]:
    return [("lead", one.pk) for one in person.leads] + [("contact", one.pk) for one in person.contacts]


def _merged(person: Person) -> list[tuple[str, int]]:
    """Records that were merged into theirs, under whatever address: they are this person's as well."""
    here = _here(person)
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH RECURSIVE way (object, id) AS (SELECT * FROM unnest(%s::text[], %s::bigint[])"
            " UNION SELECT t.object, t.merged_id FROM way w JOIN duplicates_tombstone t"
            " ON t.survivor_object = w.object AND t.survivor_id = w.id)"
            " SELECT object, id FROM way WHERE object IN ('lead', 'contact') ORDER BY 1, 2",
            [[name for name, _ in here], [pk for _, pk in here]],
        )
        return [(name, pk) for name, pk in cursor.fetchall() if (name, pk) not in set(here)]


def _note_values(person: Person, values: dict[str, Any]) -> None:
    email = [str(values.get(name) or "") for name in EMAILS]
    person.emails |= {text for text in email if text and not text.endswith(ERASED_DOMAIN)}
    for name in PHONES:
        entered = str(values.get(name) or "")
        if sum(char.isdigit() for char in entered) >= FEWEST_DIGITS:
            person.phones |= {entered, phones.e164(entered, phones.default_region()) or entered}
    if link := str(values.get("linkedin_url") or ""):
        person.links.add(link)
    first, last = (str(values.get(name) or "") for name in NAMES)
    if (first or last) and (first, last) != (FIRST_NAME, LAST_NAME):
        person.names.add((first, last))


def _note_history(person: Person) -> None:
    """What they were called and reached by before: every earlier value, and the images of deleted records."""
    for name, ids in person.ids.items():
        changes = Change.objects.filter(object=name, record_id__in=ids, what__isnull=False).order_by("record_id", "-id")
        current: dict[int, dict[str, Any]] = {}
        for one in (*person.leads, *person.contacts):
            if one._meta.model_name == name:
                current[one.pk] = {part: getattr(one, part) for part in NAMES}
        for record_id, op, logged in changes.values_list("record_id", "op", "what"):
            what: dict[str, Any] = logged or {}
            if op == "D":
                _note_values(person, what)
                current[record_id] = {part: what.get(part, "") for part in NAMES}
                continue
            for column, (old, new) in what.items():
                for value in (old, new):
                    _note_values(person, {column: value} if column not in NAMES else {})
            if set(NAMES) & set(what):
                now = current.setdefault(record_id, dict.fromkeys(NAMES, ""))
                now |= {part: what[part][0] for part in NAMES if part in what}
                _note_values(person, now)
    if person.links:
        person.links |= {key for key in compute_keys("linkedin_key", sorted(person.links)) if key}
    if person.emails:
        person.emails |= {key for key in compute_keys("email_key", sorted(person.emails)) if key}


def far(person: Person) -> tuple[Values, list[str]]:
    """What is taken out of rows that are not theirs, and the names that stay there because others have them too."""
    shared = []
    for first, last in sorted(person.names):
        if not (first and last):
            continue
        others = (
            Lead.objects.filter(first_name=first, last_name=last).exclude(pk__in=person.ids["lead"]).exists()
            or Contact.objects.filter(first_name=first, last_name=last).exclude(pk__in=person.ids["contact"]).exists()
            or User.objects.filter(first_name=first, last_name=last).exists()
        )
        if others:
            shared.append(f"{first} {last}")
    mine = set(person.full_names())
    for first, last in person.names:
        if f"{first} {last}" in shared:
            mine -= {f"{first} {last}", f"{last}, {first}", f"{last} {first}"}
    return Values(sorted(person.emails | person.links | _own_phones(person)), sorted(mine)), shared


def _own_phones(person: Person) -> set[str]:
    """Numbers that nobody else has: a switchboard's stays with the others."""
    own = set()
    for number in person.phones:
        key = phones.e164(number, phones.default_region())
        same = Q(phone_key=key) | Q(mobile_key=key)
        others = key and (
            Lead.objects.filter(same).exclude(pk__in=person.ids["lead"]).exists()
            or Contact.objects.filter(same).exclude(pk__in=person.ids["contact"]).exists()
        )
        if not others:
            own.add(number)
    return own
