"""What a key's scopes (`leads:read`) mean, and whether its user may do that: a key is never more than its user."""

from __future__ import annotations

from importlib import import_module

from django.apps import apps
from django.conf import settings
from django.db import models

from crm.core.api.scopes import declared_right, known_scopes
from crm.core.permissions import may
from crm.people.models import User

# What a scope lets a key ask `may`; a scope that is not here asks by its own name (`place`, `lift`).
VERBS = {"read": ("view",), "read_public": ("view",), "write": ("add", "change"), "move": ("change",)}


def scopes() -> dict[str, str]:
    """Every scope with its meaning. Resources declare theirs where they are defined, which the addresses import."""
    import_module(settings.ROOT_URLCONF)
    return known_scopes()


def grouped(names: list[str] | None = None) -> dict[str, list[tuple[str, str]]]:
    """Scopes by resource, each with its meaning; of all there are, or of these."""
    found: dict[str, list[tuple[str, str]]] = {}
    known = scopes()
    for name in sorted(known if names is None else names, key=lambda one: one.partition(":")[0]):
        found.setdefault(name.partition(":")[0], []).append((name, known.get(name, "Nothing any more")))
    return found


def kind_of(resource: str) -> type[models.Model] | None:
    """The kind of record that a resource is about: it is called by its plural, or by the class's (touches are
    `activities` to programs)."""
    return next((kind for kind in apps.get_models() if resource in (_plural(kind), _class_plural(kind))), None)


def _plural(kind: type[models.Model]) -> str:
    return str(kind._meta.verbose_name_plural).lower().replace(" ", "_")


def _class_plural(kind: type[models.Model]) -> str:
    name = str(kind._meta.model_name)
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"


def within_rights(user: User, scope: str) -> bool:
    """Whether this user may do at least once what the scope says; of a resource without records, what it declared."""
    right = declared_right(scope)
    if right is not None:
        return user.is_active and right(user)
    resource, _, action = scope.partition(":")
    kind = kind_of(resource)
    return kind is not None and any(may(user, verb, kind) for verb in VERBS.get(action, (action,)))
