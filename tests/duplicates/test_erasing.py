"""Erasing a person finds what was merged into their record, and the pairs that named their addresses."""

from __future__ import annotations

from datetime import datetime

import pytest

from crm.core.acting import acting
from crm.duplicates import evidence
from crm.duplicates.kinds import crossings, kinds
from crm.duplicates.models import Pair
from crm.history.models import Change
from crm.people.models import User
from crm.privacy.erasing import erase_person
from crm.privacy.everywhere import search
from tests.duplicates.dumping import merge
from tests.factories import make_contact, make_lead

pytestmark = pytest.mark.django_db


def test_nothing_of_a_merged_record_is_left(root: User, now: datetime) -> None:
    contact = make_contact(
        first_name="Zdenka", last_name="Quill", email="zdenka@quill.example", personal_email="z@q.example"
    )
    first = make_lead(first_name="Zdenka", last_name="Heronsgate", email="heron@elsewhere.example", title="")
    lead = make_lead(first_name="Zdenka", last_name="Featherstone", email="feather@other.example")
    merge(lead, first, actor=root, at=now)
    merge(contact, lead, actor=root, at=now)
    erase_person(contact=contact, actor=root, at=now, via="test", reason="They asked", suppress=False)
    left = search(["Heronsgate", "heron@elsewhere.example", "Featherstone", "feather@other.example", "Quill"])
    assert left == []
    assert Change.objects.filter(object="lead", record_id=first.pk, op="D").exists()


def test_the_address_that_made_a_pair_is_taken_out_of_it(root: User, now: datetime) -> None:
    lead = make_lead(first_name="Zdenka", last_name="Quill", email="zdenka@quill.example")
    make_lead(email="Zdenka@quill.example", first_name="Zdenka", last_name="Quill")
    with acting(actor=User.objects.system(), via="task", at=now):
        for one in evidence.searches(kinds().values(), crossings()):
            evidence.run(one, at=now)
    assert Pair.objects.get().why["email"] == ["zdenka@quill.example"]
    erase_person(lead=lead, actor=root, at=now, via="test", reason="They asked", suppress=False)
    assert search(["zdenka@quill.example"]) == []
