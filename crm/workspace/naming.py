"""Names of list views that are there once: what everybody's are called, and what gives way."""

from __future__ import annotations

from django.db import transaction

from crm.workspace.models import LONGEST_TITLE, ListView


def free_title(view: ListView, behind: str = "") -> str:
    """The view's title, else it with `behind` and if need be a number, so that no other of the same person has it."""
    wanted, number = view.title, 1
    found = ListView(pk=view.pk, object=view.object, user_id=view.user_id, title=wanted)
    while ListView.objects.same_named(found).exists():
        number += 1
        said = [*([behind] if behind else []), *([str(number)] if number > 2 or not behind else [])]
        ending = f" ({', '.join(said)})"
        found.title = wanted[: LONGEST_TITLE - len(ending)] + ending
    return found.title


@transaction.atomic
def make_room(of: str, key: str, title: str) -> None:
    """Let the handbook's view have its name: another one of everybody's that bears it gets a number behind it."""
    mine = ListView.objects.filter(object=of, key=key).first()
    wanted = ListView(pk=mine.pk if mine else None, object=of, title=title)
    for other in ListView.objects.same_named(wanted).select_for_update():
        # While it is still there the name is taken, so that the first one free has a number.
        probe = ListView(object=of, title=other.title)
        other.title = free_title(probe)
        other.save(update_fields=["title"])
