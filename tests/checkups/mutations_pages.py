"""What can be broken of what people are shown, one bullet of the handbook page's list after another."""

from __future__ import annotations

from typing import Any

from accounts.models import Account
from crm.core import permissions
from tests.checkups.mutations import World, add, layout, restored, section, tabs, view

ACCOUNT, OPPORTUNITY, CONTACT, LEAD = (f"layout.{one}" for one in ("account", "opportunity", "contact", "lead"))
SDR = "tabs.sdr"


def swap(names: list[Any]) -> None:
    """The first two change places."""
    names[0], names[1] = names[1], names[0]


def opens_on(tab: str, key: str) -> Any:
    """A tab opens on another view."""
    return tabs("sdr", lambda found: next(one for one in found if one["tab"] == tab).update(view=key))


def retitled(body: dict[str, Any], title: str, other: str) -> None:
    """A section is called otherwise."""
    next(one for one in body["sections"] if one["title"] == title)["title"] = other


# --- 1. Tabs ----------------------------------------------------------------------------------------------------------

add("tabs.standard", "a tab is taken away", tabs("sdr", lambda found: found.pop()), restored(SDR))
add(
    "tabs.standard",
    "another tab is added",
    tabs("sdr", lambda found: found.append({"tab": "contracts", "view": "all_contracts"})),
    restored(SDR),
)

_policy = permissions._policies[Account]


def _forbid(world: World) -> None:
    permissions._policies[Account] = lambda user, verb, record: False


def _allow(world: World) -> None:
    permissions._policies[Account] = _policy


add("tabs.standard", "nobody may see accounts any more", _forbid, _allow)

# --- 2. Accounts ------------------------------------------------------------------------------------------------------

add("accounts.default_filter", "the tab opens on all accounts", opens_on("accounts", "all_accounts"), restored(SDR))
add(
    "accounts.default_filter",
    "the view shows more than customers",
    view("account", "customers", filters=[]),
    restored("view.account.customers"),
)
add(
    "accounts.default_filter",
    "the view is called otherwise",
    view("account", "customers", title="Clients"),
    restored("view.account.customers"),
)
add("accounts.top", "two fields change places", layout("account", lambda body: swap(body["top"])), restored(ACCOUNT))
add(
    "accounts.top",
    "a field is taken from the top",
    layout("account", lambda body: body["top"].remove("employees")),
    restored(ACCOUNT),
)
add(
    "accounts.meeting_notes_reminder",
    "the reminder moves to the bottom",
    layout("account", lambda body: body["right"].remove("meeting_notes_reminder")),
    restored(ACCOUNT),
)
add(
    "accounts.useful_links",
    "a link searches elsewhere",
    layout(
        "account", lambda body: body["links"][2].update(url="https://drive.google.com/drive/search?q=bill%20{name}")
    ),
    restored(ACCOUNT),
)
add(
    "accounts.useful_links",
    "a link finds every customer’s papers",
    layout("account", lambda body: body["links"][2].update(url="https://drive.google.com/drive/search?q=invoice%20")),
    restored(ACCOUNT),
)
add(
    "accounts.useful_links",
    "a link is taken away",
    layout("account", lambda body: body["links"].pop()),
    restored(ACCOUNT),
)
add(
    "accounts.additional_information",
    "the name is not the first field",
    layout("account", lambda body: swap(section(body, "Additional information"))),
    restored(ACCOUNT),
)
add(
    "accounts.accounting",
    "the license key is taken away",
    layout("account", lambda body: section(body, "Accounting").remove("license_key")),
    restored(ACCOUNT),
)
add(
    "accounts.accounting",
    "the section is called otherwise",
    layout("account", lambda body: retitled(body, "Accounting", "Money")),
    restored(ACCOUNT),
)
add(
    "accounts.right",
    "the activity feed is taken away",
    layout("account", lambda body: body["right"].remove("activity_feed")),
    restored(ACCOUNT),
)

# --- 3. Opportunities -------------------------------------------------------------------------------------------------

add(
    "opportunities.default_filter",
    "the tab opens on open opportunities",
    opens_on("opportunities", "open_opportunities"),
    restored(SDR),
)
add(
    "opportunities.top",
    "the next step is taken from the top",
    layout("opportunity", lambda body: body["top"].remove("next_step")),
    restored(OPPORTUNITY),
)
add(
    "opportunities.information",
    "the due date of the next step is taken away",
    layout("opportunity", lambda body: section(body, "Opportunity information").remove("next_step_due")),
    restored(OPPORTUNITY),
)
add(
    "opportunities.accounting",
    "the reseller is taken away",
    layout("opportunity", lambda body: section(body, "Accounting").remove("reseller")),
    restored(OPPORTUNITY),
)
add(
    "opportunities.right",
    "the stage history is taken away",
    layout("opportunity", lambda body: body["right"].remove("stage_history")),
    restored(OPPORTUNITY),
)

# --- 4. Contacts ------------------------------------------------------------------------------------------------------

add(
    "contacts.default_filter",
    "the view is called otherwise",
    view("contact", "all_contacts", title="People"),
    restored("view.contact.all_contacts"),
)
add(
    "contacts.top",
    "the job title comes before the name",
    layout("contact", lambda body: swap(body["top"])),
    restored(CONTACT),
)
add(
    "contacts.second_section",
    "whom they report to is taken away",
    layout("contact", lambda body: section(body, "Contact").remove("reports_to")),
    restored(CONTACT),
)
add(
    "contacts.additional_information",
    "the personal email is taken away",
    layout("contact", lambda body: section(body, "Additional information").remove("personal_email")),
    restored(CONTACT),
)
add(
    "contacts.bottom_and_right",
    "the manager is taken away",
    layout("contact", lambda body: body["right"].remove("manager")),
    restored(CONTACT),
)
add(
    "contacts.bottom_and_right",
    "related contacts are taken away",
    layout("contact", lambda body: body["bottom"].remove("related_contacts")),
    restored(CONTACT),
)

# --- 5. Leads ---------------------------------------------------------------------------------------------------------


def _without_rating(body: dict[str, Any]) -> None:
    body["top"].remove("rating")
    section(body, "Source, rating and owner").remove("rating")


add(
    "leads.default_filter",
    "everybody’s view gets a condition",
    view("lead", "all_leads", filters=[{"field": "owner", "operator": "is", "values": ["me"]}]),
    restored("view.lead.all_leads"),
)
add("leads.fields", "the rating is taken away wherever it is", layout("lead", _without_rating), restored(LEAD))
add(
    "leads.fields",
    "the status is taken from the top",
    layout("lead", lambda body: body["top"].remove("status")),
    restored(LEAD),
)
