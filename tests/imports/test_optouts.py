"""Opt-outs of another system become do not contacts: once, of held rows too, and what was lifted stays lifted."""

from __future__ import annotations

from pathlib import Path

import pytest

from crm.activities.gate import bars_of
from crm.activities.models import Suppression
from crm.activities.suppressing import lift
from crm.imports.models import HeldRow
from crm.people.models import User
from leads.models import Lead
from tests.imports.export import NOW, bring_in, contact, lead, write

pytestmark = pytest.mark.django_db


def scopes() -> list[str]:
    return sorted(Suppression.objects.in_force().values_list("scope", flat=True))


def test_each_opt_out_bars_its_own_channel(tmp_path: Path) -> None:
    write(
        tmp_path,
        "Lead",
        lead(1, HasOptedOutOfEmail="1"),
        lead(2, DoNotCall="true", Phone="(415) 555-2671"),
        lead(3, EmailBouncedDate="2025-04-01T10:00:00.000+0000", EmailBouncedReason="550"),
        lead(4, HasOptedOutOfFax="1"),
        lead(5, HasOptedOutOfEmail="0", DoNotCall="false", EmailBouncedDate=""),
    )
    bring_in(tmp_path)
    assert scopes() == ["address", "calls", "email"]
    found = {one.last_name: one for one in Lead.objects.all()}
    bars = bars_of("lead", [one.pk for one in found.values()])
    channels = {name: [sorted(bar.channels) for bar in bars.get(one.pk, [])] for name, one in found.items()}
    assert channels == {
        "Lead 1": [["email"]],
        "Lead 2": [["call", "text"]],
        "Lead 3": [["email"]],
        "Lead 4": [],
        "Lead 5": [],
    }
    assert found["Lead 4"].kept["HasOptedOutOfFax"] == "1"
    bounced = Suppression.objects.get(scope="address")
    assert "EmailBouncedReason: 550" in bounced.note
    assert bounced.came_from.startswith("Salesforce Lead 00Q")


def test_contacts_opt_out_too(tmp_path: Path) -> None:
    write(tmp_path, "Contact", contact(1, HasOptedOutOfEmail="1"))
    bring_in(tmp_path)
    assert scopes() == ["email"]


def test_a_second_import_makes_it_once(tmp_path: Path) -> None:
    write(tmp_path, "Lead", lead(1, HasOptedOutOfEmail="1"))
    bring_in(tmp_path)
    bring_in(tmp_path)
    assert scopes() == ["email"]


def test_a_later_file_that_no_longer_says_so_lifts_nothing(tmp_path: Path) -> None:
    write(tmp_path, "Lead", lead(1, HasOptedOutOfEmail="1"))
    bring_in(tmp_path)
    write(tmp_path, "Lead", lead(1, HasOptedOutOfEmail="0"))
    bring_in(tmp_path)
    assert scopes() == ["email"]


def test_what_a_manager_lifted_is_not_made_again_by_the_same_value(tmp_path: Path, mona: User) -> None:
    write(tmp_path, "Lead", lead(1, HasOptedOutOfEmail="1"))
    bring_in(tmp_path)
    lift(Suppression.objects.get(), actor=mona, at=NOW, via="test", reason="They asked for news")
    bring_in(tmp_path)
    assert scopes() == []
    # Another value is news.
    write(tmp_path, "Lead", lead(1, HasOptedOutOfEmail="1", EmailBouncedDate="2026-02-01T10:00:00.000+0000"))
    bring_in(tmp_path)
    assert scopes() == ["address"]


def test_a_row_that_is_held_opts_out_all_the_same(tmp_path: Path) -> None:
    write(tmp_path, "Lead", lead(1, Email="", Phone="(415) 555-2671", DoNotCall="1"))
    bring_in(tmp_path)
    assert HeldRow.objects.waiting().count() == 1
    assert scopes() == ["calls"]
    assert list(Suppression.objects.get().keys.values_list("kind", "key")) == [("phone", "+14155552671")]


def test_a_dry_run_suppresses_nobody(tmp_path: Path) -> None:
    write(tmp_path, "Lead", lead(1, HasOptedOutOfEmail="1"))
    bring_in(tmp_path, dry_run=True)
    assert scopes() == []
