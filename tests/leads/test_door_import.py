"""The import as a door: a status that changed in a file is a move with the guards of every other door, or is left."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db import transaction

from crm.core.door import move
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.history.models import Move
from crm.imports.services import import_folder
from crm.people.models import User
from crm.sync.models import ExternalId
from leads.models import Lead
from leads.statuses import Status
from tests.factories import make_lead

pytestmark = pytest.mark.django_db

CHANGED = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
# Do not contact is withdrawn by a manager, a conversion by a return: no file does either.
PROTECTED = (Status.CLOSED_DO_NOT_CONTACT, Status.SAO_CONVERTED)
# No status of another system puts a person under Do Not Contact; converted is not a status there but a flag.
TOLD = [status for status in Status if status not in PROTECTED]


def write_file(folder: Path, leads: list[Lead], status: Status) -> None:
    """An export with leads that are known here, all in this status."""
    rows = [
        {
            "Id": there(number),
            "FirstName": lead.first_name,
            "LastName": lead.last_name,
            "Company": lead.company,
            "Email": lead.email,
            "Status": status.label,
            "IsConverted": "false",
            "CreatedDate": "2026-02-01T12:00:00.000+0000",
            "LastModifiedDate": CHANGED.strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
        }
        for number, lead in enumerate(leads)
    ]
    with (folder / "Lead.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def there(number: int) -> str:
    """An id in Salesforce."""
    return f"00Q0000000000{number:02}AAA"


def known_lead(status: Status, number: int = 0) -> Lead:
    """A lead in this status that has an id in Salesforce."""
    lead = make_lead(status=status, at=datetime(2026, 1, 5, tzinfo=UTC))
    ExternalId.objects.create(object="lead", system="salesforce", value=there(number), record_id=lead.pk)
    return lead


def verb_between(status: Status, target: Status) -> str:
    """The move that the table of moves has between these two, apart from those that only people make."""
    for transition in Lead.transitions():
        name = str(transition.custom["verb"].name)
        if name in ("place", "take_back", "return_lead", "lift", "convert") or transition.source != status:
            continue
        # Nothing is known of where its work began: it goes back to New.
        if transition.target == target != status or (name == "release" and target == Status.NEW):
            return name
    return ""


def door_allows(lead: Lead, verb: str, actor: User, at: datetime) -> bool:
    """Whether the door makes this move without any facts."""
    if not verb:
        return False
    with transaction.atomic():
        try:
            move(Lead.objects.get(pk=lead.pk), verb, actor=actor, at=at, via="test")
        except Refused:
            return False
        finally:
            transaction.set_rollback(True)
    return True


@pytest.fixture
def everybody(alice: User, bob: User, charlie: User, ann: User, mona: User, root: User, robot: User) -> list[User]:
    """One of each role, and somebody who left."""
    gone = User.objects.create(email="gone@example.com", role="administrator", is_active=False)
    return [alice, bob, charlie, ann, mona, root, robot, gone]


def test_a_file_moves_a_lead_as_every_door_does(everybody: list[User], now: datetime, tmp_path: Path) -> None:
    """A file with a lead of each status here, all in one status there, by everybody."""
    leads = [known_lead(status, number) for number, status in enumerate(Status)]
    seen: Counter[tuple[Status, str]] = Counter()
    for target in TOLD:
        write_file(tmp_path, leads, target)
        for actor in everybody:
            with transaction.atomic():
                try:
                    import_folder(tmp_path, actor=actor, at=now)
                    codes: tuple[str, ...] = ()
                except Refused as refused:
                    codes = refused.codes
                stored = Lead.objects.in_bulk()
                steps = [list(Move.objects.of(lead).filter(version__gt=1)) for lead in leads]
                transaction.set_rollback(True)
            assert len(stored) == len(leads)
            assert codes == (() if may(actor, "place", Lead) else ("forbidden",)), actor
            for lead, made in zip(leads, steps, strict=True):
                status = Status(lead.status)
                verb = verb_between(status, target)
                moved = not codes and door_allows(lead, verb, actor, now)
                seen[status, "moved" if moved else codes[0] if codes else "left"] += 1
                assert stored[lead.pk].status == (target if moved else status), (status, target, actor)
                assert len(made) == moved
                if moved:
                    (step,) = made
                    assert (step.verb, step.via, step.from_state, step.to_state) == (verb, "import", status, target)
                    assert (step.actor_id, step.version) == (actor.pk, stored[lead.pk].version)
                    assert step.at == stored[lead.pk].status_since == now
    for status in Status:
        assert seen[status, "forbidden"] == 6 * len(TOLD)
    moved_from = {status for (status, word), count in seen.items() if word == "moved" and count}
    assert moved_from == {Status.WORKING_TO_ENGAGE, Status.ENGAGED}, "what a move asks for is in no file"


@pytest.mark.parametrize("status", PROTECTED)
def test_what_a_file_may_not_change_is_flagged(status: Status, root: User, now: datetime, tmp_path: Path) -> None:
    write_file(tmp_path, [known_lead(status)], Status.ENGAGED)
    report = import_folder(tmp_path, actor=root, at=now)
    assert [problem.code for problem in report.problems] == ["status_left"]


def test_what_was_moved_here_later_is_left_and_flagged(root: User, now: datetime, tmp_path: Path) -> None:
    lead = known_lead(Status.NEW)
    write_file(tmp_path, [lead], Status.ENGAGED)
    move(lead, "work", actor=root, at=now, via="test", owner=root)
    report = import_folder(tmp_path, actor=root, at=now)
    assert [problem.code for problem in report.problems] == ["status_left"]
    assert Lead.objects.get().status == Status.WORKING_TO_ENGAGE
