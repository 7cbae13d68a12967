"""The random world's users, teams, keys of programs and enquiries: some answered for, some not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crm.clocks.models import Clock
from crm.enquiries.models import Enquiry
from crm.people.models import Team
from crm.sync.models import ApiKey
from tests.enquiries.asking import ask
from tests.factories import make_user

if TYPE_CHECKING:
    from tests.checkups.twins import World


def build_setup(world: World) -> None:
    """Store them."""
    for n in range(12):
        user = make_user(
            f"quorum{n}",
            role=("administrator", "sdr", "administrator", "manager", "astronaut")[n % 5],
            is_active=world.often(True, False),
            last_login=(world.moment(400), world.moment(30), None)[n % 3],
        )
        team = Team.objects.create(name=f"Quartet {n}", manager=world.any(None, user, *world.people))
        ApiKey.objects.create(
            name=f"Quota {n}",
            prefix=f"quota{n}",
            user=world.any(user, *world.people),
            made_by=world.any(user, *world.people),
            expires_at=world.any(None, world.moment(30, 90)),
            revoked_at=world.any(None, None, world.moment(30)),
        )
        user.team = team
        user.save(update_fields=["team"])


def build_enquiries(world: World) -> None:
    """Requests that wait and one that is answered, of somebody here, of somebody who left, and of nobody."""
    for n in range(8):
        enquiry = ask(world.now, email=f"asker{n}@elsewhere{n}.example")
        Enquiry.objects.filter(pk=enquiry.pk).update(owner=world.any(None, *world.people))
        if n % 4 == 3:
            Clock.objects.filter(enquiry=enquiry).update(stopped_at=world.now, next_at=None)
