"""What the reader refuses about checkups: pages that expect what their layouts do not show, and words that are off."""

from __future__ import annotations

import pytest

from crm.handbook import SHIPPED
from tests.handbook.conftest import Spoil

PAGES = "[[checkups.pages]]\nobject = "
EXPECTED = 'default_filter = "{}"\n{} = '
TOP = EXPECTED.format("Customers", "top") + '["billing_address", "parent"'
BOTTOM = 'bottom = ["related_contacts"]\nsections = [\n    { title = "Contact", fields = ["linkedin_url"'
LEADS = EXPECTED.format("All leads", "fields") + '["name", "lead_source", "status", "rating"]'
DRI = '[checkups]\ndri = "administrator"'
SECTION = '{ title = "Additional information", first = "name", fields = ["name", "rating"'
SALES = "# Words that left a list"
NO_OTHER = 'tabs = ["contacts", "opportunities", "accounts", "leads"]\n\n# 2-5'


def expected(object: str, old: str, new: str) -> tuple[str, str]:
    """A change of the first expected page of a kind, and not of its layout, which says the same."""
    return f'{PAGES}"{object}"\n{old}', f'{PAGES}"{object}"\n{new}'


@pytest.mark.parametrize(
    ("change", "where", "found", "allowed"),
    [
        # --- pages
        (
            (f'{PAGES}"contact"', f'{PAGES}"lead"\ndefault_filter = "All leads"\n\n{PAGES}"contact"'),
            "checkups.pages[4].object",
            '"lead" a second time',
            "each once",
        ),
        (
            expected("account", TOP, TOP.replace('"billing_address", "parent"', '"parent", "billing_address"')),
            "checkups.pages[0].top",
            '"parent", "billing_address"',
            'the layout\'s top begins with "billing_address", "parent"',
        ),
        (
            expected("lead", LEADS, LEADS.replace('"rating"', '"rating", "score"')),
            "checkups.pages[3].fields[4]",
            '"score"',
            'the layout shows "name", "lead_source", "status", "rating", "first_name"',
        ),
        (
            ('links = [\n    "Purchase Orders (POs)"', 'links = [\n    "Price list", "Purchase Orders (POs)"'),
            "checkups.pages[0].links[0]",
            '"Price list"',
            'the layout\'s links are "Purchase Orders (POs)"',
        ),
        (
            expected("opportunity", "", 'bottom = ["terms", "weather"]\n'),
            "checkups.pages[1].bottom[1]",
            '"weather"',
            'bottom has "contact_roles"',
        ),
        (
            expected("lead", "", 'right = ["weather"]\n'),
            "checkups.pages[3].right[0]",
            '"weather"',
            'right has "next_touch"',
        ),
        (
            (SECTION, SECTION.replace("Additional information", "More")),
            "checkups.pages[0].sections[0].title",
            '"More"',
            "Additional information, Accounting, Details",
        ),
        (
            (SECTION, SECTION.replace('"rating"', '"rating", "owner"')),
            "checkups.pages[0].sections[0].fields[2]",
            '"owner"',
            'the layout\'s section has "name", "rating"',
        ),
        (
            (SECTION, SECTION.replace('first = "name"', 'first = "rating"')),
            "checkups.pages[0].sections[0].first",
            '"rating"',
            'the layout\'s section has "name"',
        ),
        (
            expected("lead", 'default_filter = "All leads"', 'default_filter = "Hot leads"'),
            "checkups.pages[3].default_filter",
            '"Hot leads"',
            'its tab opens on "All leads"',
        ),
        # --- tabs
        (
            (NO_OTHER, NO_OTHER.replace(', "leads"]', "]")),
            None,
            '"accounts", "contacts", "leads", "opportunities"',
            'checkups expects "accounts", "contacts", "opportunities"',
        ),
        # --- who answers
        ((DRI, DRI.replace("administrator", "boss")), "checkups.dri", '"boss"', "or the email of a user"),
        (
            ('{ area = "process", dri = "manager" }', '{ area = "process", dri = "boss" }'),
            "checkups.owners[1].dri",
            '"boss"',
            "or the email of a user",
        ),
        (
            ('{ area = "process", dri = "manager" }', '{ area = "data", dri = "manager" }'),
            "checkups.owners[1].area",
            '"data" again',
            "each once",
        ),
        (('{ area = "process"', '{ area = "processes"'), "checkups.owners[1].area", '"processes"', '"process"'),
        # --- limits and words
        (
            ('{ status = "new_mql", days', '{ status = "new", days'),
            "checkups.statuses[2].status",
            '"new" a second time',
            "each once",
        ),
        (
            ('{ status = "new_mql", days', '{ status = "closed_do_not_contact", days'),
            "checkups.statuses[2].status",
            '"closed_do_not_contact"',
            "new_mql",
        ),
        (("day = 1 ", "day = 29 "), "checkups.day", "29", "up to 28"),
        (("hour = 2 ", "hour = 24 "), "checkups.hour", "24", "up to 23"),
        (("most_findings = 500", "most_findings = 1"), "checkups.most_findings", "1", "from 10 up"),
        (("links = false", 'links = "no"'), "checkups.links", '"no"', "true or false"),
        (("links = false", 'off = ["leads"]\nlinks = false'), "checkups.off[0]", '"leads"', "the id of a rule"),
        (('"docs.google.com"', '"https://docs.google.com"'), "checkups.link_hosts[1]", "https://", "a domain"),
        (
            (SALES, f'replaced = [{{ list = "lead.colours", word = "red", by = "other" }}]\n{SALES}'),
            "checkups.replaced[0].list",
            '"lead.colours"',
            "a list of this file",
        ),
        (
            (SALES, f'replaced = [{{ list = "lead.sources", word = "website", by = "other" }}]\n{SALES}'),
            "checkups.replaced[0].word",
            '"website"',
            "a word that is not in the list any more",
        ),
        (
            (SALES, f'replaced = [{{ list = "lead.sources", word = "fair", by = "even" }}]\n{SALES}'),
            "checkups.replaced[0].by",
            '"even"',
            "allowed: website, advertisement",
        ),
        (
            (SALES, f'replaced = [{{ list = "Lead sources", word = "fair", by = "event" }}]\n{SALES}'),
            "checkups.replaced[0].list",
            '"Lead sources"',
            'the place of a list of this file, as "lead.sources"',
        ),
    ],
)  # fmt: skip
def test_it_refuses_what_cannot_be_and_says_where(
    refused: Spoil, change: tuple[str, str], where: str | None, found: str, allowed: str
) -> None:
    problems = refused(change)
    if where is None:  # of every role with standard rights
        assert {problem.where.partition("[")[0] for problem in problems} == {"roles"}, problems
    else:
        assert [problem.where for problem in problems] == [where], problems
    assert found in problems[0].found
    assert allowed in problems[0].allowed


def test_it_refuses_to_expect_anything_of_a_page_without_a_layout(refused: Spoil) -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    layout = text[text.index('[[layouts]]\nobject = "contract"') : text.index("# What the weekly reviews look for.")]
    page = f'{PAGES}"contract"\ndefault_filter = "All contracts"\n\n'
    (problem,) = refused((layout, ""), (f'{PAGES}"account"', f'{page}{PAGES}"account"'))
    assert problem.where == "checkups.pages[0].object"
    assert problem.allowed == "allowed: a kind of record that has a layout"


def test_it_says_how_the_name_of_a_sorted_column_is_written(refused: Spoil) -> None:
    (problem,) = refused(('sort = "close_on"', 'sort = "Close date"'))
    assert problem.allowed == "allowed: the name of a column, with a minus in front to sort downwards"
