"""A stored word that left the handbook is replaced by one that is in it: a few records at once, many by a job (K5).

Each record is changed as a person would change it: by who may, its version counted, the change in its history.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import forms

from crm import handbook
from crm.checkups.again import look_again
from crm.checkups.fixes import Change, Fix, fix
from crm.checkups.models import Finding, Step
from crm.checkups.words_left import Picklist, picklist_of, replacement_of
from crm.core.errors import Missing, Refused
from crm.core.flow import Stateful
from crm.core.locks import hold
from crm.core.permissions import may
from crm.jobs.kinds import JobKind, Row, register
from crm.jobs.models import ALLOWED, Job, JobSlice
from crm.jobs.services import start_job
from crm.jobs.slices import slices_of_ids
from crm.people.models import User

KIND = "checkup_word"
FEW = 50  # so many records are changed while the browser waits
SHOWN = 10
SLICE = 200
UNFINISHED = (Job.State.PREVIEWING, Job.State.READY, Job.State.WAITING, Job.State.RUNNING)
WORD = "checkups.replaced names no word for it: choose one on its page."


class WordForm(forms.Form):
    """The word that is to stand there."""

    by = forms.ChoiceField(label="Replace by", widget=forms.Select(attrs={"data-reload": ""}))

    def __init__(self, data: Any, *, choices: Sequence[tuple[str, str]]) -> None:
        super().__init__(data, auto_id="finding_%s")
        self.fields["by"].choices = [("", "Choose one"), *choices]  # type: ignore[attr-defined]


@fix("replace_word", label="Replace the word")
class ReplaceWord(Fix):
    """The word is replaced on every record that has it and that this person may change."""

    hint = "Records that you may not change stay as they are."

    def why_not(self, finding: Finding, actor: User) -> str:
        picklist = list_of(finding)
        if picklist is None:
            return "The field is no more."
        if is_a_state(picklist):
            return "Where a record stands changes by a move: choose one on the pages of these records."
        if not may(actor, "change", picklist.model):
            return f"You may not change {picklist.model._meta.verbose_name_plural}."
        return "" if picklist.choices else "The list is empty."

    def form(self, finding: Finding, data: Any = None) -> forms.Form:
        picklist = list_of(finding)
        if picklist is None:
            return forms.Form(data)
        likely = replacement_of(picklist, finding.detail, handbook.current())
        return WordForm(data or ({"by": likely} if likely else None), choices=list(picklist.choices.items()))

    def preview(self, finding: Finding, *, actor: User, at: datetime, by: str = "", **facts: Any) -> list[Change]:
        picklist, word = _chosen(finding, by)
        rows = picklist.having(finding.detail).order_by("pk")
        many = rows.count()
        label = picklist.choices[word]
        shown = [Change(str(row), finding.detail, label) for row in rows[:SHOWN]]
        if many > len(shown):
            shown.append(Change(f"And {many - len(shown):,} more", finding.detail, label))
        return shown

    def apply(self, finding: Finding, *, actor: User, at: datetime, via: str, by: str = "", **facts: Any) -> str:
        picklist, word = _chosen(finding, by)
        rows = list(picklist.having(finding.detail).select_for_update(of=("self",)).order_by("pk")[: FEW + 1])
        if len(rows) > FEW:
            raise Refused("too_many", "So many are replaced by a job: put this finding right on its page, by itself.")
        left = [row for row in rows if not may(actor, "change", row)]
        for row in rows:
            if row not in left:
                write(row, picklist, word)
        if len(left) == len(rows):
            raise Refused("forbidden", "You may change none of the records that have it.")
        said = f"“{finding.detail}” is “{picklist.choices[word]}” in {len(rows) - len(left)}"
        return f"{said}; {len(left)} you may not change" if left else said

    def hand_over(self, finding: Finding, *, actor: User, at: datetime, by: str = "", **facts: Any) -> Job | None:
        picklist, word = _chosen(finding, by)
        rows = picklist.having(finding.detail)
        many = rows.count()
        if many <= FEW:
            return None
        hold((KIND, str(finding.pk)))
        known = Job.objects.filter(kind=KIND, by=actor, input__finding=finding.pk, state__in=UNFINISHED).first()
        if known is not None and known.input["by"] == word:
            return known
        meta, label = picklist.model._meta, picklist.choices[word]
        return start_job(
            KIND,
            title=f"Replace “{finding.detail}” by “{label}” in {many:,} {meta.verbose_name_plural}",
            by=actor,
            at=at,
            input={
                "finding": finding.pk,
                "list": picklist.name,
                "word": finding.detail,
                "by": word,
                "object": str(meta.model_name),
                "singular": str(meta.verbose_name),
                "plural": str(meta.verbose_name_plural),
                "spoken": [[str(picklist.label).capitalize(), f"“{finding.detail}” becomes “{label}”"]],
                "confirm": "Replace it in",
            },
            slices=slices_of_ids(rows, SLICE),
            preview=True,
        )


def list_of(finding: Finding) -> Picklist | None:
    """The column or own field that a finding about a word is about."""
    what, _, name = finding.subject.partition(":")
    return picklist_of(name, handbook.current()) if what == "word" else None


def is_a_state(picklist: Picklist) -> bool:
    """Whether it is where a record stands, which only a move changes."""
    return issubclass(picklist.model, Stateful) and picklist.field == picklist.model.FLOW


def _chosen(finding: Finding, by: str) -> tuple[Picklist, str]:
    """The list, and the word of it that was chosen, else the one that the handbook names.

    Raises:
        Refused: `not_found`, `missing_facts` with `needs_word` or `invalid_by`.
    """
    picklist = list_of(finding)
    if picklist is None or is_a_state(picklist):
        raise Refused("not_found", "There is no such list whose words could be replaced.")
    word = by or replacement_of(picklist, finding.detail, handbook.current())
    if word not in picklist.choices:
        code = "invalid_by" if word else "needs_word"
        said = f"“{word}” is not in the list." if word else WORD
        raise Refused("missing_facts", said, [Missing(code, said, "by")])
    return picklist, word


def write(row: Any, picklist: Picklist, word: str) -> None:
    """Put the word on one record."""
    if picklist.kept_as:
        row.kept = {**row.kept, picklist.kept_as: word}
        row.save(update_fields=["kept"])
    else:
        setattr(row, picklist.field, word)
        row.save(update_fields=[picklist.field])


# --- many: a job ------------------------------------------------------------------------------------------------------


def _rows(job: Job, part: JobSlice, *, done: bool) -> list[Row]:
    picklist = picklist_of(job.input["list"], handbook.current())
    if picklist is None or job.input["by"] not in picklist.choices:
        return [_row(pk, "", "refused", "not_found", "The list or the word is no more.") for pk in part.input["ids"]]
    found = picklist.model._base_manager.filter(pk__in=part.input["ids"]).order_by("pk")
    records = {row.pk: row for row in (found.select_for_update(of=("self",)) if done else found)}
    return [_one(job, picklist, pk, records.get(pk), done=done) for pk in part.input["ids"]]


def _one(job: Job, picklist: Picklist, pk: int, record: Any, *, done: bool) -> Row:
    if record is None:
        return _row(pk, "", "refused", "not_found", "There is no such record.")
    label = str(record)[:255]
    stored = record.kept.get(picklist.kept_as) if picklist.kept_as else getattr(record, picklist.field)
    if stored != job.input["word"]:
        return _row(pk, label, "unchanged", "", "It has another word by now.")
    if not may(job.by, "change", record):
        return _row(pk, label, "refused", "forbidden", "You may not change it.")
    if not done:
        return _row(pk, label, ALLOWED, "", "")
    write(record, picklist, job.input["by"])
    return _row(pk, label, "replaced", "", "")


def _row(pk: int, label: str, outcome: str, code: str, message: str) -> Row:
    return {"id": pk, "label": label or f"Record {pk}", "outcome": outcome, "code": code, "message": message}


def finish(job: Job, at: datetime) -> None:
    """The rule looks at the finding again, which closes when no record has the word any more."""
    finding = Finding.objects.filter(pk=job.input["finding"]).first()
    if finding is not None:
        Step.objects.create(finding=finding, kind=Step.Kind.FIXED, at=at, by=job.by, text=job.title)
        look_again(finding, at=at)


def allow(job: Job) -> None:
    """Before every slice: who asked may still do it.

    Raises:
        Refused: `forbidden`.
    """
    picklist = picklist_of(job.input["list"], handbook.current())
    if picklist is not None and not may(job.by, "change", picklist.model):
        raise Refused("forbidden", f"{job.by} asked for this and may not change these records any more.")


register(
    JobKind(
        KIND,
        run=lambda job, part, at: _rows(job, part, done=True),
        preview=lambda job, part, at: _rows(job, part, done=False),
        finish=finish,
        allow=allow,
    )
)
