"""What a handbook says of layouts, views and own fields that the program does not know: said before anybody sees it."""

from __future__ import annotations

from collections.abc import Iterator

from crm.core.panels import panels_for
from crm.handbook.document import Handbook
from crm.handbook.further import Found, look_further
from crm.handbook.problems import Place, one_of, written_value
from crm.workspace.fields import built_in, fields_of
from crm.workspace.validity import layout_problems, model_of, view_problems
from crm.workspace.wanted import layouts, views


@look_further
def check_names(book: Handbook) -> Iterator[Found]:
    """Fields and panels that are not there, named twice in a section, or hidden behind one of the program's."""
    yield from _layouts(book)
    yield from _views(book)
    for n, own in enumerate(book.own_fields):
        if own.key in built_in(model_of(own.object)):
            found = f"{written_value(own.key)}, which the program has itself"
            yield ("own_fields", n, "key"), found, "allowed: any other name"


def _layouts(book: Handbook) -> Iterator[Found]:
    bodies = layouts(book)
    for n, one in enumerate(book.layouts):
        kind = model_of(one.object)
        for problem in layout_problems(kind, bodies[one.object], book):
            place: Place = (
                "layouts",
                n,
                *(int(part) if part.isdecimal() else part for part in problem.field.split(".")),
            )
            known = panels_for(kind) if problem.code == "unknown_panel" else [f.name for f in fields_of(kind, book)]
            listed = problem.code in ("unknown_field", "unknown_panel")
            yield place, problem.message, one_of(known) if listed else "allowed: each once"


def _views(book: Handbook) -> Iterator[Found]:
    wanted = views(book)
    for n, one in enumerate(book.views):
        kind = model_of(one.object)
        for problem in view_problems(kind, wanted[one.object, one.key], book):
            yield ("views", n, problem.field), problem.message, one_of(field.name for field in fields_of(kind, book))
