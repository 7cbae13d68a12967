"""Stored words that left the handbook: in every column and own field that offers a list of it (K5, K6).

A word that is taken out of the handbook stays readable on the records that have it, and is in no filter and no report
any more. `checkups.replaced` says what stands for it now; without that somebody chooses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import models
from django.db.models import Count, F
from django.db.models.fields.json import KeyTextTransform
from django.utils.choices import CallableChoiceIterator
from django.utils.text import capfirst

from crm.checkups.rules import Look, Looked, Sight, checkup
from crm.handbook.document import Handbook
from crm.workspace.models import OBJECTS
from crm.workspace.validity import model_of

# The list of the handbook that a column offers, so that `checkups.replaced` is found by it.
LISTS = {
    "account.health": "account.healths",
    "account.industry": "industries",
    "account.payment_terms": "contract.payment_terms",
    "account.press_approval": "account.press_approvals",
    "account.rating": "account.ratings",
    "account.tier": "account.tiers",
    "account.type": "account.types",
    "activity.kind": "touch.kinds",
    "activity.outcome": "touch.outcomes",
    "contact.lead_source": "lead.sources",
    "contactrole.role": "opportunity.contact_roles",
    "contract.billing_process": "contract.billing_processes",
    "contract.payment_terms": "contract.payment_terms",
    "enquiry.channel": "enquiry.channels",
    "enquiry.priority": "enquiry.priorities",
    "enquiry.void_reason": "enquiry.void_reasons",
    "lead.industry": "industries",
    "lead.lead_source": "lead.sources",
    "lead.nurture_reason": "lead.nurture_reasons",
    "lead.rating": "lead.ratings",
    "nexttouch.kind": "touch.kinds",
    "opportunity.billing_process": "contract.billing_processes",
    "opportunity.lead_source": "lead.sources",
    "opportunity.lost_reason": "opportunity.lost_reasons",
    "opportunity.payment_terms": "contract.payment_terms",
    "opportunity.stage": "opportunity.stages",
    "opportunity.type": "opportunity.types",
    "source.channel": "enquiry.channels",
    "suppression.reason": "lead.do_not_contact_reasons",
    "task.kind": "touch.kinds",
}
# Whose role left the handbook is a finding about them (configuration.users_without_role).
ELSEWHERE = {"user.role"}
# Columns whose words are the program's own. They are looked at as well: a word that is none of them is in no figure. No
# list of the handbook has them, so `checkups.replaced` names nothing for one, and somebody chooses.
OF_THE_PROGRAM = {"opportunity.stated_forecast"}
SHOWN = 12


@dataclass(frozen=True, slots=True)
class Picklist:
    """One column, or one of the company's own fields, whose values are words of a list."""

    model: type[models.Model]
    field: str
    label: str
    choices: Mapping[str, str]
    # The list of the handbook it offers; empty for an own field and for words of the program, which are in none.
    place: str = ""
    # Of an own field: the key under which its value is kept.
    kept_as: str = ""

    @property
    def name(self) -> str:
        """As subjects have it: "lead.rating"."""
        return f"{self.model._meta.model_name}.{self.field}"

    def having(self, word: str) -> models.QuerySet[Any]:
        """The records that have this word."""
        wanted = {f"kept__{self.kept_as}": word} if self.kept_as else {self.field: word}
        return self.model._base_manager.filter(**wanted)

    def counts(self) -> dict[str, int]:
        """How many records have each word: one pass over the table."""
        value: Any = KeyTextTransform(self.kept_as, "kept") if self.kept_as else F(self.field)
        rows = self.model._base_manager.order_by().values_list(value).annotate(many=Count("pk"))
        return {str(word): many for word, many in rows if word}


def picklists(book: Handbook) -> Iterator[Picklist]:
    """Every column of ours that offers a list of the handbook or the program's, and every own field to choose from."""
    for kind in apps.get_models():
        for column in kind._meta.concrete_fields:
            name = f"{kind._meta.model_name}.{column.name}"
            if isinstance(column.choices, CallableChoiceIterator) and name not in ELSEWHERE and not kind._meta.proxy:
                known = {str(key): str(label) for key, label in column.flatchoices}
                yield Picklist(kind, column.name, str(column.verbose_name), known, LISTS.get(name, ""))
    for of, _ in OBJECTS:
        for own in book.own_fields_of(of):
            if own.choices:
                known = {entry.key: entry.label for entry in own.choices}
                yield Picklist(model_of(of), own.key, own.label, known, kept_as=own.kept_as or own.key)


def picklist_of(name: str, book: Handbook) -> Picklist | None:
    """The picklist of this name, as "lead.rating"; None when there is none any more."""
    return next((one for one in picklists(book) if one.name == name), None)


def replacement_of(picklist: Picklist, word: str, book: Handbook) -> str:
    """The word that stands for one that left, as the handbook has it; empty when somebody has to choose."""
    found = (one.by for one in book.checkups.replaced if one.list == picklist.place and one.word == word)
    return next(found, "")


@checkup(
    "data.words_left",
    title="Stored words are in their lists of the handbook",
    row="K5",
    fix="replace_word",
    why="A word that left its list is in no filter and no report any more.",
)
def words_left(look: Look) -> Looked:
    """One finding for each column and word, with how many records have it."""
    found, at = [], 0
    for picklist in picklists(look.book):
        counts = picklist.counts()
        at += sum(counts.values())
        for word in sorted(counts.keys() - picklist.choices.keys()):
            found.append(_sight(look.book, picklist, word, counts[word]))
    return Looked(at=at, sights=found)


def _sight(book: Handbook, picklist: Picklist, word: str, many: int) -> Sight:
    meta = picklist.model._meta
    labels = list(picklist.choices.values())
    by = replacement_of(picklist, word, book)
    more = f" and {len(labels) - SHOWN} more" if len(labels) > SHOWN else ""
    return Sight(
        subject=f"word:{picklist.name}",
        label=f"{capfirst(picklist.label)} of {meta.verbose_name_plural}",
        detail=word,
        expected=f"One of: {', '.join(labels[:SHOWN])}{more}",
        found=f"“{word}” in {many:,} {meta.verbose_name if many == 1 else meta.verbose_name_plural}",
        evidence=[("Replace by", picklist.choices.get(by, by) if by else "To be chosen: the handbook names no word")],
    )
