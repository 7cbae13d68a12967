"""What can be broken of the configuration: people, rooms, roles, keys, and the workspace beside what pages show."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from crm import handbook
from crm.checkups.rights import RoleRights, acknowledge_rights, gained, mark_of, rights_of
from crm.handbook.document import Handbook
from crm.handbook.models import HandbookVersion
from crm.handbook.promises import ChatChannel, Escalation
from crm.handbook.schema import AssignmentRule
from crm.people.models import Team, User
from crm.sync.models import ApiKey
from crm.workspace.models import ListView, RoleTabs
from tests.checkups.mutations import Step, World, add, layout, restored, section, tabs, view
from tests.factories import make_user

NOBODY = "nobody.here@example.com"
ACCOUNT, CONTRACT = "layout.account", "layout.contract"


def swap(names: list[Any]) -> None:
    """The first two change places."""
    names[0], names[1] = names[1], names[0]


def works_by(change: Callable[[Handbook], Handbook]) -> Step:
    """This process works by a handbook that is changed in one place."""

    def step(world: World) -> None:
        handbook._in_use.append(change(handbook.current()))

    return step


def works_by_the_old(world: World) -> None:
    """It works by the one before again."""
    handbook._in_use.pop()


def copy(of: Any, **values: Any) -> Any:
    """The same section of a handbook with other values."""
    return of.model_copy(update=values)


def _opens_on_all_accounts(found: list[dict[str, str]]) -> None:
    next(one for one in found if one["tab"] == "accounts")["view"] = "all_accounts"


# --- the workspace ----------------------------------------------------------------------------------------------------

DRIFT = "configuration.workspace_drift"
add(
    DRIFT,
    "fields of a page that nothing is expected of change places",
    layout("contract", lambda body: swap(body["top"])),
    restored(CONTRACT),
    rendered=False,
)
add(
    DRIFT,
    "a further field comes behind those that are expected at the top",
    layout("account", lambda body: body["top"].append("phone")),
    restored(ACCOUNT),
)
add(
    DRIFT,
    "a field is taken from a section that nothing is expected of",
    layout("account", lambda body: section(body, "Details").remove("phone")),
    restored(ACCOUNT),
    rendered=False,
)
add(
    DRIFT,
    "fields of an expected section change places behind the first",
    layout("account", lambda body: section(body, "Accounting").reverse()),
    restored(ACCOUNT),
)
add(
    DRIFT,
    "panels change places",
    layout("account", lambda body: swap(body["right"])),
    restored(ACCOUNT),
)
add(
    DRIFT,
    "a link is added",
    layout("account", lambda body: body["links"].append({"label": "Prices", "url": "https://fleetdm.com/pricing"})),
    restored(ACCOUNT),
)
add(
    DRIFT,
    "a list view loses a column",
    view("account", "customers", columns=["name"]),
    restored("view.account.customers"),
)
add(DRIFT, "tabs change places", tabs("sdr", swap), restored("tabs.sdr"))
add(
    DRIFT,
    "a manager’s tab is taken away",
    tabs("manager", lambda found: found.pop()),
    restored("tabs.manager"),
    rendered=False,
)
add(
    DRIFT,
    "a tab is taken from a standard role that nobody active has",
    tabs("ae", lambda found: found.pop()),
    restored("tabs.ae"),
    rendered=False,
)
add(
    DRIFT,
    "the tabs of a standard role that nobody active has are gone",
    lambda world: RoleTabs.objects.filter(role="ae").delete(),
    restored("tabs.ae"),
    rendered=False,
)
add(
    DRIFT,
    "a tab of a role that nobody active has opens on another list",
    tabs("manager", _opens_on_all_accounts),
    restored("tabs.manager"),
    rendered=False,
)
add(
    DRIFT,
    "the list of everything that a tab opens on is taken away, and another of the same name stands in for it",
    lambda world: ListView.objects.filter(object="lead", key="all_leads").delete(),
    restored("view.lead.all_leads"),
)
add(
    DRIFT,
    "a list view that no tab of a page opens on is taken away",
    lambda world: ListView.objects.filter(object="contract", key="all_contracts").delete(),
    restored("view.contract.all_contracts"),
    rendered=False,
)

VIEWS = "configuration.list_views"


def _own_view(world: World) -> None:
    ListView.objects.create(object="lead", title="Hot ones", columns=["name", "shoe_size"], user=world.sdr)


def _opens_on_nothing(found: list[dict[str, str]]) -> None:
    next(one for one in found if one["tab"] == "contracts")["view"] = "signed_yesterday"


add(
    VIEWS,
    "a column of somebody’s view is no field any more",
    _own_view,
    lambda world: ListView.objects.filter(title="Hot ones").update(columns=["name"]),
    rendered=False,
)
add(
    VIEWS,
    "a column of a view of the handbook’s is no field any more",
    view("account", "all_accounts", columns=["name", "shoe_size"]),
    restored("view.account.all_accounts"),
)
add(
    VIEWS,
    "a tab opens on a view that is gone",
    tabs("manager", _opens_on_nothing),
    restored("tabs.manager"),
    rendered=False,
)

# --- who the handbook names -------------------------------------------------------------------------------------------


def _escalates(*to: str) -> Callable[[Handbook], Handbook]:
    def change(book: Handbook) -> Handbook:
        first, *others = book.policies
        return copy(book, policies=(copy(first, escalate=tuple([Escalation(to=to)] if to else [])), *others))  # type: ignore[no-any-return]

    return change


def _with_room(book: Handbook) -> Handbook:
    room = ChatChannel(key="attic", label="Attic", dri=NOBODY)
    return copy(book, notices=copy(book.notices, chats=(*book.notices.chats, room)))  # type: ignore[no-any-return]


def _with_owner(book: Handbook) -> Handbook:
    owner = copy(book.checkups.owners[0], area="leads", dri=NOBODY)
    return copy(book, checkups=copy(book.checkups, owners=(*book.checkups.owners, owner)))  # type: ignore[no-any-return]


def _with_queue(book: Handbook) -> Handbook:
    first, *others = book.enquiry.channels
    channels = (copy(first, team="Nowhere"), *others)
    return copy(book, enquiry=copy(book.enquiry, channels=channels))  # type: ignore[no-any-return]


def _with_ritual(book: Handbook) -> Handbook:
    first, *others = book.rituals
    ritual = copy(first, key="attic_meeting", label="Attic meeting", dri=NOBODY)
    return copy(book, rituals=(first, *others, ritual))  # type: ignore[no-any-return]


def _with_rule(**named: Any) -> Callable[[Handbook], Handbook]:
    def change(book: Handbook) -> Handbook:
        rules = (*book.assignment.rules, AssignmentRule(label="Far away", **named))
        return copy(book, assignment=copy(book.assignment, rules=rules))  # type: ignore[no-any-return]

    return change


for rule, what, change in (
    ("configuration.policies_without_target", "a policy escalates to an email nobody has", _escalates(NOBODY)),
    ("configuration.policies_without_target", "a policy escalates to nobody", _escalates()),
    ("configuration.rooms_without_dri", "the DRI of a room is nobody", _with_room),
    ("configuration.checkups_without_dri", "findings of an area are nobody’s", _with_owner),
    ("configuration.rituals_without_dri", "the DRI of a ritual is nobody", _with_ritual),
    ("configuration.channels_without_team", "requests stand in the queue of no team", _with_queue),
    ("configuration.assignment", "a rule gives leads to a team that is not here", _with_rule(team="Nowhere")),
    ("configuration.assignment", "a rule gives leads to somebody who is not here", _with_rule(people=(NOBODY,))),
):
    add(rule, what, works_by(change), works_by_the_old, rendered=False)

_rooms = settings.CHAT_WEBHOOKS


def _room_of_nobody(world: World) -> None:
    settings.CHAT_WEBHOOKS = {**_rooms, "cellar": "https://hooks.example.com/secret"}


def _rooms_as_before(world: World) -> None:
    settings.CHAT_WEBHOOKS = _rooms


add(
    "configuration.rooms_without_address",
    "the environment names a room that the handbook does not have",
    _room_of_nobody,
    _rooms_as_before,
    rendered=False,
)
add(
    "configuration.unapplied_handbook",
    "another handbook is applied",
    lambda world: HandbookVersion.objects.create(text="other", sha256="0" * 64, applied_at=world.at),
    lambda world: HandbookVersion.objects.filter(sha256="0" * 64).delete(),
    rendered=False,
)

# --- people, teams, keys and rights -----------------------------------------------------------------------------------


def _astronaut(world: World) -> None:
    make_user("astrid", role="astronaut")


def _dormant(world: World) -> None:
    make_user("dora", role="administrator", last_login=timezone.now() - timedelta(days=200))


def _queue(world: World) -> None:
    Team.objects.create(name="East")


def _led(world: World) -> None:
    Team.objects.filter(name="East").update(manager=world.sdr)


def _key(**values: Any) -> Step:
    def step(world: World) -> None:
        ApiKey.objects.create(**{"name": "Till", "prefix": "till", "user": world.sdr, "made_by": world.sdr, **values})

    return step


def _revoked(world: World) -> None:
    ApiKey.objects.filter(name="Till").update(revoked_at=world.at)


def _might_less(world: World) -> None:
    row = RoleRights.objects.get(role="sdr")
    row.rights["leads.lead"].remove("nurture")
    row.save()


def _meant(world: World) -> None:
    role = handbook.current().role("sdr")
    mark = mark_of(gained(RoleRights.objects.get(role="sdr").rights, rights_of(role)))
    acknowledge_rights(role, mark, actor=make_user("root", role="administrator"), at=world.at)


def _key_of_who_left(world: World) -> None:
    _key(made_by=make_user("gone", role="sdr", is_active=False))(world)


add(
    "configuration.users_without_role",
    "somebody has a role that the handbook does not have",
    _astronaut,
    lambda world: User.objects.filter(role="astronaut").update(role="sdr"),
)
add(
    "configuration.dormant_administrators",
    "an administrator has not logged in for long",
    _dormant,
    lambda world: User.objects.filter(first_name="Dora").update(last_login=world.at),
    rendered=False,
)
add("configuration.teams_without_manager", "a team has no manager", _queue, _led, rendered=False)
LONG_AGO = timezone.now() - timedelta(days=2)
add("configuration.api_keys", "a key ended", _key(expires_at=LONG_AGO), _revoked, rendered=False)
add("configuration.api_keys", "who made a key left", _key_of_who_left, _revoked, rendered=False)
add("configuration.role_gained", "a role may more than when it was looked at", _might_less, _meant, rendered=False)
