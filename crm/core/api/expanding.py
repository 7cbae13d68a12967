"""What an answer has besides a record's own columns where it is asked for: `expand=computed,external_ids,owner`.

`computed` is what follows from other records. A link is a foreign key without its `_id`: the record that it refers to,
as its own resource answers it, for a key that may read that. All of it is asked once for a whole page.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import models

from crm.core.api.elsewhere import known_elsewhere
from crm.core.api.resources import resources
from crm.core.api.scopes import require_scope

if TYPE_CHECKING:
    from crm.core.api.views import RecordViewSet

    View = type[RecordViewSet]

COMPUTED, EXTERNAL_IDS = "computed", "external_ids"
ID = "_id"


@dataclass(frozen=True, slots=True)
class Link:
    """A reference to a record of another resource: `field` has its id."""

    field: str
    view: View


_links: dict[View, Mapping[str, Link]] = {}


def links_of(view: View) -> Mapping[str, Link]:
    """What a resource's records refer to, by the names that it is asked for by; only what resources answer."""
    if view not in _links:
        _links[view] = _find_links(view)
    return _links[view]


def _find_links(view: View) -> Mapping[str, Link]:
    by_model = {one.model: one for one in resources().values()}
    found = {}
    for name, column in view.serializer_class.names.items():
        field = view.model._meta.get_field(column)
        link = name.removesuffix(ID)
        # An enquiry tells of its clock when it is computed.
        if link == name or link in {**view.serializer_class.names, **view.computed}:
            continue
        if isinstance(field, models.ForeignKey) and field.remote_field.model in by_model:
            found[link] = Link(name, by_model[field.remote_field.model])
    return found


def expandable(view: View) -> list[str]:
    """What may be asked for of a resource."""
    return [*([COMPUTED] if view.computed else []), *([EXTERNAL_IDS] if view.followed else []), *links_of(view)]


class Expansion:
    """What a request asks for besides the columns.

    Raises:
        Problem: 403 `missing_scope` or `forbidden` for a link whose records its key may not read.
    """

    def __init__(self, view: RecordViewSet, names: Sequence[str]) -> None:
        self.view, self.names = view, names
        self.links: dict[str, Link] = {}
        self.targets: dict[str, RecordViewSet] = {}
        for name, link in links_of(type(view)).items():
            if name in names:
                require_scope(view.request, f"{link.view.resource}:read")
                self.links[name] = link
                self.targets[name] = link.view(request=view.request)
                self.targets[name].see()

    def needed(self, fields: Sequence[str]) -> list[str]:
        """Fields to read so that links can be followed, those that are asked for among them."""
        return list(dict.fromkeys([*fields, *(link.field for link in self.links.values())]))

    def add(self, rows: list[dict[str, Any]], fields: Collection[str]) -> None:
        """Add it to a page of records, which keep these fields of their own."""
        if COMPUTED in self.names:
            self.view.compute(rows)
        if EXTERNAL_IDS in self.names:
            self.add_external_ids(rows)
        for name, link in self.links.items():
            target = self.targets[name]
            known = target.by_ids({row[link.field] for row in rows if row[link.field] is not None})
            for row in rows:
                row[name] = known.get(row[link.field])
        for field in {link.field for link in self.links.values()}.difference(fields):
            for row in rows:
                del row[field]

    def add_external_ids(self, rows: list[dict[str, Any]]) -> None:
        """Add what other systems call them: `{system: [ids]}`."""
        found = known_elsewhere(self.view.model, [row["id"] for row in rows])
        for row in rows:
            row[EXTERNAL_IDS] = found.get(row["id"], {})


def expanded_schema(view: View) -> dict[str, Any]:
    """What may be asked for, as JSON Schema."""
    found: dict[str, Any] = dict(view.computed)
    if view.followed:
        texts = {"type": "array", "items": {"type": "string"}}
        said = "What other systems call it: their ids by system."
        found[EXTERNAL_IDS] = {"type": "object", "description": said, "additionalProperties": texts}
    for name, link in links_of(view).items():
        said = f"The record of {link.field}, as `{link.view.resource}` has it."
        found[name] = {"type": ["object", "null"], "description": said}
    return found
