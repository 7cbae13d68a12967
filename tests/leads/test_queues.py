"""Teams' queues: who may claim from which, seeing them, moving a lead to another, giving one back."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.urls import reverse

from crm.core.door import move
from crm.core.errors import Refused
from crm.history.models import Change
from crm.people.models import Team, User
from leads.models import Lead
from leads.queues import queue_leads, queues_of
from leads.statuses import Status
from leads.working import claim_lead
from tests.factories import make_lead
from tests.leads.pages import browse, page_url, text_of
from tests.leads.test_pages_home import HOME, part
from tests.races import race

pytestmark = pytest.mark.django_db


# --- claiming ---------------------------------------------------------------------------------------------------------


def test_a_teams_people_claim_from_its_queue(alice: User, team: Team, now: datetime) -> None:
    lead = make_lead(queue=team)
    claim_lead(lead, actor=alice, at=now, via="admin")
    assert lead.owner == alice


def test_it_refuses_to_claim_from_another_teams_queue_and_says_whose_it_is(
    charlie: User, team: Team, now: datetime
) -> None:
    lead = make_lead(queue=team)
    with pytest.raises(Refused, match="waits in the queue of North") as refused:
        claim_lead(lead, actor=charlie, at=now, via="admin")
    assert refused.value.code == "forbidden"


def test_a_manager_and_who_manages_the_team_claim_from_it(mona: User, ann: User, team: Team, now: datetime) -> None:
    team.manager = ann
    team.save(update_fields=["manager"])
    for who in (mona, ann):
        claim_lead(make_lead(queue=team), actor=who, at=now, via="admin")


def test_an_owned_lead_is_its_owners_whatever_queue_it_came_from(charlie: User, team: Team, now: datetime) -> None:
    lead = make_lead(queue=team, owner=charlie)
    move(lead, "nurture", actor=charlie, at=now, via="test", nurture_reason="no_need")


@pytest.mark.django_db(transaction=True)
def test_two_who_claim_at_once_get_it_once(alice: User, bob: User, team: Team, now: datetime) -> None:
    lead = make_lead(queue=team)
    calls = [
        lambda actor=actor: claim_lead(Lead.objects.get(), actor=actor, at=now, via="test") for actor in (alice, bob)
    ]
    results = race(*calls, behind="SELECT FROM leads_lead WHERE id = %s FOR UPDATE", values=(lead.pk,))
    lost = [result for result in results if isinstance(result, Refused)]
    assert [refused.code for refused in lost] == ["already_owned"]
    lead.refresh_from_db()
    assert str(lead.owner) in lost[0].message


# --- another queue, and back ------------------------------------------------------------------------------------------


def test_leads_are_put_into_a_queue_with_an_answer_each(alice: User, charlie: User, team: Team, now: datetime) -> None:
    mine, theirs, closed = make_lead(owner=alice), make_lead(owner=charlie), make_lead(status=Status.SAO_CONVERTED)
    ids = [mine.pk, theirs.pk, closed.pk, 10**12]
    answers = queue_leads(ids, charlie.team, actor=alice, at=now, via="admin", reason="Not our region")
    assert [answer.refusal and answer.refusal.code for answer in answers] == [None, "forbidden", "closed", "not_found"]
    mine.refresh_from_db()
    assert (mine.owner, mine.queue) == (None, charlie.team)
    change = Change.objects.of(mine).select_related("transaction").first()
    assert change is not None
    assert change.transaction.reason == "Not our region"


def test_release_gives_it_back_to_a_queue_if_asked(alice: User, team: Team, now: datetime) -> None:
    kept, given = make_lead(owner=alice), make_lead(owner=alice)
    for lead in (kept, given):
        move(lead, "work", actor=alice, at=now, via="test")
    move(kept, "release", actor=alice, at=now, via="test")
    move(given, "release", actor=alice, at=now, via="test", queue=team.pk)
    assert (kept.owner, kept.queue) == (alice, None)
    assert (given.owner, given.queue, given.status) == (None, team, Status.NEW)


def test_from_the_page_it_goes_into_a_queue_and_out_again(alice: User, team: Team) -> None:
    lead, client = make_lead(owner=alice), browse(alice)
    address = reverse("admin:leads_lead_queue", args=[lead.pk])
    assert "Give back to a queue" in text_of(client.get(page_url(lead)))
    page = text_of(client.post(address, {"team": team.pk}, follow=True))
    assert "Nobody: in the queue of North" in page
    client.post(address, {"team": ""})
    lead.refresh_from_db()
    assert lead.queue is None
    for nonsense in ("x", "0", "9" * 30):
        assert "no such team" in text_of(client.post(address, {"team": nonsense}, follow=True))


# --- seeing them ------------------------------------------------------------------------------------------------------


def test_home_shows_ones_teams_queue_with_claim_buttons_and_no_other(alice: User, charlie: User, team: Team) -> None:
    lead = make_lead(queue=team)
    section = part(text_of(browse(alice).get(HOME)), "queue")
    assert reverse("admin:leads_lead_claim", args=[lead.pk]) in section
    foreign = text_of(browse(charlie).get(HOME))
    assert page_url(lead) not in part(foreign, "queue")
    assert page_url(lead) not in part(foreign, "unowned"), "what waits for a team is not anybody's"


def test_a_manager_sees_each_teams_queue_with_count_and_age(alice: User, mona: User, team: Team) -> None:
    make_lead(queue=team)
    make_lead(queue=team)
    make_lead(queue=team, status=Status.CLOSED_NURTURE)
    (waiting,) = [one for one in queues_of(mona) if one.count]
    assert (waiting.team, waiting.count) == (team, 2)
    section = part(text_of(browse(mona).get(HOME)), "queues")
    assert "North" in section
    assert "the oldest came in" in section
    assert queues_of(alice) == []


def test_the_list_is_filtered_by_queue(alice: User, team: Team) -> None:
    waiting, free, owned = make_lead(queue=team), make_lead(), make_lead(owner=alice, queue=team)
    client = browse(alice)
    for value, shown in (("mine", waiting), (str(team.pk), waiting), ("none", free)):
        rows = client.get("/admin/leads/lead/", {"queue": value}).context["cl"].result_list
        assert list(rows) == [shown]
    assert owned not in client.get("/admin/leads/lead/", {"queue": "mine"}).context["cl"].result_list
