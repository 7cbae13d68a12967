"""The stages of an opportunity on its page."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from crm.people.models import User
from tests.factories import make_opportunity
from tests.leads.pages import browse, codes, move_url, page_url, text_of

pytestmark = pytest.mark.django_db


def test_the_page_shows_the_path_and_the_moves_that_can_be_made(ann: User) -> None:
    opportunity = make_opportunity(owner=ann)
    page = text_of(browse(ann).get(page_url(opportunity)))
    [now] = re.findall(r'aria-current="step".*?</li>', page, re.S)
    assert "Meeting set" in now
    assert set(re.findall(r'data-verb="(\w+)"', page)) == {"advance", "lose"}
    assert "Winning takes a contract that is signed or accepted online." in page
    assert "It is in the first stage, or closed." in page


def test_it_is_advanced_and_lost_by_the_same_dialogs(ann: User) -> None:
    opportunity, client = make_opportunity(owner=ann), browse(ann)
    assert "Discovery" in text_of(client.get(move_url(opportunity, "advance")))
    page = text_of(client.get(move_url(opportunity, "advance")))
    assert "The first meeting was held" in page
    asked = codes(client.post(move_url(opportunity, "advance"), {"version": opportunity.version}))
    assert asked == ["unmet_meeting_held", "needs_next_step", "needs_next_step_due"]
    step = {"next_step": "Call them", "next_step_due": (timezone.now() + timedelta(days=3)).date().isoformat()}
    client.post(move_url(opportunity, "advance"), {"version": opportunity.version, "criteria": "meeting_held", **step})
    opportunity.refresh_from_db()
    assert opportunity.stage == "discovery"
    assert codes(client.post(move_url(opportunity, "lose"), {})) == ["needs_lost_reason"]
    client.post(move_url(opportunity, "lose"), {"lost_reason": "price", "reason": "Too dear"})
    opportunity.refresh_from_db()
    assert (opportunity.stage, opportunity.lost_reason) == ("closed_lost", "price")


def test_reopening_is_a_managers_and_needs_a_reason(ann: User, mona: User) -> None:
    opportunity = make_opportunity(owner=ann, stage="closed_lost")
    assert browse(ann).post(move_url(opportunity, "reopen"), {"reason": "Please"}).status_code == 403
    asked = codes(browse(mona).post(move_url(opportunity, "reopen"), {}))
    assert asked == ["needs_reason", "needs_next_step", "needs_next_step_due"]
    step = {"next_step": "Call them", "next_step_due": (timezone.now() + timedelta(days=3)).date().isoformat()}
    browse(mona).post(move_url(opportunity, "reopen"), {"reason": "They came back", **step})
    opportunity.refresh_from_db()
    assert opportunity.stage == "meeting_set"


def test_looking_at_a_dialog_changes_nothing(ann: User) -> None:
    opportunity = make_opportunity(owner=ann)
    for verb in ("advance", "step_back", "win", "lose", "reopen"):
        browse(ann).get(move_url(opportunity, verb))
    version = opportunity.version
    opportunity.refresh_from_db()
    assert opportunity.version == version
