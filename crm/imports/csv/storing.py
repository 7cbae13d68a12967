"""A batch of rows into the database: each by itself, through the doors that people use, or not at all with the reason.

Everything here runs inside `acting()`. What one row lacks keeps no other from being stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any, cast

from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, transaction

from crm import handbook
from crm.activities.gate import CODE, bars_of
from crm.core.constraints import named, sentence_of
from crm.core.door import create, move
from crm.core.errors import Refused
from crm.core.flow import Ask, Stateful
from crm.core.locks import hold
from crm.core.permissions import may
from crm.enquiries.models import Enquiry
from crm.enquiries.receiving import Incoming, receive_enquiry
from crm.imports.csv.keys import find_existing, key_text, normal_keys
from crm.imports.csv.links import KEYS, Links, Named, People, find_records
from crm.imports.csv.mapping import Mapped
from crm.imports.csv.plan import CREATE, RULES, UPDATE, Plan
from crm.imports.csv.targets import PAST, WITH, Target
from crm.imports.salesforce.moving import still_to_do, verb_to
from crm.people.models import User
from crm.sync.models import ExternalId
from leads.assignment import create_lead
from leads.models import Lead

VIA = "import"
ENQUIRY_TEXTS = ("channel", "priority", "subject", "text", "name", "company", "email", "linkedin_url", "phone")
STORED = ("created", "updated", "unchanged")


@dataclass(slots=True)
class Result:
    """What became of one row: created, updated, unchanged, skipped or rejected; the record, and why.

    `told` is what to look at, by code; `later` are links to rows of the same file that may still come.
    """

    line: int
    outcome: str
    record_id: int | None = None
    code: str = ""
    message: str = ""
    told: list[tuple[str, str]] = field(default_factory=list)
    later: list[tuple[str, str, str]] = field(default_factory=list)


class Storing:
    """Stores the rows of one run by its plan."""

    def __init__(self, plan: Plan, *, file: str, actor: User, at: datetime, twice: Mapping[int, int] | None = None):
        self.plan, self.what, self.file = plan, plan.what, file
        self.actor, self.at, self.twice = actor, at, twice or {}
        self.people = People(plan)
        self.model: Any = plan.what.model
        self.fields = {f.attname: f for f in self.model._meta.concrete_fields}
        # Whether a person's record says where the details came from (L16).
        self.came_from = f"CSV import, {file}"[:255] if "came_from" in self.fields else ""
        self.may_place = may(actor, "place", self.model)

    def store(self, rows: Sequence[Mapped]) -> list[Result]:
        """What became of each row, in their order."""
        links = Links((cell for row in rows for cell in row.links.values()), system=self.plan.system)
        refused = {row.line: no for row in rows if (no := self._link(row, links))}
        self._hold_keys(rows)
        existing = find_existing(self.plan, [row for row in rows if row.line not in refused])
        results = []
        for row in rows:
            no = refused.get(row.line) or self._bar(row, existing.get(row.line, Named()))
            results.append(self._refused(row, no) if no else self._one(row, existing.get(row.line, Named()).one))
        self._claim_ids(rows, results)
        self._tell_suppressed(results)
        return results

    def _hold_keys(self, rows: Sequence[Mapped]) -> None:
        """Two writers might both find a key missing; its record does not exist yet, so it cannot be locked."""
        if any(row.id for row in rows):
            hold(("upsert", f"{self.plan.system}:{self.what.name}"))
        if (self.what.name, self.plan.key) in KEYS:
            hold(*((self.plan.key, key) for key in normal_keys(self.plan, [key_text(self.plan, row) for row in rows])))

    def _link(self, row: Mapped, links: Links) -> Refused | None:
        """Put the records and people that the row names in their places; a refusal when a needed one is not there."""
        needed = {column for need in self.what.needs if len(need) == 1 for column in need}
        for column, (target, text) in row.links.items():
            found = links.find(target, text)
            if found.one is not None:
                row.values[column] = found.one
            elif column in needed:
                return self._not_found(target, text, found)
            else:
                row.kept[self._column_name(target)] = text
                if len(found.ids) > 1 or target.links is not self.model:
                    said = "names several records here" if len(found.ids) > 1 else "is not known here"
                    row.flags.append(
                        ("unresolved_link", f"{target.label}: “{text[:80]}” {said}: kept with the record.")
                    )
        for column, (name, text) in row.people.items():
            user = self.people.find(text)
            if user is not None:
                row.values[column] = user
            else:
                row.kept[name] = text
                row.flags.append(("owner_not_found", f"{name}: “{text[:80]}” is nobody here: kept with the record."))
        if self.plan.account and "account_id" in self.fields and not row.values.get("account_id"):
            row.values["account_id"] = self.plan.account
        return self._nobody(row)

    def _not_found(self, target: Target, text: str, found: Named) -> Refused:
        kind = str(cast(Any, target.links)._meta.model_name)
        if len(found.ids) > 1:
            return Refused(
                f"{kind}_ambiguous", f"“{text[:80]}” names {len(found.ids)} records here: which one is meant?"
            )
        return Refused(f"{kind}_not_found", f"{target.label}: “{text[:80]}” is not known here.")

    def _nobody(self, row: Mapped) -> Refused | None:
        """A touch or a task is with or about somebody who is known."""
        if self.what.key not in ("touch", "task") or any(row.values.get(column) for column in WITH):
            return None
        texts = ", ".join(text for column, (_, text) in row.links.items() if column in WITH)
        return Refused("nobody_known", f"Nobody it is with is known here{f': {texts[:200]}' if texts else ''}.")

    def _column_name(self, target: Target) -> str:
        return self.plan.column_of(target.key) or target.label

    def _bar(self, row: Mapped, found: Named) -> Refused | None:
        """Why this row is not stored, whatever it says."""
        if row.line in self.twice:
            return Refused("duplicate_id", f"Line {self.twice[row.line]} has the same {self.plan.key} already.")
        if len(found.ids) > 1:
            return Refused("several_match", f"{len(found.ids)} records here have this {self.plan.key}: which is meant?")
        if found.one is not None:
            return None
        if self.plan.key and self.plan.mode == UPDATE and not key_text(self.plan, row):
            return Refused("no_key_value", f"It has no {self.plan.key} to be known by.")
        return None

    def _one(self, row: Mapped, pk: int | None) -> Result:
        """Store one row by itself: what it wrote goes when it is refused."""
        if pk is None and self.plan.mode == UPDATE:
            return Result(
                row.line, "skipped", None, "not_here", "No record here has this key: only updates were asked."
            )
        if pk is not None and self.plan.mode == CREATE:
            return Result(row.line, "skipped", pk, "here_already", "It is here already: only new ones were asked.")
        try:
            with transaction.atomic():
                return self._create(row) if pk is None else self._update(row, pk)
        except Refused as refusal:
            return self._refused(row, refusal)
        except ValidationError as error:
            return self._refused(row, Refused("bad_value", " ".join(error.messages)))
        except (IntegrityError, DataError) as error:
            return self._refused(row, self._by_constraint(error, row, pk))

    def _by_constraint(self, error: Exception, row: Mapped, pk: int | None) -> Refused:
        """The sentence that a constraint of the database has for the record as it would have been."""
        found = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) or ""
        constraint = named(self.model, found)
        said = "The database does not take it."
        if constraint is not None:
            record = (self.model._base_manager.filter(pk=pk).first() if pk else None) or self.model()
            for column, value in row.values.items():
                setattr(record, column, value)
            said = sentence_of(constraint, record)
        return Refused("not_possible", said)

    def _refused(self, row: Mapped, refusal: Refused) -> Result:
        return Result(row.line, "rejected", None, refusal.code, refusal.message, told=row.flags)

    # --- new ones -----------------------------------------------------------------------------------------------------

    def _needed(self, row: Mapped) -> None:
        """Raises `Refused` when what every new record needs is not in the row."""
        for need in self.what.needs:
            if not any(row.values.get(column) for column in need):
                labels = {"account_id": "account", "contract_id": "contract", "linkedin_url": "LinkedIn profile URL"}
                labels |= {"received_at": "time at which it was received"}
                said = " or ".join(labels.get(c, c.replace("_", " ")) for c in need)
                codes = {"account_id": "account_not_found", "contract_id": "contract_not_found", "name": "no_name"}
                code = "no_email_or_linkedin" if self.what.key == "lead" else codes.get(need[0], "missing_value")
                raise Refused(code, f"It has no {said}, and a new record needs it.")

    def _create(self, row: Mapped) -> Result:
        self._needed(row)
        try:
            record = self._made(row)
        except Refused as refusal:
            # The next step that nobody may be asked for is left out, the record is not: nothing was written yet.
            if refusal.code != CODE or not row.values.get("next_step"):
                raise
            for column in ("next_step", "next_step_due"):
                if value := row.values.pop(column, None):
                    row.kept[column] = str(value)
            row.flags.append((CODE, f"Its next step is not planned: {refusal.message}"))
            record = self._made(row)
        return Result(row.line, "created", record.pk, told=row.flags, later=self._later(row))

    def _made(self, row: Mapped) -> Any:
        record: Any = self.model(**row.values, kept=row.kept)
        if row.created is not None:
            record.created_at = min(row.created, self.at)
        if self.came_from:
            record.came_from = self.came_from
        self._complete(record)
        if isinstance(record, Enquiry):
            return self._received(row, record)
        if not isinstance(record, Stateful):
            if not may(self.actor, "add", self.model):
                raise Refused("forbidden", "You may not add these.")
            record.save(force_insert=True)
            return record
        kind = type(record)
        state = row.state or next(iter(kind.entry_states()))
        unowned = self.plan.owner == RULES and state in kind.entry_states()
        if unowned and isinstance(record, Lead) and record.owner_id is None:
            return create_lead(record, actor=self.actor, at=self.at, via=VIA, state=state)
        since = min(row.since or self._since(record, state) or row.created or self.at, self.at)
        return create(record, actor=self.actor, at=since, via=VIA, state=state)

    def _received(self, row: Mapped, told: Enquiry) -> Enquiry:
        """A request as it was received then: matched, with its clock and verdict, and nobody told."""
        texts: Any = {name: getattr(told, name) for name in ENQUIRY_TEXTS}
        incoming = Incoming(
            received_at=told.received_at,
            system=self.plan.system if row.id else "",
            external_id=row.id,
            kept=row.kept,
            **texts,
        )
        receipt = receive_enquiry(incoming, came_by=Enquiry.Came.IMPORT, actor=self.actor, at=self.at, via=VIA)
        if receipt.enquiry.barred:
            row.flags.append((CODE, "They are not to be contacted: no clock runs."))
        return receipt.enquiry

    def _since(self, record: Any, state: str) -> datetime | None:
        """A closed opportunity is so since the day it was closed, unless the file says otherwise."""
        day = getattr(record, "close_on", None)
        if self.what.key != "opportunity" or not day or state in {one.key for one in handbook.current().open_stages}:
            return None
        return datetime.combine(day, time(), handbook.current().zone)

    def _complete(self, record: Any) -> None:
        """Whose it is when no column says so, and who did what is done."""
        if "owner_id" in self.fields and record.owner_id is None and self.plan.owner.isdecimal():
            record.owner_id = int(self.plan.owner)
        if self.what.key == "touch" and record.by_id is None:
            record.by_id = self.actor.pk
        if self.what.key == "task":
            record.made_by_id = self.actor.pk
            record.owner_id = record.owner_id or self.actor.pk
            record.done_by_id = record.owner_id if record.done_at else None
        if self.what.key == "touch" and record.happened_at > self.at + timedelta(minutes=2):
            raise Refused("not_yet", "That has not happened yet: a touch lies in the past.")

    def _later(self, row: Mapped) -> list[tuple[str, str, str]]:
        """Links to records of the same kind that are not here yet: further down in the file, perhaps."""
        return [
            (column, target.key, text)
            for column, (target, text) in row.links.items()
            if column not in row.values and target.links is self.model
        ]

    # --- those that are here ------------------------------------------------------------------------------------------

    def _update(self, row: Mapped, pk: int) -> Result:
        record: Any = self.model._base_manager.select_for_update(of=("self",)).get(pk=pk)
        if isinstance(record, Enquiry):
            # What somebody asked is what they asked; what became of it is written down here.
            return Result(row.line, "unchanged", pk)
        if not may(self.actor, "change", record):
            raise Refused("forbidden", f"You may not change {record}.")
        version = record.version
        past = PAST.get(self.model, ())
        changed = []
        for column, value in row.values.items():
            name = self.fields[column].name
            if name not in past and getattr(record, column) != value:
                setattr(record, column, value)
                changed.append(name)
        kept = {**record.kept, **row.kept}
        if kept != record.kept:
            record.kept = kept
            changed.append("kept")
        if changed:
            record.save(update_fields=changed)
        if isinstance(record, Stateful) and row.state and record.current_state != row.state:
            self._move(row, record)
        record.refresh_from_db(fields=["version"])
        outcome = "updated" if record.version != version else "unchanged"
        return Result(row.line, outcome, pk, told=row.flags, later=self._later(row))

    def _move(self, row: Mapped, record: Stateful) -> None:
        """A status that changed in the file is moved as at every other door, or left and told of."""
        type(record).prepare_moves([record])
        ask = Ask(self.actor, self.at, VIA)
        record.ask = ask
        flow: Any = record._meta.get_field(record.FLOW)
        labels = {str(key): str(label) for key, label in flow.flatchoices}
        verb = verb_to(record, row.state, ask)
        facts = {name: row.values[name] for name in PAST.get(self.model, ()) if name in row.values}
        why = f"no move leads there from {labels.get(record.current_state, record.current_state)}."
        if verb:
            try:
                with transaction.atomic():
                    move(record, verb, actor=self.actor, at=self.at, via=VIA, **facts)
                return
            except Refused as refusal:
                current = labels.get(record.current_state, record.current_state)
                why = still_to_do(type(record), verb, current, refusal)
        row.flags.append(("status_not_moved", f"The file says {labels.get(row.state, row.state)}: {why}"))

    def _tell_suppressed(self, results: list[Result]) -> None:
        """Who is not to be contacted is stored, and named in the report (D3)."""
        if self.what.name not in ("lead", "contact"):
            return
        bars = bars_of(self.what.name, [one.record_id for one in results if one.record_id is not None])
        for one in results:
            if one.record_id is not None and (found := bars.get(one.record_id)):
                one.told.append((CODE, found[0].sentence))

    def _claim_ids(self, rows: Sequence[Mapped], results: list[Result]) -> None:
        """Know the stored records by their ids elsewhere; an id of another record that is here stays that record's."""
        wanted = {
            row.id: result for row, result in zip(rows, results, strict=True) if row.id and result.outcome in STORED
        }
        taken = find_records(self.model, "elsewhere", list(wanted), system=self.plan.system)
        mine = []
        for text, result in wanted.items():
            owner = taken[text].one
            if owner is None:
                mine.append((text, result.record_id))
            elif owner != result.record_id:
                said = f"The id “{text[:80]}” is another record's here ({owner}): it stays that one's."
                result.told.append(("id_taken", said))
        ExternalId.objects.bulk_create(
            [
                ExternalId(object=self.what.name, system=self.plan.system, value=text, record_id=pk)
                for text, pk in mine
                if pk is not None
            ],
            # One that outlived its record names the new one.
            update_conflicts=True,
            unique_fields=["object", "system", "value"],
            update_fields=["record_id"],
        )
