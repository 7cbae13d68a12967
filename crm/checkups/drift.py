"""Where tabs, list views and layouts depart from the handbook in what no page has to show (K5).

What a page has to show is looked at where people see it, by the rules about pages. So that one thing that is off is
one finding, it is put back in thought before the rest is compared: what then still departs is drift.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.utils.text import slugify

from crm.checkups.rules import Look, Looked, Sight, checkup
from crm.handbook.document import Handbook
from crm.handbook.expectations import ExpectedPage, ExpectedSection
from crm.handbook.schema import RECORD_TABS
from crm.handbook.values import is_web_template
from crm.people.models import User
from crm.workspace.drift import Departure, Line, departures
from crm.workspace.lists_chosen import fallback
from crm.workspace.models import OBJECTS, ListView, PageLayout, RoleTabs
from crm.workspace.validity import model_of, view_problems
from crm.workspace.wanted import layouts, tabs, views

Body = Mapping[str, Any]
Parts = dict[str, list[Any]]
PLACES = {"right": "On the right", "bottom": "At the bottom"}


@checkup(
    "configuration.workspace_drift",
    title="Tabs, list views and layouts are as the handbook has them",
    row="K5",
    fix="restore_layout",
    why="An administrator may change them at any time; what is meant to stay belongs into the handbook.",
)
def workspace_drift(look: Look) -> Looked:
    """One finding for each item and part that departs, but for what rules about pages look at."""
    found = [
        Sight(
            subject=f"workspace:{departure.item}",
            label=departure.title if line.part == "Whole" else f"{departure.title}: {line.part}",
            detail=line.part,
            expected=line.handbook,
            found=line.here,
        )
        for departure in departures()
        for line in _left(look.book, departure)
    ]
    items = len(tabs(look.book)) + len(views(look.book)) + len(layouts(look.book))
    return Looked(at=items, sights=found)


@checkup(
    "configuration.list_views",
    title="List views name fields that are there, and tabs open on views that are there",
    row="K5",
    why="A column or a condition whose field is gone is passed over: the list shows more than its name says.",
)
def list_views(look: Look) -> Looked:
    """Views of everybody and of single people whose fields left; tabs whose view was taken away."""
    found, at = [], 0
    for view in ListView.objects.all().iterator():
        at += 1
        whose = "everybody’s" if view.user_id is None else "a user’s own"
        for place, name in dict.fromkeys(_gone_names(view)):
            if place == "filters" and _is_opened_on(look.book, view.object, view.key):
                continue
            found.append(
                Sight(
                    subject=f"list_view:{view.pk}",
                    label=f"List view of {model_of(view.object)._meta.verbose_name_plural}, {whose}",
                    detail=f"{place}:{name}",
                    expected="Only fields that are there",
                    found=f"Its {place} name “{name}”, which is no field (any more)",
                )
            )
    known = set(ListView.objects.exclude(key="").values_list("object", "key"))
    for role, stored in RoleTabs.objects.values_list("role", "tabs"):
        for key, view_key in _opened(stored):
            at += 1
            # A view that the handbook asks for and that is gone is drift; one that nobody asks for was misnamed.
            if (RECORD_TABS[key], view_key) in known | views(look.book).keys() or _expected(look.book, key):
                continue
            found.append(
                Sight(
                    subject=f"tabs:{role}",
                    label=f"Tabs of {look.book.label('roles', role)}",
                    detail=f"{key}:{view_key}",
                    expected=f"{look.book.label('tabs', key)} opens on a view that is there",
                    found=f"It opens on “{view_key}”, which is gone",
                )
            )
    return Looked(at=at, sights=found)


# --- what rules about pages look at -----------------------------------------------------------------------------------


def _left(book: Handbook, departure: Departure) -> Sequence[Line]:
    """The lines of a departure that are nobody else's to say."""
    kind, _, name = departure.item.partition(".")
    if kind == "tabs":
        return () if _same_tabs(book, name) else departure.lines
    if kind == "view":
        of, _, key = name.partition(".")
        return [line for line in departure.lines if not _of_a_view(book, of, key, line)]
    wanted = layouts(book).get(name)
    here = PageLayout.objects.filter(object=name).values_list("body", flat=True).first()
    if wanted is None or here is None:
        return () if book.expected_page(name) and here is None else departure.lines
    parts = _departing(book, book.expected_page(name), wanted, here)
    return [line for line in departure.lines if line.part in parts]


def _same_tabs(book: Handbook, role: str) -> bool:
    """Whether a role's tabs are the handbook's, but for which there are, where a rule about tabs looks at that, and
    for what they open on, where a rule about a default filter does. Both look where somebody active is shown them."""
    wanted = tabs(book).get(role)
    here = RoleTabs.objects.filter(role=role).values_list("tabs", flat=True).first()
    shown = User.objects.active_people().filter(role=role).exists()
    standard = shown and any(one.key == role for one in book.roles_with("standard"))
    if wanted is None or here is None:
        return standard and wanted is not None
    meant = {one["tab"]: one["view"] for one in wanted}
    keys = [str(one.get("tab", "")) for one in here]
    if standard and set(keys) != meant.keys():
        return True
    gone = {
        (key, view)
        for key, view in _opened(here)
        if (RECORD_TABS[key], view) not in views(book)
        and not (_expected(book, key) or ListView.objects.filter(object=RECORD_TABS[key], key=view).exists())
    }
    said = {key for key in meant if shown and _expected(book, key)}
    theirs = [
        {"tab": key, "view": meant[key] if key in meant and (key in said or (key, view) in gone) else view}
        for key, view in zip(keys, (str(one.get("view", "")) for one in here), strict=True)
    ]
    return theirs == wanted


def _of_a_view(book: Handbook, of: str, key: str, line: Line) -> bool:
    """Whether a part of a view is what its tab opens on, or a name that is gone."""
    if _is_opened_on(book, of, key) and line.part in ("Name", "Conditions", "Whole"):
        return line.part != "Whole" or not _is_stood_in_for(book, of, key)
    place = {"Columns": "columns", "Conditions": "filters", "Sorted by": "sort"}.get(line.part)
    row = ListView.objects.filter(object=of, key=key).first()
    return row is not None and any(one == place for one, _ in _gone_names(row))


def _is_stood_in_for(book: Handbook, of: str, key: str) -> bool:
    """Whether a list without this view shows the same under the same name, with a sentence that the view is gone: the
    rule about what the tab opens on has nothing to say then."""
    view = views(book)[of, key]
    if view["filters"] or view["title"] != fallback(model_of(of)).title:
        return False
    return not ListView.objects.filter(object=of, user=None, filters=[]).exclude(key=key).exists()


def _is_opened_on(book: Handbook, of: str, key: str) -> bool:
    """Whether it is the view of the handbook that a rule about a default filter looks at."""
    page, view = book.expected_page(of), views(book).get((of, key))
    return page is not None and view is not None and view["title"] == page.default_filter


def _departing(book: Handbook, page: ExpectedPage | None, wanted: Body, here: Body) -> set[str]:
    """The parts of a layout that depart once everything is put back that a page has to show."""
    said, is_now = _flat(book, wanted), _flat(book, here)
    if page is not None:
        _put_back(page, said, is_now)
    said["links"], is_now["links"] = _other_links(book, page, wanted, here)
    found = {name for name in {*said, *is_now} if said.get(name) != is_now.get(name)}
    words = {"top": "Top", "titles": "Sections", "links": "Useful links", **PLACES}
    return {words.get(name, f"Section {name.removeprefix('section:')}") for name in found}


def _flat(book: Handbook, body: Body) -> Parts:
    """The parts of a layout by name. A title that is only written otherwise is a label to correct, and no drift."""
    found: Parts = {name: list(body.get(name) or []) for name in ("top", "right", "bottom")}
    found["titles"] = []
    for one in body.get("sections") or []:
        title = book.wording.corrected(str(one.get("title", "")))
        found["titles"].append(title)
        found[f"section:{title}"] = list(one.get("fields") or [])
    return found


def _put_back(page: ExpectedPage, said: Parts, is_now: Parts) -> None:
    """Make equal what the page's own rules find: what is expected and not in its place is taken out everywhere."""
    meant = {place: list(names) for place, names in said.items()}
    lost: dict[bool, set[str]] = {True: set(), False: set()}
    if page.top and tuple(is_now["top"][: len(page.top)]) != page.top:
        lost[True] |= set(page.top) - set(is_now["top"])
        is_now["top"] = list(said["top"])
    shown = {name for place in is_now if _has_fields(place) for name in is_now[place]}
    missing = set(page.fields) - shown
    for place in filter(_has_fields, said):
        said[place] = [name for name in said[place] if name not in missing]
    for place, expected in (("right", page.right), ("bottom", page.bottom)):
        gone = set(expected) - set(is_now[place])
        said[place] = [name for name in said[place] if name not in gone]
        lost[False] |= gone
    for section in page.sections:
        lost[True] |= _put_back_section(section, said, is_now)
    # What was moved from where it is expected stands somewhere else, which is the same thing and not another.
    for place, names in is_now.items():
        moved = lost[_has_fields(place)] - set(meant.get(place, ())) if place != "titles" else set()
        is_now[place] = [name for name in names if name not in moved]


def _has_fields(place: str) -> bool:
    return place == "top" or place.startswith("section:")


def _put_back_section(section: ExpectedSection, said: Parts, is_now: Parts) -> set[str]:
    """The same for one section; the fields that are expected in it and are not."""
    mark = f"section:{section.title}"
    if mark not in is_now:
        if slugify(section.title) in map(slugify, is_now["titles"]):
            return set()  # it is there as its page goes, under a title that departs
        fields = said.pop(mark)
        said["titles"].remove(section.title)
        # Another title over the same fields is this section by another name.
        others = [one for one in is_now["titles"] if is_now.get(f"section:{one}") == fields]
        for title in [one for one in others if one not in said["titles"]][:1]:
            is_now["titles"].remove(title)
            del is_now[f"section:{title}"]
        return set(section.fields)
    gone = set(section.fields) - set(is_now[mark])
    said[mark] = [name for name in said[mark] if name not in gone]
    if section.first in is_now[mark][1:] and sorted(is_now[mark]) == sorted(said[mark]):
        is_now[mark] = said[mark]
    return gone


def _other_links(
    book: Handbook, page: ExpectedPage | None, wanted: Body, here: Body
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The links that no page has to show, as they should be and as they are; not those that no link may be."""
    expected, hosts = set(page.links if page else ()), set(book.checkups.link_hosts)
    said, is_now = (
        [
            (label, str(one.get("url", "")))
            for one in body.get("links") or []
            if (label := book.wording.corrected(str(one.get("label", "")))) not in expected
        ]
        for body in (wanted, here)
    )
    return said, [one for one in is_now if one in said or (is_web_template(one[1]) and _host(one[1]) in hosts)]


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _gone_names(view: ListView) -> Iterator[tuple[str, str]]:
    """Place and name of what a view names and no field bears."""
    if view.object not in dict(OBJECTS):
        return
    named: Iterable[tuple[str, str]] = [
        *(("columns", str(name)) for name in view.columns or []),
        *(("filters", str(one.get("field", ""))) for one in view.filters or [] if isinstance(one, dict)),
        *([("sort", view.sort.removeprefix("-"))] if view.sort else []),
    ]
    kind = model_of(view.object)
    for place, name in named:
        one: dict[str, Any] = {"columns": [name]} if place != "filters" else {"filters": [{"field": name}]}
        if view_problems(kind, one):
            yield place, name


def _opened(stored: Any) -> Iterator[tuple[str, str]]:
    """Each tab of records with the view that it opens on."""
    for one in stored if isinstance(stored, list) else []:
        key, view = str(one.get("tab", "")), str(one.get("view", ""))
        if key in RECORD_TABS and view:
            yield key, view


def _expected(book: Handbook, tab: str) -> bool:
    """Whether a rule about pages looks at what this tab opens on."""
    return book.expected_page(RECORD_TABS.get(tab, "")) is not None
