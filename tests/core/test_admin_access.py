"""Access to every page of the admin, discovered and compared with the committed table (tests/access.py)."""

from __future__ import annotations

import pytest

from crm.core.permissions import has_policy
from crm.people.models import User
from crm.site import site
from tests import access
from tests.factories import make_user
from tests.samples import SAMPLES

LABELS = sorted(kind._meta.label for kind in site._registry)


@pytest.fixture
def stranger(db: None) -> User:
    """Somebody of another team, who owns the records that are theirs."""
    return make_user("stranger", role="sdr")


@pytest.mark.parametrize("label", LABELS)
def test_every_page_answers_each_role_as_the_table_says(label: str, alice: User, stranger: User) -> None:
    assert label in SAMPLES, f"tests/samples.py makes no {label}: whoever registers a model adds one"
    assert alice.team
    found = access.model_answers(label, alice, stranger, access.cast(alice.team))
    if access.WRITING:
        access.write("models", label, found)
    assert found == access.baseline()["models"].get(label)


def test_the_table_knows_no_model_that_is_gone() -> None:
    assert sorted(access.baseline()["models"]) == LABELS


def test_every_registered_model_has_a_policy() -> None:
    assert [kind._meta.label for kind in site._registry if not has_policy(kind)] == []


def test_every_other_address_answers_each_role_as_the_table_says(alice: User, stranger: User) -> None:
    assert alice.team
    records = {label: make(stranger) for label, make in SAMPLES.items()}
    people = access.cast(alice.team)
    table = {}
    for role in access.ROLES:
        client = access.client_of(people[role])
        found = {}
        for name, pattern in access.special_urls().items():
            address = access.address_of(name, pattern, records)
            if address is not None and name != "admin:logout":
                found[name] = [access.answer(client, "get", address), access.answer(client, "post", address)]
        if access.WRITING:
            access.write("urls", role, found)
        table[role] = found
    assert table == {role: access.baseline()["urls"].get(role) for role in access.ROLES}


def test_nobody_gets_further_than_the_login_without_one(alice: User) -> None:
    # The description of the API says it as to programs.
    answers = access.baseline()["urls"]["anonymous"]
    assert {name for name, got in answers.items() if not set(got) <= {"login", "401"}} <= access.PUBLIC
    for pages in access.baseline()["models"].values():
        closed = {row[role] for row in pages.values() for role in ("anonymous", "service", "inactive") if role in row}
        assert closed == {"login"}


def test_every_address_of_the_project_has_a_name() -> None:
    assert [name for name in access.all_urls() if not name.strip(":")] in ([], [""])
