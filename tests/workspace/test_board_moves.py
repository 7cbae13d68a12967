"""Cards that are put into another column: through the one door, at once or by its dialog, or not, and then why."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.utils import timezone

from crm.core.door import move
from crm.core.ways import ways_of
from crm.history.models import Move
from crm.people.models import User
from tests.access import client_of
from tests.contracts.deals import signed_contract
from tests.factories import START, make_lead, make_opportunity
from tests.workspace.views import LISTS

pytestmark = pytest.mark.django_db


def ways(user: User, record: Any) -> dict[str, Any]:
    """What the board learns when a card is picked up: each other column, and whether it can be reached."""
    answer = client_of(user).get(f"{LISTS[record._meta.model_name]}{record.pk}/board/")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()["columns"]
    return found


def put(user: User, record: Any, to: str, **sent: Any) -> Any:
    """A card let go over a column, by somebody who saw the record as it is in memory."""
    data = {"to": to, "version": record.version, **sent}
    return client_of(user).post(f"{LISTS[record._meta.model_name]}{record.pk}/board/", data)


def in_a_week() -> date:
    return timezone.now().date() + timedelta(days=7)


def test_a_move_that_needs_nothing_is_made_at_once_and_offers_its_undo(alice: User) -> None:
    lead = make_lead(owner=alice)
    told = put(alice, lead, "working_to_engage").json()["moved"]
    lead.refresh_from_db()
    assert (lead.status, told["to"], told["from"], told["version"]) == (
        "working_to_engage", "working_to_engage", "new", lead.version,
    )  # fmt: skip
    assert told["said"] == f"{lead} is now Working to engage."
    assert told["undo"]["label"] == "Take back"
    made = Move.objects.get(object="lead", record_id=lead.pk)
    assert (made.verb, made.actor_id, made.via) == ("work", alice.pk, "admin")
    back = client_of(alice).post(
        told["undo"]["url"].partition("?")[0],
        {"version": lead.version, "in_place": "1"},
        headers={"HX-Request": "true"},
    )
    assert back.status_code == 204
    assert '"plumb:moved"' in back.headers["HX-Trigger"]
    lead.refresh_from_db()
    assert lead.status == "new"


def test_a_move_that_needs_facts_opens_its_dialog_and_changes_nothing_yet(alice: User) -> None:
    lead = make_lead(owner=alice)
    url = put(alice, lead, "closed_nurture").json()["dialog"]
    assert url == f"/admin/leads/lead/{lead.pk}/move/nurture/?version={lead.version}&in_place=1"
    client = client_of(alice)
    shown = client.get(url, headers={"HX-Request": "true"}).content.decode()
    assert '<input type="hidden" name="in_place" value="1">' in shown
    version = lead.version
    lead.refresh_from_db()
    assert (lead.status, lead.version) == ("new", version)
    # What is sent incompletely is asked for again, in place; what is complete is told, and stays where one is.
    path = url.partition("?")[0]
    sent = {"version": version, "in_place": "1"}
    again = client.post(path, sent, headers={"HX-Request": "true"})
    assert again.status_code == 200
    assert '<input type="hidden" name="in_place" value="1">' in again.content.decode()
    done = client.post(path, sent | {"nurture_reason": "bad_timing"}, headers={"HX-Request": "true"})
    assert done.status_code == 204
    assert "HX-Redirect" not in done.headers
    assert f"{lead} is now Closed nurture." in done.headers["HX-Trigger"]
    lead.refresh_from_db()
    assert lead.status == "closed_nurture"
    assert not list(client.get(LISTS["lead"]).context["messages"]), "it was said once, on the board"


def test_what_is_not_allowed_says_why_in_the_doors_words_and_writes_nothing(alice: User, charlie: User) -> None:
    lead = make_lead(owner=alice)
    cases = [
        (alice, "working_to_convert", 409, ["not_from_here"], "“Work to convert” is not possible from New."),
        (alice, "new", 409, ["not_from_here"], f"{lead} is in New already."),
        (alice, "nonsense", 409, ["not_from_here"], "There is no column “nonsense”."),
    ]
    for user, to, status, codes, message in cases:
        answer = put(user, lead, to)
        assert (answer.status_code, answer.json()["codes"], answer.json()["message"]) == (status, codes, message)
    engaged = make_lead(owner=alice, status="engaged")
    answer = put(alice, engaged, "sao_converted")
    assert answer.status_code == 409
    assert "bant_budget_unknown" in answer.json()["codes"], "every missing fact that its dialog cannot supply"
    assert put(charlie, lead, "working_to_engage").json()["codes"] == ["forbidden"]
    assert "may be done by" in put(charlie, lead, "working_to_engage").json()["message"]
    assert put(charlie, lead, "working_to_engage").status_code == 403
    assert not Move.objects.filter(object="lead", record_id=lead.pk).exists()
    gone = client_of(alice).post(f"{LISTS['lead']}999999/board/", {"to": "new"})
    assert (gone.status_code, gone.json()["codes"]) == (404, ["not_found"])


def test_ones_own_stale_drag_says_who_moved_it_meanwhile(alice: User, mona: User) -> None:
    lead = make_lead(owner=alice)
    seen = lead.version
    move(lead, "work", actor=mona, at=timezone.now(), via="test")
    answer = put(alice, lead, "engaged", version=seen)
    assert (answer.status_code, answer.json()["codes"], answer.json()["stale"]) == (409, ["stale"], True)
    assert answer.json()["message"] == (
        f"{lead} was changed by {mona} since you opened it. It is Working to engage now."
    )
    lead.refresh_from_db()
    assert lead.status == "working_to_engage"


def test_several_moves_to_one_status_are_asked_about(alice: User) -> None:
    lead = make_lead(owner=alice)
    move(lead, "work", actor=alice, at=timezone.now(), via="test")
    assert ways(alice, lead)["new"]["message"] == "Release or Take back"
    url = put(alice, lead, "new").json()["dialog"]
    shown = client_of(alice).get(url, headers={"HX-Request": "true"}).content.decode()
    for verb in ("release", "take_back"):
        assert f'href="/admin/leads/lead/{lead.pk}/move/{verb}/?version={lead.version}&amp;in_place=1"' in shown
    lead.refresh_from_db()
    assert lead.status == "working_to_engage"
    none = client_of(alice).get(f"{LISTS['lead']}{lead.pk}/board/?to=nonsense")
    assert "There is no such status." in none.content.decode()


def test_where_a_verb_computes_its_target_the_column_is_that_target(alice: User, mona: User) -> None:
    deal = make_opportunity(
        owner=alice,
        stage="discovery",
        criteria_met=["pain_known", "champion_known"],
        next_step="Send the offer",
        next_step_due=in_a_week(),
    )
    found = ways(alice, deal)
    reached = {key: way["message"] for key, way in found.items() if way["open"]}
    assert reached == {"meeting_set": "Step back", "scope": "Advance", "closed_lost": "Lose"}
    assert found["closed_won"]["codes"] == ["needs_contract"]
    assert found["negotiation"]["message"] == (
        "No move leads from Discovery to Negotiation. From here it can go to Meeting set, Scope, Closed lost."
    )
    on = put(alice, deal, "scope").json()["moved"]
    deal.refresh_from_db()
    assert (deal.stage, on["undo"]["label"]) == ("scope", "Step back")
    put(alice, deal, "discovery")
    deal.refresh_from_db()
    assert deal.stage == "discovery"
    # Nothing is missing to win it: it is asked about all the same, for there is no taking that back.
    signed_contract(deal)
    deal.refresh_from_db()
    assert put(alice, deal, "closed_won").json()["dialog"].endswith(f"/move/win/?version={deal.version}&in_place=1")
    move(deal, "win", actor=alice, at=timezone.now(), via="test")
    assert ways(alice, deal)["discovery"]["codes"] == ["forbidden"], "a manager reopens"
    assert {key for key, way in ways(mona, deal).items() if way["open"]} == {"discovery"}
    assert "/move/reopen/" in put(mona, deal, "discovery").json()["dialog"]


def test_a_slip_is_taken_back_only_while_nothing_else_leads_there_or_it_is_ones_own(alice: User, mona: User) -> None:
    lead = make_lead(owner=alice)
    move(lead, "engage", actor=alice, at=timezone.now(), via="test", evidence="email.replied", said="Yes")
    for user, verbs in ((alice, ["take_back"]), (mona, ["take_back"])):
        way = ways_of(lead, actor=user, at=timezone.now())["new"]
        assert [one.verb.name for one in way.moves] == verbs
    # Of somebody else it takes a reason: the dialog asks.
    assert "/move/take_back/" in put(mona, lead, "new").json()["dialog"]
    later = ways_of(lead, actor=alice, at=timezone.now() + timedelta(hours=2))["new"]
    assert not later.is_open


def test_who_is_not_logged_in_or_a_program_gets_no_board(robot: User, alice: User, client: Any) -> None:
    lead = make_lead(owner=alice)
    address = f"{LISTS['lead']}{lead.pk}/board/"
    assert client.post(address, {"to": "engaged"}).status_code == 302
    assert client_of(robot).post(address, {"to": "engaged"}).status_code in (302, 403)
    assert client_of(alice).delete(address).status_code == 405
    assert client_of(alice).post(f"{LISTS['lead']}board/").status_code == 405
    assert client_of(alice).get(f"{LISTS['account']}board/").status_code in (302, 404)
    lead.refresh_from_db()
    assert lead.status == "new"


def test_a_lead_of_long_ago_has_its_ways_in_as_many_queries_as_a_new_one(
    alice: User, django_assert_max_num_queries: Any
) -> None:
    lead = make_lead(owner=alice, at=START)
    client = client_of(alice)
    with django_assert_max_num_queries(12):
        client.get(f"{LISTS['lead']}{lead.pk}/board/")
