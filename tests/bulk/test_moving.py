"""Moving many leads from the list: counted before, answered for each, and put back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from crm import handbook
from crm.core.acting import acting
from crm.history.models import Move
from crm.jobs.models import Job
from crm.jobs.work import work_jobs
from crm.people.models import User
from leads.models import Lead
from leads.statuses import Status
from tests.bulk.pages import address, answer, ask, rows
from tests.factories import make_lead
from tests.leads.pages import browse, text_of

pytestmark = pytest.mark.django_db
LIST = "/admin/leads/lead/"


def work() -> None:
    """A worker's turn."""
    work_jobs(until=timezone.now() + timedelta(seconds=30))


def test_the_list_leads_to_the_moves_of_the_selection_with_their_counts(alice: User) -> None:
    leads = [make_lead(owner=alice), make_lead(owner=alice), make_lead(owner=alice, status=Status.ENGAGED)]
    sent = {"action": "bulk_move", "_selected_action": [lead.pk for lead in leads], "index": 0}
    response: Any = browse(alice).post(f"{LIST}?owner=me", sent, follow=True)
    offers = {offer.verb.name: offer.able for offer in response.context["offers"]}
    assert (offers["work"], offers["nurture"]) == (2, 3)
    assert "2 of 3 can" in text_of(response)
    assert response.context["list_url"] == f"{LIST}?owner=me", "and back to the list as it was filtered"
    assert not Move.objects.filter(verb="work").exists()


def test_before_moving_it_says_how_many_can_and_why_the_others_will_not(alice: User, charlie: User) -> None:
    mine, theirs = make_lead(owner=alice), make_lead(owner=charlie)
    client = browse(alice)
    page = text_of(client.get(address(Lead, "move", [mine.pk, theirs.pk], verb="nurture")))
    assert 'name="nurture_reason"' in page
    job = ask(client, address(Lead, "move", [mine.pk, theirs.pk], verb="nurture"), nurture_reason="bad_timing")
    assert (job.state, job.preview["outcomes"]) == (Job.State.READY, {"allowed": 1, "refused": 1})
    page = text_of(client.get(reverse("admin:job", args=[job.pk])))
    assert "may be done by" in page
    assert "Nurture: 1 lead" in page
    assert not Move.objects.filter(verb="nurture").exists()


def test_each_lead_has_its_own_answer(alice: User, charlie: User) -> None:
    mine, theirs = make_lead(owner=alice), make_lead(owner=charlie)
    client = browse(alice)
    job = ask(client, address(Lead, "move", [mine.pk, theirs.pk], verb="nurture"), nurture_reason="bad_timing")
    page = text_of(answer(client, job, "confirm"))
    assert rows(job) == {mine.pk: ("moved", ""), theirs.pk: ("refused", "forbidden")}
    assert str(mine) in page
    assert "Now Closed nurture" in page
    mine.refresh_from_db()
    theirs.refresh_from_db()
    assert (mine.status, theirs.status) == (Status.CLOSED_NURTURE, Status.NEW)
    made = Move.objects.get(record_id=mine.pk, verb="nurture")
    assert (made.actor_id, made.via) == (alice.pk, "admin")


def test_missing_facts_are_named_and_nothing_moves(alice: User) -> None:
    lead = make_lead(owner=alice)
    client = browse(alice)
    job = ask(client, address(Lead, "move", [lead.pk], verb="nurture"))
    page = text_of(client.get(reverse("admin:job", args=[job.pk])))
    assert "Say why not now." in page
    assert 'value="confirm"' not in page, "there is nothing to confirm"
    assert "Change what is asked" in page
    lead.refresh_from_db()
    assert lead.status == Status.NEW


def test_it_needs_a_token_and_a_post(alice: User) -> None:
    lead = make_lead(owner=alice)
    client = browse(alice, enforce_csrf_checks=True)
    assert client.post(address(Lead, "move", [lead.pk], verb="work"), {}).status_code == 403
    job = ask(browse(alice), address(Lead, "move", [lead.pk], verb="work"))
    assert client.post(reverse("admin:job_answer", args=[job.pk]), {"answer": "confirm"}).status_code == 403
    assert client.get(reverse("admin:job_answer", args=[job.pk])).status_code == 405
    lead.refresh_from_db()
    assert lead.status == Status.NEW


def test_each_lead_is_given_what_its_status_asks(alice: User, ann: User) -> None:
    met, talked = make_lead(owner=alice, status=Status.MEETING_SCHEDULED), make_lead(owner=alice, status=Status.ENGAGED)
    url = address(Lead, "move", [met.pk, talked.pk], verb="work_to_convert")
    client = browse(alice)
    assert 'name="meeting_outcome"' in text_of(client.get(url))
    job = ask(client, url, meeting_outcome="held", said="Good")
    answer(client, job, "confirm")
    assert rows(job) == {met.pk: ("moved", ""), talked.pk: ("moved", "")}


def test_a_form_sent_twice_makes_one_job_and_a_second_confirmation_moves_nothing_twice(alice: User) -> None:
    lead = make_lead(owner=alice)
    client = browse(alice)
    url = address(Lead, "move", [lead.pk], verb="work")
    first, second = ask(client, url, token="the-same"), ask(client, url, token="the-same")
    assert first.pk == second.pk
    answer(client, first, "confirm")
    answer(client, first, "confirm")
    assert Move.objects.filter(record_id=lead.pk, verb="work").count() == 1


def test_undo_puts_the_status_back_by_a_move_and_leaves_what_was_touched_since(alice: User) -> None:
    kept, touched = make_lead(owner=alice), make_lead(owner=alice)
    client = browse(alice)
    job = ask(client, address(Lead, "move", [kept.pk, touched.pk], verb="work"))
    page = answer(client, job, "confirm")
    assert 'value="undo"' in text_of(page)
    touched.refresh_from_db()
    with acting(actor=alice, via="test", at=timezone.now()):
        touched.company = "Somebody typed this"
        touched.save(update_fields=["company"])
    page = text_of(answer(client, job, "undo"))
    kept.refresh_from_db()
    touched.refresh_from_db()
    assert (kept.status, touched.status) == (Status.NEW, Status.WORKING_TO_ENGAGE)
    assert Move.objects.filter(record_id=kept.pk).latest("id").to_state == Status.NEW
    undo = job.undone_by
    assert undo is not None
    assert {pk: outcome for pk, (outcome, _) in rows(undo).items()} == {kept.pk: "put_back", touched.pk: "touched"}
    assert "put back" in page
    assert "touched" in page
    again = answer(client, job, "undo")
    assert Job.objects.count() == 2, "a job is undone once; asked twice, the same undo is shown"
    assert again.status_code == 200


def test_it_is_undone_by_who_did_it_or_a_manager(alice: User, bob: User, mona: User) -> None:
    lead = make_lead(owner=alice)
    client = browse(alice)
    job = ask(client, address(Lead, "move", [lead.pk], verb="work"))
    answer(client, job, "confirm")
    assert browse(bob).get(reverse("admin:job", args=[job.pk])).status_code == 403
    assert answer(browse(bob), job, "undo").status_code == 403
    answer(browse(mona), job, "undo")
    lead.refresh_from_db()
    assert lead.status == Status.NEW


def test_all_that_match_the_filter_are_frozen_when_asked_and_done_by_a_worker(
    alice: User, charlie: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crm.jobs.pages.HERE", 1)
    monkeypatch.setattr("crm.bulk.views.HERE", 1)
    wanted = [make_lead(owner=alice), make_lead(owner=alice)]
    other = make_lead(owner=charlie)
    client = browse(alice)
    sent = {"action": "bulk_move", "_selected_action": [wanted[0].pk], "select_across": "1", "index": 0}
    chosen: Any = client.post(f"{LIST}?owner=me", sent)
    assert chosen.headers["Location"] == "/admin/leads/lead/bulk/move/?all=1&owner=me"
    page = text_of(client.get(chosen.headers["Location"]))
    assert "All 2 that match (owner: Me)" in page
    job = ask(client, chosen.headers["Location"] + "&verb=work")
    assert (job.state, job.total) == (Job.State.PREVIEWING, 2)
    late = make_lead(owner=alice)
    page = text_of(client.get(reverse("admin:job", args=[job.pk])))
    assert "Counting what can be done" in page
    assert "No worker is at work now (never seen)" in page
    work()
    job.refresh_from_db()
    assert (job.state, job.allowed) == (Job.State.READY, 2)
    answer(client, job, "confirm")
    assert job.state == Job.State.WAITING
    assert "Waits for a worker" in text_of(client.get(reverse("admin:job", args=[job.pk]), HTTP_HX_REQUEST="true"))
    work()
    assert set(rows(job)) == {lead.pk for lead in wanted}
    assert set(Lead.objects.filter(status=Status.NEW).values_list("pk", flat=True)) == {other.pk, late.pk}


def test_what_is_no_selection_leads_back_to_the_list_with_a_sentence(alice: User) -> None:
    client = browse(alice)
    make_lead(owner=alice)
    for query, said in [
        ("ids=", "Nothing was selected"),
        ("ids=999999999", "no longer there"),
        ("ids=x,-1,9999999999999999999999", "Nothing was selected"),
        ("all=1&status=no_such_status", "no such filter"),
        ("all=1&password=x", "no such filter"),
        ("all=1&status=engaged", "No row matches"),
        ("ids=" + ",".join(map(str, range(1, 502))), "500 rows at most"),
    ]:
        response: Any = client.get(f"/admin/leads/lead/bulk/move/?{query}", follow=True)
        assert response.status_code == 200
        assert any(said in str(message) for message in response.context["messages"]), query
    assert client.get("/admin/leads/lead/bulk/explode/?ids=1").status_code == 404
    assert client.get(f"/admin/leads/lead/bulk/move/?ids={Lead.objects.get().pk}&verb=explode").status_code == 404


def test_more_than_a_few_to_do_not_contact_at_once_take_a_manager_however_small_the_slices(
    alice: User, mona: User
) -> None:
    ids = [make_lead(owner=alice).pk for _ in range(21)]
    url = address(Lead, "move", ids, verb="do_not_contact")
    response = browse(alice).get(url)
    assert response.status_code == 403
    assert "manager" in text_of(response)
    assert browse(alice).post(url, {"reason": "x"}).status_code == 403
    assert not Job.objects.exists()
    assert browse(mona).get(url).status_code == 200
    assert browse(alice).get(address(Lead, "move", ids[:20], verb="do_not_contact")).status_code == 200


def test_a_manager_who_is_one_no_longer_does_not_close_so_many(alice: User, mona: User) -> None:
    leads = [make_lead(owner=alice) for _ in range(21)]
    client = browse(mona)
    url = address(Lead, "move", [lead.pk for lead in leads], verb="do_not_contact")
    job = ask(client, url, dnc_reason="asked_not_to_be_contacted", reason="They asked")
    User.objects.filter(pk=mona.pk).update(role="sdr")
    page = text_of(answer(browse(User.objects.get(pk=mona.pk)), job, "confirm"))
    assert job.state == Job.State.FAILED
    assert "manager" in page
    assert not Lead.objects.exclude(status=Status.NEW).exists()


def test_what_takes_a_manager_for_so_many_is_not_offered_but_said(alice: User, mona: User) -> None:
    for _ in range(handbook.current().lead.do_not_contact_at_once + 1):
        make_lead(owner=alice)
    url = address(Lead, "move", all="1")
    shown = text_of(browse(alice).get(url))
    assert "at once as do not contact takes a manager" in shown
    assert "verb=do_not_contact" not in browse(alice).get(url).content.decode()
    assert "verb=do_not_contact" in browse(mona).get(url).content.decode()
