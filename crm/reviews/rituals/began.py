"""Since when a ritual is held as it is now: nothing is missed that fell due before, by another handbook or none."""

from __future__ import annotations

import tomllib
from datetime import date
from functools import lru_cache
from typing import Any

from crm.handbook.document import Handbook
from crm.handbook.models import HandbookVersion
from crm.handbook.rituals import Ritual

# What else of a ritual changes leaves open what is open: its words, whose it is, what it opens.
RHYTHM = ("per", "times", "every", "since", "days", "month_day", "on_holidays", "on")
DEFAULTS = {name: field.default for name, field in Ritual.model_fields.items() if name in RHYTHM and name != "per"}


def began_on(book: Handbook) -> dict[str, date]:
    """The company's day on which each ritual that is on began to be held as often as now.

    One that no applied handbook has so is left out.
    """
    wanted = {one.key: _rhythm(one.model_dump()) for one in book.rituals if one.on}
    versions = list(HandbookVersion.objects.order_by("-id").values_list("pk", "sha256", "applied_at"))
    found: dict[str, date] = {}
    for pk, sha256, applied_at in versions:
        said = _rhythms(sha256, pk)
        wanted = {key: rhythm for key, rhythm in wanted.items() if said.get(key) == rhythm}
        if not wanted:
            break
        found.update(dict.fromkeys(wanted, book.today(applied_at)))
    return found


@lru_cache(maxsize=64)
def _rhythms(sha256: str, pk: int) -> dict[str, tuple[Any, ...]]:
    """How often each ritual is held by a version; a text that cannot be read has none."""
    text = HandbookVersion.objects.filter(pk=pk).values_list("text", flat=True).first() or ""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}
    rituals = raw.get("rituals")
    tables = [one for one in rituals if isinstance(one, dict)] if isinstance(rituals, list) else []
    return {str(one.get("key")): _rhythm(one) for one in tables}


def _rhythm(one: dict[str, Any]) -> tuple[Any, ...]:
    given = {**DEFAULTS, **{name: one[name] for name in RHYTHM if one.get(name) is not None}}
    return tuple(tuple(value) if isinstance(value := given.get(name), list) else value for name in RHYTHM)
