"""Codenames (C19): a minor planet's name for a customer that wants to stay anonymous, each for one account only."""

from __future__ import annotations

import random
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError

from crm.core.acting import acting, retry_deadlocks
from crm.core.errors import Refused
from crm.core.locks import hold
from crm.core.permissions import may
from crm.core.text import Line

if TYPE_CHECKING:
    from accounts.models import Account
    from crm.people.models import User

NAMES = Path(__file__).with_name("codenames.txt")


@cache
def minor_planets() -> tuple[str, ...]:
    """Every name there is to give, as it is spelled."""
    lines = NAMES.read_text(encoding="utf-8").splitlines()
    return tuple(line.strip() for line in lines if line.strip() and not line.startswith("#"))


@cache
def _spelled() -> dict[str, str]:
    return {name.casefold(): name for name in minor_planets()}


def validate_codename(entered: str) -> None:
    """Refuse what is no minor planet's name: a name of one's own choice may say who it stands for."""
    if entered and entered.strip().casefold() not in _spelled():
        raise ValidationError(f"“{entered[:60]}” is none of the minor planets that Plumb knows.", code="codename")


class Codename(Line):
    """A codename, stored as the list spells it."""

    default_validators = [validate_codename]

    def __init__(self, verbose_name: Any = None, *, max_length: int = 60, **kwargs: Any) -> None:
        super().__init__(verbose_name, max_length=max_length, **kwargs)

    def clean(self, value: Any, model_instance: Any) -> Any:
        """The name as it is spelled."""
        cleaned = super().clean(value, model_instance)
        return _spelled().get(cleaned.casefold(), cleaned)


def unused_codenames() -> list[str]:
    """Those that no account has."""
    from accounts.models import Account

    used = {name.casefold() for name in Account.objects.exclude(codename="").values_list("codename", flat=True)}
    return [name for name in minor_planets() if name.casefold() not in used]


@retry_deadlocks
def give_codename(account: Account, *, actor: User, at: datetime, via: str) -> str:
    """Give an account a codename that none has, at random; one that it has stays. Returns it.

    Raises:
        Refused: `forbidden`, or `no_codename` when every name is taken.
    """
    from accounts.models import Account

    with acting(actor=actor, via=via, at=at):
        # Two accounts that ask at once do not draw the same name.
        hold(("codename", "all"))
        locked = Account.objects.select_for_update(of=("self",)).get(pk=account.pk)
        if not may(actor, "change", locked):
            raise Refused("forbidden", "The account's owner, their team or a manager gives it a codename.")
        if locked.codename:
            return locked.codename
        free = unused_codenames()
        if not free:
            raise Refused("no_codename", "Every minor planet's name is taken.")
        locked.codename = random.SystemRandom().choice(free)
        locked.save(update_fields=["codename"])
        return locked.codename
