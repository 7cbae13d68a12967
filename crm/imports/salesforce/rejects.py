"""Rows that only whoever has the file can mend: kept whole as held rows until the mended file is imported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from tempfile import SpooledTemporaryFile
from typing import Any

import orjson

from crm.imports.models import FILE_CODES, ImportRun
from crm.imports.salesforce import SYSTEM
from crm.imports.store import drop, stage

REJECTS = "import_rejects"
LAST_LINE = 2_147_483_647
TYPES = {"line": "integer", "id": "text", "code": "text", "message": "text", "raw": "jsonb"}
# Beyond this they wait on disk: a file may be broken in every row.
IN_MEMORY = 8 * 1024 * 1024
MEND = {"deleted_there": "Restore it there and export it again if it should come."}
MEND_FILE = "Mend the file and import it again."


class Rejects:
    """The rejected rows of one file, in the order they were met."""

    def __init__(self, object: str, file: str) -> None:
        self.object, self.file, self.count = object, file, 0
        self._spool = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - lives as long as this

    def add(self, line: int, id: str, code: str, message: str, row: Mapping[str, str]) -> None:
        """Keep a row for `store`."""
        self.count += 1
        said = f"{message} {MEND.get(code, MEND_FILE)}"[:1000]
        self._spool.write(orjson.dumps([line, id, code, said, dict(row)]) + b"\n")

    def store(self, cursor: Any, run: ImportRun, lines: tuple[int, int] = (0, LAST_LINE)) -> None:
        """Hold what was rejected, and let go what an earlier import of these lines held and this one did not meet.

        A row that was deleted there has an id of its own; of the others the id is missing, taken, or not to be
        trusted, so they are known by their line.
        """
        stage(cursor, REJECTS, TYPES, self._rows())
        mine = f"h.object = '{self.object}' AND h.system = '{SYSTEM}'"
        cursor.execute(f"ALTER TABLE {REJECTS} ADD COLUMN external_id text")
        cursor.execute(
            f"""
            UPDATE {REJECTS} r SET external_id = CASE
                WHEN r.code = 'deleted_there' AND d.nth = 1 AND NOT d.released THEN r.id
                WHEN r.code IN ('deleted_there', 'duplicate_id') THEN r.id || ' (line ' || r.line || ')'
                ELSE %s || ':' || r.line END
            FROM (SELECT i.line, row_number() OVER (PARTITION BY i.code, i.id ORDER BY i.line) AS nth,
                         EXISTS (SELECT FROM imports_heldrow h WHERE {mine} AND h.external_id = i.id
                                 AND h.state <> 'held') AS released
                  FROM {REJECTS} i) d
            WHERE d.line = r.line
            """,
            [self.file[:200]],
        )
        cursor.execute(
            f"DELETE FROM imports_heldrow h WHERE {mine} AND h.file = %s AND h.state = 'held' AND h.code = ANY(%s)"
            " AND h.line BETWEEN %s AND %s"
            f" AND NOT EXISTS (SELECT FROM {REJECTS} r WHERE r.external_id = h.external_id)",
            [self.file, list(FILE_CODES), *lines],
        )
        cursor.execute(
            "UPDATE imports_heldrow h SET row = r.raw, code = r.code, message = r.message, file = %s, line = r.line,"
            f" state = 'held', discarded_because = '' FROM {REJECTS} r"
            f" WHERE {mine} AND h.external_id = r.external_id AND CASE h.state"
            " WHEN 'held' THEN (h.row, h.code, h.message, h.line) IS DISTINCT FROM (r.raw, r.code, r.message, r.line)"
            " WHEN 'discarded' THEN h.row IS DISTINCT FROM r.raw ELSE false END",
            [self.file],
        )
        cursor.execute(
            f"""
            INSERT INTO imports_heldrow
                (version, run_id, system, object, external_id, file, line, row, code, message, state, discarded_because)
            SELECT 1, %s, '{SYSTEM}', %s, r.external_id, %s, r.line, r.raw, r.code, r.message, 'held', ''
            FROM {REJECTS} r
            WHERE NOT EXISTS (SELECT FROM imports_heldrow h WHERE {mine} AND h.external_id = r.external_id)
            ORDER BY r.line
            """,
            [run.pk, self.object, self.file],
        )
        drop(cursor, REJECTS)

    def _rows(self) -> Iterator[list[Any]]:
        self._spool.seek(0)
        for written in self._spool:
            line, id, code, message, row = orjson.loads(written)
            yield [line, id, code, message, orjson.dumps(row).decode()]
