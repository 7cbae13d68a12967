"""Whether the rules by which leads are given out name teams and people who are here."""

from __future__ import annotations

from crm.checkups.rules import Look, Looked, Sight, checkup
from leads.assignment_pools import Pools


@checkup(
    "configuration.assignment",
    title="Rules of assignment name teams and people who are here",
    row="L6",
    severity="error",
    why="A rule that names nobody is passed over, and its leads go to whoever is next.",
)
def assignment(look: Look) -> Looked:
    """One finding for each name behind which is nobody, and one when nobody at all gets leads."""
    section = look.book.assignment
    pools = Pools(section)
    found = [
        Sight(
            subject=f"assignment:{one.rule}",
            label=f"Rule of assignment “{one.rule}”",
            detail=one.name,
            expected="A team or people who are here and get leads",
            found=one.unnamed,
        )
        for one in pools.unknowns
    ]
    if not pools.everybody.people:
        found.append(
            Sight(
                subject="assignment",
                label="Assignment",
                detail="roles",
                expected="Somebody active with a role that gets leads",
                found=f"Nobody active has one of the roles {', '.join(section.roles)}",
            )
        )
    return Looked(at=len(section.rules) + 1, sights=found)
