"""A Salesforce export held against the data rules before anybody moves: brought in, looked at, and undone.

What the rules see is what an import would make of the files, status by status and guard by guard; the transaction it
lies in is never committed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import connection
from django.db.models import Model
from django.db.models.expressions import RawSQL

from crm.checkups.elsewhere import Export, Progress, Told, ask_rules, reads
from crm.imports.folders import import_folder
from crm.imports.parts import kind_named
from crm.imports.salesforce import SYSTEM
from crm.imports.salesforce.objects import KINDS
from crm.imports.salesforce.reading import Table, Unreadable, long_cells
from crm.imports.salesforce.values import read_id
from crm.imports.sources import Folder
from crm.people.models import User
from crm.sync.models import ExternalId

MOST = 20  # so many sentences about what cannot be read
RECORDS = ("Account", "Contact", "Lead", "Opportunity")
NAMED = """
    SELECT known.record_id FROM sync_externalid known JOIN checkup_export given USING (value)
    WHERE known.object = %s AND known.system = %s AND given.object = %s
"""


@reads("salesforce")
def look_at_salesforce(folder: Path, actor: User, at: datetime, progress: Progress) -> Export:
    """Bring a folder in as `import_salesforce` does, ask the data rules about its records, and undo all of it.

    Raises:
        Refused: `forbidden` without the right to place records; `import_running` while another import works.
    """
    export = Export(str(folder))

    def look() -> None:
        export.told = ask(folder, at=at)

    report = import_folder(folder, actor=actor, at=at, dry_run=True, progress=progress, look=look)
    export.read = {name.rpartition(".")[0]: counts.read for name, counts in report.files.items()}
    codes = Counter(problem.code for problem in report.problems)
    first = {problem.code: problem for problem in reversed(report.problems)}
    export.problems = [(f"{first[code].message} ({first[code].file})", number) for code, number in codes.most_common()]
    export.unreadable = [f"{one.file}: {one.message}" if one.file else one.message for one in report.unread[:MOST]]
    return export


def ask(folder: Path, *, at: datetime) -> list[Told]:
    """Ask every data rule about the records of this folder, inside the transaction in which they are."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE checkup_export (object text, value text) ON COMMIT DROP")
        with cursor.copy("COPY checkup_export FROM STDIN") as copy:
            for row in ids_in(folder):
                copy.write_row(row)
        cursor.execute("ANALYZE checkup_export")
    kinds = {kind.model: str(kind.model._meta.model_name) for kind in KINDS if kind.name in RECORDS}
    among: dict[type[Model], Any] = {
        model: model._default_manager.filter(pk__in=RawSQL(NAMED, [name, SYSTEM, name])).values("pk")  # noqa: S611
        for model, name in kinds.items()
    }
    return ask_rules(among, name_of, at=at)


def ids_in(folder: Path) -> Iterator[tuple[str, str]]:
    """Kind and Salesforce Id of every row; what cannot be read is the import's to say."""
    source = Folder(folder)
    for name in source.names():
        _, kind = kind_named(name)
        if kind is None or kind.name not in RECORDS:
            continue
        with source.open(name) as file, long_cells():
            try:
                table = Table(Path(name), file, lambda size: None, lambda *problem: None)
                place = table.header.index("Id")
                for _, cells in table.rows():
                    if value := read_id(cells[place]):
                        yield str(kind.model._meta.model_name), value
            except (Unreadable, ValueError):
                continue


def name_of(record: Model) -> tuple[str, str]:
    """What Salesforce calls a record, and its name."""
    known: Any = ExternalId.objects.of(record).filter(system=SYSTEM).values_list("value", flat=True).first()
    return known or "", str(record)
