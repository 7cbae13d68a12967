"""Accounts and contacts over the API: `/api/v1/accounts/`, `/api/v1/contacts/`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from accounts.models import Account, Contact, account_type_choices, source_choices
from crm.activities.api_bars import DO_NOT_CONTACT, add_do_not_contact
from crm.core.api.queries import KeyOf, RecordFilters, RecordId, Search, Words
from crm.core.api.scopes import declare_scopes
from crm.core.api.serializers import RecordSerializer
from crm.core.api.views import RecordViewSet

for resource in ("accounts", "contacts"):
    declare_scopes(
        resource,
        read=f"See {resource}",
        write=f"Create {resource} and change them; without “read” only id and version come back",
        delete=f"Delete {resource}",
    )

READ = {name: name for name in ("id", "version", "created_at", "updated_at")}
ACCOUNT = """name type website linkedin_url phone industry employees ciso_employees account_rating parent_account_id
    owner_id billing_street billing_city billing_state billing_postal_code billing_country shipping_street
    shipping_city shipping_state shipping_postal_code shipping_country description""".split()
CONTACT = """first_name last_name job_title department account_id reports_to_id owner_id email personal_email phone
    mobile linkedin_url website lead_source mailing_street mailing_city mailing_state mailing_postal_code
    mailing_country description""".split()


class AccountSerializer(RecordSerializer):
    """A company."""

    model = Account
    names: ClassVar[Mapping[str, str]] = {
        **READ,
        **{name: name.removesuffix("_id") for name in ACCOUNT},
        "account_rating": "rating",
        "parent_account_id": "parent",
    }
    writable = ACCOUNT
    needed = ("name",)


class AccountFilters(RecordFilters):
    """What accounts are found by."""

    type = Words("type", account_type_choices, help_text="One or more types, between commas.")
    owner_id = RecordId("owner_id", help_text="Whose they are; null: nobody's.")
    parent_account_id = RecordId("parent_id", help_text="Of this parent account; null: of none.")
    name = KeyOf("name_key", function="name_key", help_text="Of this name, whatever its case.")
    domain = KeyOf("domain_key", function="domain_key", help_text="With a website at this domain.")
    linkedin_url = KeyOf("linkedin_key", function="linkedin_key", help_text="Of this LinkedIn page.")
    q = Search(
        "name_key",
        help_text="The name has these characters; one or two: begins with them; a whole domain or phone: has it.",
    )


class AccountViewSet(RecordViewSet):
    """Accounts."""

    resource = "accounts"
    model = Account
    serializer_class = AccountSerializer
    filterset_class = AccountFilters


class ContactSerializer(RecordSerializer):
    """A person in a company."""

    model = Contact
    names: ClassVar[Mapping[str, str]] = {
        **READ,
        "came_from": "came_from",
        **{name: name.removesuffix("_id") for name in CONTACT},
        "job_title": "title",
    }
    writable = CONTACT


class ContactFilters(RecordFilters):
    """What contacts are found by."""

    account_id = RecordId("account_id", help_text="Of this account; null: of none.")
    owner_id = RecordId("owner_id", help_text="Whose they are; null: nobody's.")
    lead_source = Words("lead_source", source_choices, help_text="One or more sources, between commas.")
    email = KeyOf(
        "email_key",
        "personal_email_key",
        function="email_key",
        help_text="Of this person, by either address.",
    )
    linkedin_url = KeyOf("linkedin_key", function="linkedin_key", help_text="Of this profile, however it is written.")
    q = Search(
        "search",
        help_text="Name or email has these characters; one or two: begins with them; a whole address or phone number:"
        " has it, however it is written.",
    )


class ContactViewSet(RecordViewSet):
    """Contacts."""

    resource = "contacts"
    model = Contact
    serializer_class = ContactSerializer
    filterset_class = ContactFilters
    computed = DO_NOT_CONTACT

    def compute(self, rows: list[dict[str, Any]]) -> None:
        """Who of them is not to be contacted."""
        add_do_not_contact("contact", rows)
