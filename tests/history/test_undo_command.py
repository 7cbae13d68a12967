"""`manage.py undo`: what is too large for a page is undone on the server."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from crm.history import views
from crm.people.models import User
from leads.models import Lead
from tests.factories import make_lead
from tests.history.undo import newest, writing

pytestmark = pytest.mark.django_db


@pytest.fixture
def changed(alice: User, monkeypatch: pytest.MonkeyPatch) -> int:
    """The number of a transaction that changed two leads, more than a page does; one was touched since."""
    leads = [make_lead(owner=alice), make_lead(owner=alice)]
    with writing(alice):
        Lead.objects.update(company="Initech")
    number = newest().pk
    with writing(alice):
        Lead.objects.filter(pk=leads[0].pk).update(title="Buyer")
    monkeypatch.setattr(views, "MOST", 1)
    return number


def run(number: int, **options: Any) -> str:
    """What the command says."""
    said = io.StringIO()
    call_command("undo", number, stdout=said, **options)
    return said.getvalue()


def companies() -> list[str]:
    """Those of all leads."""
    return sorted(Lead.objects.values_list("company", flat=True))


def test_it_shows_what_it_will_do_then_does_it(changed: int, mona: User) -> None:
    looked = run(changed, by=mona.email, dry_run=True)
    assert "1  Will be put back to what it was." in looked
    assert "1  It was changed by Alice since." in looked
    assert companies() == ["Initech", "Initech"]
    done = run(changed, by=mona.email, yes=True, reason="Wrong list")
    assert "1  Put back to what it was." in done
    assert companies() == ["Globex", "Initech"]
    assert (newest().actor_id, newest().via, newest().reason) == (mona.pk, "command", "Wrong list")


def test_it_asks_and_takes_no_for_an_answer(changed: int, mona: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", lambda _: "no")
    with pytest.raises(CommandError, match="Nothing was undone"):
        run(changed, by=mona.email)
    assert companies() == ["Initech", "Initech"]


def test_it_refuses_whom_the_page_refuses_and_what_is_not_there(changed: int, charlie: User, mona: User) -> None:
    with pytest.raises(CommandError, match="by who did it, or by a manager"):
        run(changed, by=charlie.email, yes=True)
    with pytest.raises(CommandError, match=r"no active user nobody@x\.example"):
        run(changed, by="nobody@x.example", yes=True)
    with pytest.raises(CommandError, match="There is no transaction"):
        run(10**17, by=mona.email, yes=True)
    assert companies() == ["Initech", "Initech"]
