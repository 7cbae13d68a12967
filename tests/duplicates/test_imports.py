"""A file that comes again knows a merged record by its id, and what refers to it is with the survivor."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from accounts.models import Contact
from crm.activities.models import Activity
from crm.people.models import User
from leads.models import Lead
from tests.duplicates.dumping import merge
from tests.factories import make_contact
from tests.imports.activities import task
from tests.imports.export import bring_in, counts, id_of, lead, write

pytestmark = pytest.mark.django_db


def test_the_same_file_makes_no_merged_lead_again(root: User, now: datetime, tmp_path: Path) -> None:
    write(tmp_path, "Lead", lead(1), lead(2))
    bring_in(tmp_path)
    one, other = Lead.objects.order_by("pk")
    merge(one, other, actor=root, at=now)
    bring_in(tmp_path)
    assert list(Lead.objects.all()) == [one]
    write(tmp_path, "Task", task(1, WhoId=id_of("Lead", 2)))
    bring_in(tmp_path)
    assert Activity.objects.get().lead == one


def test_a_lead_that_became_a_contact_is_not_made_again(root: User, now: datetime, tmp_path: Path) -> None:
    write(tmp_path, "Lead", lead(1))
    bring_in(tmp_path)
    contact = make_contact()
    merge(contact, Lead.objects.get(), actor=root, at=now)
    assert counts(bring_in(tmp_path), "Lead")["read"] == 1
    assert Lead.objects.count() == 0
    assert Contact.objects.get() == contact
