"""One term over every kind of record: what the lists' own searches find, a few of each kind, the best first.

Each kind is asked by its own `search`, which an index serves; the newest that it finds are looked at, and of those
come first whose name is the term, begins with it, or has a word that does. Only what the user may see is told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.db import models
from django.urls import reverse

from accounts.models import Account, Contact
from contracts.models import Contract, Opportunity
from crm.core.permissions import may
from crm.core.text import tidy
from crm.workspace.lists_chosen import VIEW, handle
from crm.workspace.models import ListView
from leads.models import Lead

if TYPE_CHECKING:
    from crm.people.models import User

SHOWN, LOOKED_AT = 5, 40
LONGEST = 200


@dataclass(frozen=True, slots=True)
class Hit:
    """One record that was found: what it is called, what tells it from its like, and where its page is."""

    title: str
    detail: str
    address: str


@dataclass(frozen=True, slots=True)
class Group:
    """What was found of one kind. `more` is its list with the same search; empty when there is no more."""

    key: str
    label: str
    icon: str
    hits: Sequence[Hit]
    more: str
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Source:
    """A kind of record that is searched: how it is told from its like, and which columns that takes."""

    kind: type[models.Model]
    label: str
    icon: str
    detail: Callable[[Any], Sequence[str]]
    columns: tuple[str, ...]
    related: tuple[str, ...] = ()

    @property
    def everything(self) -> str:
        """The list view that hides nothing, so that “Show all” shows what was found here."""
        return f"all_{self.label.lower()}"


SOURCES = (
    Source(
        Account,
        "Accounts",
        "apartment",
        lambda one: (one.domain_key, one.billing_city),
        ("name", "domain_key", "billing_city"),
    ),
    Source(
        Contact,
        "Contacts",
        "person",
        lambda one: (one.title, str(one.account or ""), one.email),
        ("first_name", "last_name", "email", "title", "account__name"),
        ("account",),
    ),
    Source(
        Lead,
        "Leads",
        "person_search",
        lambda one: (one.company, one.get_status_display(), one.email),
        ("first_name", "last_name", "email", "linkedin_url", "company", "status"),
    ),
    Source(
        Opportunity,
        "Opportunities",
        "monetization_on",
        lambda one: (one.account.name, one.stage_label),
        ("name", "stage", "account__name"),
        ("account",),
    ),
    Source(
        Contract,
        "Contracts",
        "contract",
        lambda one: (one.account.name,),
        ("name", "account__name"),
        ("account",),
    ),
)


def find_everywhere(term: str, *, user: User, shown: int = SHOWN) -> list[Group]:
    """What a term finds, by kind, the kind with the nearest name first. An empty term finds nothing."""
    wanted = tidy(term)[:LONGEST].lower()
    if not wanted:
        return []
    groups = [_group(source, wanted, user, shown) for source in SOURCES if may(user, "view", source.kind)]
    return sorted((group for group in groups if group.hits), key=lambda group: group.rank)


def _group(source: Source, term: str, user: User, shown: int) -> Group:
    rows: Any = source.kind._default_manager
    found = rows.search(term).select_related(*source.related).only(*source.columns).order_by("-pk")[:LOOKED_AT]
    seen = [one for one in found if may(user, "view", one)]
    ranked = sorted(seen, key=lambda one: _rank(str(one).lower(), term))
    meta = source.kind._meta
    name = f"admin:{meta.app_label}_{meta.model_name}"
    hits = [
        Hit(str(one), " · ".join(filter(None, source.detail(one))), reverse(f"{name}_change", args=[one.pk]))
        for one in ranked[:shown]
    ]
    more = (
        f"{reverse(f'{name}_changelist')}?{urlencode({VIEW: source.everything, 'q': term})}"
        if len(seen) > shown
        else ""
    )
    rank = _rank(str(ranked[0]).lower(), term) if ranked else 0
    return Group(str(meta.model_name), source.label, source.icon, hits, more, rank)


def find_views(term: str, *, user: User, shown: int = SHOWN) -> list[Group]:
    """The list views whose name has every word of the term at the beginning of one of its own, as one group."""
    pieces = tidy(term)[:LONGEST].lower().split()
    kinds = {source.kind._meta.model_name: source.kind for source in SOURCES if may(user, "view", source.kind)}
    if not pieces or not kinds:
        return []
    views = ListView.objects.seen_by(user.pk).filter(object__in=kinds, title__icontains=pieces[0])
    named = [
        view
        for view in views.order_by("pk")
        if all(any(word.startswith(piece) for word in view.title.lower().split()) for piece in pieces)
    ]
    ranked = sorted(named, key=lambda view: _rank(view.title.lower(), " ".join(pieces)))[:shown]
    hits = []
    for view in ranked:
        meta = kinds[view.object]._meta
        address = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
        detail = f"List of {meta.verbose_name_plural}"
        hits.append(Hit(view.title, detail, f"{address}?{urlencode({VIEW: handle(view)})}"))
    if not hits:
        return []
    return [Group("views", "List views", "view_list", hits, "", _rank(ranked[0].title.lower(), " ".join(pieces)))]


def _rank(name: str, term: str) -> int:
    """How near a name is to the term; of equals the newest stays first."""
    if name == term:
        return 0
    if name.startswith(term):
        return 1
    return 2 if any(word.startswith(term) for word in name.split()) else 3
