"""What followers are told of whole records: made ones as they were, merged ones with who they are now, erased ones
whatever is left of them, and what an undo brings back."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from accounts.models import Contact
from contracts.models import Opportunity
from crm.activities.models import Activity
from crm.core.acting import acting
from crm.history.models import Change, Transaction
from crm.history.revert import revert
from crm.people.models import User
from crm.privacy.erasing import erase_person
from leads.models import Lead
from tests.duplicates.dumping import merge, two_leads, undo
from tests.factories import START, make_account, make_contact, make_lead, make_opportunity
from tests.keys import Program, program
from tests.sync.following import Follower, stored, told

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ask(root: User) -> Program:
    return program(root)


@pytest.fixture(autouse=True)
def _storage(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = str(tmp_path / "media")


def last_transaction() -> Transaction:
    """The last that was written."""
    return Transaction.objects.order_by("-id")[0]


def test_made_records_are_told_as_they_were_then_whatever_became_of_them(
    ask: Program, root: User, alice: User, now: datetime
) -> None:
    follower, states, objects = Follower(ask), {}, ("leads", "accounts", "opportunities")

    def note() -> None:
        states.update({(*key, row["version"]): row for key, row in stored(ask, *objects).items()})

    def change(**values: Any) -> None:
        with acting(actor=alice, via="test", at=now):
            Lead.objects.filter(pk=lead.pk).update(**values)
        note()

    account, lead = make_account(employees=7, owner=alice), make_lead(owner=alice, title="A")
    sale = make_opportunity(account=account, owner=alice, amount="1234.50", close_on=now.date())
    note()
    with acting(actor=alice, via="test", at=now):
        Opportunity.objects.filter(pk=sale.pk).update(amount="0.10", close_on=None)
    change(title="B", kept={"inner": 1})
    change(title="C", owner=None, kept={})
    with acting(actor=root, via="test", at=now):
        Lead.objects.filter(pk=lead.pk).delete()
    revert(last_transaction(), actor=root, at=now, via="test")
    note()
    change(title="D")
    with acting(actor=root, via="test", at=now):
        sale.delete()
        account.delete()
    changes = follower.read()
    assert told([one for one in changes if one["object"] == "leads"]) == [
        ("leads", lead.pk, 1, "created"),
        ("leads", lead.pk, 2, "updated"),
        ("leads", lead.pk, 3, "updated"),
        ("leads", lead.pk, 3, "deleted"),
        ("leads", lead.pk, 4, "created"),
        ("leads", lead.pk, 5, "updated"),
    ]
    assert follower.copy == stored(ask, "leads")
    seen = {key: row for key, row in follower.states.items() if key[0] in objects}
    assert seen == {key: states[key] for key in seen}
    assert len(seen) == 8


def test_a_merged_record_is_told_with_the_one_that_it_is_now(
    ask: Program, alice: User, now: datetime, root: User
) -> None:
    one, other = two_leads(alice)
    contact = make_contact(owner=alice, email=one.email)
    follower = Follower(ask, "leads,contacts")
    begin = follower.cursor
    merge(one, other, actor=alice, at=now)
    (gone,) = [change for change in follower.read() if change["op"] == "merged"]
    assert (gone["id"], gone["survivor"]) == (other.pk, {"object": "leads", "id": one.pk})
    becomes = merge(contact, one, actor=alice, at=now)
    merged = {change["id"]: change["survivor"] for change in follower.read() if change["op"] == "merged"}
    assert merged == {one.pk: {"object": "contacts", "id": contact.pk}}
    # Who comes late is led to the end of the way.
    late = Follower(ask, "leads,contacts")
    late.cursor = begin
    merged = {change["id"]: change["survivor"] for change in late.read() if change["op"] == "merged"}
    assert merged == {pk: {"object": "contacts", "id": contact.pk} for pk in (one.pk, other.pk)}
    # Taken apart, the lead is there again under its id, and its versions go on.
    before = Change.objects.filter(object="lead", record_id=one.pk, op="D").get().version
    undo(becomes, actor=root, at=now)
    changes = {(change["object"], change["id"]): change for change in follower.read()}
    back = changes["leads", one.pk]
    assert (back["op"], back["version"]) == ("created", before + 1)
    assert back["record"] == ask("GET", f"leads/{one.pk}/").json()
    late.cursor = begin
    assert {change["id"] for change in late.read() if change["op"] == "merged"} == {other.pk}


def test_every_record_of_an_erased_person_is_told_as_erased(
    ask: Program, alice: User, root: User, now: datetime
) -> None:
    lead = make_lead(owner=alice, first_name="Zdenka", last_name="Quillfeather", email="zq@quill.example")
    other = make_lead(owner=alice, description="Knows zq@quill.example", last_name="Neighbour")
    twin = make_contact(first_name="Zdenka", last_name="Quillfeather", email="zq@quill.example")
    with acting(actor=alice, via="test", at=START):
        touch, quiet, removed = (
            Activity.objects.create(kind="note", happened_at=START, by=alice, lead=lead, text=f"{word} likes boats")
            for word in ("She", "Zdenka", "Quillfeather")
        )
        Activity.objects.filter(pk=quiet.pk).update(text="")
        gone = removed.pk
        removed.delete()
    follower = Follower(ask)
    begin = follower.cursor
    with acting(actor=alice, via="test", at=START):
        Lead.objects.filter(pk=lead.pk).update(title="Boss of Quillfeather")
        Contact.objects.filter(pk=twin.pk).delete()
    erase_person(lead=lead, reason="Asked us to", actor=root, at=now, via="test")
    make_opportunity()
    answers = follower.pages(limit=2)
    changes = [change for page in answers for one in page["transactions"] for change in one["changes"]]
    erased = {(one["object"], one["id"]): one for one in changes if one["op"] == "erased"}
    assert erased.keys() == {
        ("leads", lead.pk),
        ("leads", other.pk),
        ("contacts", twin.pk),
        ("activities", touch.pk),
        ("activities", quiet.pk),
        ("activities", gone),
    }
    assert erased["contacts", twin.pk]["record"] is None
    assert erased["activities", gone]["record"] is None
    assert erased["leads", lead.pk]["record"] == ask("GET", f"leads/{lead.pk}/").json()
    assert erased["activities", quiet.pk]["record"] == ask("GET", f"activities/{quiet.pk}/").json()
    assert "quill" not in json.dumps(answers).lower(), "who is late is told none of what was erased"
    late = Follower(ask)
    late.cursor = begin
    late.read()
    here = stored(ask)
    assert {key: here[key] for key in late.copy} == late.copy
    # Who follows touches alone is told of theirs.
    touches = Follower(ask, "activities")
    touches.cursor = begin
    assert touches.ask("GET", f"changes/?cursor={begin}&objects=activities").status_code == 400
    fresh = make_lead(first_name="Ilse", last_name="Regenpfeifer", email="ilse@rain.example")
    with acting(actor=alice, via="test", at=START):
        Activity.objects.create(kind="note", happened_at=START, by=alice, lead=fresh, text="About her").delete()
    touches = Follower(ask, "activities")
    erase_person(lead=fresh, reason="Asked us to", actor=root, at=now, via="test")
    (page,) = touches.pages()
    (group,) = page["transactions"]
    assert (group["actor"]["id"], group["complete"]) == (root.pk, True)
    assert [(one["op"], one["record"]) for one in group["changes"]] == [("erased", None)]
    assert touches.read() == []
