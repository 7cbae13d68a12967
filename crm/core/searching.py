"""Finding records by what somebody types, each kind of term by the index that serves it.

A whole address (email, LinkedIn URL, phone number, domain) is looked up by its key; one or two letters by what names
begin with, because they are in nearly every word; anything else anywhere in a generated column, by its trigrams.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.db import models
from django.db.models import Q
from django.db.models.expressions import RawSQL
from django.db.models.functions import Lower
from django.db.models.lookups import StartsWith

from crm.core import phones
from crm.core.text import tidy

Rows = TypeVar("Rows", bound=models.QuerySet[Any])
# So few letters make no trigram.
FEW = 2
# A key as SQL, to be made by the same function as the stored one; the entered term is its one parameter.
KEYS: Sequence[tuple[str, re.Pattern[str], str]] = (
    ("email", re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+"), "email_key(%s)"),
    ("linkedin", re.compile(r"(?:https?://)?(?:[\w-]+\.)*linkedin\.com/\S+"), "linkedin_key(%s)"),
    ("phone", re.compile(r"\+?[\d\s().-]{7,30}"), "%s"),
    ("domain", re.compile(r"(?:https?://)?(?:[\w-]+\.)+[^\W\d]{2,}/?"), "domain_key(%s)"),
)
# Says which rows have one of these keys: SQL that selects ids, with one place for an array of "kind:key".
Keyed = str | Callable[[str, str, str], Q | None]


def find(rows: Rows, term: str, *, piece: str, starts: Sequence[str], keyed: Keyed) -> Rows:
    """The rows that a term finds; an empty term finds all.

    `piece` is the column with the trigram index, `starts` those whose beginnings are indexed (`Lower` or a key),
    `keyed` finds by a whole address.
    """
    wanted = tidy(term).lower()
    if not wanted:
        return rows
    for kind, shape, key in KEYS:
        if shape.fullmatch(wanted) and (found := _by_key(rows, kind, key, wanted, keyed)) is not None:
            return found
    if len(wanted) <= FEW:
        return rows.filter(_starting(wanted, starts))
    return rows.filter(**{f"{piece}__contains": wanted})


def _by_key(rows: Rows, kind: str, key: str, wanted: str, keyed: Keyed) -> Rows | None:
    """Who has that very address; None when nobody has, or when it is none after all."""
    entered = phones.e164(wanted, phones.default_region()) if kind == "phone" else wanted
    if not entered:
        return None
    if callable(keyed):
        condition = keyed(kind, key, entered)
        if condition is None:
            return None
    else:
        sql = keyed.replace("%s::text[]", f"ARRAY['{kind}:' || {key}]")
        # An address names a few rows. Without an array the planner takes it for one row in two hundred, and among a
        # million it walks the whole table in the order of the ids to join them.
        sql = f"SELECT unnest(ARRAY({sql}))"
        condition = Q(pk__in=RawSQL(sql, [entered]))  # noqa: S611 - SQL of our own, the term a parameter
    found = rows.filter(condition)
    return found if found.exists() else None


def _starting(wanted: str, columns: Sequence[str]) -> Q:
    begins = Q()
    for column in columns:
        # A key is in lower case already.
        left = models.F(column) if column.endswith("_key") else Lower(column)
        begins |= Q(StartsWith(left, wanted))
    return begins


def first_letters(column: str, name: str) -> models.Index:
    """The index that finds rows by what a column begins with, whatever the database's collation is."""
    from django.contrib.postgres.indexes import OpClass

    left = models.F(column) if column.endswith("_key") else Lower(column)
    return models.Index(OpClass(left, name="text_pattern_ops"), name=name)
