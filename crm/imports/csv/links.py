"""What the cells of a batch name: records by name, domain, email or id elsewhere; people by address or name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import models

from accounts.models import Account, AccountDomain
from crm.core.keys import compute_keys
from crm.core.text import whole_number
from crm.imports.csv.plan import NEW, Plan
from crm.imports.csv.targets import Target
from crm.people.models import User
from crm.sync.models import ExternalId

# The key function of the database, and the columns that hold its keys.
KEYS: dict[tuple[str, str], tuple[str, tuple[str, ...]]] = {
    ("account", "name"): ("name_key", ("name_key",)),
    ("account", "domain"): ("domain_key", ("domain_key",)),
    ("account", "linkedin"): ("linkedin_key", ("linkedin_key",)),
    ("contact", "email"): ("email_key", ("email_key", "personal_email_key")),
    ("contact", "linkedin"): ("linkedin_key", ("linkedin_key",)),
    ("lead", "email"): ("email_key", ("email_key", "second_email_key")),
    ("lead", "linkedin"): ("linkedin_key", ("linkedin_key",)),
    ("opportunity", "name"): ("name_key", ("name_key",)),
    ("contract", "name"): ("name_key", ("name_key",)),
}


@dataclass(frozen=True, slots=True)
class Named:
    """The records that a cell names: one, none or several."""

    ids: tuple[int, ...] = ()

    @property
    def one(self) -> int | None:
        """The record, if it is one."""
        return self.ids[0] if len(self.ids) == 1 else None


def find_records(kind: type[models.Model], by: str, texts: Sequence[str], *, system: str) -> dict[str, Named]:
    """The records of a kind that these texts name, in one query or two."""
    wanted = list(dict.fromkeys(texts))
    name = str(kind._meta.model_name)
    if not wanted:
        return {}
    if by == "elsewhere":
        return _elsewhere(kind, wanted, system)
    if by == "number":
        numbers = {text: whole_number(text) for text in wanted}
        here = set(
            kind._base_manager.filter(pk__in=[n for n in numbers.values() if n is not None]).values_list(
                "pk", flat=True
            )
        )
        return {text: Named((n,)) if n in here and n is not None else Named() for text, n in numbers.items()}
    function, columns = KEYS[name, by]
    keys = dict(zip(wanted, compute_keys(function, wanted), strict=True))
    found: dict[str, set[int]] = defaultdict(set)
    for column in columns:
        rows = kind._base_manager.filter(**{f"{column}__in": [key for key in keys.values() if key]})
        for key, pk in rows.values_list(column, "pk"):
            found[key].add(pk)
    if kind is Account and by == "domain":
        for key, pk in AccountDomain.objects.filter(key__in=list(keys.values())).values_list("key", "account_id"):
            found[key].add(pk)
    return {text: Named(tuple(sorted(found.get(key, ())))) if key else Named() for text, key in keys.items()}


def _elsewhere(kind: type[models.Model], wanted: list[str], system: str) -> dict[str, Named]:
    """By id elsewhere; an id may outlive the record it named."""
    rows = ExternalId.objects.filter(object=kind._meta.model_name, system=system, value__in=wanted)
    known = dict(rows.values_list("value", "record_id"))
    here = set(kind._base_manager.filter(pk__in=list(known.values())).values_list("pk", flat=True))
    return {text: Named((known[text],)) if known.get(text) in here else Named() for text in wanted}


class Links:
    """The records that the cells of a batch name, each kind looked up once."""

    def __init__(self, wanted: Iterable[tuple[Target, str]], *, system: str) -> None:
        texts: dict[tuple[type[models.Model], str], list[str]] = defaultdict(list)
        for target, text in wanted:
            if target.links is not None:
                texts[target.links, target.by].append(text)
        self.found = {(kind, by): find_records(kind, by, cells, system=system) for (kind, by), cells in texts.items()}

    def find(self, target: Target, text: str) -> Named:
        """What the cell names."""
        return self.found.get((target.links, target.by), {}).get(text, Named()) if target.links else Named()


class People:
    """Who is meant by the names and addresses of a file: users by email, by name, by id elsewhere, or as chosen."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.by_email: dict[str, int] = {}
        self.by_name: dict[str, list[int]] = defaultdict(list)
        rows = User.objects.filter(is_service=False).values_list("pk", "email_key", "first_name", "last_name")
        for pk, key, first, last in rows:
            self.by_email[key] = pk
            if name := f"{first} {last}".strip().casefold():
                self.by_name[name].append(pk)
        known = ExternalId.objects.filter(object="user", system=plan.system or "csv")
        self.elsewhere = dict(known.values_list("value", "record_id"))
        self.here = set(self.by_email.values())

    def find(self, text: str) -> int | None:
        """The user, if it is one; None for nobody, and for two of the same name."""
        chosen = self.plan.people.get(text, "")
        if (pk := whole_number(chosen)) is not None and pk in self.here:
            return pk
        return self.by_itself(text)

    def by_itself(self, text: str) -> int | None:
        """The user whom nobody had to choose."""
        if text in self.elsewhere:
            return self.elsewhere[text]
        if "@" in text:
            return self.by_email.get(compute_keys("email_key", [text])[0])
        named = self.by_name.get(" ".join(text.split()).casefold(), [])
        return named[0] if len(named) == 1 else None

    def to_make(self, texts: Iterable[str]) -> list[str]:
        """Those who are to be made as users, because somebody chose so."""
        return [text for text in texts if self.plan.people.get(text) == NEW and self.by_itself(text) is None]
