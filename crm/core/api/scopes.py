"""What a key may do: its scopes (`leads:read`) on top of what its user may (`crm.core.permissions.may`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from crm.core.api.problems import Problem

if TYPE_CHECKING:
    from crm.people.models import User

# What the standard actions of a resource need; a view adds those of its own in `scopes`.
STANDARD = {
    "list": "read",
    "retrieve": "read",
    "create": "write",
    "partial_update": "write",
    "destroy": "delete",
}
# Every scope there is, by resource; resources register here, and pages that make keys offer them.
_known: dict[str, dict[str, str]] = {}
# Of scopes that are no verb of a record: whose key may have them.
_rights: dict[str, Callable[[User], bool]] = {}


def declare_scopes(resource: str, **meanings: str) -> None:
    """Say which scopes a resource has and what each lets a key do, as `declare_scopes("leads", read="See leads")`."""
    _known.setdefault(resource, {}).update(meanings)


def declare_right(scope: str, held_by: Callable[[User], bool]) -> None:
    """Say whose key may have a scope that stands for no verb of a record, as the one for figures of many records."""
    _rights[scope] = held_by


def declared_right(scope: str) -> Callable[[User], bool] | None:
    """Whose key may have a scope, where that was declared; else its name says what to ask."""
    return _rights.get(scope)


def known_scopes() -> dict[str, str]:
    """Every scope (`leads:read`) with its meaning, in the order of declaration."""
    return {f"{name}:{action}": said for name, actions in _known.items() for action, said in actions.items()}


def has_scope(request: Request, scope: str) -> bool:
    """Whether the request's key has a scope (`leads:read`)."""
    return scope in getattr(request.auth, "scopes", ())


def require_scope(request: Request, scope: str) -> None:
    """Refuse a request whose key lacks a scope.

    Raises:
        Problem: 403 `missing_scope`, which names it.
    """
    if not has_scope(request, scope):
        raise Problem(403, "missing_scope", f"This key lacks the scope {scope}.")


class HasScope(BasePermission):
    """Each action of a view has a scope; an action without one is nobody's."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Raises the problem that names the scope; a method the view does not have is answered as such."""
        action = getattr(view, "action", None) or getattr(view, "action_of_method", {}).get(request.method)
        if action == "metadata":
            return True  # OPTIONS, which no address has: 405 says what it has
        method = (request.method or "").lower()
        if method not in view.http_method_names or (action is None and method not in getattr(view, "action_map", {})):
            return True
        scope = view.scope_for(action)
        if not scope:
            return False
        if request.auth is None:
            raise NotAuthenticated("Send a key that is in use: Authorization: Bearer plumb_…")
        require_scope(request, scope)
        return True
