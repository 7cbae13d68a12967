"""One function answers who may do what; without a policy that allows it, nobody."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib.auth.models import AnonymousUser
from django.db import models

from accounts.models import Account
from contracts.models import Contract, Opportunity
from crm.activities.models import Activity, NextTouch
from crm.core.permissions import has_policy, may, policy
from crm.history.models import Change, Move, Transaction
from crm.people.models import Team, User
from leads.models import Conversion, Lead
from tests.factories import make_account, make_lead, make_opportunity

OURS = ("crm", "leads", "accounts", "contracts")
OWN_MODELS = sorted(
    (model for model in apps.get_models() if model.__module__.split(".")[0] in OURS), key=lambda model: model.__name__
)
BUSINESS = (Lead, Account, Opportunity, Contract)


def test_the_projects_models_are_found() -> None:
    assert {Lead, Conversion, Account, Opportunity, Activity, User, Transaction} <= set(OWN_MODELS)


@pytest.mark.parametrize("model", OWN_MODELS, ids=lambda model: model.__name__)
def test_every_model_of_the_project_has_a_policy(model: type[models.Model]) -> None:
    assert has_policy(model)


@pytest.mark.django_db
@pytest.mark.parametrize("model", OWN_MODELS, ids=lambda model: model.__name__)
def test_a_verb_that_nobody_named_is_denied_to_everybody(
    model: type[models.Model], alice: User, mona: User, root: User, robot: User
) -> None:
    for user in (alice, mona, root, robot):
        assert not may(user, "no_such_verb", model)
        assert not may(user, "no_such_verb", model())


@pytest.mark.django_db
def test_a_model_without_a_policy_is_denied_to_everybody(root: User) -> None:
    from django.contrib.contenttypes.models import ContentType

    assert not has_policy(ContentType)
    assert not may(root, "view", ContentType)


def test_a_model_has_one_policy() -> None:
    with pytest.raises(ValueError, match="Lead has a policy already"):
        policy(Lead)(lambda user, verb, record: True)


@pytest.mark.django_db
@pytest.mark.parametrize("model", OWN_MODELS, ids=lambda model: model.__name__)
def test_somebody_who_left_or_never_came_may_nothing(model: type[models.Model], root: User) -> None:
    root.is_active = False
    for verb in ("view", "add", "change", "delete", "place"):
        assert not may(root, verb, model)
        assert not may(AnonymousUser(), verb, model)  # type: ignore[arg-type]


@pytest.mark.django_db
@pytest.mark.parametrize("model", OWN_MODELS, ids=lambda model: model.__name__)
def test_a_role_that_left_the_handbook_may_nothing_but_know_colleagues(model: type[models.Model], alice: User) -> None:
    alice.role = "astronaut"
    allowed = {verb for verb in ("view", "add", "change", "delete", "place") if may(alice, verb, model)}
    assert allowed == ({"view"} if model in (User, Team) else set())


@pytest.mark.django_db
def test_standard_users_change_their_own_their_teams_and_nobodys(
    alice: User, bob: User, charlie: User, mona: User, root: User, robot: User
) -> None:
    own, unowned = make_lead(owner=alice), make_lead()
    for user, changes in ((alice, True), (bob, True), (charlie, False), (mona, True), (root, True), (robot, True)):
        assert may(user, "view", own)
        assert may(user, "change", own) is changes, user
        assert may(user, "change", unowned)


@pytest.mark.django_db
def test_without_a_team_there_are_no_colleagues_records(ann: User, charlie: User) -> None:
    charlie.team = None
    other = make_lead(owner=charlie)
    assert not may(ann, "change", other)


@pytest.mark.django_db
@pytest.mark.parametrize("model", BUSINESS, ids=lambda model: model.__name__)
def test_managers_delete_and_only_systems_place(
    model: type[models.Model], alice: User, mona: User, root: User, robot: User
) -> None:
    assert [may(user, "delete", model) for user in (alice, mona, root, robot)] == [False, True, True, False]
    assert [may(user, "place", model) for user in (alice, mona, root, robot)] == [False, False, True, True]


@pytest.mark.django_db
def test_a_contract_is_its_opportunitys_owners_else_its_accounts(alice: User, charlie: User) -> None:
    account = make_account(owner=alice)
    contract = Contract(account=account)
    assert (may(alice, "change", contract), may(charlie, "change", contract)) == (True, False)
    contract.opportunity = make_opportunity(account=account, owner=charlie)
    assert (may(alice, "change", contract), may(charlie, "change", contract)) == (False, True)


@pytest.mark.django_db
def test_the_log_is_read_by_managers_and_written_by_nobody(alice: User, mona: User, root: User) -> None:
    for model in (Transaction, Change, Move):
        assert [may(user, "view", model) for user in (alice, mona, root)] == [False, True, True]
        assert not any(may(root, verb, model) for verb in ("add", "change", "delete"))


@pytest.mark.django_db
def test_touches_are_mended_by_who_logged_them_and_managers(alice: User, bob: User, mona: User) -> None:
    touch = Activity(by=alice, kind="note", lead=make_lead(owner=alice))
    assert [may(user, "change", touch) for user in (alice, bob, mona)] == [True, False, True]
    plan = NextTouch(lead=make_lead(owner=alice))
    assert may(bob, "change", plan)


@pytest.mark.django_db
def test_django_asks_the_same_question(alice: User, charlie: User) -> None:
    lead = make_lead(owner=alice)
    assert alice.has_perm("leads.change_lead", lead)
    assert not charlie.has_perm("leads.change_lead", lead)
    assert charlie.has_perm("leads.change_lead")
    assert not alice.has_perm("leads.no_such_thing")
    assert not alice.has_perm("nonsense")
    assert alice.has_module_perms("leads")
    assert not alice.has_module_perms("history")
