"""What holds a record, so that it cannot be deleted: said in sentences."""

from __future__ import annotations

from django.db import models

from crm.core.paging import capped_count, count_words

NAMED = 3


def held_by(record: models.Model) -> list[str]:
    """One sentence for each kind of record that refers to this one and would be left without it."""
    sentences = []
    for relation in record._meta.related_objects:
        if relation.on_delete not in (models.PROTECT, models.RESTRICT):
            continue
        rows = relation.related_model._base_manager.filter(**{relation.field.name: record}).order_by("-pk")
        named = [str(row) for row in rows[: NAMED + 1]]
        if not named:
            continue
        count = capped_count(rows)
        kind = relation.related_model._meta
        noun = kind.verbose_name if count == 1 else kind.verbose_name_plural
        rest = f", {named[2]} and others" if count > NAMED else ""
        names = ", ".join(named[:2]) + rest if count > NAMED else ", ".join(named)
        sentences.append(f"{count_words(count)} {noun} ({relation.field.verbose_name}): {names}.")
    return sentences
