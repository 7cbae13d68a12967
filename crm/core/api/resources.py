"""The resources of the API by their names and by what the change log calls their records.

The addresses say which there are (`publish`); who works with any of them, as export, bulk and feed do, asks here.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from crm.core.api.views import RecordViewSet

_published: dict[str, type[RecordViewSet]] = {}


def publish(views: Iterable[type[RecordViewSet]]) -> None:
    """Say which resources there are."""
    _published.update({view.resource: view for view in views})


def resources() -> dict[str, type[RecordViewSet]]:
    """Every resource by its name (`leads`)."""
    import_module(settings.ROOT_URLCONF)
    return _published


def followed() -> dict[str, type[RecordViewSet]]:
    """Those whose records are followed: in the feed, in exports and in bulk."""
    return {name: view for name, view in resources().items() if view.followed}


def object_of(view: type[RecordViewSet]) -> str:
    """What the change log calls its records (`lead`)."""
    return str(view.model._meta.model_name)


def resource_of(name: str) -> str:
    """What the API calls the records that the change log calls so; the log's own word where they are not followed."""
    return next((view.resource for view in followed().values() if object_of(view) == name), name)
