"""Records that are here already: what changed in the file since the last import is brought in, nothing else.

Of each column three values are known: what the file says now, what it said the last time (by its checksum), and what
is stored. Only where the first two differ does the file have something to say; an edit made here stays.
"""

from __future__ import annotations

from typing import Any

from psycopg.types.json import Jsonb

from crm.imports.salesforce.columns import Layout
from crm.imports.salesforce.kinds import TWICE, Need
from crm.imports.salesforce.moving import follow_statuses
from crm.imports.salesforce.planning import CHANGED, ERASED, FLAGS, KNOWN, MERGED, PLAN, STAGED, kept, seen
from crm.sync.store import listed, lock_records, update_records


def bring_up_to_date(cursor: Any, layout: Layout, header: list[str]) -> None:
    """Merge the rows that say something new, write what differs, and remember what was seen."""
    model = layout.kind.model
    cursor.execute(
        f"INSERT INTO {FLAGS} SELECT p.n, 'erased', %s FROM {PLAN} p WHERE NOT p.is_new AND p.was ? 'erased'", [ERASED]
    )
    present = "ARRAY[" + ", ".join(f"'{name}'" for name in layout.present) + "]"
    cursor.execute(
        f"""
        CREATE TEMP TABLE {KNOWN} ON COMMIT DROP AS
        SELECT * FROM (
            SELECT p.n, p.record_id, p.external_pk, p.was, (p.was - {present}) || {seen(layout)} AS seen
            FROM {PLAN} p JOIN {STAGED} s USING (n) WHERE NOT p.is_new) k
        WHERE seen <> was AND NOT was ? 'erased'
        """
    )
    if cursor.rowcount == 0:
        return
    cursor.execute(f"ANALYZE {KNOWN}")
    lock_records(cursor, model, f"(SELECT record_id FROM {KNOWN})")
    merge = Merge(layout)
    merge.run(cursor, header)
    if layout.kind.unique:
        _leave_second_ones(cursor, layout)
    update_records(cursor, model, MERGED, merge.columns, changed=CHANGED)
    cursor.execute(
        f"UPDATE sync_externalid e SET seen = k.seen"
        f" FROM {KNOWN} k JOIN {MERGED} m USING (n) WHERE e.id = k.external_pk"
    )
    if layout.flow:
        follow_statuses(cursor, layout)
    _flag(cursor, layout)


class Merge:
    """The statement that puts the three values of every column together."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        kind = layout.kind
        of_phone = {key: phone for phone, key in layout.keys.items()}
        links = {link.column: link for link in layout.links}
        self.values: dict[str, str] = {}
        for column in [*layout.targets, *of_phone]:
            if column in layout.unsaid:
                continue
            self.values[column] = self._choose(of_phone.get(column, column), f's."{column}"', column)
        for column, link in links.items():
            # A link that leads nowhere changes nothing; one that the file cleared is cleared, if it may be.
            fixed = link.required or link.else_importer
            says = f'p."{column}" IS NOT NULL' + ("" if fixed else f' OR s."x_{column}" IS NULL')
            self.values[column] = self._choose(column, f'p."{column}"', column, says)
        self.lost, self.broken = "false", "false"
        for need in kind.needs:
            self._never_all_empty(need)
        self._never_alone()
        self._in_order()
        self._come_with_status()
        self.columns = [*self.values, "kept", "updated_at"]

    @staticmethod
    def _changed(column: str) -> str:
        return f"k.seen->'{column}' IS DISTINCT FROM k.was->'{column}'"

    def _choose(self, name: str, theirs: str, column: str, also: str = "true") -> str:
        return f'CASE WHEN {self._changed(name)} AND ({also}) THEN {theirs} ELSE r."{column}" END'

    def _never_all_empty(self, need: Need) -> None:
        """Of these columns one stays filled: a file that empties them all leaves them as they are."""
        merged = {column: self.values.get(column, f'r."{column}"') for column in need.columns}
        self.lost = " AND ".join(need.lacks(column, value) for column, value in merged.items())
        for column, value in merged.items():
            if column in self.values:
                self.values[column] = f'CASE WHEN {self.lost} THEN r."{column}" ELSE {value} END'

    def _never_alone(self) -> None:
        """Of these links one stays: a file that clears or loses them all leaves them as they are."""
        links = [column for column in self.layout.kind.together if column in self.values]
        none = " AND ".join(f"({self.values[column]}) IS NULL" for column in links)
        for column in links:
            self.values[column] = f'CASE WHEN {none} THEN r."{column}" ELSE {self.values[column]} END'

    def _in_order(self) -> None:
        """Two dates that would change places, one of them changed here, stay as they are."""
        if self.layout.kind.in_order is None:
            return
        first, second = (self.values.get(column, f'r."{column}"') for column in self.layout.kind.in_order)
        self.broken = f"COALESCE(({second}) <= ({first}), false)"
        for column in set(self.layout.kind.in_order) & set(self.values):
            self.values[column] = f'CASE WHEN {self.broken} THEN r."{column}" ELSE {self.values[column]} END'

    def _come_with_status(self) -> None:
        """When and into what a lead was converted follows the file that placed it there, while it stays there."""
        flow = self.layout.flow
        for state, columns in self.layout.kind.come_with.items():
            for column in columns:
                link = f"x_{column}" in self.layout.at
                theirs = f'p."{column}"' if link else f's."{column}"'
                if not link and column not in self.layout.at:
                    continue
                later = self.values.get(column) or self._choose(column, theirs, column, f"{theirs} IS NOT NULL")
                self.values[column] = (
                    f"CASE WHEN r.\"{flow}\" = '{state}' AND k.was ? 'converted_at' THEN {later}"
                    f' ELSE r."{column}" END'
                )

    def _state(self) -> str:
        """Whether the file says of another status than the last time and than ours, and why it is left if it is."""
        kind, flow = self.layout.kind, self.layout.flow
        if not flow:
            return "SELECT false AS wants, NULL AS refused"
        wants = f's.state_known AND {self._changed(flow)} AND s."{flow}" <> r."{flow}"'
        whens = [f"WHEN r.\"{flow}\" = '{state}' THEN 'protected'" for state in kind.protected]
        # Moves of earlier imports have the import's time, which is no sign of a person's later word.
        whens.append(
            f"WHEN {wants} AND EXISTS (SELECT FROM history_move h WHERE h.object = '{kind.object}'"
            f" AND h.record_id = r.id AND h.via <> 'import' AND h.at > s.\"{flow}_since\") THEN 'later'"
        )
        return f"SELECT {wants} AS wants, CASE {' '.join(whens)} END AS refused"

    def run(self, cursor: Any, header: list[str]) -> None:
        """Make the table of merged rows: one for each record, should two ids name the same one."""
        values = ", ".join(f'{value} AS "{column}"' for column, value in self.values.items())
        cursor.execute(
            f"""
            CREATE TEMP TABLE {MERGED} ON COMMIT DROP AS
            SELECT DISTINCT ON (k.record_id) k.n, k.record_id, CASE WHEN d.wants THEN d.refused END AS refused, d.wants,
                   {self.lost} AS left_needed, {self.broken} AS out_of_order, {values},
                   CASE WHEN {self._changed("kept")} OR {self._links_changed()}
                        THEN (r.kept - %s::text[]) || {kept(self.layout)} ELSE r.kept END AS kept,
                   GREATEST(s.updated_at, r.updated_at) AS updated_at
            FROM {KNOWN} k JOIN {PLAN} p USING (n) JOIN {STAGED} s USING (n)
            JOIN {self.layout.kind.model._meta.db_table} r ON r.id = k.record_id
            CROSS JOIN LATERAL ({self._state()}) d
            ORDER BY k.record_id, k.n
            """,
            [header],
        )

    def _links_changed(self) -> str:
        return " OR ".join(["false", *(self._changed(link.column) for link in self.layout.links)])


def _leave_second_ones(cursor: Any, layout: Layout) -> None:
    """A record that would become the same as another is left as it is."""
    columns = listed(layout.kind.unique, "m"), listed(layout.kind.unique, "r")
    cursor.execute(
        f"""
        WITH twice AS (
            DELETE FROM {MERGED} WHERE n IN (
                SELECT m.n FROM {MERGED} m
                WHERE EXISTS (SELECT FROM {layout.kind.model._meta.db_table} r
                              WHERE r.id <> m.record_id AND ROW({columns[1]}) = ROW({columns[0]}))
                   OR EXISTS (SELECT FROM {MERGED} r WHERE r.n < m.n AND ROW({columns[1]}) = ROW({columns[0]})))
            RETURNING n)
        INSERT INTO {FLAGS}
        SELECT n, '{TWICE}', 'The same is here already, from another row: left as it was.' FROM twice
        """
    )


def _flag(cursor: Any, layout: Layout) -> None:
    """Tell of what the file said and was not done."""
    flow, model = layout.flow, layout.kind.model
    if flow:
        labels = dict(model._meta.get_field(flow).flatchoices)  # type: ignore[union-attr]
        cursor.execute(
            f"""
            INSERT INTO {FLAGS}
            SELECT m.n, '{flow}_left', 'The {flow} is ' || COALESCE(%s::jsonb->>s."{flow}", s."{flow}")
                || ' in the file now; it was left as ' || COALESCE(%s::jsonb->>r."{flow}", r."{flow}")
                || CASE m.refused WHEN 'later' THEN ', where it was moved later.' ELSE ', which no file changes.' END
            FROM {MERGED} m JOIN {STAGED} s USING (n) JOIN {model._meta.db_table} r ON r.id = m.record_id
            WHERE m.refused IS NOT NULL
            """,
            [Jsonb(labels)] * 2,
        )
    cursor.execute(
        f"INSERT INTO {FLAGS} SELECT m.n, s.hold_code, s.hold_message || ' What is here was left as it was.'"
        f" FROM {MERGED} m JOIN {STAGED} s USING (n) WHERE m.left_needed AND s.hold_code IS NOT NULL"
    )
    if layout.kind.in_order:
        said = "With the dates here it would end before it starts: both dates were left as they are."
        cursor.execute(f"INSERT INTO {FLAGS} SELECT n, 'dates_left', '{said}' FROM {MERGED} WHERE out_of_order")
    cursor.execute(
        f"INSERT INTO {FLAGS} SELECT k.n, 'deleted_here', 'It changed there, but was deleted here: left so.'"
        f" FROM {KNOWN} k LEFT JOIN {model._meta.db_table} r ON r.id = k.record_id WHERE r.id IS NULL"
    )
