"""What the API says of accounts and contacts in another form than their columns have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension

from accounts.domains import JOINED, entered_domains
from accounts.models import Account, AccountDomain
from crm.core.api.fields import Text
from crm.core.api.problems import of_refusal
from crm.core.api.queries import KeyOf
from crm.core.api.serializers import RecordSerializer
from crm.core.errors import Refused, Stale
from crm.core.keys import compute_keys


class DomainsOfAccount(Text):
    """The domains of an account: a list of texts, all of them at once."""

    wanted = 'a list of domains, as ["initech.example"]'

    def plain(self, data: Any) -> str:
        if not isinstance(data, list) or not all(isinstance(one, str) for one in data):
            self.wrong()
        return JOINED.join(part for one in data for part in entered_domains(super(DomainsOfAccount, self).plain(one)))


class DomainsSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """A list of texts."""

    target_class = "accounts.api_fields.DomainsOfAccount"
    priority = 1

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        """As JSON Schema."""
        return {"type": "array", "items": {"type": "string"}, "description": str(self.target.column.help_text)}


class AtDomain(KeyOf):
    """Accounts at a domain: it is one of theirs, or their website's."""

    def filter(self, qs: Any, value: Any) -> Any:
        if not value:
            return qs
        key = compute_keys("domain_key", [value])[0]
        if not key:
            return qs.none()
        website = Account.objects.filter(domain_key=key).values("pk")
        return qs.filter(pk__in=website.union(AccountDomain.objects.filter(key=key).values("account"), all=True))


@contextmanager
def keyed_by_name(serializer: type[RecordSerializer]) -> Iterator[None]:
    """Say a refusal's fields by their names in the API, where they are columns.

    Raises:
        Problem: in place of the refusal; a stale record is left to the view.
    """
    try:
        yield
    except Stale:
        raise
    except Refused as refused:
        problem = of_refusal(refused)
        problem.errors = [
            replace(flaw, field=serializer.name_of(flaw.field)) if flaw.field else flaw for flaw in problem.errors
        ]
        raise problem from refused
