"""Two people of one group are shown the same, whatever else they are; of people of two groups that cannot be said."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import Account
from crm.checkups.presentation.groups import Group, Key, groups
from crm.checkups.presentation.reading import Page, read_page
from crm.checkups.presentation.rendering import show
from crm.checkups.presentation.tab_rules import leads_to
from crm.people.models import Absence, Team, User
from crm.workspace.models import ListView, PageLayout, Pin, RoleTabs
from tests.checkups.showing import CUSTOMER
from tests.factories import make_account, make_lead, make_user

pytestmark = pytest.mark.django_db
ZONES = ["", "Asia/Tokyo", "Europe/Berlin", "America/New_York"]
LISTS = ("account", "lead")
Marks = dict[str, Any]


def make_world(chance: random.Random) -> None:
    """People of two roles in and without teams, a workspace that somebody has been at, and alike records of all."""
    teams = [Team.objects.create(name=name) for name in ("North", "South")]
    places = [("sdr", one) for one in (*teams, chance.choice(teams), None, None)] + [("ae", one) for one in teams]
    people = [
        make_user(f"p{n}", role=role, team=team, zone=chance.choice(ZONES)) for n, (role, team) in enumerate(places)
    ]
    for team in teams:
        team.manager = chance.choice(people)
        team.save()
    today = timezone.now().date()
    Absence.objects.create(user=chance.choice(people), first_day=today, last_day=today)
    for one in people:
        make_account(name=CUSTOMER, type="customer", owner=one)
        make_lead(owner=one)
    change_workspace(chance, people)


def change_workspace(chance: random.Random, people: list[User]) -> None:
    """Views of everybody's and of single people's, some pinned and opened on; layouts in another order."""
    columns = ["name", "owner"]
    mine = {"field": "owner", "operator": "is", "values": ["my_team"]}
    team = ListView.objects.create(object="lead", title="My team’s", columns=columns, filters=[mine])
    owner = chance.choice([one for one in people if one.role == "sdr" and one.team_id])
    own = ListView.objects.create(object="account", title="Mine alone", columns=columns, user=owner)
    for one in people:
        title = f"Of {one.pk}"
        kept = ListView.objects.create(object="account", title=title, columns=columns, user=one, shared=one.pk % 2 == 0)
        Pin.objects.create(user=one, view=chance.choice([team, kept]))
    for role, opened in (("sdr", str(own.pk)), ("ae", chance.choice(["all_accounts", "gone"]))):
        row = RoleTabs.objects.get(role=role)
        chance.shuffle(row.tabs)
        for tab in row.tabs:
            tab["view"] = {"accounts": opened, "leads": str(team.pk)}.get(tab["tab"], tab["view"])
        row.save()
    for layout in PageLayout.objects.filter(object__in=LISTS):
        for part in ("top", "right", "bottom", "sections", "links"):
            chance.shuffle(layout.body[part])
        layout.body["top"] = layout.body["top"][: chance.randint(1, 4)]
        layout.save()


def test_two_people_of_a_group_are_shown_the_same_and_no_part_of_the_key_is_idle(db: None) -> None:
    seed = random.randrange(10_000)
    print(f"seed {seed}")  # noqa: T201 - shown when it fails
    make_world(random.Random(seed))
    found = groups()
    assert sum(group.size for group in found) == User.objects.active_people().count()
    marks = {member.pk: marks_of(User.objects.get(pk=member.pk)) for group in found for member in group.members}
    assert max(group.size for group in found) >= 2
    for group in found:
        assert differing(group, marks) is None, group.key
    for part in Key._fields:
        merged = [differing(group, marks) for group in without(part, found)]
        assert [one for one in merged if one], f"the key needs no {part}"


def without(part: str, found: list[Group]) -> list[Group]:
    """The groups there would be if a part of the key were left out."""
    merged: dict[Any, list[Any]] = {}
    for group in found:
        left = tuple(value for name, value in group.key._asdict().items() if name != part)
        merged.setdefault(left, []).extend(group.members)
    return [Group(Key("", False, ()), tuple(members)) for members in merged.values()]


def differing(group: Group, marks: dict[int, Marks]) -> str | None:
    """The kind of page that two people of a group are shown otherwise; None where all are shown the same."""
    kinds = {kind for one in group.members for kind in marks[one.pk]}
    for kind in sorted(kinds):
        shown = [marks[one.pk][kind] for one in group.members if kind in marks[one.pk]]
        if any(one != shown[0] for one in shown):
            return kind
    return None


def marks_of(person: User) -> Marks:
    """The marks of what one person can be shown: tabs, two lists, and the pages of three accounts."""
    tabs = opened(reverse("admin:index"), person).tabs
    found: Marks = {"tabs": tabs}
    for tab in tabs:
        for kind in LISTS:
            if leads_to(tab.address).endswith(f"_{kind}_changelist"):
                found[f"list:{kind}"] = read(opened(tab.address, person))
    for whose, account in accounts_of(person):
        found[f"page:{whose}"] = read(opened(reverse("admin:accounts_account_change", args=[account]), person))
    return found


def accounts_of(person: User) -> Iterator[tuple[str, int]]:
    """An own, a team's and another's account, as far as there are any for this person."""
    rows = Account.objects.order_by("pk")
    others, team = rows.exclude(owner=person), rows.none()
    if person.team_id:
        team, others = others.filter(owner__team=person.team_id), others.exclude(owner__team=person.team_id)
    for whose, chosen in (("own", rows.filter(owner=person)), ("team", team), ("other", others)):
        if (first := chosen.first()) is not None:
            yield whose, first.pk


def opened(address: str, person: User) -> Page:
    """A page as it is read."""
    answer = show(address, person, at=timezone.now())
    assert not answer.problem, answer
    return read_page(answer.html)


def read(page: Page) -> Any:
    """What rules read of a page, without what is one record's own."""
    rows = sorted({tuple(sorted({leads_to(one) for one in row} - {""})) for row in page.rows})
    links = [one.label for one in page.links]
    return page.tabs, page.view, page.conditions, rows, dict(page.sections), dict(page.panels), links, set(page.leads)
