"""What speaks for two records being one: keys that both have. The nightly search, one statement for each kind of key.

An email, a LinkedIn page, a phone number or a company's domain that two records share makes an exact pair; names that
are alike are shown and never acted upon. A number that many share is a switchboard's, a free mail provider's domain is
everybody's, a name that many have is a common one: none of them says anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, models

from crm.core import phones
from crm.core.keys import compute_keys
from crm.core.phones import PhoneKey
from crm.duplicates.kinds import Crossing, Mergeable
from crm.duplicates.models import ACROSS

NAME = "name"
WORDS = {
    "email": "same email",
    "linkedin": "same LinkedIn URL",
    "phone": "same phone",
    "domain": "same domain",
    NAME: "similar name",
}
# More than so many that share a key are compared with each other no further.
MOST_SHARING = 10
# A phone number that more than so many have is a switchboard's, a person's name that more have is a common one: neither
# says anything, and among a million people the pairs of common names are millions.
MOST_COMMON = 5
ERASED = "%@erased.invalid"
AT_ONCE = 10_000


def spoken(by: str) -> str:
    """What both have, in words."""
    words = WORDS.get(by, by)
    return f"{words[:1].upper()}{words[1:]}"


@dataclass(frozen=True, slots=True)
class Search:
    """One search: of which pairs (`lead`, `lead_contact`), by which kind of key."""

    object: str
    by: str
    sides: tuple[Mergeable, ...]
    crossing: Crossing | None = None

    @property
    def exact(self) -> bool:
        """Whether what it finds may be acted upon."""
        return self.by != NAME


def searches(kinds: Iterable[Mergeable], crossings: Iterable[Crossing]) -> list[Search]:
    """Every search there is, in a stable order."""
    known = {kind.model: kind for kind in kinds}
    found = [Search(kind.name, by, (kind,)) for kind in known.values() for by in (*kind.evidence, NAME)]
    for crossing in crossings:
        one, other = known[crossing.origin], known[crossing.target]
        found += [Search(ACROSS, by, (one, other), crossing) for by in one.evidence if by in other.evidence]
    return sorted(found, key=lambda search: (search.object, search.by))


def run(search: Search, *, at: datetime) -> int:
    """Find the pairs of one search, store what is new, and take back what speaks for a pair no longer. How many."""
    with connection.cursor() as cursor:
        cursor.execute(
            # Looked into pair by pair, whatever the planner expects: among a million people there are many.
            "CREATE TEMP TABLE pairs_found (lower_id bigint, higher_id bigint, keys jsonb,"
            " PRIMARY KEY (lower_id, higher_id)) ON COMMIT DROP;"
            "CREATE TEMP TABLE pair_terms (side integer, id bigint, key text) ON COMMIT DROP"
        )
        for side, kind in enumerate(search.sides):
            _collect(cursor, search, side, kind)
        cursor.execute("ANALYZE pair_terms")
        _pair_up(cursor, search)
        cursor.execute("ANALYZE pairs_found")
        found = _store(cursor, search, at)
        cursor.execute("DROP TABLE pairs_found, pair_terms")
    return found


def _collect(cursor: Any, search: Search, side: int, kind: Mergeable) -> None:
    """Every record's keys of this kind, without those that say nothing."""
    table = kind.model._meta.db_table
    left_out = list(kind.no_evidence().get(search.by, ()))
    if search.by == NAME:
        if kind.stem is not None:
            _collect_stems(cursor, side, kind)
            return
        sources = [f"SELECT r.id, {kind.name_key} AS key FROM {table} r"]
    else:
        sources = [f'SELECT r.id, r."{column}" AS key FROM {table} r' for column in kind.evidence[search.by]]
        sources += [kind.more_evidence[search.by]] if search.by in kind.more_evidence else []
    only = search.crossing.only if search.crossing is not None and side == 0 else ""
    picked = f" AND s.id IN (SELECT r.id FROM {table} r WHERE {only})" if only else ""
    # One column has one key for each record; only of several may two be the same.
    each = "DISTINCT" if len(sources) > 1 else ""
    cursor.execute(
        f"INSERT INTO pair_terms SELECT {each} {side}, s.id, s.key FROM ({' UNION ALL '.join(sources)}) s"
        f" WHERE s.key <> '' AND s.key NOT LIKE %s AND s.key <> ALL(%s){picked}",
        [ERASED, left_out],
    )


def _collect_stems(cursor: Any, side: int, kind: Mergeable) -> None:
    """The stems of names, which are a rule in Python."""
    records: Any = kind.model._base_manager.order_by("pk")
    last = 0
    while batch := list(records.filter(pk__gt=last).values_list("pk", "name")[:AT_ONCE]):
        stems = [(pk, kind.stem(name)) for pk, name in batch] if kind.stem else []
        cursor.execute(
            f"INSERT INTO pair_terms SELECT {side}, s.id, s.key FROM unnest(%s::bigint[], %s::text[]) AS s (id, key)"
            " WHERE s.key <> ''",
            [[pk for pk, _ in stems], [stem for _, stem in stems]],
        )
        last = batch[-1][0]


def _pair_up(cursor: Any, search: Search) -> None:
    common = search.by == "phone" or (search.by == NAME and search.sides[0].stem is None)
    enough = f"count(*) BETWEEN 2 AND {MOST_COMMON}" if common else "count(*) > 1"
    if search.crossing is None:
        cursor.execute(
            f"""
            INSERT INTO pairs_found
            SELECT a, b, jsonb_agg(key ORDER BY key)
            FROM (SELECT key, (array_agg(id ORDER BY id))[1:{MOST_SHARING}] AS ids
                  FROM pair_terms GROUP BY key HAVING {enough}) s,
                 unnest(ids) a, unnest(ids) b
            WHERE a < b GROUP BY a, b
            """
        )
        return
    # Who is many on one side has a number of the house, or is a pair of that side first.
    most = MOST_COMMON if search.by == "phone" else MOST_SHARING
    cursor.execute(
        f"""
        INSERT INTO pairs_found
        SELECT l.id, c.id, jsonb_agg(l.key ORDER BY l.key)
        FROM pair_terms l JOIN pair_terms c ON c.key = l.key AND c.side = 1
        WHERE l.side = 0 AND l.key IN (SELECT key FROM pair_terms GROUP BY key HAVING count(*) <= {most})
        GROUP BY l.id, c.id
        """
    )


def _store(cursor: Any, search: Search, at: datetime) -> int:
    """Add what is new to the table; what was answered stays so unless something else speaks for it now."""
    cursor.execute("SELECT count(*) FROM pairs_found")
    (found,) = cursor.fetchone()
    # A name that is alike is no new evidence against somebody's word.
    reopened = (
        f"{search.exact} AND p.state = 'dismissed'"
        " AND NOT p.dismissed_why @> jsonb_build_object(%s::text, EXCLUDED.why -> %s)"
    )
    cursor.execute(
        f"""
        INSERT INTO duplicates_pair AS p
            (version, object, lower_id, higher_id, why, exact, found_at, state, dismissed_why)
        SELECT 1, %s, f.lower_id, f.higher_id, jsonb_build_object(%s::text, f.keys), %s, %s, 'open', '{{}}'
        FROM pairs_found f ORDER BY f.lower_id, f.higher_id
        ON CONFLICT (object, lower_id, higher_id) DO UPDATE
        SET why = p.why || EXCLUDED.why, exact = p.exact OR EXCLUDED.exact,
            state = CASE WHEN {reopened} THEN 'open' ELSE p.state END,
            answered_at = CASE WHEN {reopened} THEN NULL ELSE p.answered_at END,
            answered_by_id = CASE WHEN {reopened} THEN NULL ELSE p.answered_by_id END
        WHERE p.state <> 'merged' AND p.why -> %s IS DISTINCT FROM EXCLUDED.why -> %s
        """,
        [search.object, search.by, search.exact, at, *[search.by] * 8],
    )
    cursor.execute(
        """
        UPDATE duplicates_pair p SET why = p.why - %s::text
        WHERE p.object = %s AND p.state <> 'merged' AND p.why ? %s AND NOT EXISTS
            (SELECT FROM pairs_found f WHERE f.lower_id = p.lower_id AND f.higher_id = p.higher_id)
        """,
        [search.by, search.object, search.by],
    )
    return int(found)


def finish() -> None:
    """Take pairs off the list for which nothing speaks any more, unless somebody answered them."""
    exact = [by for by in WORDS if by != NAME]
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM duplicates_pair WHERE state = 'open' AND why = '{}'")
        cursor.execute("UPDATE duplicates_pair SET exact = why ?| %s WHERE exact <> (why ?| %s)", [exact, exact])


def keys_of(kind: Mergeable, record: Any) -> dict[str, list[str]]:
    """The keys of a stored record, by what they are, without those that say nothing."""
    left_out = kind.no_evidence()
    found = {by: [str(getattr(record, column)) for column in columns] for by, columns in kind.evidence.items()}
    return {by: [key for key in keys if key and key not in left_out.get(by, ())] for by, keys in found.items()}


def keys_entered(kind: Mergeable, entered: Any) -> dict[str, list[str]]:
    """The keys that entered values would have, by the same functions that the database stores them by."""
    left_out, found = kind.no_evidence(), dict[str, list[str]]()
    for by, columns in kind.evidence.items():
        keys = []
        for column in columns:
            field: Any = kind.model._meta.get_field(column)
            if isinstance(field, PhoneKey):
                keys.append(phones.e164(str(entered.get(field.of, "")), phones.default_region()))
            elif isinstance(field, models.GeneratedField):
                call = getattr(field, "expression")  # noqa: B009 - Django's stubs do not have it
                text = str(entered.get(call.source_expressions[0].name, ""))[:500]
                keys += compute_keys(call.extra["function"], [text]) if text else []
        found[by] = [key for key in keys if key and key not in left_out.get(by, ())]
    return found
