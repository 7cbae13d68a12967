"""What programs were answered under an Idempotency-Key: kept for a week, and with it what was sent of a person.

An answer that is one of their records is not kept, but that there was one is: the request is not carried out again.
Of answers about many, what was said of theirs loses their words.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from django.db import connection

from crm.core.api.resources import followed, object_of
from crm.privacy.everywhere import Values, replace_in
from crm.sync.idempotency import forget_answer
from crm.sync.models import IdempotencyKey


def blank_answers(own: Mapping[str, Collection[int]], near: Values, free: Collection[str]) -> int:
    """Blank the answers about these records, ids by the change log's names; how many there were.

    `free` are the facts of a move that are words of people.
    """
    done = 0
    for name, view in followed().items():
        ids = sorted(own.get(object_of(view), ()))
        for answer in _about(name, ids) if ids else ():
            body = json.loads(answer.body)
            rows = body.get("results")
            if isinstance(rows, list):
                cleaned = [_without(row, near, free) if row.get("id") in ids else row for row in rows]
                if cleaned == rows:
                    continue
                answer.body = json.dumps({**body, "results": cleaned}, ensure_ascii=False, separators=(",", ":"))
                answer.save(update_fields=["body"])
            else:
                forget_answer(answer)
            done += 1
    return done


def _about(resource: str, ids: Collection[int]) -> list[IdempotencyKey]:
    """The answers of a resource in which one of these ids stands, as a record's or a row's."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM sync_idempotencykey WHERE split_part(route, '/', 4) = %s AND status < 300"
            " AND EXISTS (SELECT FROM regexp_matches(body, '\"id\":([0-9]{1,18})[,}]', 'g') m"
            " WHERE m[1]::bigint = ANY(%s)) ORDER BY id FOR UPDATE",
            [resource, list(ids)],
        )
        found = [pk for (pk,) in cursor.fetchall()]
    return list(IdempotencyKey.objects.filter(pk__in=found).order_by("pk"))


def _without(row: dict[str, Any], near: Values, free: Collection[str]) -> dict[str, Any]:
    pattern = near.pattern()
    cleaned: dict[str, Any] = replace_in(row, pattern) if near else row
    if isinstance(made := cleaned.get("move"), dict) and isinstance(made.get("facts"), dict):
        facts = {name: "" if name in free and isinstance(fact, str) else fact for name, fact in made["facts"].items()}
        cleaned = {**cleaned, "move": {**made, "facts": facts}}
    return cleaned
