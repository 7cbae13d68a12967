"""Teams' queues: where leads wait while nobody owns them, who may take from which, and who is told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min, prefetch_related_objects
from django.urls import reverse

from crm.core.acting import acting, retry_deadlocks
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.notifications.services import Notice, notify
from crm.people.models import Team, User
from crm.people.presence import Presence
from leads.models import Lead
from leads.statuses import OPEN


@dataclass(frozen=True, slots=True)
class Waiting:
    """One team's queue: how many open leads wait there, and since when the oldest."""

    team: Team
    count: int
    since: datetime | None

    @property
    def address(self) -> str:
        """The list of what waits there."""
        return f"{reverse('admin:leads_lead_changelist')}?queue={self.team.pk}&owner=none"


@dataclass(frozen=True, slots=True)
class Queued:
    """What became of one lead of `queue_leads`."""

    record_id: int
    refusal: Refused | None


def queues_of(user: User) -> list[Waiting]:
    """The queues of the teams that this person manages, administrators' and managers' without a team: all of them."""
    teams = Team.objects.filter(manager=user)
    if user.is_manager and not teams.exists():
        teams = Team.objects.all()
    rows = Lead.objects.open().unowned().filter(queue__in=teams).order_by().values("queue")
    waiting = {row["queue"]: row for row in rows.annotate(many=Count("pk"), oldest=Min("created_at"))}
    found = [(team, waiting.get(team.pk)) for team in teams]
    return [Waiting(team, row["many"] if row else 0, row["oldest"] if row else None) for team, row in found]


@retry_deadlocks
def queue_leads(
    ids: Iterable[int], queue: Team | None, *, actor: User, at: datetime, via: str, reason: str = ""
) -> list[Queued]:
    """Put leads into a team's queue, where its people may claim them; they have no owner then. None: in no queue.

    Each row has its own answer. Refusals: `not_found`, `closed`, `forbidden`.
    """
    wanted = sorted(set(ids))
    with acting(actor=actor, via=via, at=at, reason=reason):
        rows = list(Lead.objects.select_for_update(of=("self",)).filter(pk__in=wanted).order_by("pk"))
        prefetch_related_objects(rows, "owner", "queue")
        found = {lead.pk: lead for lead in rows}
        answers = [Queued(pk, _refuse(found.get(pk), actor)) for pk in wanted]
        moved = [answer.record_id for answer in answers if answer.refusal is None]
        Lead.objects.filter(pk__in=moved).update(owner=None, queue=queue)
    return answers


def _refuse(lead: Lead | None, actor: User) -> Refused | None:
    if lead is None:
        return Refused("not_found", "There is no such record.")
    if not may(actor, "change", lead):
        return Refused("forbidden", "A lead is put into a queue by its owner, their team or a manager.")
    if lead.status not in OPEN:
        return Refused("closed", "A closed lead waits for nobody.")
    return None


def tell_manager(queue: Team | None, presence: Presence, *, at: datetime) -> None:
    """Tell who manages the team that leads wait in its queue because nobody could take them: once a day.

    Without a queue, or a manager, every team's manager is told, so that nobody's leads wait unseen.
    """
    told = presence.manager_told(queue)
    if told is not None:
        people = {told}
    else:
        managed = Team.objects.select_related("manager__team").exclude(manager=None)
        people = {one for team in managed if (one := presence.manager_told(team))}
    name = f"the queue of {queue}" if queue else "no queue"
    filters = f"queue={queue.pk if queue else 'none'}&owner=none"
    notices = [
        Notice(
            to_id=person.pk,
            kind="queue",
            key=f"queue:{queue.pk if queue else 0}:{presence.day.isoformat()}",
            title=f"New leads wait in {name}",
            text="Nobody was present with room for more leads when they came. Claim them, or give them to somebody.",
            address=f"{reverse('admin:leads_lead_changelist')}?{filters}",
        )
        for person in people
    ]
    notify(notices, at=at)
