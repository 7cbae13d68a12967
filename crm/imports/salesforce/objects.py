"""What each column of a Salesforce object becomes here. A column that is not named is kept with the record."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from accounts.models import Account, Contact
from contracts.models import Opportunity
from crm.core.records import Record
from crm.handbook.document import SalesforceMap
from crm.imports.salesforce.states import Placing, place_lead, place_opportunity
from leads.models import LINKEDIN_PROFILE, Lead
from leads.statuses import Status

# The standard objects have no column for it; these are the names that people give the one they add.
LINKEDIN = re.compile(
    r"(?:\w+__)?linked_?in(?:_?(?:profile|company|page|member))*(?:_?(?:url|link|address))?(?:__c)?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Link:
    """A column that holds another record's id. `required`: a new record cannot be stored without it."""

    source: str
    column: str
    object: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Need:
    """Columns of which one must be filled: what the database asks of every record.

    `profile` is the one among them that counts only if it names a person on LinkedIn.
    """

    columns: tuple[str, ...]
    code: str
    message: str
    profile: str = ""

    def lacks(self, column: str, value: str) -> str:
        """SQL: whether this value of the column is not enough."""
        return f"linkedin_key({value}) !~ '{LINKEDIN_PROFILE}'" if column == self.profile else f"{value} = ''"


@dataclass(frozen=True, slots=True)
class Words:
    """A picklist: the column it becomes, the handbook's map from their words, and the list ours are labelled in."""

    column: str
    map: SalesforceMap
    labels: str


@dataclass(frozen=True, slots=True)
class Kind:
    """One Salesforce object: `name` is also that of its file. `flow` says how its status is placed."""

    name: str
    model: type[Record]
    required: tuple[str, ...]
    fields: dict[str, str]
    words: dict[str, Words]
    links: tuple[Link, ...]
    needs: tuple[Need, ...]
    flow: Placing | None = None
    # Statuses that no file moves a record out of, and those that come with columns of their own.
    protected: tuple[str, ...] = ()
    come_with: dict[str, tuple[str, ...]] = field(default_factory=dict)
    came_from: bool = False

    @property
    def object(self) -> str:
        """Our name of it, as external ids and the change log have it."""
        return str(self.model._meta.model_name)

    @property
    def needed_link(self) -> Link | None:
        """The link that a record cannot be stored without (a lead: once it is converted)."""
        return next((link for link in self.links if link.required), None)

    def may_be_held(self, state: str) -> bool:
        """Whether a row in this status waits for a person when its needed link leads nowhere."""
        link = self.needed_link
        return link is not None and (not self.come_with or link.column in self.come_with.get(state, ()))


def _address(prefix: str, column: str) -> dict[str, str]:
    parts = {"Street": "street", "City": "city", "State": "state", "PostalCode": "postal_code", "Country": "country"}
    return {f"{prefix}{theirs}": f"{column}{ours}" for theirs, ours in parts.items()}


OWNER = Link("OwnerId", "owner_id", "user")
SOURCE = Words("lead_source", "lead_source", "lead.sources")
INDUSTRY = Words("industry", "industry", "industries")

ACCOUNT = Kind(
    name="Account",
    model=Account,
    required=("Id", "Name"),
    fields={
        "Name": "name",
        "Website": "website",
        "Phone": "phone",
        "NumberOfEmployees": "employees",
        "CISO_employees__c": "ciso_employees",
        "Description": "description",
        **_address("Billing", "billing_"),
        **_address("Shipping", "shipping_"),
    },
    words={
        "Type": Words("type", "account_type", "account.types"),
        "Industry": INDUSTRY,
        "Rating": Words("rating", "rating", "account.ratings"),
    },
    links=(OWNER, Link("ParentId", "parent_id", "account")),
    needs=(Need(("name",), "no_name", "An account needs a name."),),
)

CONTACT = Kind(
    name="Contact",
    model=Contact,
    required=("Id", "LastName", "Email"),
    fields={
        "FirstName": "first_name",
        "LastName": "last_name",
        "Title": "title",
        "Department": "department",
        "Email": "email",
        "Personal_Email__c": "personal_email",
        "Phone": "phone",
        "MobilePhone": "mobile",
        "Description": "description",
        **_address("Mailing", "mailing_"),
    },
    words={"LeadSource": SOURCE},
    links=(OWNER, Link("AccountId", "account_id", "account"), Link("ReportsToId", "reports_to_id", "contact")),
    needs=(Need(("first_name", "last_name", "email"), "no_name_or_email", "A contact needs a name or an email."),),
    came_from=True,
)

OPPORTUNITY = Kind(
    name="Opportunity",
    model=Opportunity,
    required=("Id", "Name", "AccountId", "StageName"),
    fields={
        "Name": "name",
        "Amount": "amount",
        "CurrencyIsoCode": "currency",
        "CloseDate": "close_on",
        "NextStep": "next_step",
        "Description": "description",
    },
    words={"Type": Words("type", "opportunity_type", "opportunity.types"), "LeadSource": SOURCE},
    links=(
        OWNER,
        Link("AccountId", "account_id", "account", required=True),
        Link("ContactId", "contact_id", "contact"),
    ),
    needs=(Need(("name",), "no_name", "An opportunity needs a name."),),
    flow=place_opportunity,
)

LEAD = Kind(
    name="Lead",
    model=Lead,
    required=("Id", "LastName", "Email", "Status"),
    fields={
        "FirstName": "first_name",
        "LastName": "last_name",
        "Title": "title",
        "Company": "company",
        "Email": "email",
        "Phone": "phone",
        "MobilePhone": "mobile",
        "Website": "website",
        "NumberOfEmployees": "employees",
        "Description": "description",
        **_address("", ""),
    },
    words={"LeadSource": SOURCE, "Industry": INDUSTRY, "Rating": Words("rating", "rating", "lead.ratings")},
    links=(
        OWNER,
        Link("ConvertedAccountId", "converted_account_id", "account", required=True),
        Link("ConvertedContactId", "converted_contact_id", "contact"),
        Link("ConvertedOpportunityId", "converted_opportunity_id", "opportunity"),
    ),
    needs=(
        Need(
            ("email", "linkedin_url"),
            "no_email_or_linkedin",
            "A lead has an email or a LinkedIn profile URL; this one has neither.",
            profile="linkedin_url",
        ),
    ),
    flow=place_lead,
    protected=(Status.CLOSED_DO_NOT_CONTACT, Status.SAO_CONVERTED),
    come_with={
        Status.SAO_CONVERTED: (
            "converted_at",
            "converted_account_id",
            "converted_contact_id",
            "converted_opportunity_id",
        )
    },
    came_from=True,
)

# In the order in which they refer to each other; users, whom all refer to, come first (crm.imports.salesforce.users).
KINDS = (ACCOUNT, CONTACT, OPPORTUNITY, LEAD)
