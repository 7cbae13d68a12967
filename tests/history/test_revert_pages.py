"""The undo page: its button, its preview, its answer."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.test import Client
from django.urls import reverse
from structlog.contextvars import bound_contextvars

from crm.history import views
from crm.history.models import Change
from crm.people.models import User
from leads.models import Lead
from tests.factories import make_lead
from tests.history.undo import newest, writing

pytestmark = pytest.mark.django_db


def opened(user: User) -> Client:
    """That person's browser."""
    client = Client()
    client.force_login(user, backend="crm.people.backends.EmailBackend")
    return client


def page(name: str, pk: int) -> str:
    """An address of the change log."""
    return reverse(f"admin:history_transaction_{name}", args=[pk])


@pytest.fixture
def changed(alice: User, mona: User, charlie: User) -> list[Lead]:
    """Two leads that Alice changed at once; one was touched since."""
    leads = [make_lead(owner=alice), make_lead(owner=alice)]
    with writing(alice):
        Lead.objects.update(company="Initech")
    return leads


def test_a_manager_looks_then_undoes(changed: list[Lead], alice: User, mona: User) -> None:
    transaction = newest()
    with writing(alice):
        Lead.objects.filter(pk=changed[0].pk).update(title="Buyer")
    browser = opened(mona)
    assert page("undo", transaction.pk) in browser.get(page("change", transaction.pk)).content.decode()
    before = Change.objects.count()
    asked = browser.get(page("undo", transaction.pk)).content.decode()
    assert "1 of 2 can be put back" in asked
    assert "It was changed by Alice since." in asked
    assert "Will be put back to what it was." in asked
    assert "Put back to what it was." not in asked, "nothing is done yet"
    browser.post(page("undo", transaction.pk), {"reason": "Wrong list", "look": "1"})
    assert Change.objects.count() == before
    answer = browser.post(page("undo", transaction.pk), {"reason": "Wrong list", "go": "1"}).content.decode()
    assert "1 put back, 1 left as it is" in answer
    assert "Put back to what it was." in answer
    assert sorted(Lead.objects.values_list("company", flat=True)) == ["Globex", "Initech"]
    assert newest().reason == "Wrong list"


def test_who_may_not_see_the_log_may_not_undo_from_it(changed: list[Lead], charlie: User) -> None:
    assert opened(charlie).get(page("undo", newest().pk)).status_code == 403
    assert opened(charlie).post(page("undo", newest().pk), {"go": "1"}).status_code == 403


def test_what_is_not_theirs_has_no_button_and_says_why(mona: User, root: User) -> None:
    with writing(root, via="import"):
        make_lead_here = Lead.objects.create(email="p@x.example")
    transaction = newest()
    browser = opened(mona)
    shown = browser.get(page("change", transaction.pk)).content.decode()
    assert page("undo", transaction.pk) not in shown
    assert "undone by an administrator" in shown
    assert browser.post(page("undo", transaction.pk), {"go": "1"}).status_code == 403
    assert Lead.objects.get() == make_lead_here


@pytest.mark.parametrize("posted", [{"go": "1", "reason": "x" * 10_001}, {"go": "1", "reason": "\x00"}])
def test_odd_reasons_are_answered(posted: dict[str, str], changed: list[Lead], mona: User) -> None:
    answer = opened(mona).post(page("undo", newest().pk), posted)
    assert answer.status_code in (200, 409)


def test_more_than_a_page_can_do_of_a_job_is_undone_with_the_job(
    alice: User, mona: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    leads = [make_lead(owner=alice), make_lead(owner=alice)]
    with bound_contextvars(request_id="job-17"), writing(alice):
        Lead.objects.filter(pk__in=[lead.pk for lead in leads]).update(company="Initech")
    monkeypatch.setattr(views, "MOST", 1)
    answer = opened(mona).get(page("undo", newest().pk)).content.decode()
    assert "Undo the whole job that made it" in answer
    assert "manage.py" not in answer


def test_more_than_a_page_can_do_is_said(
    changed: list[Lead], mona: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "MOST", 1)
    answer = opened(mona).get(page("undo", newest().pk))
    assert answer.status_code == 409
    assert f"manage.py undo {newest().pk} --as EMAIL" in answer.content.decode(), "it is a way that there is"
    assert opened(mona).get(page("undo", 10**18)).status_code == 404
