"""What somebody chose for words and owners that the handbook and this company do not know.

Choices are kept with the run: `{"words": {map: {theirs: ours}}, "owners": {id there: our user's id or 0}}`. They hold
for the next imports as well, since a word that meant something once must not mean nothing later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from crm import handbook
from crm.core.errors import Missing, Refused
from crm.handbook.document import Handbook, SalesforceMap
from crm.imports.models import ImportRun
from crm.imports.salesforce import SYSTEM
from crm.imports.salesforce.kinds import Kind
from crm.people.models import User
from crm.sync.models import ExternalId
from leads.statuses import Status

# Columns that are read by a map of the handbook without being a picklist of the record: by file.
ALSO: dict[str, dict[str, str]] = {
    "Lead": {"Status": "lead_status"},
    "Opportunity": {"StageName": "stage"},
    "Task": {"Type": "task_type", "Status": "task_status", "CallType": "call_type", "CallDisposition": "task_outcome"},
    "Event": {"Type": "task_type"},
    "Contract": {"Status": "contract_status"},
}
# Where our words for a map come from; those of the others are few and fixed.
LISTS = {
    "stage": "opportunity.stages",
    "lead_source": "lead.sources",
    "rating": "lead.ratings",
    "opportunity_type": "opportunity.types",
    "account_type": "account.types",
    "industry": "industries",
    "task_type": "touch.kinds",
    "task_outcome": "touch.outcomes",
    "contact_role": "opportunity.contact_roles",
}
FIXED = {
    # No file puts a person under Do Not Contact, and converting makes records that a word cannot name.
    "lead_status": [
        (str(key), str(label))
        for key, label in Status.choices
        if key not in (Status.CLOSED_DO_NOT_CONTACT, Status.SAO_CONVERTED)
    ],
    "task_status": [("open", "Open"), ("done", "Done")],
    "call_type": [("out", "We called"), ("in", "They called")],
    "contract_status": [("draft", "Draft"), ("sent", "Sent"), ("signed", "Signed"), ("terminated", "Terminated")],
}
TITLES = {
    "lead_status": "Lead status",
    "stage": "Opportunity stage",
    "lead_source": "Lead source",
    "rating": "Rating",
    "opportunity_type": "Opportunity type",
    "account_type": "Account type",
    "industry": "Industry",
    "task_type": "Kind of touch",
    "task_outcome": "Outcome of a touch",
    "task_status": "Whether a task is done",
    "call_type": "Direction of a call",
    "contact_role": "Role of a contact",
    "contract_status": "Contract status",
}
MAPS = get_args(SalesforceMap)
# More different words than this in one column is no picklist.
MOST_WORDS = 200


@dataclass(frozen=True, slots=True)
class Unknown:
    """A word that the handbook does not have: in how many rows, what was chosen for it, and what can be."""

    map: str
    title: str
    word: str
    rows: int
    chosen: str
    options: list[tuple[str, str]]


def maps_of(kind: Kind) -> dict[str, str]:
    """The columns of a file that are read by a map of the handbook, and which."""
    found: dict[str, str] = {name: words.map for name, words in kind.words.items()}
    return found | ALSO.get(kind.name, {})


def options_of(book: Handbook, name: str) -> list[tuple[str, str]]:
    """Our words that a word of theirs can become."""
    return FIXED[name] if name in FIXED else book.choices(LISTS[name])


def unknown_words(run: ImportRun) -> list[Unknown]:
    """The words that the files have and the handbook does not, the most frequent of each map first."""
    book = handbook.current()
    counts: dict[str, dict[str, int]] = {}
    for file in run.found.values():
        for name, words in file.get("words", {}).items():
            into = counts.setdefault(name, {})
            for word, rows in words.items():
                into[word] = into.get(word, 0) + rows
    chosen = run.choices.get("words", {})
    return [
        Unknown(name, TITLES[name], word, rows, chosen.get(name, {}).get(word, ""), options_of(book, name))
        for name in MAPS
        for word, rows in sorted(counts.get(name, {}).items(), key=lambda item: (-item[1], item[0]))
        if book.from_salesforce(name, word) is None
    ]


def unknown_owners(run: ImportRun) -> list[tuple[str, int]]:
    """The ids of owners who are neither in the export nor known here, and how many rows have them."""
    counts: dict[str, int] = {}
    for file in run.found.values():
        for owner, rows in file.get("owners", {}).items():
            counts[owner] = counts.get(owner, 0) + rows
    known = set(
        ExternalId.objects.filter(object="user", system=SYSTEM, value__in=counts).values_list("value", flat=True)
    )
    known |= {one for file in run.found.values() for one in file.get("people", ())}
    return sorted(((owner, rows) for owner, rows in counts.items() if owner not in known), key=lambda one: -one[1])


def read_choices(run: ImportRun, words: Mapping[tuple[str, str], str], owners: Mapping[str, str]) -> dict[str, Any]:
    """Check what was chosen, by (map, word) and by owner; an empty choice leaves a word unknown, an owner unowned.

    Raises:
        Refused: `unknown_choice` with each choice that cannot be.
    """
    missing: list[Missing] = []
    asked = {(one.map, one.word): one for one in unknown_words(run)}
    found: dict[str, Any] = {"words": {}, "owners": {}}
    for (name, word), ours in words.items():
        one = asked.get((name, word))
        if not ours or one is None:
            continue
        if ours not in dict(one.options):
            missing.append(Missing("unknown_choice", f"“{ours[:80]}” is no {one.title.lower()}.", f"{name}:{word}"))
        found["words"].setdefault(name, {})[word] = ours
    people = {str(user.pk): user.pk for user in User.objects.active_people()}
    for owner, _ in unknown_owners(run):
        chosen = owners.get(owner, "")
        if chosen and chosen not in people:
            missing.append(Missing("unknown_choice", "An owner is one of the active people here.", f"owner:{owner}"))
        elif chosen:
            found["owners"][owner] = people[chosen]
    if missing:
        raise Refused("unknown_choice", " ".join(item.message for item in missing), missing)
    return found


def remembered_choices(system: str) -> dict[str, Any]:
    """What was chosen for earlier imports, the newest choice of each word."""
    words: dict[str, dict[str, str]] = {}
    for kept in ImportRun.objects.filter(system=system).exclude(choices={}).order_by("id"):
        for name, chosen in kept.choices.get("words", {}).items():
            words.setdefault(name, {}).update(chosen)
    return {"words": words} if words else {}


def book_with(choices: Mapping[str, Any]) -> Handbook:
    """The handbook with the chosen words in its maps. What the file itself says holds; what left it is passed over."""
    book = handbook.current()
    update = {}
    for name, chosen in choices.get("words", {}).items():
        if name not in MAPS:
            continue
        able = dict(options_of(book, name))
        more = {
            word: ours for word, ours in chosen.items() if ours in able and book.from_salesforce(name, word) is None
        }
        if more:
            update[name] = {**getattr(book.salesforce, name), **more}
    if not update:
        return book
    return book.model_copy(update={"salesforce": book.salesforce.model_copy(update=update)})


def handbook_lines(run: ImportRun) -> str:
    """The chosen words as lines to copy into the handbook file."""
    parts = []
    for name in MAPS:
        chosen = run.choices.get("words", {}).get(name, {})
        if chosen:
            lines = [f"{_quoted(word)} = {_quoted(ours)}" for word, ours in sorted(chosen.items())]
            parts.append("\n".join([f"[salesforce.{name}]", *lines]))
    return "\n\n".join(parts)


def _quoted(word: str) -> str:
    """A TOML string."""
    plain = word.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in plain) + '"'


def claim_owners(run: ImportRun) -> None:
    """Know the chosen owners by their ids there, so that every link to them leads to them."""
    ExternalId.objects.bulk_create(
        [
            ExternalId(object="user", system=SYSTEM, value=owner, record_id=user)
            for owner, user in sorted(run.choices.get("owners", {}).items())
        ],
        ignore_conflicts=True,
    )
