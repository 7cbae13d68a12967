"""Whether the handbook names people, teams and rooms that are here, and who may come in is answered for (K5, R6)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import F, Q

from crm.checkups.rules import Look, Looked, Rows, Sight, checkup
from crm.clocks.recipients import emails_named
from crm.core.keys import compute_keys
from crm.handbook.document import Handbook
from crm.handbook.models import HandbookVersion
from crm.handbook.schema import Role
from crm.notifications.rules import rooms_without_address, unknown_rooms
from crm.people.models import Team, User
from crm.sync.models import ApiKey

DORMANT = timedelta(days=180)


# --- who the handbook names -------------------------------------------------------------------------------------------


@checkup(
    "configuration.policies_without_target",
    title="Each response policy tells somebody who works here when its limit passes",
    row="R6",
    severity="error",
    why="An escalation to an address that nobody has goes to whoever is a manager, and nobody expects it there.",
)
def policies_without_target(look: Look) -> Looked:
    """Policies that promise a time and escalate to nobody, or to an email or role that nobody active has."""
    here = emails_here(look.book, emails_named())
    runs_setup = has_people(look.book.roles_with("administrator"))
    found = []
    for policy in look.book.policies:
        wrong = []
        if policy.promise and not policy.escalate:
            wrong.append(("nobody", "It escalates to nobody"))
        for n, escalation in enumerate(policy.escalate):
            for m, to in enumerate(escalation.to):
                if "@" in to and to not in here:
                    wrong.append((f"{n}.{m}", f"Escalation {n + 1} names an email that nobody active has"))
                elif to == "administrators" and not runs_setup:
                    wrong.append((f"{n}.{m}", f"Escalation {n + 1} is to administrators, and nobody active is one"))
        found += [
            Sight(
                subject=f"policy:{policy.key}",
                label=f"Policy “{policy.label}”",
                detail=detail,
                expected="It escalates to people who work here",
                found=text,
            )
            for detail, text in wrong
        ]
    return Looked(at=len(look.book.policies), sights=found)


@checkup(
    "configuration.rooms_without_dri",
    title="Each chat room of the handbook has a DRI who works here",
    row="R6",
    why="Somebody answers for what is posted there, and for the room itself.",
)
def rooms_without_dri(look: Look) -> Looked:
    """Rooms under notices.chats whose `dri` is the email of nobody active."""
    rooms = look.book.notices.chats
    here = emails_here(look.book, {room.dri for room in rooms})
    return Looked(
        at=len(rooms),
        sights=[
            Sight(
                subject=f"room:{room.key}",
                label=f"Chat room “{room.label}”",
                detail="dri",
                expected="Its DRI is somebody who works here",
                found="notices.chats names an email that nobody active has",
            )
            for room in rooms
            if room.dri not in here
        ],
    )


@checkup(
    "configuration.rooms_without_address",
    title="Each chat room that notices go to has an address on this server",
    row="R6",
    severity="note",
    why="Without one its notices reach people by the bell and by email alone.",
)
def rooms_without_address_(look: Look) -> Looked:
    """Rooms without an entry in `CHAT_WEBHOOKS`, and entries for rooms that the handbook does not have."""
    missing = [(room.key, room.label, "CHAT_WEBHOOKS does not name it") for room in rooms_without_address()]
    unknown = [(key, key, "CHAT_WEBHOOKS names it, and the handbook does not have it") for key in unknown_rooms()]
    return Looked(
        at=len(look.book.notices.chats) + len(unknown),
        sights=[
            Sight(
                subject=f"room:{key}",
                label=f"Chat room “{label}”",
                detail="address",
                expected="An address, and a room of the handbook",
                found=text,
            )
            for key, label, text in (*missing, *unknown)
        ],
    )


@checkup(
    "configuration.checkups_without_dri",
    title="Findings of each area have somebody who works here to answer for them",
    row="K3",
    severity="error",
    why="Whom checkups are to be told to would otherwise be every administrator.",
)
def checkups_without_dri(look: Look) -> Looked:
    """`checkups.dri` and the owners of areas: an email nobody active has, or a role without anybody."""
    named = [("checkups", "Checkups", look.book.checkups.dri)]
    named += [(f"area:{one.area}", f"Checkups of {one.area}", one.dri) for one in look.book.checkups.owners]
    here = emails_here(look.book, {dri for _, _, dri in named if "@" in dri})
    roles = set(User.objects.active_people().order_by().values_list("role", flat=True).distinct())
    return Looked(
        at=len(named),
        sights=[
            Sight(
                subject=subject,
                label=label,
                detail="dri",
                expected="The email of somebody who works here, or a role that somebody has",
                found="An email that nobody active has" if "@" in dri else f"Nobody active has the role “{dri}”",
            )
            for subject, label, dri in named
            if dri not in here and dri not in roles
        ],
    )


@checkup(
    "configuration.channels_without_team",
    title="Each way that requests come in leads to a team that is here",
    row="R8",
    severity="error",
    why="A request of somebody unknown would stand in no team’s queue.",
)
def channels_without_team(look: Look) -> Looked:
    """Channels whose `team` is the name of none."""
    teams = {name.casefold() for name in Team.objects.values_list("name", flat=True)}
    channels = [one for one in look.book.enquiry.channels if one.team]
    return Looked(
        at=len(channels),
        sights=[
            Sight(
                subject=f"channel:{one.key}",
                label=f"Channel “{one.label}”",
                detail="team",
                expected="The name of a team",
                found=f"There is no team “{one.team}”",
            )
            for one in channels
            if str(one.team).casefold() not in teams
        ],
        note="" if channels else "The handbook names no team for any channel.",
    )


@checkup(
    "configuration.unapplied_handbook",
    title="This server works by the handbook that was applied last",
    row="K5",
    severity="error",
    why="A process that reads another text than the one in force leaves clocks alone; `manage.py migrate` applies it.",
)
def unapplied_handbook(look: Look) -> Looked:
    """Whether the text that this process read is the one in force."""
    in_force = HandbookVersion.objects.first()
    if in_force is not None and in_force.sha256 == look.book.sha256:
        return Looked(at=1)
    sight = Sight(
        subject="handbook",
        label="Handbook",
        detail="version",
        expected=f"{look.book.sha256[:12]}, which this process read, is in force",
        found=f"{in_force.sha256[:12]} is in force" if in_force else "None was ever applied",
    )
    return Looked(at=1, sights=[sight])


# --- people, teams and keys -------------------------------------------------------------------------------------------


@checkup(
    "configuration.users_without_role",
    title="Everybody active has a role of the handbook",
    row="K5",
    severity="error",
    why="Whose role left the handbook can log in nowhere and do nothing, and their records wait.",
)
def users_without_role(look: Look) -> Iterator[Rows]:
    """Active people and service accounts with a role that left."""
    roles = [role.key for role in look.book.roles]
    yield Rows(
        among=User.objects.filter(is_active=True),
        wrong=~Q(role__in=roles),
        expected="A role of the handbook",
        found=lambda user: f"The role “{user.role}”, which left it",
        applies=lambda user: user.is_active,
        means=lambda user: user.role not in roles,
    )


@checkup(
    "configuration.dormant_administrators",
    title="Whoever runs setup logs in now and then",
    row="K5",
    severity="note",
    why="An account with every right that nobody uses is one that nobody misses when somebody else does.",
)
def dormant_administrators(look: Look) -> Iterator[Rows]:
    """Active people with an administrator's rights without a login for 180 days, or ever since they were made."""
    since = look.at - DORMANT
    roles = [role.key for role in look.book.roles_with("administrator")]
    yield Rows(
        among=User.objects.active_people().filter(role__in=roles),
        wrong=Q(last_login__lt=since) | Q(last_login=None, created_at__lt=since),
        expected=f"A login within {DORMANT.days} days",
        found=lambda user: f"The last was on {user.last_login:%Y-%m-%d}" if user.last_login else "They never logged in",
        applies=lambda user: user.is_active and not user.is_service and user.role in roles,
        means=lambda user: (user.last_login or user.created_at) < since,
    )


@checkup(
    "configuration.teams_without_manager",
    title="Each team has a manager who works here",
    row="R6",
    why="What a limit escalates to is the team’s manager; without one, whoever is a manager of anybody.",
)
def teams_without_manager(look: Look) -> Iterator[Rows]:
    """Teams with nobody, or somebody who left, as their manager."""
    yield Rows(
        among=Team.objects.all(),
        wrong=Q(manager=None) | Q(manager__is_active=False),
        expected="A manager who works here",
        found=lambda team: "Its manager left" if team.manager_id else "It has none",
        related=("manager",),
        applies=lambda team: True,
        means=lambda team: team.manager is None or not team.manager.is_active,
    )


@checkup(
    "configuration.api_keys",
    title="Keys of programs are answered for, and those that ended are revoked",
    row="K6",
    why="Nobody is asked about a key whose maker left, and one that ended should not lie about.",
)
def api_keys(look: Look) -> Iterator[Rows]:
    """Keys that nobody revoked: expired, acting as who was deactivated, or made by somebody who left."""
    held = ApiKey.objects.filter(revoked_at=None)
    in_use = held.filter(Q(expires_at=None) | Q(expires_at__gt=look.at))

    def lives(key: ApiKey) -> bool:
        return key.revoked_at is None and (key.expires_at is None or key.expires_at > look.at)

    yield Rows(
        among=held,
        wrong=Q(expires_at__lte=look.at),
        expected="Revoked, or a later end",
        found=lambda key: f"It ended on {key.expires_at:%Y-%m-%d} and was not revoked",
        detail="expired",
        applies=lambda key: key.revoked_at is None,
        means=lambda key: key.expires_at is not None and key.expires_at <= look.at,
    )
    yield Rows(
        among=in_use,
        wrong=Q(user__is_active=False),
        expected="It acts as a user who is active",
        found="The user it acts as was deactivated: it opens nothing",
        detail="stopped",
        related=("user",),
        applies=lives,
        means=lambda key: not key.user.is_active,
    )
    yield Rows(
        among=in_use,
        wrong=Q(made_by__is_active=False) & ~Q(made_by=F("user")),
        expected="Somebody who works here answers for it",
        found="Who made it left",
        detail="maker",
        related=("made_by",),
        applies=lives,
        means=lambda key: not key.made_by.is_active and key.made_by_id != key.user_id,
    )


def emails_here(book: Handbook, emails: set[str]) -> set[str]:
    """Those of the addresses that somebody active has."""
    named = sorted(emails)
    if not named:
        return set()
    keys = dict(zip(named, compute_keys("email_key", named), strict=True))
    here = set(User.objects.active_people().filter(email_key__in=keys.values()).values_list("email_key", flat=True))
    return {email for email, key in keys.items() if key in here}


def has_people(roles: tuple[Role, ...]) -> bool:
    return User.objects.active_people().filter(role__in=[role.key for role in roles]).exists()
