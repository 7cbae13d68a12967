"""The page that erases, and the lists of what was erased and what left."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from crm.people.models import User
from crm.privacy.everywhere import search
from crm.privacy.models import Erasure
from leads.models import Lead
from tests.factories import make_contact, make_lead
from tests.samples import make_export

pytestmark = pytest.mark.django_db
MAIL = "zdenka.q@quill.example"


def opened(user: User) -> Client:
    """That person's browser."""
    client = Client()
    client.force_login(user, backend="crm.people.backends.EmailBackend")
    return client


@pytest.fixture
def zdenka() -> Lead:
    """A lead, and a contact who is the same person."""
    make_contact(first_name="Zdenka", last_name="Quillfeather", email=MAIL)
    return make_lead(first_name="Zdenka", last_name="Quillfeather", email=MAIL)


def page(record: Any) -> str:
    """Where it is erased."""
    return reverse("admin:privacy_erasure_erase", args=[record._meta.model_name, record.pk])


def test_an_administrator_looks_types_the_name_and_erases(zdenka: Lead, root: User) -> None:
    browser = opened(root)
    own = reverse("admin:leads_lead_change", args=[zdenka.pk])
    assert page(zdenka) in browser.get(own).content.decode()
    asked = browser.get(page(zdenka)).content.decode()
    assert "Type “Zdenka Quillfeather”" in asked
    assert search([MAIL])
    both = {"keys": ["email", "linkedin"], "go": "1"}
    wrong = browser.post(page(zdenka), both | {"reason": "", "name": "zdenka"}).content.decode()
    assert "Say why." in wrong
    assert "to confirm" in wrong
    assert search([MAIL])
    answer = browser.post(page(zdenka), both | {"reason": f"{MAIL} asked", "name": "Zdenka Quillfeather"}, follow=True)
    assert "rows were blanked" in answer.content.decode()
    assert search([MAIL, "Quillfeather"]) == []
    assert page(zdenka) not in browser.get(own).content.decode()
    told = browser.get(reverse("admin:privacy_erasure_change", args=[Erasure.objects.get().pk])).content.decode()
    assert "[erased] asked" in told


@pytest.mark.parametrize("who", ["alice", "mona"])
def test_nobody_else_does(who: str, zdenka: Lead, request: pytest.FixtureRequest) -> None:
    browser = opened(request.getfixturevalue(who))
    assert page(zdenka) not in browser.get(reverse("admin:leads_lead_change", args=[zdenka.pk])).content.decode()
    for answer in (browser.get(page(zdenka)), browser.post(page(zdenka), {"go": "1", "reason": "x"})):
        assert answer.status_code == 403
    assert search([MAIL])


@pytest.mark.parametrize(
    "posted",
    [{}, {"keys": "fax"}, {"go": "1", "name": "x" * 5000, "reason": "y" * 5000}, {"go": "1", "name": "\x00"}],
)
def test_odd_answers_erase_nothing(posted: dict[str, str], zdenka: Lead, root: User) -> None:
    assert opened(root).post(page(zdenka), posted).status_code in (200, 409)
    assert search([MAIL])


def test_a_record_that_is_not_there_has_no_page(root: User) -> None:
    browser = opened(root)
    for kind, pk in (("lead", 10**12), ("user", root.pk), ("nothing", 1)):
        assert browser.get(reverse("admin:privacy_erasure_erase", args=[kind, pk])).status_code == 404


def test_managers_read_what_left(alice: User, mona: User) -> None:
    left = make_export(alice)
    address = reverse("admin:privacy_export_changelist")
    listed = opened(mona).get(address).content.decode()
    assert "Alice" in listed
    told = opened(mona).get(reverse("admin:privacy_export_change", args=[left.pk])).content.decode()
    for said in ("Leads", "Name, Email", "Status: New"):
        assert said in told
    assert opened(alice).get(address).status_code == 403
