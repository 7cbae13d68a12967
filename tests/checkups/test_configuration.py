"""How the installation is set up: rights that roles gained, words that left, labels, and whom the handbook names."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.choices import CallableChoiceIterator

from contracts.models import Opportunity
from crm import handbook
from crm.checkups.fixing import fix_finding, preview_fix
from crm.checkups.looking import look_at
from crm.checkups.models import Finding, Run
from crm.checkups.rights import VERBS, RoleRights, acknowledge_rights, gained, mark_of, rights_of
from crm.checkups.rules import Look, Outcome, rule_of
from crm.checkups.running import start_run
from crm.checkups.storing import settle
from crm.checkups.words_left import ELSEWHERE, LISTS, OF_THE_PROGRAM, picklists
from crm.core.acting import acting
from crm.core.errors import Refused
from crm.handbook.document import Handbook
from crm.handbook.entries import Entry
from crm.handbook.expectations import Replacement
from crm.handbook.schema import OwnField
from crm.handbook.services import apply_handbook
from crm.people.models import User
from crm.workspace.models import ListView, PageLayout
from leads.models import Lead
from tests.factories import make_account, make_lead, make_opportunity

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]
OURS = ("crm", "leads", "accounts", "contracts")
ASKED = re.compile(r"""\bmay\(\s*[\w.()]+,\s*"(\w+)",""")


def look(rule: str, book: Handbook | None = None) -> Outcome:
    """One look of a rule."""
    found = rule_of(rule)
    assert found is not None
    outcome = look_at(found, Look(timezone.now() + timedelta(minutes=1), book or handbook.current()))
    assert not outcome.crash
    return outcome


def stored(rule: str) -> Finding:
    """The one finding of a rule, stored by a run."""
    at = timezone.now() + timedelta(minutes=1)
    found = rule_of(rule)
    assert found is not None
    run = start_run(why=Run.Why.ASKED, by=User.objects.system(), at=at, rules=[rule], woken=False)
    settle(look_at(found, Look(at, handbook.current())), run=run, at=at)
    return Finding.objects.get(rule=rule)


# --- rights -----------------------------------------------------------------------------------------------------------


def might_less(role: str, kind: str, *verbs: str) -> RoleRights:
    """As if what a role may do was looked at while it might not do this."""
    row = RoleRights.objects.get(role=role)
    row.rights[kind] = [verb for verb in row.rights[kind] if verb not in verbs]
    row.save()
    return row


def test_a_role_that_may_more_is_one_finding_until_an_administrator_says_it_is_meant(root: User, mona: User) -> None:
    assert look("configuration.role_gained").sights == []
    might_less("sdr", "leads.lead", "nurture", "convert")
    finding = stored("configuration.role_gained")
    assert (finding.subject, finding.found) == ("role:sdr", "Leads: convert, nurture")
    at = timezone.now() + timedelta(minutes=2)
    with pytest.raises(Refused, match="Only administrators"):
        preview_fix(finding, actor=mona, at=at)
    (change,) = preview_fix(finding, actor=root, at=at)
    assert "nurture" in change.after
    assert "nurture" not in change.before
    fixed = fix_finding(finding, actor=root, at=at, via="test")
    assert fixed.again.gone
    assert RoleRights.objects.get(role="sdr").acknowledged_by == root


def test_who_accepts_what_a_role_gained_accepts_no_more_than_that(root: User, now: datetime) -> None:
    might_less("sdr", "leads.lead", "nurture")
    first = stored("configuration.role_gained")
    might_less("sdr", "leads.lead", "convert")
    (sight,) = look("configuration.role_gained").sights
    assert sight.detail != first.detail
    with pytest.raises(Refused, match="is another by now"):
        acknowledge_rights(handbook.current().role("sdr"), first.detail, actor=root, at=now)


def test_only_administrators_say_what_a_role_is_meant_to_do(alice: User, now: datetime) -> None:
    row, role = might_less("sdr", "leads.lead", "nurture"), handbook.current().role("sdr")
    with pytest.raises(PermissionDenied):
        acknowledge_rights(role, mark_of(gained(row.rights, rights_of(role))), actor=alice, at=now)


def test_applying_a_handbook_keeps_what_is_new_and_hides_nothing_that_was_gained(now: datetime) -> None:
    row = might_less("sdr", "leads.lead", "nurture")
    del row.rights["leads.conversion"]
    row.save()
    RoleRights.objects.get(role="ae").delete()
    assert "Account Executive" in look("configuration.role_gained").note
    apply_handbook(at=now)
    assert {one.subject for one in look("configuration.role_gained").sights} == {"role:sdr"}
    assert "leads.conversion" in RoleRights.objects.get(role="sdr").rights
    assert look("configuration.role_gained").note == ""


def test_every_verb_that_the_program_asks_about_is_in_the_matrix() -> None:
    texts = [path.read_text(encoding="utf-8") for top in OURS for path in (ROOT / top).rglob("*.py")]
    asked = {verb for text in texts for verb in ASKED.findall(text)}
    moves = {verb for kind in apps.get_models() if hasattr(kind, "verbs") for verb in kind.verbs()}
    assert {"view", "export", "lift"} <= asked
    assert asked - {*VERBS, *moves, "acknowledge"} == set()


def test_the_matrix_has_what_each_role_may_do_with_meetings_and_occasions() -> None:
    manager, sdr = (rights_of(handbook.current().role(key)) for key in ("manager", "sdr"))
    assert manager["reviews.meeting"] == ["call_off", "hold", "join", "send", "start", "view"]
    assert sdr["reviews.meeting"] == ["join", "view"]
    assert manager["reviews.occasion"] == ["answer", "take_back", "view"]


# --- words ------------------------------------------------------------------------------------------------------------


def test_every_column_with_a_list_of_the_handbook_names_its_list() -> None:
    columns = {
        f"{kind._meta.model_name}.{column.name}": {str(key) for key, _ in column.flatchoices}
        for kind in apps.get_models()
        for column in kind._meta.concrete_fields
        if isinstance(column.choices, CallableChoiceIterator)
    }
    assert not OF_THE_PROGRAM & LISTS.keys()
    assert columns.keys() - ELSEWHERE == LISTS.keys() | OF_THE_PROGRAM
    for name, place in LISTS.items():
        assert columns[name] == {entry.key for entry in handbook.current().entries(place)}, name


def put(records: Any, **values: Any) -> None:
    """Store values that no form would take any more, as if they had been words when they were entered."""
    with acting(actor=User.objects.system(), via="test", at=timezone.now()):
        records.update(**values)


def test_a_stored_word_that_left_its_list_is_one_finding_with_its_count_and_what_stands_for_it() -> None:
    leads = Lead.objects.filter(pk__in=[make_lead().pk for _ in range(3)])
    put(leads, lead_source="fair")
    put(leads[:1].model.objects.filter(pk=leads[0].pk), rating="tepid")
    book = handbook.current()
    replaced = (Replacement(list="lead.sources", word="fair", by="event"),)
    book = book.model_copy(update={"checkups": book.checkups.model_copy(update={"replaced": replaced})})
    with CaptureQueriesContext(
        connection,
    ) as queries:
        found = look("data.words_left", book)
    assert {(one.subject, one.detail, one.found): dict(one.evidence)["Replace by"] for one in found.sights} == {
        ("word:lead.lead_source", "fair", "“fair” in 3 leads"): book.label("lead.sources", "event"),
        ("word:lead.rating", "tepid", "“tepid” in 1 lead"): "To be chosen: the handbook names no word",
    }
    grouped = [one["sql"] for one in queries.captured_queries if "GROUP BY" in one["sql"]]
    assert len(grouped) == len(list(picklists(book)))


def test_a_stored_word_that_is_none_of_the_programs_is_found_and_nothing_stands_for_it() -> None:
    put(Opportunity.objects.filter(pk=make_opportunity().pk), stated_forecast="upside")
    put(Opportunity.objects.filter(pk=make_opportunity().pk), stated_forecast="commit")
    (sight,) = look("data.words_left").sights
    assert (sight.subject, sight.detail, sight.found) == (
        "word:opportunity.stated_forecast",
        "upside",
        "“upside” in 1 opportunity",
    )
    assert sight.expected == "One of: Commit, Best case, Pipeline, Omitted"


def test_words_of_own_fields_leave_too() -> None:
    own = OwnField(
        object="account",
        key="region",
        label="Region",
        type="choice",
        kept_as="Region__c",
        choices=(Entry(key="north", label="North"),),
    )
    make_account(kept={"Region__c": "atlantis"})
    make_account(kept={"Region__c": "north"})
    book = handbook.current().model_copy(update={"own_fields": (own,)})
    (sight,) = look("data.words_left", book).sights
    assert (sight.subject, sight.detail, sight.found) == ("word:account.region", "atlantis", "“atlantis” in 1 account")


# --- labels -----------------------------------------------------------------------------------------------------------


def test_labels_of_the_program_and_of_a_fresh_workspace_are_in_sentence_case() -> None:
    found = look("data.labels")
    assert [(one.subject, one.found, one.expected) for one in found.sights] == []
    assert found.looked_at > 300


def test_a_label_that_an_administrator_wrote_otherwise_is_found_and_is_no_drift() -> None:
    view = ListView.objects.create(object="lead", title="Hot Leads of Linkedin", columns=["name"])
    row = PageLayout.objects.get(object="contract")
    row.body["sections"][0]["title"] = "CONTRACT"
    row.save()
    found = {(one.subject, one.detail): one.expected for one in look("data.labels").sights}
    assert found.keys() == {(f"list_view:{view.pk}", "title"), ("layout:contract", "sections:CONTRACT")}
    assert "“Hot leads of LinkedIn”" in found[f"list_view:{view.pk}", "title"]
    assert not look("configuration.workspace_drift").sights


# --- what is said -----------------------------------------------------------------------------------------------------


def test_nothing_is_said_of_a_person() -> None:
    book = handbook.current()
    first, *others = book.policies
    to = first.escalate[0].model_copy(update={"to": ("zelda.quux@example.com",)})
    book = book.model_copy(update={"policies": (first.model_copy(update={"escalate": (to,)}), *others)})
    found = [
        one
        for id in ("policies_without_target", "rooms_without_dri")
        for one in look(f"configuration.{id}", book).sights
    ]
    assert len(found) > 1
    for sight in found:
        assert "@" not in " ".join([sight.subject, sight.label, sight.detail, sight.expected, sight.found])
