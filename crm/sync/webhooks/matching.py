"""Which changes of the feed a webhook is told of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crm.core.api.resources import followed
from crm.core.permissions import may
from crm.sync.feed.reading import CREATED, UPDATED
from crm.sync.models import Webhook
from crm.sync.webhooks.rules import passed

if TYPE_CHECKING:
    from crm.core.api.views import RecordViewSet


@dataclass(frozen=True, slots=True)
class Told:
    """One change as a message names it: what it holds stays here."""

    object: str
    id: int
    version: int
    op: str

    def as_json(self) -> dict[str, Any]:
        """As it stands in a message."""
        return {"object": self.object, "id": self.id, "version": self.version, "op": self.op}


def views(webhook: Webhook) -> dict[str, type[RecordViewSet]]:
    """The resources that it is told of and its user may still see, by their names."""
    known = followed()
    return {
        name: known[name]
        for name in webhook.objects_told
        if name in known and may(webhook.user, "view", known[name].model)
    }


def told(webhook: Webhook, changes: Iterable[dict[str, Any]]) -> list[Told]:
    """Those changes of the feed that it wants to know, in their order.

    A record passes the filter as it is now. Of one that is gone nothing can be asked any more: it is told.

    Raises:
        Unreadable: when its filter is not understood any more.
    """
    wanted = [
        Told(one["object"], one["id"], one["version"], one["op"])
        for one in changes
        if one["op"] in webhook.events and (one["op"] != UPDATED or _touches(webhook, one))
    ]
    if not webhook.filter:
        return wanted
    out = _left_out(webhook, wanted)
    return [one for one in wanted if (one.object, one.id) not in out or one.op not in (CREATED, UPDATED)]


def _touches(webhook: Webhook, change: dict[str, Any]) -> bool:
    """Whether one of the fields it is about was changed."""
    return not webhook.fields or any(name in webhook.fields for name in change["changed"])


def _left_out(webhook: Webhook, wanted: list[Told]) -> set[tuple[str, int]]:
    """The records among these that are here and do not pass its filter."""
    found: set[tuple[str, int]] = set()
    for name, view in views(webhook).items():
        ids = {one.id for one in wanted if one.object == name}
        if ids:
            here = set(view.model._base_manager.filter(pk__in=ids).values_list("pk", flat=True))
            passing = set(passed(view, webhook.filter).filter(pk__in=ids).values_list("pk", flat=True))
            found |= {(name, pk) for pk in here - passing}
    return found
