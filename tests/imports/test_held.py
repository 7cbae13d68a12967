"""A held row is mended by a person and stored as the import would have stored it."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.models import Opportunity
from crm.core.errors import Refused
from crm.history.models import Change, Move
from crm.imports.models import HeldRow
from crm.imports.services import release_held_row
from crm.people.models import User
from crm.sync.models import ExternalId
from leads.models import Lead
from leads.statuses import Status
from tests.imports.export import (
    CREATED_AT,
    MODIFIED_AT,
    NOW,
    account,
    bring_in,
    counts,
    id_of,
    lead,
    opportunity,
    user,
    write,
)
from tests.races import race, second_connection

pytestmark = pytest.mark.django_db


@pytest.fixture
def held(tmp_path: Path) -> HeldRow:
    """A lead in nurture that nobody could reach."""
    write(tmp_path, "Lead", lead(1, Email="", Status="Nurturing", Title="Owner", LeadType__c="Business"))
    bring_in(tmp_path)
    return HeldRow.objects.get()


def test_it_becomes_the_lead_it_says_it_is(held: HeldRow, mona: User) -> None:
    found = release_held_row(held, values={"email": "lea@globex.example"}, actor=mona, at=NOW, via="admin")
    assert found == Lead.objects.get()
    lea = Lead.objects.get()
    assert (lea.email, lea.title, lea.status) == ("lea@globex.example", "Owner", Status.CLOSED_NURTURE)
    assert (lea.created_at, lea.status_since) == (CREATED_AT, MODIFIED_AT)
    assert lea.kept == {"Status": "Nurturing", "LeadType__c": "Business"}
    assert lea.came_from == "Salesforce export, Lead.csv"
    assert (held.state, held.record_id) == ("released", lea.pk)
    step = Move.objects.of(lea).get()
    assert (step.verb, step.actor_id, step.via) == ("place", mona.pk, "admin")
    assert Change.objects.of(held)[0].transaction == Change.objects.of(lea)[0].transaction
    assert ExternalId.objects.of(lea).get().value == held.external_id


def test_a_linkedin_url_and_columns_of_the_row_mend_it_too(held: HeldRow, mona: User) -> None:
    values = {"linkedin_url": "linkedin.com/in/lea", "Company": "Initech", "last_name": "Lee"}
    release_held_row(held, values=values, actor=mona, at=NOW, via="admin")
    lea = Lead.objects.get()
    assert (lea.linkedin_key, lea.company, lea.last_name) == ("in/lea", "Initech", "Lee")


def test_the_next_import_leaves_it_as_it_was_mended(held: HeldRow, mona: User, tmp_path: Path) -> None:
    release_held_row(held, values={"email": "lea@globex.example", "Title": "Boss"}, actor=mona, at=NOW, via="admin")
    assert counts(bring_in(tmp_path), "Lead") == {"read": 1, "unchanged": 1}
    assert (Lead.objects.get().title, Lead.objects.get().version) == ("Boss", 1)
    write(tmp_path, "Lead", lead(1, Email="", Status="Nurturing", Title="Owner", LeadType__c="Business", Phone="1"))
    bring_in(tmp_path)
    lea = Lead.objects.get()
    assert (lea.email, lea.title, lea.phone) == ("lea@globex.example", "Boss", "1")


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        ({}, ("no_email_or_linkedin",)),
        ({"email": "nobody"}, ("bad_email", "no_email_or_linkedin")),
        ({"linkedin_url": "lea"}, ("bad_linkedin_url", "no_email_or_linkedin")),
        ({"shoe_size": "44"}, ("unknown_column",)),
    ],
)
def test_it_says_why_it_still_cannot_be_stored(
    values: dict[str, str], codes: tuple[str, ...], held: HeldRow, mona: User
) -> None:
    changes = Change.objects.count()
    with pytest.raises(Refused) as refused:
        release_held_row(held, values=values, actor=mona, at=NOW, via="admin")
    assert refused.value.codes == codes
    assert Change.objects.count() == changes
    assert HeldRow.objects.waiting().count() == 1


def test_it_is_released_by_managers_and_once(held: HeldRow, alice: User, mona: User) -> None:
    with pytest.raises(Refused, match="managers") as refused:
        release_held_row(held, values={"email": "lea@globex.example"}, actor=alice, at=NOW, via="admin")
    assert refused.value.code == "forbidden"
    release_held_row(held, values={"email": "lea@globex.example"}, actor=mona, at=NOW, via="admin")
    with pytest.raises(Refused) as refused:
        release_held_row(held, values={"email": "lea@globex.example"}, actor=mona, at=NOW, via="admin")
    assert refused.value.code == "not_held"
    assert Lead.objects.count() == 1


def test_an_opportunity_waits_for_its_account(mona: User, tmp_path: Path) -> None:
    write(tmp_path, "Opportunity", opportunity(1, StageName="Closed Won"))
    bring_in(tmp_path)
    held = HeldRow.objects.get()
    with pytest.raises(Refused) as refused:
        release_held_row(held, values={}, actor=mona, at=NOW, via="admin")
    assert refused.value.code == "account_not_found"
    (tmp_path / "Opportunity.csv").unlink()
    write(tmp_path, "Account", account(2))
    bring_in(tmp_path)
    release_held_row(held, values={"account_id": id_of("Account", 2)}, actor=mona, at=NOW, via="admin")
    found = Opportunity.objects.get()
    assert (str(found.account), found.stage) == ("Acme 2", "closed_won")


def test_a_user_waits_for_an_address(mona: User, tmp_path: Path) -> None:
    write(tmp_path, "User", user(1, Email=""))
    bring_in(tmp_path)
    held = HeldRow.objects.get()
    with pytest.raises(Refused) as refused:
        release_held_row(held, values={"email": "una"}, actor=mona, at=NOW, via="admin")
    assert refused.value.codes == ("needs_email",)
    found = release_held_row(held, values={"email": "una@acme.example"}, actor=mona, at=NOW, via="admin")
    assert isinstance(found, User)
    assert not found.has_usable_password()
    assert counts(bring_in(tmp_path), "User") == {"read": 1, "unchanged": 1}


@pytest.mark.django_db(transaction=True)
def test_of_two_who_release_it_one_wins(mona: User, root: User, tmp_path: Path) -> None:
    write(tmp_path, "Lead", lead(1, Email=""))
    bring_in(tmp_path)
    held = HeldRow.objects.get()

    def release(actor: User) -> object:
        mine = HeldRow.objects.get(pk=held.pk)
        return release_held_row(mine, values={"email": "lea@globex.example"}, actor=actor, at=NOW, via="admin")

    # Both stand at the row's lock; nobody waits for an import, so only one can have come so far.
    answers = race(lambda: release(mona), behind=f"SELECT FROM imports_heldrow WHERE id = {held.pk} FOR UPDATE")
    assert isinstance(answers[0], Lead)
    with pytest.raises(Refused):
        release(root)
    assert Lead.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_page_does_not_wait_for_an_import(mona: User, tmp_path: Path) -> None:
    write(tmp_path, "Lead", lead(1, Email=""))
    bring_in(tmp_path)
    with second_connection() as importing:
        importing.execute("SELECT pg_advisory_xact_lock(hashtextextended('import:salesforce', 7))")
        with pytest.raises(Refused) as refused:
            release_held_row(HeldRow.objects.get(), values={"email": "a@b.example"}, actor=mona, at=NOW, via="admin")
    assert refused.value.code == "import_running"
