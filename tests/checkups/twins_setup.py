"""The random world's users, teams and keys of programs: some answered for, some not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crm.people.models import Team
from crm.sync.models import ApiKey
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
