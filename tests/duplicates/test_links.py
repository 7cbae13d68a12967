"""Every foreign key and every other reference to a record that can be merged: a later one is not forgotten either."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import models

from accounts.models import Account, Contact
from crm.core.records import Record
from crm.duplicates.kinds import clash_of, crossings, kinds
from crm.duplicates.references import links_to, uniques_of
from leads.models import Lead

MERGED = [Lead, Account, Contact]
# References that are no foreign keys, and what becomes of them when a record is merged.
GENERIC = {
    "sync.ExternalId.record_id": "turned to the survivor, and back (carrying)",
    "checkups.Finding.record_id": "closes when its rule next looks; the survivor has findings of its own",
    "duplicates.Pair.lower_id": "settled (carrying)",
    "duplicates.Pair.higher_id": "settled (carrying)",
    "duplicates.Tombstone.merged_id": "what was merged",
    "duplicates.Tombstone.survivor_id": "followed from one to the next (forwarding)",
    "history.Change.record_id": "the record's own history keeps its id",
    "history.Move.record_id": "the record's own history keeps its id",
    "history.PriorChange.record_id": "the record's own history keeps its id",
    "reviews.Item.record_id": "what was on the agenda of a meeting; the page of what was merged leads on",
    "imports.HeldRow.record_id": "where a mended row went: the old address leads on",
}
# Ids of other things than records.
OTHERS = {
    "contracts.NextStep.made_by_id",
    "duplicates.Tombstone.transaction_id",
    # What a merge turns is rechecked under its new id: the triggers see each of those rows change.
    "enquiries.Recheck.contact_id",
    "enquiries.Recheck.enquiry_id",
    "enquiries.Recheck.lead_id",
    "history.PriorChange.actor_id",
    "history.Move.actor_id",
    "history.Transaction.actor_id",
    "privacy.Erasure.transaction_id",
    "sync.WebhookQueue.change_id",
}


def test_every_table_that_points_at_a_record_is_in_the_change_log() -> None:
    """Only so does an undo know what was turned."""
    for kind in MERGED:
        for link in links_to(kind):
            assert issubclass(link.child, Record), link.label


def test_every_kind_of_record_that_can_be_merged_is_known() -> None:
    assert {one.model for one in kinds().values()} == set(MERGED)


def test_every_rule_that_two_rows_could_break_has_an_answer() -> None:
    """A unique constraint over a key to a merged record: what becomes of the second row."""
    unanswered = [
        f"{link.label}: {name}"
        for kind in MERGED
        for link in links_to(kind)
        for name, _, _ in uniques_of(link)
        if clash_of(name) is None and name not in REFUSED
    ]
    assert unanswered == []


# Two standing receipts: converted leads are refused before anything is turned.
REFUSED = {"leads_conversion_stands_once"}


def test_every_key_to_what_becomes_another_kind_has_somewhere_to_go() -> None:
    for crossing in crossings():
        links = {link.label: link for link in links_to(crossing.origin)}
        assert set(crossing.links) == set(links)
        for label, way in crossing.links.items():
            if isinstance(way, str):
                field = links[label].child._meta.get_field(way)
                assert field.related_model is crossing.target
                assert links[label].field.null
                from crm.duplicates.references import Link

                assert not uniques_of(Link(links[label].child, field))


def test_no_many_to_many_relation_reaches_a_merged_record() -> None:
    for kind in MERGED:
        many = [one for one in kind._meta.get_fields(include_hidden=True) if one.many_to_many]
        assert many == []


def test_every_reference_without_a_foreign_key_is_accounted_for() -> None:
    found = {
        f"{kind._meta.label}.{field.attname}"
        for kind in apps.get_models()
        if kind._meta.app_label not in ("admin", "auth", "axes", "contenttypes", "sessions", "pghistory")
        for field in kind._meta.concrete_fields
        if isinstance(field, models.IntegerField)
        and not field.primary_key
        and not field.is_relation
        and field.attname.endswith("_id")
    }
    assert found == {*GENERIC, *OTHERS}


@pytest.mark.parametrize("kind", MERGED)
def test_the_walk_finds_what_the_database_has(kind: type[models.Model], db: None) -> None:
    """The database's own list of foreign keys is the model's."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.conrelid::regclass::text, a.attname FROM pg_constraint c"
            " JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]"
            " WHERE c.contype = 'f' AND c.confrelid = %s::regclass",
            [kind._meta.db_table],
        )
        stored = set(cursor.fetchall())
    assert stored == {(link.child._meta.db_table, link.field.column) for link in links_to(kind)}
