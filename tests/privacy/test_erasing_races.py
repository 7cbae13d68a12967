"""An erasure beside somebody's work."""

from __future__ import annotations

from datetime import datetime

import pytest

from crm.core.acting import acting
from crm.core.door import move
from crm.core.errors import Stale
from crm.people.models import User
from crm.privacy.erasing import Erased, erase_person
from crm.privacy.everywhere import search
from leads.models import Lead
from leads.statuses import Status
from tests.factories import START, make_lead
from tests.races import race

pytestmark = pytest.mark.django_db(transaction=True)
MAIL = "zdenka.q@quill.example"


def test_an_edit_meanwhile_brings_nothing_back(alice: User, root: User, now: datetime) -> None:
    lead = make_lead(owner=alice, first_name="Zdenka", last_name="Quillfeather", email=MAIL)
    opened = Lead.objects.get(pk=lead.pk)

    def erase() -> Erased:
        return erase_person(lead=lead, reason="They asked", actor=root, at=now, via="test")

    def save() -> None:
        with acting(actor=alice, at=START, via="test"):
            opened.title = "Buyer"
            opened.save()

    def work() -> None:
        move(Lead.objects.get(pk=lead.pk), "work", actor=alice, at=now, via="test")

    erased, saved, moved = race(
        erase, save, work, behind="SELECT id FROM leads_lead WHERE id = %s FOR UPDATE", values=(lead.pk,)
    )
    assert isinstance(erased, Erased), erased
    # Whoever came first: a save of what was opened before is told, or its word is erased with the rest.
    assert saved is None or isinstance(saved, Stale)
    assert moved is None
    lead.refresh_from_db()
    assert (str(lead), lead.status) == ("Erased person", Status.WORKING_TO_ENGAGE)
    assert search([MAIL, "Quillfeather"]) == []
