"""A Salesforce export held against the data rules before anybody moves: brought in, looked at, and undone.

What the rules see is what an import would make of the files, status by status and guard by guard; the transaction it
lies in is never committed.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import connection
from django.db.models import Model, Q
from django.db.models.expressions import RawSQL

from crm.checkups.elsewhere import Export, Gap, Progress, Told, ask_rules, reads
from crm.history.models import Move
from crm.imports.folders import import_folder
from crm.imports.parts import kind_named
from crm.imports.report import Problem
from crm.imports.salesforce import SYSTEM
from crm.imports.salesforce.objects import KINDS
from crm.imports.salesforce.reading import Table, Unreadable, long_cells
from crm.imports.salesforce.values import read_id
from crm.imports.sources import Folder
from crm.people.models import User
from crm.sync.models import ExternalId

ASKED_ABOUT: tuple[type[Model], ...] = (Move, ExternalId)
RECORDS = ("Account", "Contact", "Lead", "Opportunity", "Contract")
NUMBERED = re.compile(r"\b(as) (?:lead|contact|account) [0-9]+, ")
# Rules, or details of them, about what stands in other files: without one of those nothing is known of it.
SAID_BY = (
    ("data.won_without_contract", "", ("Contract",)),
    ("data.customer_facts", "subscription_end", ("Contract",)),
    ("data.customer_facts", "invoice_sent", ()),
    ("data.opportunity_facts", "needs_renews", ("Contract",)),
    ("data.opportunity_facts", "needs_amends", ("Contract",)),
    ("data.contract_invoice", "", ()),
    ("data.lead_without_next_touch", "", ("Task", "Event")),
    ("data.lead_placed_facts", "needs_evidence", ("Task", "Event")),
    ("data.lead_placed_facts", "needs_meeting", ("Event",)),
)
# Records that name somebody or something that is in no file. An owner whose Id does not begin so is a queue.
OWNED = Q(owner=None, kept__has_key="OwnerId", kept__OwnerId__startswith="005")
LINKED = (
    ("data.lead_without_owner", "", OWNED, "the owner"),
    ("data.lead_placed_facts", "needs_owner", OWNED, "the owner"),
    ("data.contact_without_account", "", Q(account=None, kept__has_key="AccountId"), "the account"),
)
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
    unread = {id(problem) for problem in report.unread}
    export.problems = list(grouped(problem for problem in report.problems if id(problem) not in unread))
    export.unreadable = [
        f"{sentence} {number - 1:,} more like it." if number > 1 else sentence
        for sentence, number in grouped(report.unread)
    ]
    return export


def grouped(problems: Iterable[Problem]) -> Iterator[tuple[str, int]]:
    """The first problem of each kind in each file and how many there are, most first; 0 where it is of a whole file.

    The number of a record here is left out: it was never stored.
    """
    kinds: dict[tuple[str, str], list[Problem]] = defaultdict(list)
    for problem in problems:
        kinds[problem.file, problem.code].append(problem)
    for same in sorted(kinds.values(), key=len, reverse=True):
        first = same[0]
        message = NUMBERED.sub(r"\1 ", first.message)
        if not first.line:
            yield (f"{first.file}: {message}" if first.file else message), 0
        else:
            yield f"{first.file}, line {first.line}: {message}", len(same)


def gaps(folder: Path) -> Iterator[Gap]:
    """What a folder without some files, or with links into files that it lacks, does not say."""
    kinds = (kind_named(name)[1] for name in Folder(folder).names())
    there = {kind.name for kind in kinds if kind is not None}
    for rule, detail, files in SAID_BY:
        if not there & set(files):
            missing = " or ".join(f"{name}.csv" for name in files)
            yield Gap(rule, f"{missing} is not in the folder." if files else "no file has it.", detail=detail)
    for rule, detail, rows, of in LINKED:
        yield Gap(rule, f"{of} that is named is not in the folder.", rows=rows, detail=detail)


def ask(folder: Path, *, at: datetime) -> list[Told]:
    """Ask every data rule about the records of this folder, inside the transaction in which they are."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE checkup_export (object text, value text) ON COMMIT DROP")
        with cursor.copy("COPY checkup_export FROM STDIN") as copy:
            for row in ids_in(folder):
                copy.write_row(row)
        # What was brought in just now is in no statistics: a plan without them asks each row about every other.
        models: set[type[Model]] = {*(one.model for one in KINDS), *ASKED_ABOUT}
        tables = ", ".join(sorted(one._meta.db_table for one in models))
        cursor.execute(f"ANALYZE checkup_export, {tables}")
    kinds = {kind.model: str(kind.model._meta.model_name) for kind in KINDS if kind.name in RECORDS}
    among: dict[type[Model], Any] = {
        model: model._default_manager.filter(pk__in=RawSQL(NAMED, [name, SYSTEM, name])).values("pk")  # noqa: S611
        for model, name in kinds.items()
    }
    return ask_rules(among, name_of, at=at, gaps=list(gaps(folder)))


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
