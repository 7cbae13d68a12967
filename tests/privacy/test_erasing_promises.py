"""Erasing a person takes them out of what was promised, and promises nothing new."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from contracts.models import NextStep, Opportunity
from crm.core.acting import acting
from crm.people.models import User
from crm.privacy.erasing import erase_person
from tests.factories import make_contact, make_opportunity

pytestmark = pytest.mark.django_db
DUE = date(2026, 4, 1)


def test_promises_lose_the_person_and_keep_what_became_of_them(alice: User, root: User, now: datetime) -> None:
    contact = make_contact(first_name="Zdenka", last_name="Quillfeather", email="zdenka@quill.example", owner=alice)
    sale = make_opportunity(owner=alice, contact=contact, next_step="Call Zdenka Quillfeather", next_step_due=DUE)
    other = make_opportunity(owner=alice, next_step="Call Paul", next_step_due=DUE)
    with acting(actor=alice, via="test", at=now):
        Opportunity.objects.filter(pk=sale.pk).update(next_step="Write to zdenka@quill.example")
    facts = ("pk", "due_on", "made_at", "made_by_id", "made_by_name", "outcome", "ended_at")
    before = list(NextStep.objects.order_by("pk").values_list(*facts))
    erase_person(contact=contact, reason="They asked", actor=root, at=now, via="test")
    texts = list(NextStep.objects.filter(opportunity=sale).values_list("text", flat=True))
    assert len(texts) == 2
    for text in texts:
        assert "zdenka" not in text.lower()
        assert "quillfeather" not in text.lower()
    assert NextStep.objects.get(opportunity=other).text == "Call Paul"
    assert list(NextStep.objects.order_by("pk").values_list(*facts)) == before
    sale.refresh_from_db()
    assert sale.next_step == NextStep.objects.standing().get(opportunity=sale).text
