"""Storing many leads at once: whose turn each is, in one go, as `create_lead` says of one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from crm import handbook
from crm.activities.gate import hold_terms
from crm.activities.newcomers import Newcomer, barred_newcomers, terms_of
from crm.core.api.many import Candidate, Many
from crm.people.models import User
from leads.assignment import Given, Turns
from leads.models import Lead
from leads.queues import tell_manager

NAMING = ("email", "second_email", "linkedin_url", "phone", "mobile", "website")


def newcomer(told: Mapping[str, Any]) -> Newcomer:
    """What names the person that somebody tells of; of what is no text, nothing."""
    said = {name: value if isinstance(value := told.get(name), str) else "" for name in NAMING}
    return Newcomer(
        emails=(said["email"], said["second_email"]),
        linkedin_url=said["linkedin_url"],
        phone_numbers=(said["phone"], said["mobile"]),
        websites=(said["website"],),
    )


def hold_newcomers(bodies: Sequence[Mapping[str, Any]], *, at: datetime, actor: User) -> None:
    """Hold what storing these would hold where they are new and nobody's, before any row is locked."""
    unowned = [body for body in bodies if body.get("owner_id") is None]
    if unowned:
        hold_terms(
            {term for terms in terms_of([newcomer(body) for body in unowned]) for term in terms}, exclusive=False
        )
        Turns(handbook.current().today(at), brought_by=actor).hold_all()


class ManyLeads(Many):
    """Leads: one without an owner is given to somebody, unless it is placed; who is barred is looked at alone."""

    also = ("owner_id", "queue_id")

    def unowned(self, candidate: Candidate) -> bool:
        """Whether the rules say whose it is."""
        lead: Lead = candidate.record
        entered = (candidate.state or lead.current_state) in Lead.entry_states()
        return candidate.new and lead.owner_id is None and entered

    def alone(self, candidates: Sequence[Candidate]) -> set[int]:
        """Those that are nobody's turn, because they are not to be contacted."""
        places = [place for place, one in enumerate(candidates) if self.unowned(one)]
        found = barred_newcomers([newcomer(candidates[place].record.__dict__) for place in places])
        return {places[n] for n in found}

    def groups(self, candidates: Sequence[Candidate]) -> Iterable[tuple[str, Sequence[Candidate]]]:
        """Those that the rules give to somebody, by the sentence that says why."""
        asked = [one for one in candidates if self.unowned(one)]
        found: dict[str, list[Candidate]] = defaultdict(list)
        found[""] = [one for one in candidates if not self.unowned(one)]
        if asked:
            turns = Turns(handbook.current().today(self.view.at), brought_by=self.view.actor)
            for one, given in zip(asked, turns.take([one.record for one in asked]), strict=True):
                one.record.owner, one.record.queue, one.record.given = given.owner, given.queue, given
                found[given.why].append(one)
        return [(why, some) for why, some in found.items() if some]

    def stored(self, candidates: Sequence[Candidate]) -> None:
        """Tell of each queue that somebody's leads wait in."""
        given: list[Given] = [one.record.given for one in candidates if getattr(one.record, "given", None)]
        waiting = {one.queue for one in given if one.owner is None}
        if waiting:
            turns = Turns(handbook.current().today(self.view.at), brought_by=self.view.actor)
            for queue in waiting:
                tell_manager(queue, turns.presence, at=self.view.at)
