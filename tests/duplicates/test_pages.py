"""The tab of duplicates, comparing, merging, dismissing and undoing in the admin."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from crm.core.acting import acting
from crm.duplicates import merging, views
from crm.duplicates.models import Pair, Tombstone
from crm.duplicates.values import compare_address, ref
from crm.people.models import User
from leads.models import Lead
from tests.access import client_of
from tests.duplicates.dumping import differences, dump, merge, pair, two_leads
from tests.factories import make_contact, make_lead

pytestmark = pytest.mark.django_db
COMPARE = "/admin/duplicates/compare/"


def form(records: Iterable[Any], **more: str) -> dict[str, Any]:
    """What the page sends."""
    found = list(records)
    for record in found:
        record.refresh_from_db()
    sent: dict[str, Any] = {"record": [ref(one) for one in found], "survivor": ref(found[0]), "merge": "1"}
    return sent | {f"version_{ref(one)}": str(one.version) for one in found} | more


def browser(user: User) -> Client:
    return client_of(user)


def test_the_list_opens_on_what_is_to_be_looked_at(alice: User, now: Any) -> None:
    one, other = two_leads(alice)
    pair(one, other)
    page = browser(alice).get("/admin/duplicates/pair/?state=open").content.decode()
    assert "Lea Prospect and Lea Prospekt" in page
    assert "Same email" in page


def test_a_pair_opens_side_by_side(alice: User) -> None:
    one, other = two_leads(alice)
    found = pair(one, other)
    page = browser(alice).get(reverse("admin:duplicates_pair_change", args=[found.pk])).content.decode()
    assert page.index("Lea Prospect") < page.index("Lea Prospekt")
    assert page.index("They differ") < page.index("Only some have it") < page.index("The same in all")
    assert "Merge 2 records" in page
    assert "<strong>2</strong> touches" in page


def test_merging_goes_to_the_survivor_and_offers_the_undo(alice: User, now: Any) -> None:
    one, other = two_leads(alice)
    before = dump()
    client = browser(alice)
    sent = form([one, other], choice_last_name=ref(other), reason="The same person")
    answer = client.post(COMPARE, sent, follow=True)
    assert answer.redirect_chain[-1][0] == f"/admin/leads/lead/{one.pk}/change/"
    one.refresh_from_db()
    assert one.last_name == "Prospekt"
    page = answer.content.decode()
    stone = Tombstone.objects.get()
    undo = reverse("admin:duplicates_undo", args=[stone.transaction_id])
    assert undo in page
    assert "Merged into this" in page
    asked = client.get(undo).content.decode()
    assert "Undo this merge?" in asked
    assert "tombstone" not in asked.lower()
    undone = client.post(undo, {"go": "1"})
    assert undone.status_code == 200, undone.content.decode()[-3000:]
    assert [line for line in differences(before, dump()) if "people_user" not in line and "axes_" not in line] == []


def test_another_survivor_is_shown_first(alice: User) -> None:
    one, other = two_leads(alice)
    address = f"{compare_address([ref(one), ref(other)])}&survivor={ref(other)}"
    page = browser(alice).get(address).content.decode()
    assert page.index("Prospekt") < page.index(f'value="{ref(one)}"> <span>Let this one stay')


def test_an_edit_meanwhile_is_said_and_nothing_merged(alice: User, bob: User, now: Any) -> None:
    one, other = two_leads(alice)
    sent = form([one, other])
    with acting(actor=bob, via="test", at=now):
        Lead.objects.filter(pk=other.pk).update(title="New")
    answer = browser(alice).post(COMPARE, sent)
    assert answer.status_code == 409
    assert "Lea Prospekt was changed by Bob since you opened it." in answer.content.decode()
    assert Lead.objects.count() == 2


def test_who_may_not_change_them_compares_and_is_told_why_not(alice: User, charlie: User) -> None:
    one, other = two_leads(alice)
    page = browser(charlie).get(compare_address([ref(one), ref(other)])).content.decode()
    assert "You may not change Lea Prospect" in page
    assert "Merge 2 records" not in page
    assert browser(charlie).post(COMPARE, form([one, other])).status_code == 403
    assert Lead.objects.count() == 2


def test_a_lead_and_a_contact_leave_the_contact(alice: User) -> None:
    lead, contact = make_lead(owner=alice), make_contact(owner=alice)
    page = browser(alice).get(compare_address([ref(lead), ref(contact)])).content.decode()
    assert "Becomes the contact" in page
    answer = browser(alice).post(COMPARE, form([contact, lead]))
    assert answer.headers["Location"] == f"/admin/accounts/contact/{contact.pk}/change/"


def test_the_address_of_a_merged_record_leads_to_the_survivor_with_a_sentence(alice: User, now: Any) -> None:
    one, other = two_leads(alice)
    merge(one, other, actor=alice, at=now)
    for page in ("change", "history"):
        address = reverse(f"admin:leads_lead_{page}", args=[other.pk])
        answer = browser(alice).get(address, follow=True)
        assert answer.redirect_chain[-1][0] == f"/admin/leads/lead/{one.pk}/change/"
        assert f"Lead {other.pk} was merged into lead {one.pk} by Alice on March 4, 2026." in answer.content.decode()


def test_comparing_what_was_merged_says_so(alice: User, now: Any) -> None:
    one, other = two_leads(alice)
    merge(one, other, actor=alice, at=now)
    answer = browser(alice).get(compare_address([ref(one), ref(other)]))
    assert answer.status_code == 404
    assert f"Lead {other.pk} was merged into lead {one.pk}" in answer.content.decode()


@pytest.mark.parametrize(
    "records", [["lead:0"], ["x"], ["lead:1", "lead:99999999999999999999"], ["shoe:1", "lead:"], ["lead:1"] * 9]
)
def test_nonsense_is_answered_with_words(alice: User, records: list[str]) -> None:
    answer = browser(alice).get(COMPARE, {"record": records})
    assert answer.status_code in (302, 404)


def test_not_the_same_is_noted_for_every_pair_of_them(alice: User) -> None:
    leads = [make_lead(owner=alice) for _ in range(3)]
    browser(alice).post("/admin/duplicates/dismiss/", {"record": [ref(one) for one in leads]})
    assert list(Pair.objects.values_list("state", "answered_by")) == [("dismissed", alice.pk)] * 3


def test_a_pair_of_the_list_is_dismissed(alice: User) -> None:
    found = pair(*two_leads(alice))
    browser(alice).post(reverse("admin:duplicates_pair_dismiss", args=[found.pk]))
    found.refresh_from_db()
    assert found.state == "dismissed"


def test_the_page_of_a_record_shows_who_may_be_the_same(alice: User) -> None:
    lead, contact = make_lead(owner=alice, email="lea@globex.example"), make_contact(email="Lea@globex.example")
    page = browser(alice).get(reverse("admin:leads_lead_change", args=[lead.pk])).content.decode()
    assert "Likely a duplicate of this" in page
    assert f"/admin/accounts/contact/{contact.pk}/change/" in page
    assert "Compare and merge" in page


def test_the_form_of_a_new_record_asks_while_it_is_filled_in(alice: User) -> None:
    page = browser(alice).get(reverse("admin:leads_lead_add")).content.decode()
    assert 'hx-get="/admin/duplicates/check/?kind=lead"' in page
    make_lead(first_name="Cora", last_name="Known", email="lea@globex.example")
    answer = browser(alice).get("/admin/duplicates/check/", {"kind": "lead", "email": "lea@globex.example"})
    assert "This may be here already" in answer.content.decode()
    assert "Cora Known" in answer.content.decode()
    nobody = browser(alice).get("/admin/duplicates/check/", {"kind": "lead", "email": "x@globex.example"})
    assert nobody.content.decode().strip() == ""


def test_a_second_click_on_merge_is_told_where_the_record_went(
    alice: User, now: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = two_leads(alice)
    sent = form([one, other])
    behind = merging.merge_records

    def first_click_wins(survivor: Any, others: Any, **call: Any) -> Any:
        behind(Lead.objects.get(pk=survivor.pk), [Lead.objects.get(pk=row.pk) for row in others], **call)
        return behind(survivor, others, **call)

    monkeypatch.setattr(views, "merge_records", first_click_wins)
    answer = browser(alice).post(COMPARE, sent)
    assert answer.status_code == 404
    assert "was merged into" in answer.content.decode()
    assert Tombstone.objects.count() == 1
