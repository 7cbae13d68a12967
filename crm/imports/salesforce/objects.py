"""What each column of a Salesforce object becomes here. A column that is not named is kept with the record."""

from __future__ import annotations

from accounts.models import Account, Contact
from contracts.models import Opportunity
from crm.imports.salesforce.agreements import CONTACT_ROLE, CONTRACT
from crm.imports.salesforce.kinds import OWNER, Kind, Link, Need, Words
from crm.imports.salesforce.past import LEAD_HISTORY, OPPORTUNITY_FIELD_HISTORY, OPPORTUNITY_HISTORY
from crm.imports.salesforce.states import place_lead, place_opportunity
from crm.imports.salesforce.touches import CAMPAIGN_MEMBER, EVENT, NOTE, TASK
from leads.models import Lead
from leads.statuses import Status


def _address(prefix: str, column: str) -> dict[str, str]:
    parts = {"Street": "street", "City": "city", "State": "state", "PostalCode": "postal_code", "Country": "country"}
    return {f"{prefix}{theirs}": f"{column}{ours}" for theirs, ours in parts.items()}


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
KINDS = (
    *(ACCOUNT, CONTACT, OPPORTUNITY, LEAD, CONTRACT, CONTACT_ROLE),
    *(LEAD_HISTORY, OPPORTUNITY_HISTORY, OPPORTUNITY_FIELD_HISTORY),
    *(TASK, EVENT, NOTE, CAMPAIGN_MEMBER),
)
