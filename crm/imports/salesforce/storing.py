"""The staged rows of one file into the database: made, merged or held, flagged and counted."""

from __future__ import annotations

from typing import Any

from crm.imports.models import ImportRun
from crm.imports.report import Report
from crm.imports.salesforce import SYSTEM
from crm.imports.salesforce.columns import Layout
from crm.imports.salesforce.kinds import NOBODY, TWICE, Kind, Link
from crm.imports.salesforce.merging import bring_up_to_date
from crm.imports.salesforce.optouts import suppress_opted_out
from crm.imports.salesforce.past_storing import store_past
from crm.imports.salesforce.planning import (
    ALL,
    CHANGED,
    ERASED,
    FLAGS,
    PLAN,
    STAGED,
    kept,
    leads_to,
    lost,
    make_plan,
    seen,
)
from crm.sync.store import drop, frame, insert_records

BATCH = 5000
# By line: the id, and the line that has it first.
Twice = dict[int, tuple[str, int]]
# No company has as many levels of subsidiaries or superiors; a circle of more is not looked for.
HIGHEST = 20


def store_staged(cursor: Any, layout: Layout, header: list[str], file: str, report: Report, run: ImportRun) -> Twice:
    """Store what was staged of one file, and complete the report of it. Returns rows whose id an earlier one has."""
    twice = _take_out_second_ids(cursor)
    if layout.kind.past:
        _leave_discarded(cursor, layout)
        store_past(cursor, layout, layout.kind.past)
        hold_back(cursor, layout.kind, _why_held(layout), file, run)
        tell(cursor, file, report)
        count(cursor, file, report)
        drop(cursor, *ALL)
        return twice
    _hold_without_profile(cursor, layout)
    _leave_discarded(cursor, layout)
    make_plan(cursor, layout)
    suppress_opted_out(cursor, layout)
    if layout.kind.unique:
        _hold_second_ones(cursor, layout)
    _make_new(cursor, layout, file)
    bring_up_to_date(cursor, layout, header)
    hold_back(cursor, layout.kind, _why_held(layout), file, run)
    _flag_links(cursor, layout, file, report)
    if layout.kind.object == "lead":
        _flag_duplicates(cursor)
    if layout.kind.after:
        layout.kind.after(cursor, layout, file, report)
    if layout.kind.object == "activity":
        _tell_of_violations(cursor, file, report)
    tell(cursor, file, report)
    count(cursor, file, report)
    drop(cursor, *ALL)
    return twice


def _take_out_second_ids(cursor: Any) -> Twice:
    """An id names one row of a file: the first."""
    cursor.execute(
        f"""
        DELETE FROM {STAGED} s USING (
            SELECT n, first_value(n) OVER same AS first_n FROM {STAGED}
            WINDOW same AS (PARTITION BY external_id ORDER BY n)) d
        WHERE s.n = d.n AND d.n <> d.first_n RETURNING s.n, s.external_id, d.first_n
        """
    )
    return {line: (external_id, first) for line, external_id, first in cursor.fetchall()}


def _hold_without_profile(cursor: Any, layout: Layout) -> None:
    """A LinkedIn URL of a company or of nobody reaches no person: only the key's function can tell."""
    for need in layout.kind.needs:
        if need.profile in layout.at:
            lacking = " AND ".join(need.lacks(c, f's."{c}"') for c in need.columns if c in layout.at)
            said = f"{need.message} ({{}} names no person: linkedin.com/in/name would.)"
            cursor.execute(
                f"UPDATE {STAGED} s SET hold_code = %s, hold_message = replace(%s, '{{}}', s.\"{need.profile}\")"
                f" WHERE s.hold_code IS NULL AND {lacking}",
                [need.code, said],
            )


def _leave_discarded(cursor: Any, layout: Layout) -> None:
    """What somebody discarded stays out as long as its row says the same; a row that changed is looked at anew."""
    cursor.execute(
        f"UPDATE {STAGED} s SET hold_code = 'discarded', hold_message = 'It was discarded here: left out.'"
        f" FROM imports_heldrow h WHERE h.object = %s AND h.system = '{SYSTEM}' AND h.external_id = s.external_id"
        " AND h.state = 'discarded' AND h.row = s.raw",
        [layout.kind.key],
    )


def _make_new(cursor: Any, layout: Layout, file: str) -> None:
    """Ids first, because a link within the file may lead to any row of it; then the records."""
    kind = layout.kind
    cursor.execute(
        f"INSERT INTO sync_externalid (object, system, value, record_id, seen)"
        f" SELECT %s, '{SYSTEM}', s.external_id, p.record_id, {seen(layout)}"
        f" FROM {PLAN} p JOIN {STAGED} s USING (n) WHERE p.is_new AND p.record_id IS NOT NULL",
        [kind.object],
    )
    columns = [*layout.targets, *layout.keys.values(), "created_at", "updated_at"]
    columns += [c for c in layout.come_with if c in layout.at]
    columns += [layout.flow, f"{layout.flow}_since"] if layout.flow else []
    picked = {column: f's."{column}"' for column in columns}
    for link in layout.links:
        ours = f'p."{link.column}"'
        picked[link.column] = f"COALESCE({ours}, {frame().actor.pk})" if link.else_importer else ours
    # A file without the column still needs somebody.
    picked |= {k.column: str(frame().actor.pk) for k in kind.links if k.else_importer and k.column not in picked}
    picked["kept"] = kept(layout)
    if kind.came_from:
        picked["came_from"] = f"'Salesforce export, {kind.name}.csv'"
    listed = ", ".join(f'{value} AS "{column}"' for column, value in picked.items())
    source = (
        f"(SELECT p.record_id, {listed} FROM {STAGED} s JOIN {PLAN} p USING (n)"
        " WHERE p.is_new AND p.record_id IS NOT NULL)"
    )
    insert_records(cursor, kind.model, source, list(picked))


def hold_back(cursor: Any, kind: Kind, why: str, file: str, run: ImportRun) -> None:
    """Keep whole what cannot be stored; a row that was held and can be stored now is released by that.

    `why` is SQL: the sentence for a planned row `p` and its staged one `s`.
    """
    mine = f"h.object = '{kind.key}' AND h.system = '{SYSTEM}' AND h.external_id = p.external_id"
    cursor.execute(
        f"UPDATE imports_heldrow h SET state = 'released', record_id = p.record_id FROM {PLAN} p"
        f" WHERE {mine} AND h.state <> 'released' AND p.is_new AND p.record_id IS NOT NULL"
    )
    cursor.execute(
        f"""
        CREATE TEMP TABLE import_held ON COMMIT DROP AS
        SELECT p.n, p.external_id, s.raw, p.hold, {why} AS said
        FROM {PLAN} p JOIN {STAGED} s USING (n) WHERE p.is_new AND p.record_id IS NULL
        """
    )
    cursor.execute(f"INSERT INTO {FLAGS} SELECT n, hold, said FROM import_held")
    cursor.execute(
        f"UPDATE imports_heldrow h SET row = p.raw, code = p.hold, message = p.said, file = %s, line = p.n,"
        f" state = 'held', discarded_because = '' FROM import_held p WHERE {mine} AND h.state <> 'released'"
        " AND h.code <> 'erased'"
        " AND p.hold <> 'discarded' AND (h.row, h.code) IS DISTINCT FROM (p.raw, p.hold)",
        [file],
    )
    cursor.execute(
        f"""
        INSERT INTO imports_heldrow
            (version, run_id, system, object, external_id, file, line, row, code, message, state, discarded_because)
        SELECT 1, %s, '{SYSTEM}', '{kind.key}', p.external_id, %s, p.n, p.raw, p.hold, p.said, 'held', ''
        FROM import_held p WHERE p.hold <> 'erased' AND NOT EXISTS (SELECT FROM imports_heldrow h WHERE {mine})
        ORDER BY p.n
        """,
        [run.pk, file],
    )
    drop(cursor, "import_held")


def _why_held(layout: Layout) -> str:
    """SQL: the sentence about a row that cannot be stored."""
    kind, whens = layout.kind, [f"WHEN 'erased' THEN '{ERASED}'"]
    for needed in kind.needed_links:
        theirs = f's."x_{needed.column}"' if f"x_{needed.column}" in layout.at else "NULL"
        said = f"COALESCE('{needed.source} ' || {theirs} || ' is not known here.', 'It has no {needed.source}.')"
        whens.append(f"WHEN '{needed.object}_not_found' THEN {said}")
    if kind.together:
        ids = [
            f"'{source} ' || {leads_to(links)[0]}"
            for source, links in layout.sources
            if any(link.column in kind.together for link in links)
        ]
        listed = f"NULLIF(concat_ws(', ', {', '.join(ids)}), '')" if ids else "NULL"
        nobody = f"COALESCE('Nobody it is with is known here: ' || {listed} || '.', 'It is with nobody.')"
        whens.append(f"WHEN '{NOBODY}' THEN {nobody}")
    if kind.unique:
        whens.append(f"WHEN '{TWICE}' THEN 'The same is here already, from another row.'")
    return f"COALESCE(s.hold_message, CASE p.hold {' '.join(whens)} END)"


def _hold_second_ones(cursor: Any, layout: Layout) -> None:
    """Hold a new row that would be the same as another: its columns name one record."""
    table, columns = layout.kind.model._meta.db_table, layout.kind.unique
    links = {link.column for link in layout.links}
    mine = [f'p."{c}"' if c in links else f's."{c}"' for c in columns]
    same = " AND ".join(f'r."{c}" = d."{c}"' for c in columns)
    named = ", ".join(f'{value} AS "{c}"' for c, value in zip(columns, mine, strict=True))
    cursor.execute(
        f"""
        UPDATE {PLAN} o SET record_id = NULL, hold = '{TWICE}'
        FROM (SELECT p.n, {named}, row_number() OVER (PARTITION BY {", ".join(mine)} ORDER BY p.n) AS nth
              FROM {PLAN} p JOIN {STAGED} s USING (n) WHERE p.is_new AND p.hold IS NULL) d
        WHERE o.n = d.n AND (d.nth > 1 OR EXISTS (SELECT FROM {table} r WHERE {same}))
        """
    )


def _flag_links(cursor: Any, layout: Layout, file: str, report: Report) -> None:
    """Links that lead nowhere. Owners are told of once: an export without its users has one in every row."""
    for source, links in layout.sources:
        link = links[0]
        joined = f"{PLAN} p JOIN {STAGED} s USING (n) WHERE {lost(links)} AND p.record_id IS NOT NULL"
        theirs = leads_to(links)[0]
        if link.object == "user":
            cursor.execute(f"SELECT count(*) FROM {joined}")
            (rows,) = cursor.fetchone()
            if rows:
                left = "theirs is who imports" if link.else_importer else "left unowned"
                said = f"{rows:,} rows have an owner who is not known here: {left}, {source} kept with the record."
                report.add(file, 0, "", "owner_not_found", said)
        else:
            own = f"{theirs} = p.external_id" if link.object == layout.kind.object else "false"
            cursor.execute(
                f"INSERT INTO {FLAGS} SELECT n, CASE WHEN {own} THEN 'own_parent' ELSE 'unresolved_link' END,"
                f" CASE WHEN {own} THEN '{_itself(link)} ({source}): kept with the record.'"
                f" ELSE '{source} ' || {theirs} || ' is not known here: kept with the record.' END FROM {joined}"
            )
        if link.object == layout.kind.object:
            _flag_circles(cursor, layout, link)


def _itself(link: Link) -> str:
    return "They report to themselves" if link.column == "reports_to_id" else "It is its own parent"


def _flag_circles(cursor: Any, layout: Layout, link: Link) -> None:
    """Rows whose chain of parents comes back to them: stored as they are, for a person to say who is above whom."""
    table = layout.kind.model._meta.db_table
    cursor.execute(
        f"""
        WITH RECURSIVE above (n, start, at, steps) AS (
            SELECT p.n, r.id, r."{link.column}", 1 FROM {PLAN} p JOIN {table} r ON r.id = p.record_id
            WHERE r."{link.column}" IS NOT NULL
            UNION ALL
            SELECT a.n, a.start, r."{link.column}", a.steps + 1 FROM above a JOIN {table} r ON r.id = a.at
            WHERE a.at <> a.start AND a.steps < {HIGHEST} AND r."{link.column}" IS NOT NULL)
        INSERT INTO {FLAGS} SELECT n, 'circular', '{link.source} leads in a circle, back to this row.'
        FROM above WHERE at = start
        """
    )


def _flag_duplicates(cursor: Any) -> None:
    """Leads that share an email or a LinkedIn URL with another one, of this file or here before. None is merged.

    By groups and not by pairs: an address that thousands share would make millions of pairs.
    """
    cursor.execute(
        f"""
        CREATE TEMP TABLE import_keys ON COMMIT DROP AS
        SELECT p.n, l.id, l.email_key, l.linkedin_key FROM {PLAN} p JOIN leads_lead l ON l.id = p.record_id;
        ANALYZE import_keys
        """
    )
    for key, said in (("email_key", "email"), ("linkedin_key", "LinkedIn URL")):
        cursor.execute(
            f"""
            CREATE TEMP TABLE import_groups ON COMMIT DROP AS
            SELECT l.{key} AS key, min(l.id) AS first, max(l.id) AS last FROM leads_lead l
            WHERE l.{key} IN (SELECT {key} FROM import_keys WHERE {key} <> '') GROUP BY 1 HAVING count(*) > 1;
            ANALYZE import_groups
            """
        )
        cursor.execute(
            f"""
            INSERT INTO {FLAGS}
            SELECT m.n, 'likely_duplicate', 'Likely the same person as lead ' || o.id || ', '
                   || COALESCE(NULLIF(btrim(o.first_name || ' ' || o.last_name), ''), NULLIF(o.email, ''),
                               o.linkedin_url)
                   || ': the same {said}.'
            FROM import_keys m JOIN import_groups g ON g.key = m.{key}
            JOIN leads_lead o ON o.id = CASE WHEN g.first = m.id THEN g.last ELSE g.first END
            """
        )
        drop(cursor, "import_groups")
    drop(cursor, "import_keys")


def _tell_of_violations(cursor: Any, file: str, report: Report) -> None:
    """How many touches reached out to who was not to be contacted then: the database has marked them (D4)."""
    cursor.execute(
        f"SELECT count(*) FROM {PLAN} p JOIN activities_activity a ON a.id = p.record_id"
        " WHERE a.violation_of_id IS NOT NULL"
        f" AND (p.is_new OR EXISTS (SELECT FROM {CHANGED} c WHERE c.record_id = a.id))"
    )
    (found,) = cursor.fetchone()
    if found:
        said = f"{found:,} touches reached out to somebody who was not to be contacted then: marked as violations."
        report.add(file, 0, "", "violations", said)


def tell(cursor: Any, file: str, report: Report) -> None:
    """Put the flags into the report: one problem for each row and code."""
    cursor.execute(
        f"SELECT n, external_id, code, string_agg(message, ' ') FROM {FLAGS} JOIN {PLAN} USING (n)"
        " GROUP BY 1, 2, 3 ORDER BY 1, 3"
    )
    while rows := cursor.fetchmany(BATCH):
        for row in rows:
            report.add(file, *row)


def count(cursor: Any, file: str, report: Report) -> None:
    """Count what became of each staged row."""
    cursor.execute(
        f"""
        SELECT count(*) FILTER (WHERE p.is_new AND p.record_id IS NOT NULL),
               count(*) FILTER (WHERE NOT p.is_new AND c.record_id IS NOT NULL),
               count(*) FILTER (WHERE NOT p.is_new AND c.record_id IS NULL),
               count(*) FILTER (WHERE p.record_id IS NULL),
               count(*) FILTER (WHERE p.record_id IS NOT NULL AND (s.flagged OR f.n IS NOT NULL))
        FROM {PLAN} p JOIN {STAGED} s USING (n)
        LEFT JOIN {CHANGED} c USING (record_id)
        LEFT JOIN (SELECT DISTINCT n FROM {FLAGS}) f USING (n)
        """
    )
    counts = report.files[file]
    counts.created, counts.updated, counts.unchanged, rejected, counts.flagged = cursor.fetchone()
    counts.rejected += rejected
