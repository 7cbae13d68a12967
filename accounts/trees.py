"""Who is above whom: parent accounts and superiors, never in a circle.

Two writes can each be right and make a circle together (A under B, and B under A, at once). So every write that puts a
record under another takes one hold for its kind of tree first, and looks afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import connection, models

from crm.core.errors import Missing, Refused
from crm.core.locks import hold

TREE = "tree"
# Of a kind of record (as the change log calls it): the link upwards, and the sentence about a circle.
LINKS: Mapping[str, tuple[str, str, str]] = {
    "account": ("parent", "circular_parent", "{above} is below {record} already: an account cannot be its own parent."),
    "contact": ("reports_to", "circular_manager", "{above} reports to {record} already: nobody is their own superior."),
}


def hold_tree(kind: str) -> None:
    """Hold the tree of a kind (`account`, `contact`) until the transaction ends; before any row lock.

    Raises:
        TransactionManagementError: outside a transaction.
    """
    hold((TREE, kind))


def is_below(kind: type[models.Model], record: int, above: int) -> bool:
    """Whether `above` is below `record`: putting `record` under it would close a circle.

    Only under the hold is the answer still true when it is acted on. A circle that an import brought ends the search.
    """
    link = f"{LINKS[str(kind._meta.model_name)][0]}_id"
    table = kind._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH RECURSIVE up (id, above) AS (SELECT id, {link} FROM {table} WHERE id = %s"
            f" UNION SELECT r.id, r.{link} FROM {table} r JOIN up ON r.id = up.above)"
            " SELECT EXISTS (SELECT FROM up WHERE id = %s)",
            [above, record],
        )
        return bool(cursor.fetchone()[0])


def check_tree(record: Any) -> None:
    """Hold the tree, and refuse what would close a circle. For a record that is about to be saved.

    Raises:
        Refused: `circular_parent` or `circular_manager`.
    """
    name = str(record._meta.model_name)
    link, code, sentence = LINKS[name]
    above = getattr(record, f"{link}_id")
    if above is None or above == record.pk:
        return  # the database refuses who is above themselves
    hold_tree(name)
    if record.pk is not None and is_below(type(record), record.pk, above):
        said = sentence.format(above=getattr(record, link), record=record)
        raise Refused(code, said, [Missing(code, said, link)])
