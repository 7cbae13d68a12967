"""Rows that wait for a person: mended and released, discarded with a reason, and taken back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import connection, models, transaction

from crm import handbook
from crm.core.acting import acting
from crm.core.errors import Missing, Refused
from crm.core.permissions import may
from crm.core.text import tidy
from crm.imports.choices import book_with, remembered_choices
from crm.imports.csv import SYSTEM
from crm.imports.csv.holding import columns_of, mended, release
from crm.imports.folders import LOCK
from crm.imports.models import HeldRow
from crm.imports.report import Counts, Report
from crm.imports.salesforce import users
from crm.imports.salesforce.kinds import LINKEDIN, Kind
from crm.imports.salesforce.objects import KINDS
from crm.imports.salesforce.planning import STAGED
from crm.imports.salesforce.rows import RowMapper
from crm.imports.salesforce.storing import store_staged
from crm.people.models import User
from crm.sync.store import stage

# One page of rows, one request: beyond this somebody would wait for an answer too long.
MOST = 500
State = HeldRow.State


@dataclass(frozen=True, slots=True)
class Released:
    """What became of one row: the record it is stored as now, or why it waits still."""

    held: HeldRow
    record: models.Model | None
    refusal: Refused | None


def release_held_row(held: HeldRow, *, values: Mapping[str, str], actor: User, at: datetime, via: str) -> models.Model:
    """Store a held row as the import would have, with what a person supplies; returns the record.

    `values` are keyed by our names (`email`, `linkedin_url`, `last_name` ...) or by the file's columns. The next
    import of the same row leaves the record alone: it compares the row with how it came, not with how it was mended.

    Raises:
        Refused: `forbidden`, `not_held`, `mended_in_file`, `import_running`, `unknown_column`, or the code for which it
            is held still; `missing` then names every value that will not do.
    """
    with acting(actor=actor, via=via, at=at):
        locked = _lock([held.pk], actor).get(held.pk)
        record = _release(locked, values, actor, at)
    held.refresh_from_db()
    return record


def release_held_rows(
    values: Mapping[int, Mapping[str, str]], *, actor: User, at: datetime, via: str
) -> list[Released]:
    """Release many rows, each with its own values by its id: what became of each, in the order of ids.

    What one row lacks keeps no other from being stored.

    Raises:
        Refused: `forbidden`, `import_running`, or `too_many`; nothing was released.
    """
    if len(values) > MOST:
        raise Refused("too_many", f"{MOST} rows at most can be released at once; these are {len(values):,}.")
    answers = []
    with acting(actor=actor, via=via, at=at):
        found = _lock(values, actor)
        for pk in sorted(values):
            record, refusal = None, None
            try:
                with transaction.atomic():
                    record = _release(found.get(pk), values[pk], actor, at)
            except Refused as refused:
                refusal = refused
            except ValidationError as error:
                refusal = Refused("invalid", " ".join(error.messages))
            if pk in found:
                found[pk].refresh_from_db()
                answers.append(Released(found[pk], record, refusal))
    return answers


def discard_held_row(held: HeldRow, *, reason: str, actor: User, at: datetime, via: str) -> HeldRow:
    """Decide that a held row is not brought in. It stays out until its row says something else in a file.

    Raises:
        Refused: `forbidden`, `no_reason`, `not_held`, `import_running`.
    """
    (answer,) = discard_held_rows([held.pk], reason=reason, actor=actor, at=at, via=via)
    if answer.refusal:
        raise answer.refusal
    held.refresh_from_db()
    return held


def discard_held_rows(ids: Iterable[int], *, reason: str, actor: User, at: datetime, via: str) -> list[Released]:
    """Discard many rows for one reason: what became of each, in the order of ids.

    Raises:
        Refused: `forbidden`, `no_reason`, `import_running`, `too_many`; nothing was discarded.
    """
    said, wanted = tidy(reason), set(ids)
    if not said:
        missing = Missing("no_reason", "Say why: whoever looks for them later will ask.", "reason")
        raise Refused("no_reason", missing.message, [missing])
    if len(said) > 500:
        missing = Missing("too_long", "The reason is longer than 500 characters.", "reason")
        raise Refused("too_long", missing.message, [missing])
    return _decide(wanted, State.HELD, State.DISCARDED, said, actor, at, via)


def take_back_discard(ids: Iterable[int], *, actor: User, at: datetime, via: str) -> list[Released]:
    """Let discarded rows wait again: what became of each, in the order of ids.

    Raises:
        Refused: `forbidden`, `import_running`, `too_many`; nothing was taken back.
    """
    return _decide(set(ids), State.DISCARDED, State.HELD, "", actor, at, via)


def _decide(
    ids: set[int], before: State, after: State, reason: str, actor: User, at: datetime, via: str
) -> list[Released]:
    if len(ids) > MOST:
        raise Refused("too_many", f"{MOST} rows at most at once; these are {len(ids):,}.")
    answers = []
    with acting(actor=actor, via=via, at=at, reason=reason):
        found = _lock(ids, actor)
        able = [held for held in found.values() if held.state == before]
        for held in found.values():
            if held.state != before:
                answers.append(Released(held, None, _not(held)))
                continue
            held.state, held.discarded_because = after, reason
            answers.append(Released(held, None, None))
        HeldRow.objects.filter(pk__in=[held.pk for held in able]).update(state=after, discarded_because=reason)
    return answers


def _lock(ids: Iterable[int], actor: User) -> dict[int, HeldRow]:
    """The rows, locked in the order of their ids.

    Raises:
        Refused: `forbidden`, or `import_running`.
    """
    if not may(actor, "change", HeldRow):
        raise Refused("forbidden", "Held rows are released by managers and administrators.")
    # Not held(): a page cannot wait for an import that takes minutes.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock_shared(hashtextextended(%s, 7))", [":".join(LOCK)])
        if not cursor.fetchone()[0]:
            raise Refused("import_running", "An import is running: release it when that has ended.")
    rows = HeldRow.objects.select_for_update(of=("self",)).select_related("run").filter(pk__in=list(ids))
    return {held.pk: held for held in rows.order_by("pk")}


def _not(held: HeldRow | None) -> Refused:
    words = {State.HELD: "It waits: it was not discarded.", State.DISCARDED: "It was discarded."}
    said = words.get(State(held.state), "It was released already.") if held else "It is no longer there."
    return Refused("not_held", said)


def _release(held: HeldRow | None, values: Mapping[str, str], actor: User, at: datetime) -> models.Model:
    """Store one locked row."""
    if held is None or held.state != State.HELD:
        raise _not(held)
    if held.mended_in_file:
        raise Refused("mended_in_file", f"{held.message} It cannot be released here.")
    if held.system == SYSTEM:
        return release(held, values, actor=actor, at=at)
    report = Report(files={held.file: Counts()})
    kind = next((kind for kind in KINDS if kind.key == held.object), None)
    row = mended(held.row, names_of_columns(kind, held.row), values)
    if kind is None:
        importer = users.UserImport(held.file, report, held.run, at=at)
        importer.store(held.line, held.external_id, row, seen_in=held.row)
    else:
        # As the import would have: with the words that were chosen for it.
        with handbook.use_here(book_with(held.run.choices or remembered_choices(held.system))):
            _store_mended(held, kind, row, report, at=at)
    held.refresh_from_db()
    model: type[models.Model] = kind.model if kind else User
    return model._default_manager.get(pk=held.record_id)


def names_in(held: HeldRow) -> dict[str, str]:
    """Our names of what this row may be mended in, and the column of the file that each becomes."""
    if held.system == SYSTEM:
        return columns_of(held)
    return names_of_columns(next((kind for kind in KINDS if kind.key == held.object), None), held.row)


def names_of_columns(kind: Kind | None, row: Mapping[str, str]) -> dict[str, str]:
    """Our names of what a row may be mended in, and the column of the file that each becomes."""
    named = {"email": "Email", "first_name": "FirstName", "last_name": "LastName"}
    if kind is not None:
        named = {column: name for name, column in kind.fields.items()}
        named |= {words.column: name for name, words in kind.words.items()}
        named |= {link.column: link.source for link in kind.links}
        named["linkedin_url"] = next((name for name in row if LINKEDIN.fullmatch(name)), "LinkedIn__c")
    return named


def _store_mended(held: HeldRow, kind: Kind, mended: Mapping[str, str], report: Report, *, at: datetime) -> None:
    """Take one row through everything an import does with a file of them."""
    header = list(mended)
    mapper = RowMapper(kind, header, held.file, report, at=at)
    place = mapper.layout.at["seen"]
    as_it_came = [held.row.get(name, "") for name in header]
    seen = RowMapper(kind, header, held.file, Report(), at=at).map(held.line, held.external_id, as_it_came)[place]
    row = mapper.map(held.line, held.external_id, list(mended.values()))
    row[place] = seen
    with connection.cursor() as cursor:
        stage(cursor, STAGED, mapper.layout.types, [row])
        store_staged(cursor, mapper.layout, header, held.file, report, held.run)
    if not report.files[held.file].rejected:
        return
    why = next((one.code for one in report.problems if one.code in kind.holds), report.problems[0].code)
    wrong = [problem for problem in report.problems if problem.code == why or problem.code.startswith(("bad_", "too_"))]
    fields = {"bad_email": "email", "bad_linkedin_url": "linkedin_url", "no_email_or_linkedin": "email"}
    missing = [Missing(problem.code, problem.message, fields.get(problem.code, "")) for problem in wrong]
    raise Refused(why, " ".join(item.message for item in missing), missing)
