"""Accounts and contacts over the API: `/api/v1/accounts/`, `/api/v1/contacts/`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from accounts.api_fields import AtDomain, DomainsOfAccount, keyed_by_name
from accounts.domains import JOINED
from accounts.many import ManyAccounts, ManyContacts
from accounts.models import Account, Contact, account_type_choices, source_choices
from accounts.trees import hold_tree
from crm.activities.api_bars import DO_NOT_CONTACT, add_do_not_contact
from crm.core.acting import acting, retry_deadlocks
from crm.core.api.queries import KeyOf, RecordFilters, RecordId, Search, Words
from crm.core.api.representation import Joined, Shape
from crm.core.api.scopes import declare_scopes
from crm.core.api.serializers import READ, RecordSerializer
from crm.core.api.views import RecordViewSet
from crm.core.api.writes import VIA
from crm.duplicates.api import DUPLICATES, add_duplicates

for resource in ("accounts", "contacts"):
    declare_scopes(
        resource,
        read=f"See {resource}",
        write=f"Create {resource} and change them; without “read” only id and version come back",
        delete=f"Delete {resource}",
    )

ACCOUNT = """name stated_type website domains linkedin_url linkedin_sales_navigator_url my_linkedin_overlaps phone
    industry employees ciso_employees account_rating parent_account_id owner_id billing_street billing_city
    billing_state billing_postal_code billing_country shipping_street shipping_city shipping_state
    shipping_postal_code shipping_country tier license_key payment_terms press_approval press_approval_by
    press_approval_on nda_signed_on codename health health_note health_on description own""".split()
CONTACT = """first_name last_name job_title department account_id reports_to_id owner_id email personal_email phone
    mobile linkedin_url website twitter github orbit_feed is_champion is_main_dri lead_source mailing_street
    mailing_city mailing_state mailing_postal_code mailing_country description own""".split()


class AccountSerializer(RecordSerializer):
    """A company."""

    model = Account
    names: ClassVar[Mapping[str, str]] = {
        **READ,
        **{name: name.removesuffix("_id") for name in ACCOUNT},
        "stated_type": "type",
        "account_rating": "rating",
        "parent_account_id": "parent",
        "linkedin_sales_navigator_url": "sales_navigator_url",
        "my_linkedin_overlaps": "linkedin_overlaps_url",
        "own": "kept",
    }
    writable = ACCOUNT
    shapes: ClassVar[Mapping[str, Shape]] = {"domains": Joined(JOINED)}
    needed = ("name",)
    refused: ClassVar[Mapping[str, tuple[str, str]]] = {
        "type": ("computed", "“type” follows from the contracts, where there are any: send “stated_type”.")
    }

    def get_fields(self) -> dict[str, Any]:
        """Those of the columns; the domains as a list."""
        column: Any = Account._meta.get_field("domains")
        return {**super().get_fields(), "domains": DomainsOfAccount(column, required=False)}


class AccountFilters(RecordFilters):
    """What accounts are found by."""

    stated_type = Words("type", account_type_choices, help_text="Stated as one or more types, between commas.")
    owner_id = RecordId("owner_id", help_text="Whose they are; null: nobody's.")
    parent_account_id = RecordId("parent_id", help_text="Of this parent account; null: of none.")
    name = KeyOf("name_key", function="name_key", help_text="Of this name, whatever its case.")
    domain = AtDomain("domain_key", function="domain_key", help_text="Whose domain it is, or with a website there.")
    linkedin_url = KeyOf("linkedin_key", function="linkedin_key", help_text="Of this LinkedIn page.")
    q = Search(
        "name_key",
        help_text="The name has these characters; one or two: begins with them; a whole domain or phone: has it.",
    )


class TreeViewSet(RecordViewSet):
    """Records that stand under others of their kind: the tree is held before any row is locked."""

    link: ClassVar[str]

    def hold_for(self, bodies: Sequence[Mapping[str, Any]]) -> None:
        """Where any moves in its tree, the hold of that."""
        if any(self.link in body for body in bodies):
            hold_tree(str(self.model._meta.model_name))

    def change(self, pk: int, body: Mapping[str, Any], known: Any) -> None:
        """Change one; where it moves in its tree, under the hold of that."""
        change = super().change

        @retry_deadlocks
        def held() -> None:
            with acting(actor=self.actor, via=VIA, at=self.at):
                hold_tree(str(self.model._meta.model_name))
                change(pk, body, known)

        with keyed_by_name(self.serializer_class):
            if self.link in body:
                held()
            else:
                change(pk, body, known)

    def keep(self, record: Any, *, at: datetime, state: str | None) -> Any:
        """Store a new one."""
        with keyed_by_name(self.serializer_class):
            return super().keep(record, at=at, state=state)


class AccountViewSet(TreeViewSet):
    """Accounts; what contracts say of them is added above (contracts.api_accounts)."""

    resource = "accounts"
    followed = True
    model = Account
    link = "parent_account_id"
    many = ManyAccounts
    serializer_class = AccountSerializer
    filterset_class = AccountFilters

    computed: ClassVar[Mapping[str, Any]] = DUPLICATES

    def compute(self, rows: list[dict[str, Any]]) -> None:
        """Who may be there twice."""
        add_duplicates(Account, rows)


class ContactSerializer(RecordSerializer):
    """A person in a company."""

    model = Contact
    names: ClassVar[Mapping[str, str]] = {
        **READ,
        "came_from": "came_from",
        **{name: name.removesuffix("_id") for name in CONTACT},
        "job_title": "title",
        "twitter": "twitter_url",
        "github": "github_url",
        "orbit_feed": "orbit_feed_url",
        "own": "kept",
    }
    writable = CONTACT


class ContactFilters(RecordFilters):
    """What contacts are found by."""

    account_id = RecordId("account_id", help_text="Of this account; null: of none.")
    reports_to_id = RecordId("reports_to_id", help_text="Who report to this contact; null: to nobody.")
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


class ContactViewSet(TreeViewSet):
    """Contacts."""

    resource = "contacts"
    followed = True
    model = Contact
    link = "reports_to_id"
    many = ManyContacts
    serializer_class = ContactSerializer
    filterset_class = ContactFilters
    computed: ClassVar[Mapping[str, Any]] = DO_NOT_CONTACT | DUPLICATES

    def compute(self, rows: list[dict[str, Any]]) -> None:
        """Who of them is not to be contacted, and who may be there twice."""
        add_do_not_contact("contact", rows)
        add_duplicates(Contact, rows)
