"""A status that changed in the file is a move of the record that is here, with the guards of every other door."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from contracts.models import Opportunity
from contracts.stages import criteria_of
from crm.history.models import Move
from leads.models import Lead
from leads.statuses import Status
from tests.contracts.deals import signed_contract
from tests.imports.export import NOW, account, bring_in, codes, counts, id_of, lead, only, opportunity, user, write

pytestmark = pytest.mark.django_db


def test_a_move_that_is_allowed_is_made(tmp_path: Path) -> None:
    write(tmp_path, "User", user(1))
    write(tmp_path, "Lead", lead(1), lead(2))
    bring_in(tmp_path)
    # What the guard asks for (an owner) comes with the same row.
    write(tmp_path, "Lead", lead(1, Status="Working", OwnerId=id_of("User", 1)), lead(2))
    report = bring_in(tmp_path)
    assert counts(report, "Lead") == {"read": 2, "updated": 1, "unchanged": 1}
    found = Lead.objects.order_by("id")[0]
    assert (found.status, found.status_since) == (Status.WORKING_TO_ENGAGE, NOW)
    step = Move.objects.of(found).get()
    assert (step.verb, step.via, step.at, step.version) == ("work", "import", NOW, found.version)
    assert not report.problems
    moves = Move.objects.count()
    assert counts(bring_in(tmp_path), "Lead") == {"read": 2, "unchanged": 2}
    assert Move.objects.count() == moves


def test_a_move_that_asks_for_more_is_left_and_the_rest_written(tmp_path: Path) -> None:
    write(tmp_path, "Lead", lead(1))
    bring_in(tmp_path)
    write(tmp_path, "Lead", lead(1, Status="Closed nurture", Title="Buyer"))
    report = bring_in(tmp_path)
    found = Lead.objects.get()
    assert (found.status, found.title, found.nurture_reason) == (Status.NEW, "Buyer", "")
    assert "file says Closed nurture: Say why not now." in only(report, "status_not_moved").message
    assert counts(report, "Lead") == {"read": 1, "updated": 1, "flagged": 1}
    assert counts(bring_in(tmp_path), "Lead") == {"read": 1, "unchanged": 1}


def test_a_status_that_no_move_leads_to_is_left(tmp_path: Path) -> None:
    write(tmp_path, "Lead", lead(1, Status="Working to convert"))
    bring_in(tmp_path)
    write(tmp_path, "Lead", lead(1, Status="New"))
    report = bring_in(tmp_path)
    assert "no move leads there from Working to convert" in only(report, "status_not_moved").message
    assert Lead.objects.get().status == Status.WORKING_TO_CONVERT


def test_release_leads_only_where_work_began(tmp_path: Path) -> None:
    write(tmp_path, "User", user(1))
    write(tmp_path, "Lead", *(lead(n, OwnerId=id_of("User", 1)) for n in (1, 2)))
    bring_in(tmp_path)
    write(tmp_path, "Lead", *(lead(n, OwnerId=id_of("User", 1), Status="Working") for n in (1, 2)))
    bring_in(tmp_path)
    later = {"OwnerId": id_of("User", 1)}
    write(tmp_path, "Lead", lead(1, Status="New", **later), lead(2, Status="New: enriched", **later))
    bring_in(tmp_path)
    assert Lead.objects.order_by("id")[0].status == Status.NEW
    assert Lead.objects.order_by("id")[1].status == Status.WORKING_TO_ENGAGE


@pytest.mark.parametrize(
    ("word", "verb"),
    [("Negotiation/Review", ""), ("Closed Won", "win"), ("Closed Lost", "lose")],
)
def test_a_stage_moves_where_a_move_leads(word: str, verb: str, tmp_path: Path) -> None:
    write(tmp_path, "Account", account(1))
    write(tmp_path, "Opportunity", opportunity(1))
    bring_in(tmp_path)
    write(tmp_path, "Opportunity", opportunity(1, StageName=word, Amount="2000"))
    report = bring_in(tmp_path)
    found = Opportunity.objects.get()
    assert str(found.amount) == "2000.00"
    assert found.stage == "discovery"
    assert codes(report) == ["status_not_moved"]
    if verb == "lose":
        assert "Say why it was lost." in report.problems[0].message
    if verb == "win":
        assert "Winning takes a contract that is signed" in report.problems[0].message
        signed_contract(found)
        # What was left is left until the file says something else once more.
        for again in ({}, {"StageName": word}):
            write(tmp_path, "Opportunity", opportunity(1, **again))
            assert not bring_in(tmp_path).problems
        found.refresh_from_db()
        assert (found.stage, Move.objects.of(found).order_by("-version")[0].verb) == ("closed_won", "win")


def test_a_stage_moves_to_its_neighbours(tmp_path: Path) -> None:
    first, second = Opportunity.open_states()[:2]
    labels = dict(Opportunity._meta.get_field("stage").flatchoices)
    write(tmp_path, "Account", account(1))
    write(tmp_path, "Opportunity", opportunity(1, StageName=labels[first]))
    bring_in(tmp_path)
    # A file says of a stage neither what was met there nor what is done next: both are known here already.
    due = timezone.now().date() + timedelta(days=9)
    met = [one.key for one in criteria_of(first)]
    Opportunity.objects.update(criteria_met=met, next_step="Call", next_step_due=due)
    for stage, verb in ((second, "advance"), (first, "step_back")):
        write(tmp_path, "Opportunity", opportunity(1, StageName=labels[stage]))
        assert not bring_in(tmp_path).problems
        found = Opportunity.objects.get()
        assert (found.stage, Move.objects.of(found).order_by("-version")[0].verb) == (stage, verb)
