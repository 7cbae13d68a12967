"""The domains of an account: beside its website's, those its people write from. Each belongs to one account only.

The rows are the truth; `Account.domains` is the same as one text, kept by a trigger with every way of writing them, so
that forms, history, exports and programs see them as any other field. Saving an account writes the rows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts.matching import SHARED_HOSTS
from crm import handbook
from crm.core.errors import Missing, Refused, Stale
from crm.core.keys import compute_keys
from crm.core.text import Paragraphs

if TYPE_CHECKING:
    from accounts.models import Account

SHAPE = re.compile(r"(?:[\w-]+\.)+[^\W\d]{2,}")
BETWEEN = re.compile(r"[\s,;]+")
JOINED = ", "
LONGEST, MOST = 253, 100


def entered_domains(text: str) -> list[str]:
    """The domains of a text, as they were entered: between commas, semicolons, spaces or lines; each once."""
    return list(dict.fromkeys(part.rpartition("@")[2] for part in BETWEEN.split(text) if part.strip("@")))


def validate_domains(text: str) -> None:
    """Refuse what is no domain, and one that names no company; each is named.

    Raises:
        ValidationError: `domain`, `free_mail`, `shared_host` or `too_many`.
    """
    entered = entered_domains(text)
    if len(entered) > MOST:
        raise ValidationError(f"An account has {MOST} domains at most.", code="too_many")
    free_mail = set(handbook.current().company.free_mail)
    wrong = []
    for part, key in zip(entered, compute_keys("domain_key", entered), strict=True):
        if not SHAPE.fullmatch(key) or len(key) > LONGEST:
            wrong.append(ValidationError(f"“{part[:80]}” is no domain: write it as “example.com”.", code="domain"))
        elif key in free_mail:
            wrong.append(ValidationError(f"{key} gives anybody an address: it names no company.", code="free_mail"))
        elif key in SHARED_HOSTS:
            wrong.append(ValidationError(f"Many companies have a page at {key}: it names none.", code="shared_host"))
    if wrong:
        raise ValidationError(wrong)


class Domains(Paragraphs):
    """An account's domains as one text, between commas."""

    default_validators = [validate_domains]

    def __init__(self, verbose_name: Any = None, *, max_length: int = 4000, **kwargs: Any) -> None:
        super().__init__(verbose_name, max_length=max_length, **kwargs)


def write_domains(account: Account, text: str) -> None:
    """Give an account these domains and no others.

    Raises:
        Refused: `domain_taken` when one belongs to another account, also when that was quicker.
    """
    from accounts.models import AccountDomain

    keys = list(dict.fromkeys(key for key in compute_keys("domain_key", entered_domains(text)) if key))
    standing = dict(AccountDomain.objects.filter(account=account).values_list("key", "pk"))
    gone = [pk for key, pk in standing.items() if key not in keys]
    # In one order: two accounts that take the same two domains wait for each other one way round.
    new = sorted(key for key in keys if key not in standing)
    refuse_taken(account, new)
    if gone:
        AccountDomain.objects.filter(pk__in=gone).delete()
    try:
        with transaction.atomic():
            for key in new:
                AccountDomain(account=account, domain=key).save(force_insert=True)
    except IntegrityError:
        # Somebody was quicker by less than our look.
        refuse_taken(account, new)
        raise


def refuse_taken(account: Account, keys: Sequence[str]) -> None:
    """Refuse domains of other accounts, each with whose it is.

    Raises:
        Refused: `domain_taken`.
    """
    from accounts.models import AccountDomain

    if not keys:
        return
    others = AccountDomain.objects.filter(key__in=keys).exclude(account=account).select_related("account")
    if taken := list(others.order_by("key")):
        missing = [
            Missing("domain_taken", f"{one.key} is a domain of {one.account.name} already.", "domains") for one in taken
        ]
        raise Refused("domain_taken", " ".join(item.message for item in missing), missing)


def check_version(account: Account) -> None:
    """Lock the account's row, and refuse to write over a version that was not read.

    Raises:
        Stale: somebody else changed it.
    """
    rows: Any = type(account)._base_manager.select_for_update(of=("self",)).filter(pk=account.pk)
    version = rows.values_list("version", flat=True).first()
    if version is not None and version != account.version:
        raise Stale(f"{account} was changed by somebody else since you opened it.", account.changes_since_read())


def shared_domains(account: Account) -> list[str]:
    """What is allowed and odd: its website at another account's domain, or its domain another's website."""
    from accounts.models import Account as Accounts
    from accounts.models import AccountDomain

    said = []
    own = entered_domains(account.domains)
    if account.domain_key and account.domain_key not in SHARED_HOSTS:
        other = AccountDomain.objects.filter(key=account.domain_key).exclude(account=account)
        for one in other.select_related("account")[:1]:
            said.append(f"The website's domain, {one.key}, is a domain of {one.account.name}: is it the same company?")
    for website in Accounts.objects.filter(domain_key__in=own).exclude(pk=account.pk).order_by("pk")[:3] if own else ():
        said.append(f"{website.name} has its website at {website.domain_key}: is it the same company?")
    return said
