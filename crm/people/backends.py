"""Logging in with an e-mail address, whatever its case."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.http import HttpRequest

from crm.core.keys import compute_keys
from crm.people.models import User


def login_key(request: HttpRequest | None, credentials: dict[str, Any] | None = None) -> str:
    """What wrong passwords are counted by: the key of the address, so that its spellings count together."""
    given = credentials if credentials else getattr(request, "POST", {})
    entered = str(given.get("username") or given.get("email") or "").replace("\0", "")
    return compute_keys("email_key", [entered[:254]])[0]


class EmailBackend(BaseBackend):
    """Checks the password of an active person. Programs have no password here."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        """Return the user, or None; an unknown address takes as long as a wrong password."""
        email = username or kwargs.get("email")
        if not email or password is None:
            return None
        try:
            user = User.objects.get_by_natural_key(email)
        except User.DoesNotExist:
            User().set_password(password)
            return None
        return user if user.check_password(password) and user.is_staff else None

    def get_user(self, user_id: int) -> User | None:
        """The user of a session; None once they are deactivated."""
        user = User.objects.select_related("team").filter(pk=user_id).first()
        return user if user and user.is_active else None
