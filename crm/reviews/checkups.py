"""What checkups look at in rituals: that they are held, and that each is somebody's (P4)."""

from __future__ import annotations

from crm.checkups.configuration import emails_here, has_people
from crm.checkups.rules import Look, Looked, Sight, checkup
from crm.checkups.words import counted
from crm.reviews.rituals.standing import standings
from crm.reviews.rituals.words import frequency, period_words


@checkup(
    "process.ritual_missed",
    title="Rituals are held as often as the handbook has it",
    row="P4",
    why="What is agreed on and not done is either no ritual any more, or somebody needs help with it.",
)
def missed_rituals(look: Look) -> Looked:
    """Rituals that were not held in the last period that is over, and neither since nor skipped for a reason."""
    found = standings(look.book, at=look.at)
    return Looked(
        at=len(found),
        sights=[
            Sight(
                subject=f"ritual:{one.ritual.key}",
                label=f"Ritual “{one.ritual.label}”",
                expected=f"Held: {frequency(one.ritual).lower()}",
                found=f"Missed for the last time in {period_words(one.missed[0].period)}",
                evidence=[("Missed within a year", counted(len(one.missed), "time"))],
            )
            for one in found
            if one.is_missed
        ],
    )


@checkup(
    "configuration.rituals_without_dri",
    title="Each ritual has a DRI who works here",
    row="P4",
    severity="error",
    why="Nobody is reminded of it, and administrators are in their stead.",
)
def rituals_without_dri(look: Look) -> Looked:
    """Rituals whose `dri` is the email of nobody active, or a role that nobody active has."""
    rituals = [one for one in look.book.rituals if one.on]
    here = emails_here(look.book, {one.dri for one in rituals if "@" in one.dri})
    roles = {role.key: role for role in look.book.roles}
    held = {key for key in {one.dri for one in rituals} if key in roles and has_people((roles[key],))}
    return Looked(
        at=len(rituals),
        sights=[
            Sight(
                subject=f"ritual:{one.key}",
                label=f"Ritual “{one.label}”",
                detail="dri",
                expected="Its DRI is somebody who works here",
                found="Its dri is an email that nobody active has" if "@" in one.dri else "Nobody active has the role",
            )
            for one in rituals
            if one.dri not in here | held
        ],
    )
