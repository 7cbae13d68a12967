"""What the handbook expects of a list and of a page, as the rules about several kinds of record look at it.

Beside what a bullet of its list names, a company may expect more of a page. So that nothing it expects is passed over,
what no bullet names is looked at by the one next to it: fields by the top's, panels and links by the right column's.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.text import capfirst, slugify

from crm.checkups.presentation import comparing
from crm.checkups.presentation.comparing import sight
from crm.checkups.presentation.reading import BOTTOM, RIGHT
from crm.checkups.presentation.shown import Shown
from crm.checkups.rules import Look, Sight
from crm.core.errors import Refused
from crm.handbook.expectations import ExpectedPage, ExpectedSection
from crm.workspace.conditions import read_condition
from crm.workspace.fields import find
from crm.workspace.showing import read_values

ACCOUNTING = "Accounting"
NOTHING = ExpectedPage.model_construct(object="account", default_filter="")


def page_of(shown: Shown, look: Look) -> ExpectedPage:
    """What is expected of this kind of record."""
    return look.book.expected_page(shown.name) or NOTHING


def sections_of(shown: Shown, look: Look, *, accounting: bool) -> Iterator[ExpectedSection]:
    """The expected section about accounting, or the others."""
    for one in page_of(shown, look).sections:
        if (one.title.casefold() == ACCOUNTING.casefold()) is accounting:
            yield one


def default_filter(shown: Shown, look: Look) -> Iterator[Sight]:
    """The tab opens on the view that the handbook names, and with the conditions that it has there."""
    wanted = page_of(shown, look).default_filter
    if shown.page.view != wanted:
        yield sight(shown, "view", f"The tab opens on “{wanted}”", f"It opens on “{shown.page.view}”")
        return
    view = next((one for one in look.book.views if one.object == shown.name and one.title == wanted), None)
    expected, there = [], sorted(shown.page.conditions)
    for one in view.filters if view else ():
        try:
            found = read_condition(shown.kind, one.model_dump(), reader=shown.reader, at=look.at)
        except Refused:
            continue
        expected.append(" ".join(f"{capfirst(found.title)}: {found.words}".split()))
    if sorted(expected) != there:
        said = "; ".join(sorted(expected)) or "every record"
        # By which fields, and not by whom: a finding keeps nobody's name.
        fields = ", ".join(dict.fromkeys(one.partition(":")[0] for one in there))
        is_now = f"It filters by {fields}, and not as it should" if fields else "It shows every record"
        yield sight(shown, "conditions", f"“{wanted}” shows: {said}", is_now)


def top(shown: Shown, look: Look) -> Iterator[Sight]:
    """The fields that come first, and those that are somewhere."""
    page = page_of(shown, look)
    yield from comparing.top(shown, page.top)
    yield from comparing.anywhere(shown, page.fields)


def accounting_section(shown: Shown, look: Look) -> Iterator[Sight]:
    """The section about accounting."""
    for one in sections_of(shown, look, accounting=True):
        yield from comparing.section(shown, one)


def other_sections(shown: Shown, look: Look) -> Iterator[Sight]:
    """Every section but the one about accounting."""
    for one in sections_of(shown, look, accounting=False):
        yield from comparing.section(shown, one)


def panels(shown: Shown, look: Look, *, but: str = "") -> Iterator[Sight]:
    """The panels on the right and at the bottom, but for one."""
    page = page_of(shown, look)
    yield from comparing.panels(shown, RIGHT, [name for name in page.right if name != but])
    yield from comparing.panels(shown, BOTTOM, page.bottom)


def useful_links(shown: Shown, look: Look) -> Iterator[Sight]:
    """Each expected link is there, and leads where the handbook has it, with the words of this very record."""
    wanted = page_of(shown, look).links
    layout = look.book.layout_of(shown.name)
    templates = {one.label: one.url for one in layout.links} if layout else {}
    there = {one.label: one.address for one in shown.page.links}
    domain = str(getattr(shown.record, "domain_key", "") or "")
    values = {"{name}": str(shown.record), "{domain}": domain, "{id}": str(shown.record.pk)}
    for label in wanted:
        template = templates.get(label, "")
        if label not in there:
            found = "It is not there"
        elif not there[label].startswith("https://"):
            found = "It does not lead to a safe address (https)"
        elif not comparing.same_address(there[label], template, values):
            found = comparing.disguised(there[label], {"{name}": str(shown.record), "{domain}": domain})
        else:
            continue
        yield sight(shown, f"link:{slugify(label)}", f"“{label}” leads to {template}", found)


def links_that_work(shown: Shown, look: Look) -> Iterator[Sight]:
    """Each address that is stored, and shown in a section that is not about accounting, is a link to it."""
    for section in sections_of(shown, look, accounting=False):
        for name in section.fields:
            field, mark = find(shown.kind, name), slugify(section.title)
            if field is None or field.kind != "link" or name not in shown.page.sections.get(mark, ()):
                continue
            stored = str(read_values([shown.record], [field], look.at)[name].get(shown.record.pk) or "").strip()
            leads = shown.page.leads.get((mark, name), ())
            if wrong := _wrong_link(stored, leads):
                yield sight(shown, f"link:{name}", f"{shown.words(name)} leads to what is stored", wrong)


def _wrong_link(stored: str, leads: tuple[str, ...]) -> str:
    """What is wrong with the links of a field; an address of another scheme is no link, and rightly so."""
    if not stored or (":" in stored.partition("/")[0] and not stored.lower().startswith(("https://", "http://"))):
        return "It leads somewhere though nothing is stored that can be followed" if leads else ""
    if not leads:
        return "It is no link"
    bare = stored if "://" in stored else f"https://{stored}"
    return "" if set(leads) == {bare} else "It leads elsewhere"
