"""Text is trimmed and composed, whichever way it is written."""

from __future__ import annotations

import pytest

from accounts.models import Account
from crm.core.text import tidy
from tests.factories import make_account

DECOMPOSED, COMPOSED = "Zu\u0308rich", "Zürich"


@pytest.mark.parametrize(
    ("entered", "stored"),
    [("  Acme ", "Acme"), (DECOMPOSED, COMPOSED), ("a\x00b", "ab"), ("\n\t", ""), ("a  b", "a  b")],
)
def test_tidy_trims_composes_and_drops_what_cannot_be_stored(entered: str, stored: str) -> None:
    assert tidy(entered) == stored


@pytest.mark.django_db
def test_save_create_update_and_bulk_writes_all_tidy() -> None:
    account = make_account(name=f" {DECOMPOSED} ")
    assert Account.objects.get().name == COMPOSED
    account.name = " Two "
    account.save()
    assert Account.objects.get().name == "Two"
    Account.objects.update(name=" Three ")
    assert Account.objects.get().name == "Three"
    account.refresh_from_db()
    account.name = " Four "
    Account.objects.bulk_update([account], ["name"])
    assert Account.objects.get().name == "Four"
    Account.objects.bulk_create([Account(name=" Five\x00 ")])
    assert Account.objects.filter(name="Five").exists()


@pytest.mark.django_db
def test_a_lookup_is_tidied_as_well() -> None:
    account = make_account(name=COMPOSED)
    assert Account.objects.get(name=f" {DECOMPOSED}") == account


@pytest.mark.django_db
def test_blanks_are_no_name() -> None:
    account = Account(name="  ")
    with pytest.raises(Exception, match="cannot be blank"):
        account.full_clean()
