"""How labels are written (L15): sentence case, proper nouns as they are, acronyms as the handbook has them.

The labels of the handbook file are looked at when it is read, which is refused with a wrong one. What is left is what
the program calls things, and what an administrator wrote in views, sections and links.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.utils.choices import CallableChoiceIterator
from django.utils.text import capfirst

from crm.checkups.rules import Look, Looked, Sight, checkup
from crm.core.panels import panels_for
from crm.site import site
from crm.workspace.fields import HIDDEN, OF_THE_PROGRAM, fields_of
from crm.workspace.models import OBJECTS, ListView, PageLayout
from crm.workspace.validity import model_of

# Statuses that the page of the handbook writes so: "SAO Converted".
AS_THE_PAGE_HAS_THEM = frozenset({"SAO Converted"})


@dataclass(frozen=True, slots=True)
class Label:
    """One label: its text, and where it stands."""

    text: str
    subject: str
    detail: str
    where: str


@checkup(
    "data.labels",
    title="Labels are in sentence case, with proper nouns and acronyms as the handbook has them",
    row="L15",
    why="“Bad data”, not “Bad Data”: what is written in one way is read at a glance.",
)
def labels(look: Look) -> Looked:
    """Names of records, fields, words and panels of the program; views of everybody, sections and useful links."""
    wording, found, at = look.book.wording, [], 0
    for one in (*program_labels(), *workspace_labels()):
        at += 1
        right = wording.corrected(one.text)
        if one.text == right or one.text in AS_THE_PAGE_HAS_THEM:
            continue
        found.append(
            Sight(
                subject=one.subject,
                label=one.where,
                detail=one.detail,
                expected=f"“{right}”, or the capitals listed under words in the handbook",
                found=f"“{one.text}”",
            )
        )
    return Looked(at=at, sights=found, note="Views of single people are in their own words and were not looked at.")


def program_labels() -> Iterator[Label]:
    """What the program calls its records, their fields and the words of its own lists."""
    for kind in apps.get_models():
        if kind not in site._registry and kind._meta.model_name not in dict(OBJECTS):
            continue  # nobody meets its name
        meta = kind._meta
        subject, of = f"label:{meta.label_lower}", f"of {meta.verbose_name_plural}"
        yield from _labels(subject, "The name", [("one", meta.verbose_name), ("many", meta.verbose_name_plural)])
        columns = [one for one in meta.get_fields() if isinstance(one, models.Field) and not _is_of_the_program(one)]
        yield from _labels(subject, f"A field {of}", [(one.name, one.verbose_name) for one in columns])
        for one in columns:
            if one.choices and not isinstance(one.choices, CallableChoiceIterator):
                words = [(f"{one.name}:{key}", label) for key, label in one.flatchoices]
                yield from _labels(subject, f"A word for the {one.verbose_name} {of}", words)
    for name, _ in OBJECTS:
        kind = model_of(name)
        subject, of = f"label:{kind._meta.label_lower}", f"of {kind._meta.verbose_name_plural}"
        declared = [
            (one.name, one.label) for one in fields_of(kind) if not one.kept_as and not _is_column(kind, one.name)
        ]
        yield from _labels(subject, f"A field {of}", declared)
        panels = [(f"panel:{one.name}", one.title) for one in panels_for(kind).values()]
        yield from _labels(subject, f"A panel {of}", panels)


def workspace_labels() -> Iterator[Label]:
    """What an administrator called views of everybody, sections of pages and useful links."""
    for view in ListView.objects.filter(user=None):
        where = f"A list view of {model_of(view.object)._meta.verbose_name_plural}"
        yield Label(view.title, f"list_view:{view.pk}", "title", where)
    for layout in PageLayout.objects.all():
        of = f"on the page of {model_of(layout.object)._meta.verbose_name_plural}"
        body: dict[str, Any] = layout.body if isinstance(layout.body, dict) else {}
        for part, name, what in (("sections", "title", "A section"), ("links", "label", "A useful link")):
            for one in body.get(part) or []:
                text = str(one.get(name, ""))
                if text:
                    yield Label(text, f"layout:{layout.object}", f"{part}:{text}", f"{what} {of}")


def _labels(subject: str, where: str, named: Iterable[tuple[str, Any]]) -> Iterator[Label]:
    for detail, text in named:
        yield Label(str(capfirst(str(text))), subject, detail, where)


def _is_of_the_program(column: models.Field[Any, Any]) -> bool:
    """Whether no page ever names it."""
    return column.primary_key or column.name in HIDDEN or isinstance(column, OF_THE_PROGRAM)


def _is_column(kind: type[models.Model], name: str) -> bool:
    try:
        return isinstance(kind._meta.get_field(name), models.Field)
    except FieldDoesNotExist:
        return False
