"""Phone numbers: kept as entered, matched in the international form E.164 (ITU-T)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import phonenumbers
from django.db import models

from crm.core.text import CharField

# The country of numbers written without a country code; the handbook sets it when it is loaded.
default_region: Callable[[], str] = lambda: "US"  # noqa: E731


def use_region(region: Callable[[], str]) -> None:
    """Say where the default region comes from."""
    global default_region
    default_region = region


# How nearly every number of a list is written where the country code is 1. The library takes sixty microseconds to say
# the same, which for a hundred thousand rows is six seconds.
NORTH_AMERICAN = re.compile(r"(?:\+?1[ .-]*)?\(?([2-9][0-9]{2})\)?[ .-]*([0-9]{3})[ .-]*([0-9]{4})")


@lru_cache(maxsize=4096)
def e164(entered: str, region: str = "US") -> str:
    """Return the number as `+15552147954`, or an empty string when it cannot be one.

    `region` is the ISO country whose national form is assumed for a number without a country code.
    """
    if not entered:
        return ""
    if region in ("US", "CA") and (plain := NORTH_AMERICAN.fullmatch(entered[:60])):
        return "+1" + "".join(plain.groups())
    try:
        number = phonenumbers.parse(entered[:60], region)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_possible_number(number):
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


class PhoneKey(CharField):
    """The E.164 form of the number in another column, made at every write that goes through a model."""

    def __init__(self, *args: Any, of: str = "", **kwargs: Any) -> None:
        self.of = of
        kwargs.update(max_length=20, blank=True, default="", editable=False)
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> tuple[str, str, Any, dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        for fixed in ("max_length", "blank", "default", "editable"):
            kwargs.pop(fixed, None)
        return name, path, args, {**kwargs, "of": self.of}

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        key = e164(getattr(model_instance, self.of), default_region())
        setattr(model_instance, self.attname, key)
        return key


def renew_keys(record: models.Model, changed: Iterable[str]) -> list[str]:
    """Compute the keys of the numbers among the changed fields again; returns the names of these keys.

    For writes that name their fields: a key that is not among them would be left behind.
    """
    wanted = set(changed)
    keys = [f for f in record._meta.concrete_fields if isinstance(f, PhoneKey) and f.of in wanted]
    for key in keys:
        key.pre_save(record, add=False)
    return [key.name for key in keys]
