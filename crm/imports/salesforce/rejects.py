"""Rows that only whoever has the file can mend: kept whole as held rows until the mended file is imported.

A row is known by what it is, wherever it stands: by its id there, or by what it says if it has none. Files of one name
are exported every day, and another one that does not have the row says nothing about it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from tempfile import SpooledTemporaryFile
from typing import Any

import orjson

from crm.imports.models import FILE_CODES, HeldRow, ImportRun
from crm.imports.salesforce import SYSTEM
from crm.imports.salesforce.values import read_id
from crm.sync.store import drop, stage

REJECTS = "import_rejects"
TYPES = {"line": "integer", "id": "text", "said": "text", "code": "text", "message": "text", "raw": "jsonb"}
# Beyond this they wait on disk: a file may be broken in every row.
IN_MEMORY = 8 * 1024 * 1024
# How rows without an id are called, and how those with one that is another row's too, or that cannot be read.
ROW = "Row "
WITHIN = " ("
LONGEST_ID = 200
MEND = {"deleted_there": "Restore it there and export it again if it should come."}
MEND_FILE = "Mend the file and import it again."


class Rejects:
    """The rejected rows of one file, in the order they were met, and the held ones that it brings mended.

    `repeated` are ids that come again in a later part of the file: what is held of those is not mended yet.
    """

    def __init__(self, object: str, file: str, repeated: frozenset[str] = frozenset()) -> None:
        self.object, self.file, self.repeated = object, file, repeated
        self.mended: set[int] = set()
        self._spool = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - lives as long as this

    def add(self, line: int, id: str, code: str, message: str, row: Mapping[str, str]) -> None:
        """Keep a row for `store`."""
        why = f"{message} {MEND.get(code, MEND_FILE)}"[:1000]
        self._spool.write(orjson.dumps([line, id[:LONGEST_ID], said(row), code, why, dict(row)]) + b"\n")

    def watcher(self, header: Sequence[str]) -> Callable[[Sequence[str]], None] | None:
        """What is to be told of each row that can be read, to know the held ones by; None if none are held."""
        waiting: dict[str, list[int]] = {}
        rows = HeldRow.objects.waiting().filter(system=SYSTEM, object=self.object, code__in=FILE_CODES)
        for pk, name in rows.order_by().values_list("pk", "external_id").iterator():
            id = name.partition(WITHIN)[0]
            if id == name or id not in self.repeated:
                waiting.setdefault(id, []).append(pk)
        if not waiting or "Id" not in header:
            return None
        place, by_content = header.index("Id"), any(name.startswith(ROW) for name in waiting)

        def met(cells: Sequence[str]) -> None:
            self.mended.update(waiting.get(read_id(cells[place])[:LONGEST_ID], ()))
            if by_content:
                self.mended.update(waiting.get(ROW + said(dict(zip(header, cells, strict=False))), ()))

        return met

    def store(self, cursor: Any, run: ImportRun) -> None:
        """Hold what was rejected, and let go what was held and has come mended.

        A row that was deleted there has its id to itself. An id that another row has, or that stands in a row that
        cannot be read, does not say enough by itself.
        """
        stage(cursor, REJECTS, TYPES, self._rows())
        mine = f"h.object = '{self.object}' AND h.system = '{SYSTEM}'"
        cursor.execute(f"ALTER TABLE {REJECTS} ADD COLUMN external_id text")
        cursor.execute(
            f"""
            UPDATE {REJECTS} r SET external_id = CASE
                WHEN r.id = '' THEN '{ROW}' || r.said
                WHEN d.is_gone AND d.nth = 1 AND NOT d.released THEN r.id
                WHEN d.is_gone OR r.code = 'duplicate_id' OR d.nth > 1 THEN r.id || '{WITHIN}' || r.said || ')'
                ELSE r.id || '{WITHIN}unreadable)' END
            FROM (SELECT i.line, i.code = 'deleted_there' AS is_gone,
                         row_number() OVER (PARTITION BY i.id, CASE WHEN i.code IN ('deleted_there', 'duplicate_id')
                                                                    THEN i.code END ORDER BY i.line) AS nth,
                         EXISTS (SELECT FROM imports_heldrow h WHERE {mine} AND h.external_id = i.id
                                 AND h.state <> 'held') AS released
                  FROM {REJECTS} i) d
            WHERE d.line = r.line
            """
        )
        # Rows that say the same are one: nothing tells them apart.
        cursor.execute(
            f"DELETE FROM {REJECTS} r USING {REJECTS} o WHERE o.external_id = r.external_id AND o.line < r.line"
        )
        cursor.execute(
            f"DELETE FROM imports_heldrow h WHERE {mine} AND h.id = ANY(%s) AND h.state = 'held' AND h.code = ANY(%s)"
            f" AND NOT EXISTS (SELECT FROM {REJECTS} r WHERE r.external_id = h.external_id)",
            [list(self.mended), list(FILE_CODES)],
        )
        cursor.execute(
            "UPDATE imports_heldrow h SET row = r.raw, code = r.code, message = r.message, file = %s, line = r.line,"
            f" state = 'held', discarded_because = '' FROM {REJECTS} r"
            f" WHERE {mine} AND h.external_id = r.external_id AND h.code <> 'erased' AND CASE h.state"
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
            *known, row = orjson.loads(written)
            yield [*known, orjson.dumps(row).decode()]


def said(row: Mapping[str, str]) -> str:
    """What a row says, as 16 hexadecimal digits: the same wherever its columns stand, and with an id or without."""
    cells = sorted((name, cell.strip()) for name, cell in row.items() if name != "Id" and cell.strip())
    return hashlib.sha256(orjson.dumps(cells)).hexdigest()[:16]
