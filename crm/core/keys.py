"""Keys that people and companies are matched by: stored generated columns over one SQL function each.

The functions live in the database so that every way of writing (save, COPY, raw SQL) yields the same key, and so
that Python never holds a second opinion: a lookup passes the entered text through the same function.
"""

from __future__ import annotations

from django.db import connection, models
from django.db.models import F, Func, Value


class KeyFunction(Func):
    """A call of one of the key functions made in `core.0001`."""

    output_field = models.TextField()


def generated_key(function: str, *columns: str) -> models.GeneratedField:
    """A stored generated column holding `function(columns...)`."""
    return models.GeneratedField(
        expression=KeyFunction(*(F(column) for column in columns), function=function),
        output_field=models.TextField(),
        db_persist=True,
        editable=False,
    )


def key_of(function: str, text: str) -> KeyFunction:
    """The key of an entered text, to compare a generated key with: `filter(email_key=key_of("email_key", "..."))`."""
    return KeyFunction(Value(text), function=function)


def compute_keys(function: str, texts: list[str]) -> list[str]:
    """The keys of many texts in one query, in order."""
    if not texts:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {function}(t) FROM unnest(%s::text[]) WITH ORDINALITY AS u(t, n) ORDER BY n",
            [texts],
        )
        return [row[0] for row in cursor.fetchall()]
