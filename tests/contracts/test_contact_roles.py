"""Who is what to an opportunity, on its page."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from contracts.models import ContactRole
from crm.core.acting import acting
from crm.people.models import User
from tests.factories import make_contact, make_opportunity

pytestmark = pytest.mark.django_db


def test_the_opportunity_names_its_people_the_primary_one_first(alice: User, now: datetime) -> None:
    sale = make_opportunity(owner=alice)
    paul, petra = (make_contact(first_name=name, account=sale.account, owner=alice) for name in ("Paul", "Petra"))
    with acting(actor=alice, via="test", at=now):
        ContactRole.objects.create(opportunity=sale, contact=petra, role="economic_buyer", is_primary=True)
        ContactRole.objects.create(opportunity=sale, contact=paul, role="champion")
    client = Client()
    client.force_login(alice)
    page = client.get(reverse("admin:contracts_opportunity_change", args=[sale.pk])).content.decode()
    assert "Contact roles" in page
    panel = page[page.index('data-section="contact_roles"') :]
    assert panel.index("Petra") < panel.index("Paul")
    assert panel.index("primary") < panel.index("Paul")
    assert "Economic buyer" in page
    assert f"{reverse('admin:contracts_contactrole_add')}?opportunity={sale.pk}" in page


def test_a_contact_has_a_role_once(alice: User, now: datetime) -> None:
    sale = make_opportunity(owner=alice)
    somebody = make_contact(account=sale.account, owner=alice)
    with acting(actor=alice, via="test", at=now):
        ContactRole.objects.create(opportunity=sale, contact=somebody, role="champion")
        with pytest.raises(IntegrityError, match="contracts_contact_role_once"), transaction.atomic():
            ContactRole.objects.create(opportunity=sale, contact=somebody, role="champion")
