"""What commands about keys have in common: who gives them."""

from __future__ import annotations

from django.core.management.base import CommandError

from crm.people.models import User


def find(email: str) -> User:
    """The person or program of this address."""
    try:
        return User.objects.get_by_natural_key(email)
    except User.DoesNotExist:
        raise CommandError(f"Nobody has the address {email}.") from None


def administrator(email: str | None = None) -> User:
    """Who gives the key: who is named, else the first administrator, who can do so on the page as well."""
    if email:
        return find(email)
    found = next((one for one in User.objects.active_people().order_by("pk") if one.is_administrator), None)
    if found is None:
        raise CommandError("There is no administrator yet: `manage.py createsuperuser` makes the first.")
    return found
