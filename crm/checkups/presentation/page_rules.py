"""Bullets 2-5 of the handbook page's list (K1), in its order: what lists open on and what pages show.

What should be there is in the handbook file (`checkups.pages`).
"""

from __future__ import annotations

from collections.abc import Iterator

from crm.checkups.presentation import comparing
from crm.checkups.presentation.expecting import (
    accounting_section,
    default_filter,
    links_that_work,
    other_sections,
    page_of,
    panels,
    top,
    useful_links,
)
from crm.checkups.presentation.reading import RIGHT
from crm.checkups.presentation.shown import Shown
from crm.checkups.rules import Look, Sight, checkup

REMINDER = "meeting_notes_reminder"


# --- 2. Accounts ------------------------------------------------------------------------------------------------------


@checkup(
    "accounts.default_filter",
    title="The accounts tab opens on Customers",
    row="C16",
    scope="list:account",
    line="2.1",
    fix="restore_layout",
    why="A tab that opens on another view shows other records than its reader thinks.",
)
def accounts_default_filter(shown: Shown, look: Look) -> Iterator[Sight]:
    """What the tab opens on."""
    yield from default_filter(shown, look)


@checkup(
    "accounts.top",
    title="Account pages begin with where the company is, whose it is and how large it is",
    row="C2",
    scope="page:account",
    line="2.2",
    fix="restore_layout",
    why="What is asked first about a customer is read first.",
)
def accounts_top(shown: Shown, look: Look) -> Iterator[Sight]:
    """Billing address, parent account, LinkedIn company URL, CISO employees, employees, industry."""
    yield from top(shown, look)


@checkup(
    "accounts.meeting_notes_reminder",
    title="“Looking for meeting notes” is on the right of account pages",
    row="C3",
    scope="page:account",
    line="2.3",
    fix="restore_layout",
    why="It is always there, whether a meeting passed without notes or not.",
)
def accounts_meeting_notes_reminder(shown: Shown, look: Look) -> Iterator[Sight]:
    """The reminder, always."""
    yield from comparing.panels(shown, RIGHT, [REMINDER])


@checkup(
    "accounts.useful_links",
    title="The useful links of account pages search the right repository for that customer",
    row="C4",
    severity="error",
    scope="page:account",
    line="2.4",
    fix="restore_layout",
    why="A link that searches for another customer, or elsewhere, shows the wrong papers.",
)
def accounts_useful_links(shown: Shown, look: Look) -> Iterator[Sight]:
    """Purchase orders, signed agreements, invoices sent, meeting notes, signed NDA."""
    yield from useful_links(shown, look)


@checkup(
    "accounts.additional_information",
    title="Account pages have additional information, the name first, with LinkedIn links that work",
    row="C5",
    scope="page:account",
    line="2.5",
    fix="restore_layout",
    why="Who prepares a call looks there for the company on LinkedIn.",
)
def accounts_additional_information(shown: Shown, look: Look) -> Iterator[Sight]:
    """The section's fields, and that each address that is stored is a link to it."""
    yield from other_sections(shown, look)
    yield from links_that_work(shown, look)


@checkup(
    "accounts.accounting",
    title="Account pages have an accounting section with everything that accounting asks for",
    row="C6",
    scope="page:account",
    line="2.6",
    fix="restore_layout",
    why="What was invoiced, paid and agreed is read in one place.",
)
def accounts_accounting(shown: Shown, look: Look) -> Iterator[Sight]:
    """The section about accounting."""
    yield from accounting_section(shown, look)


@checkup(
    "accounts.right",
    title="Opportunities, meeting notes and activity feed are on the right of account pages",
    row="C7",
    scope="page:account",
    line="2.7",
    fix="restore_layout",
    why="What is going on with a customer is seen beside who it is.",
)
def accounts_right(shown: Shown, look: Look) -> Iterator[Sight]:
    """The panels on the right, but for the reminder, which is a rule of its own."""
    yield from panels(shown, look, but=REMINDER)


# --- 3. Opportunities -------------------------------------------------------------------------------------------------


@checkup(
    "opportunities.default_filter",
    title="The opportunities tab opens on All opportunities",
    row="C16",
    scope="list:opportunity",
    line="3.1",
    fix="restore_layout",
    why="A tab that opens on another view shows other records than its reader thinks.",
)
def opportunities_default_filter(shown: Shown, look: Look) -> Iterator[Sight]:
    """What the tab opens on."""
    yield from default_filter(shown, look)


@checkup(
    "opportunities.top",
    title="Opportunity pages begin with account, amount, close date, next step and owner",
    row="C8",
    scope="page:opportunity",
    line="3.2",
    fix="restore_layout",
    why="What a pipeline review asks is read first.",
)
def opportunities_top(shown: Shown, look: Look) -> Iterator[Sight]:
    """Account name, amount, close date, next step, opportunity owner."""
    yield from top(shown, look)


@checkup(
    "opportunities.information",
    title="Opportunity pages have the section about the opportunity with all of its fields",
    row="C9",
    scope="page:opportunity",
    line="3.3",
    fix="restore_layout",
    why="The next step and its due date are written there.",
)
def opportunities_information(shown: Shown, look: Look) -> Iterator[Sight]:
    """Account name, opportunity name, amount, next step, its due date, close date, stage."""
    yield from other_sections(shown, look)


@checkup(
    "opportunities.accounting",
    title="Opportunity pages have an accounting section with everything that accounting asks for",
    row="C10",
    scope="page:opportunity",
    line="3.4",
    fix="restore_layout",
    why="What was agreed is read without opening the contract.",
)
def opportunities_accounting(shown: Shown, look: Look) -> Iterator[Sight]:
    """The section about accounting."""
    yield from accounting_section(shown, look)


@checkup(
    "opportunities.right",
    title="Stage history, activity feed and LinkedIn sales navigator are on the right of opportunity pages",
    row="C11",
    scope="page:opportunity",
    line="3.5",
    fix="restore_layout",
    why="How it came here is seen beside where it stands.",
)
def opportunities_right(shown: Shown, look: Look) -> Iterator[Sight]:
    """The panels on the right."""
    yield from panels(shown, look)
    yield from useful_links(shown, look)


# --- 4. Contacts ------------------------------------------------------------------------------------------------------


@checkup(
    "contacts.default_filter",
    title="The contacts tab opens on All contacts",
    row="C16",
    scope="list:contact",
    line="4.1",
    fix="restore_layout",
    why="A tab that opens on another view shows other records than its reader thinks.",
)
def contacts_default_filter(shown: Shown, look: Look) -> Iterator[Sight]:
    """What the tab opens on."""
    yield from default_filter(shown, look)


@checkup(
    "contacts.top",
    title="Contact pages begin with name, job title, department, account, LinkedIn and Orbit feed",
    row="C12",
    scope="page:contact",
    line="4.2",
    fix="restore_layout",
    why="Who somebody is comes before how to reach them.",
)
def contacts_top(shown: Shown, look: Look) -> Iterator[Sight]:
    """Name, job title, department, account name, LinkedIn, Orbit feed."""
    yield from top(shown, look)


@checkup(
    "contacts.second_section",
    title="The second section of contact pages says what the person is to us and to whom they report",
    row="C13",
    scope="page:contact",
    line="4.3",
    fix="restore_layout",
    why="Champions and whom they report to decide whom to talk to.",
)
def contacts_second_section(shown: Shown, look: Look) -> Iterator[Sight]:
    """LinkedIn URL, account name, name, title, is champion, reports to: the first section that is expected."""
    for one in page_of(shown, look).sections[:1]:
        yield from comparing.section(shown, one)


@checkup(
    "contacts.additional_information",
    title="Contact pages have additional information with every way to reach somebody",
    row="C14",
    scope="page:contact",
    line="4.4",
    fix="restore_layout",
    why="What is not shown is searched for elsewhere, and not kept.",
)
def contacts_additional_information(shown: Shown, look: Look) -> Iterator[Sight]:
    """Email, personal email, Twitter, GitHub, mobile, website, Orbit feed, description: all further sections."""
    for one in page_of(shown, look).sections[1:]:
        yield from comparing.section(shown, one)


@checkup(
    "contacts.bottom_and_right",
    title="Contact pages have related contacts at the bottom; feed, notes reminder and manager on the right",
    row="C15",
    scope="page:contact",
    line="4.5",
    fix="restore_layout",
    why="The people around somebody are seen beside them.",
)
def contacts_bottom_and_right(shown: Shown, look: Look) -> Iterator[Sight]:
    """The panels at the bottom and on the right."""
    yield from panels(shown, look)
    yield from useful_links(shown, look)


# --- 5. Leads ---------------------------------------------------------------------------------------------------------


@checkup(
    "leads.default_filter",
    title="The leads tab opens on All leads",
    row="C16",
    scope="list:lead",
    line="5.1",
    fix="restore_layout",
    why="A tab that opens on another view shows other records than its reader thinks.",
)
def leads_default_filter(shown: Shown, look: Look) -> Iterator[Sight]:
    """What the tab opens on."""
    yield from default_filter(shown, look)


@checkup(
    "leads.fields",
    title="Lead pages show name, lead source, lead status and rating",
    row="L14",
    scope="page:lead",
    line="5.2",
    fix="restore_layout",
    why="Where a lead came from and how warm it is decides what is done next.",
)
def leads_fields(shown: Shown, look: Look) -> Iterator[Sight]:
    """The fields, wherever they are; and whatever else the handbook expects of the page."""
    yield from top(shown, look)
    for one in page_of(shown, look).sections:
        yield from comparing.section(shown, one)
    yield from panels(shown, look)
    yield from useful_links(shown, look)
