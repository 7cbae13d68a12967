"""Many rows at once: made, changed or left, each with its answer, with the history that single writes have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from accounts.models import Account
from crm.core.acting import acting
from crm.core.errors import Refused
from crm.history.models import Change, Move, Transaction
from crm.people.models import User
from crm.sync.models import ExternalId
from crm.sync.store import Stored, upsert
from leads.models import Lead
from tests.imports.export import NOW
from tests.races import race

pytestmark = pytest.mark.django_db
COLUMNS = ["email", "title", "employees"]


def store(*rows: Sequence[Any], columns: Sequence[str] = COLUMNS, model: Any = Lead) -> list[Stored]:
    """Upsert as the system."""
    with acting(actor=User.objects.system(), via="test", at=NOW):
        return list(upsert(model, system="erp", columns=columns, rows=rows))


def test_each_row_has_its_answer_in_order() -> None:
    made = store(("b", "b@x.example", "", None), ("a", "a@x.example", "Buyer", 5))
    assert [(row.external_id, row.outcome) for row in made] == [("b", "created"), ("a", "created")]
    again = store(("a", "a@x.example", "Buyer", 6), ("c", "c@x.example", "", None), ("b", "b@x.example", "", None))
    assert [row.outcome for row in again] == ["updated", "created", "unchanged"]
    assert again[0].record_id == made[1].record_id
    changed = Lead.objects.get(pk=again[0].record_id)
    assert (changed.employees, changed.version, changed.budget, changed.kept) == (6, 2, "unknown", {})
    assert ExternalId.objects.of(changed).get().system == "erp"


def test_what_it_writes_is_in_the_change_log() -> None:
    (row,) = store(("a", "a@x.example", "", None))
    store(("a", "a@x.example", "Buyer", None))
    transactions = Transaction.objects.count()
    store(("a", "a@x.example", "Buyer", None))
    assert Transaction.objects.count() == transactions
    log = Change.objects.filter(object="lead", record_id=row.record_id).order_by("id")
    assert [(change.op, change.what) for change in log] == [("I", None), ("U", {"title": ["", "Buyer"]})]
    assert log[1].transaction.via == "test"


def test_a_status_is_placed_with_its_move() -> None:
    columns = ["email", "status", "status_since"]
    (row,) = store(("a", "a@x.example", "engaged", NOW), columns=columns)
    store(("a", "a@x.example", "closed_nurture", NOW), columns=columns)
    store(("a", "a@x.example", "closed_nurture", "2026-04-01"), columns=columns)
    steps = Move.objects.filter(object="lead", record_id=row.record_id).order_by("version")
    assert [(step.from_state, step.to_state, step.version) for step in steps] == [
        ("", "engaged", 1),
        ("engaged", "closed_nurture", 2),
    ]
    lead = Lead.objects.get(pk=row.record_id)
    assert (lead.status, lead.status_since, lead.version) == ("closed_nurture", NOW, 2)


def test_other_records_are_stored_alike() -> None:
    assert [row.outcome for row in store(("1", "Acme"), columns=["name"], model=Account)] == ["created"]
    assert [row.outcome for row in store(("1", "Acme Inc"), columns=["name"], model=Account)] == ["updated"]
    assert Account.objects.get().name_key == "acme inc"


def test_one_id_is_one_row() -> None:
    with pytest.raises(Refused) as refused:
        store(("a", "a@x.example", "", None), ("a", "b@x.example", "", None))
    assert refused.value.code == "duplicate_id"


def test_what_the_database_asks_of_every_record_it_asks_here() -> None:
    with pytest.raises(IntegrityError, match="can_be_reached"), transaction.atomic():
        store(("a", "a@x.example", "", None), ("b", "", "", None))
    assert not Lead.objects.exists()
    assert not ExternalId.objects.exists()


def test_it_has_an_author() -> None:
    with pytest.raises(RuntimeError, match="acting"):
        upsert(Lead, system="erp", columns=COLUMNS, rows=[])


@pytest.mark.django_db(transaction=True)
def test_two_batches_of_one_system_make_one_record() -> None:
    row = ("a", "a@x.example", "", None)
    answers = race(
        lambda: store(row),
        lambda: store(row),
        behind="SELECT pg_advisory_xact_lock(hashtextextended('upsert:erp:lead', 7))",
    )
    assert sorted(stored[0].outcome for stored in answers) == ["created", "unchanged"]
    assert Lead.objects.count() == 1
