"""A CSV import by page or command: upload, choose, try, run. Each is short; the work is a worker's (work.py)."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from accounts.models import Account
from crm.core.errors import Missing, Refused
from crm.core.permissions import may
from crm.core.text import tidy
from crm.imports.csv import SYSTEM
from crm.imports.csv.looking import FILE
from crm.imports.csv.newcomers import people_named
from crm.imports.csv.plan import MODES, NEW, RULES, Plan, check_plan
from crm.imports.csv.targets import OBJECTS, STATE, targets_of
from crm.imports.csv.texts import DELIMITERS, ENCODINGS, detect_delimiter, detect_encoding, what_else
from crm.imports.csv.work import IMPORT, LOOK, TRY
from crm.imports.models import ImportRun
from crm.imports.runs import Slices, begin_import, begin_trial, locked_run, may_import_csv, once
from crm.imports.uploads import name_of, refuse, store_as
from crm.jobs.services import start_job
from crm.people.models import User

Stage = ImportRun.Stage
HEAD = 256 * 1024
MOST_BYTES = 100 * 1024 * 1024


def most_bytes() -> int:
    """How long a file may be."""
    return min(int(settings.UPLOAD_LIMIT), MOST_BYTES)


def check_file(upload: Any) -> tuple[str, str]:
    """The encoding and the delimiter of what was sent, from its beginning. Nothing is stored yet.

    Raises:
        Refused: `no_file`, `not_csv`, `empty_file`, `too_large`.
    """
    if upload is None:
        raise refuse("no_file", "Choose a CSV file.")
    name = name_of(upload)[:200]
    if not name.lower().endswith((".csv", ".txt", ".tsv")):
        raise refuse("not_csv", f"{name} is no CSV file: save it as CSV (.csv, .tsv or .txt).")
    if not upload.size:
        raise refuse("empty_file", f"{name} is empty.")
    if upload.size > most_bytes():
        most = most_bytes() // 1024 // 1024
        raise refuse("too_large", f"{name} has {upload.size // 1024 // 1024:,} MB; {most:,} are allowed. Cut it up.")
    head = upload.read(HEAD)
    upload.seek(0)
    if other := what_else(head):
        raise refuse("not_csv", f"{name} is no CSV file, it is {other}.")
    encoding = detect_encoding(head)
    if b"\x00" in head and not encoding.startswith("utf-16"):
        raise refuse("not_csv", f"{name} has binary zeros in it: it is no CSV.")
    text = codecs.getincrementaldecoder(encoding)("replace").decode(head)
    if not text.strip("\ufeff \t\r\n,;|"):
        raise refuse("empty_file", f"{name} has nothing in it.")
    return encoding, detect_delimiter(text.removeprefix("\ufeff"))


def upload_csv(
    upload: Any,
    *,
    object: str,
    ticket: UUID,
    actor: User,
    at: datetime,
    template: str = "",
    woken: bool = True,
) -> ImportRun:
    """Check a file, store it, and let a worker look through it. The same ticket again is the same run.

    Raises:
        Refused: `forbidden`, `unknown_object`, or what `check_file` finds.
    """
    may_import_csv(actor)

    def store(folder: str) -> ImportRun:
        if object not in OBJECTS:
            said = f"Choose what the rows are: {', '.join(OBJECTS)}."
            raise Refused("unknown_object", said, [Missing("unknown_object", said, "object")])
        encoding, delimiter = check_file(upload)
        run = ImportRun.objects.create(
            system=SYSTEM,
            source=tidy(name_of(upload))[:200],
            stage=Stage.LOOKING,
            started_at=at,
            by=actor,
            folder=folder,
            ticket=ticket,
            choices={"object": object, "encoding": encoding, "delimiter": delimiter, "template": template},
        )
        store_as(upload, f"{folder}/{FILE}")
        _look(run, actor, at, woken=woken)
        return run

    return once(ticket, store)


def _look(run: ImportRun, actor: User, at: datetime, *, woken: bool = True) -> None:
    run.stage, run.trial, run.found, run.parts = Stage.LOOKING, {}, {}, []
    run.job = start_job(
        LOOK,
        title=f"Look through {run.source}",
        by=actor,
        at=at,
        input={"run": run.pk},
        slices=[{"do": "look"}],
        woken=woken,
    )
    run.save(update_fields=["job", "stage", "trial", "found", "parts"])


def change_file(
    run: ImportRun, *, object: str, encoding: str, delimiter: str, actor: User, at: datetime, template: str = ""
) -> ImportRun:
    """Read the file anew: as other records, in another encoding, with another delimiter, or by another matching.

    Raises:
        Refused: `forbidden`, `not_now`, `unknown_object`, `unknown_encoding`, `unknown_delimiter`.
    """
    may_import_csv(actor)
    with transaction.atomic():
        locked = locked_run(run, (Stage.CHOOSING, Stage.TRIED, Stage.LOOKING))
        if locked.job and locked.job.unfinished:
            raise Refused("not_now", "The file is being read: wait for the end of that.")
        allowed: dict[str, tuple[str, Mapping[str, Any]]]
        allowed = {"object": (object, OBJECTS), "delimiter": (delimiter, DELIMITERS)}
        for name, (value, known) in allowed.items():
            if value not in known:
                said = f"Choose one of the {name}s."
                raise Refused(f"unknown_{name}", said, [Missing(f"unknown_{name}", said, name)])
        if encoding not in (*ENCODINGS, "utf-16-le", "utf-16-be"):
            said = "Choose one of the encodings."
            raise Refused("unknown_encoding", said, [Missing("unknown_encoding", said, "encoding")])
        locked.choices = {"object": object, "encoding": encoding, "delimiter": delimiter, "template": template}
        locked.save(update_fields=["choices"])
        _look(locked, actor, at)
    return locked


def keep_plan(run: ImportRun, changes: Mapping[str, Any], *, actor: User, at: datetime) -> ImportRun:
    """Keep what was chosen; a dry run of before counts no more. What is still to be decided is `missing_of`.

    Raises:
        Refused: `forbidden`, `not_now`, `unknown_choice`.
    """
    may_import_csv(actor)
    with transaction.atomic():
        locked = locked_run(run, (Stage.CHOOSING, Stage.TRIED))
        plan = replace(Plan.from_json(locked.choices), **changes)
        if wrong := _unknown(plan):
            raise Refused("unknown_choice", " ".join(one.message for one in wrong), wrong)
        locked.choices = {**plan.as_json(), "template": locked.choices.get("template", "")}
        locked.stage, locked.trial = Stage.CHOOSING, {}
        locked.save(update_fields=["choices", "stage", "trial"])
    return locked


def _unknown(plan: Plan) -> list[Missing]:
    """Choices that cannot be: a form sends only what it offers."""
    targets = targets_of(plan.what)
    wrong = [
        Missing("unknown_choice", f"{name}: there is no such field.", "columns")
        for name, one in plan.columns.items()
        if one.to not in ("", "kept") and one.to not in targets
    ]
    if plan.mode not in MODES:
        wrong.append(Missing("unknown_choice", "Choose whether to create, to update, or both.", "mode"))
    if plan.account is not None and not Account.objects.filter(pk=plan.account).exists():
        wrong.append(Missing("unknown_choice", "There is no such account.", "account"))
    people = {str(pk) for pk in User.objects.filter(is_service=False).values_list("pk", flat=True)}
    chosen = [one for one in plan.people.values() if one and one != NEW]
    if any(one not in people for one in chosen) or (plan.owner not in ("", RULES) and plan.owner not in people):
        wrong.append(Missing("unknown_choice", "An owner is one of the people here.", "owner"))
    return wrong


def missing_of(run: ImportRun, actor: User) -> list[Missing]:
    """What is still to be decided before the file can be tried."""
    if "error" in run.found or not run.found:
        return []
    plan = Plan.from_json(run.choices)
    missing = check_plan(plan, run.found)
    states = any(target.key == STATE for target in plan.targets().values())
    if states and not may(actor, "place", plan.what.model):
        said = f"Records are placed in a {plan.what.flow} by administrators: leave that column out, or ask one."
        missing.append(Missing("forbidden", said, "columns"))
    made = [text for text in people_named(plan, run.found) if plan.people.get(text) == NEW]
    if made and not may(actor, "add", User):
        missing.append(Missing("forbidden", "Users are made by administrators: choose somebody who is here.", "people"))
    return missing


def try_csv(run: ImportRun, *, actor: User, at: datetime, woken: bool = True) -> ImportRun:
    """Do everything and undo it, slice by slice, for the report. Asked twice, it is tried once.

    Raises:
        Refused: `forbidden`, `not_now`, `not_decided` with everything that is missing, `import_running`.
    """
    may_import_csv(actor)
    return begin_trial(TRY, run, lambda locked: _ready(locked, actor), actor=actor, at=at, woken=woken)


def start_csv(run: ImportRun, *, actor: User, at: datetime, woken: bool = True) -> ImportRun:
    """Import, in slices. Asked twice, it runs once.

    Raises:
        Refused: `forbidden`, `not_now`, `not_decided`, `import_running`.
    """
    may_import_csv(actor)
    return begin_import(IMPORT, run, lambda locked: _ready(locked, actor), actor=actor, at=at, woken=woken)


def _ready(run: ImportRun, actor: User) -> Slices:
    """What there is to do, once everything is decided."""
    if error := run.found.get("error"):
        raise Refused(error[1], error[2])
    if missing := missing_of(run, actor):
        raise Refused("not_decided", " ".join(one.message for one in missing), missing)
    return slices_of(run)


def slices_of(run: ImportRun) -> Slices:
    """What a job works, in order: what all rows need, the rows, and links between rows that were not there yet."""
    plan = Plan.from_json(run.choices)
    first: Slices = [{"do": "prepare", "rows": 0}]
    parts = [{"do": "store", "file": run.source, **part} for part in run.parts]
    among = any(target.links is plan.what.model for target in plan.targets().values())
    # Slices are numbered from 1, and the first one stores nothing.
    again = [{"do": "settle", "rows": 0, "of": number} for number in range(2, len(parts) + 2)] if among else []
    return first + parts + again
