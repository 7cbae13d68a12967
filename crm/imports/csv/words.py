"""Words of a file for the values of a list: found by label or key, by the handbook's maps, or chosen by somebody."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import cast

from crm.handbook.document import Handbook, SalesforceMap
from crm.imports.choices import MAPS
from crm.imports.csv.plan import Plan
from crm.imports.csv.targets import STATE, Object, Target

TRUE = frozenset("yes y true t 1 on x checked ja oui si sí".split())
FALSE = frozenset("no n false f 0 off unchecked nein non -".split())
# The handbook's map for a field of ours, where it has one.
MAP_OF = {
    ("lead", STATE): "lead_status", ("opportunity", STATE): "stage", ("contract", STATE): "contract_status",
    ("lead", "rating"): "rating", ("account", "rating"): "rating", ("opportunity", "type"): "opportunity_type",
    ("account", "type"): "account_type", ("touch", "kind"): "task_type", ("touch", "outcome"): "task_outcome",
    ("touch", "direction"): "call_type",
}  # fmt: skip
ANYWHERE = ("lead_source", "industry")


class Lexicon:
    """The words of one column, as keys of ours."""

    def __init__(self, what: Object, target: Target, book: Handbook, chosen: Mapping[str, str]) -> None:
        self.options = target.options() if target.options else []
        self.able = {key for key, _ in self.options}
        self.known = {label.casefold(): key for key, label in self.options}
        self.known |= {key.casefold(): key for key, _ in self.options}
        name = MAP_OF.get((what.key, target.key)) or (target.key if target.key in ANYWHERE else "")
        self.map = cast(SalesforceMap, name) if name in MAPS else None
        self.book = book
        self.chosen = {word: key for word, key in chosen.items() if key in self.able}

    def find(self, word: str) -> str | None:
        """Our key for a word; None when it means nothing here."""
        if word in self.chosen:
            return self.chosen[word]
        return self.by_itself(word)

    def by_itself(self, word: str) -> str | None:
        """Our key for a word that nobody had to choose for."""
        if found := self.known.get(word.strip().casefold()):
            return found
        mapped = self.book.from_salesforce(self.map, word) if self.map else None
        return mapped if mapped in self.able else None

    def like(self, word: str) -> str:
        """A key whose label is spelled much like the word, to show to a person; never taken by itself."""
        near = difflib.get_close_matches(word.strip().casefold(), list(self.known), n=1, cutoff=0.75)
        return self.known[near[0]] if near else ""


def lexicons(plan: Plan, book: Handbook) -> dict[str, Lexicon]:
    """The words of each column that becomes a value of a list."""
    return {
        name: Lexicon(plan.what, target, book, plan.words.get(name, {}))
        for name, target in plan.targets().items()
        if target.worded
    }


def read_yes_no(cell: str) -> bool | None:
    """Yes or no, in the words that files have for it; None for any other."""
    word = cell.strip().casefold()
    return True if word in TRUE else False if word in FALSE else None
