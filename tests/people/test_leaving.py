"""Somebody leaves: nothing of theirs that is to be worked stays with who is not here, whatever it is."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, models

from crm.activities.models import Task
from crm.activities.planning import finish_task, plan_task
from crm.checkups.models import Finding
from crm.core.errors import Refused
from crm.enquiries.models import Enquiry, Source
from crm.jobs.models import Job
from crm.notifications.models import Delivery, Notification
from crm.notifications.storing import Message, add_deliveries
from crm.people.leaving import deactivate_user, owned_by
from crm.people.models import Absence, Team, User
from crm.reviews.models import Meeting, Quota
from crm.sync.models import ApiKey
from leads.assignment import create_lead
from leads.models import Lead
from leads.statuses import Status
from leads.working import claim_lead, plan_touch
from tests.access import client_of
from tests.enquiries.asking import ask
from tests.factories import START, make_account, make_contact, make_lead, make_opportunity, make_user
from tests.races import in_thread, second_connection, wait_until_blocked
from tests.samples import make_finding

pytestmark = pytest.mark.django_db

# Foreign keys to people that say who did something, or what was theirs when it was: these stay as they are.
HISTORY = {
    "accounts.DriChange.started_by",
    "accounts.DriChangeStep.done_by",
    "activities.Task.done_by",
    "activities.Task.made_by",
    "admin.LogEntry.user",
    "checkups.RoleRights.acknowledged_by",
    "checkups.Run.by",
    "checkups.Run.person",
    "checkups.Step.by",
    "activities.Activity.by",
    "activities.Suppression.by",
    "activities.Suppression.lifted_by",
    "clocks.Clock.verdict_owner",
    "clocks.ClockEvent.by",
    "duplicates.Pair.answered_by",
    "duplicates.Tombstone.by",
    "enquiries.Enquiry.voided_by",
    "enquiries.Source.user",
    "imports.ImportRun.by",
    "imports.ImportTemplate.by",
    "jobs.Job.by",
    "leads.Conversion.answered_by",
    "leads.Conversion.by",
    "notifications.Delivery.to",
    "notifications.Muted.user",
    "notifications.Notification.to",
    "people.Absence.user",
    "people.Turn.user",
    "privacy.Erasure.by",
    "privacy.Export.by",
    "sync.ApiKey.made_by",
    "sync.ApiKey.user",
    "sync.Webhook.made_by",
    # It is told nothing while its user is deactivated, and administrators hear of it.
    "sync.Webhook.user",
    "workspace.ListView.user",
    "workspace.Pin.user",
    "reviews.Attendee.user",
    "reviews.ForecastSnapshot.owner",
    "reviews.Item.answered_by",
    "reviews.Item.owner",
    "reviews.Meeting.ended_by",
    "reviews.Meeting.holder",
    "reviews.Meeting.started_by",
    "reviews.Occasion.by",
    "reviews.Occasion.taken_back_by",
    "reviews.Quota.owner",
}
# What must not be left with somebody inactive: the rows of a key above that are still active work.
STILL_ACTIVE: dict[str, dict[str, Any]] = {
    "sync.ApiKey.user": {"revoked_at": None},
    "jobs.Job.by": {"state__in": ["previewing", "ready", "waiting", "running"]},
    "notifications.Notification.to": {"read_at": None},
    "activities.Task.owner": {"done_at": None},
    "checkups.Finding.assignee": {"state__in": ["open", "accepted"]},
    "enquiries.Enquiry.owner": {"clock__isnull": False, "clock__stopped_at": None, "clock__voided_at": None},
    "enquiries.Source.user": {"stopped_at": None},
    "notifications.Delivery.to": {"state": "waiting"},
    "workspace.ListView.user": {"shared": True},
    "reviews.Meeting.holder": {"state": "running"},
}
# Work that changes hands.
WORK = {
    "accounts.Account.owner",
    "accounts.Contact.owner",
    "activities.Task.owner",
    "checkups.Finding.assignee",
    "contracts.Opportunity.owner",
    "enquiries.Enquiry.owner",
    "leads.Lead.owner",
    "people.Absence.stand_in",
    "people.Team.manager",
}


def to_people() -> dict[str, models.ForeignKey[Any, Any]]:
    """Every foreign key to a person there is, by its name."""
    return {
        f"{model._meta.label}.{field.name}": field
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, models.ForeignKey) and field.remote_field.model is User
    }


def left_with(user: User) -> dict[str, int]:
    """How much that is still to be worked belongs to this person, by foreign key."""
    found = {}
    for name, field in to_people().items():
        if name in HISTORY and name not in STILL_ACTIVE:
            continue
        count = field.model._base_manager.filter(**{field.name: user}, **STILL_ACTIVE.get(name, {})).count()
        if count:
            found[name] = count
    return found


def test_every_foreign_key_to_people_is_known_as_work_or_as_history() -> None:
    unknown = set(to_people()) - WORK - HISTORY
    assert not unknown, f"say in crm.people.leaving who takes these over, or add them to HISTORY: {sorted(unknown)}"


def busy(alice: User, bob: User, now: datetime) -> None:
    """Alice has something of everything."""
    for status in Status:
        make_lead(owner=alice, status=status)
    plan_touch(make_lead(owner=alice), due_on=date(2026, 3, 9), kind="call", text="", actor=alice, at=now, via="test")
    make_account(owner=alice)
    make_contact(owner=alice)
    make_opportunity(owner=alice)
    make_opportunity(owner=alice, stage="closed_won")
    done = plan_task({"account": make_account()}, text="Send the deck", actor=alice, at=now, via="test")
    finish_task(done, actor=alice, at=now, via="test")
    plan_task({"account": make_account()}, text="Ask for the order", actor=alice, at=now, via="test")
    Team.objects.create(name="West", manager=alice)
    Absence.objects.create(user=bob, first_day=date(2026, 3, 1), last_day=date(2099, 3, 31), stand_in=alice)
    ApiKey.objects.create(name="Sync", user=alice, made_by=alice, prefix="pk_1", hash="0" * 64, scopes=[])
    Notification.objects.create(to=alice, kind="queue", key="queue:1", title="Leads wait", at=now)
    add_deliveries([Message("email", "queue", "queue:1", alice.pk, "", "Leads wait", "", "/")], at=now)
    Enquiry.objects.filter(pk=ask(now, text="Who are you?").pk).update(owner=alice, queue=None)
    Source.objects.create(name="Site chat", kind="chat", user=alice, channel="web_chat", salt="salt")
    Meeting.objects.create(kind="huddle", started_at=now, started_by=alice, holder=alice, held_since=now)
    accepted = {"accepted_until": date(2099, 1, 1), "accepted_because": "Agreed."}
    for state, more in (("open", {}), ("accepted", accepted), ("fixed", {"fixed_at": now})):
        make_finding(alice, subject=f"page:{state}", state=state, **more)
    for state in Job.State.values:
        Job.objects.create(kind="undo", title=f"A {state} job", by=alice, asked_at=now, state=state)


def test_nothing_that_is_to_be_worked_stays_with_who_left(
    alice: User, bob: User, root: User, ann: User, now: datetime
) -> None:
    busy(alice, bob, now)
    for owner in (alice, ann):
        Quota.objects.create(owner=owner, quarter=date(2026, 1, 1), amount=50_000, currency="USD")
    deactivate_user(alice, heir=ann, actor=root, at=now, via="admin")
    assert left_with(alice) == {}
    assert set(Quota.objects.values_list("owner", flat=True)) == {alice.pk, ann.pk}
    assert owned_by(alice) == []
    assert dict(Task.objects.values_list("text", "owner")) == {"Send the deck": alice.pk, "Ask for the order": ann.pk}
    assert Absence.objects.get(user=bob).stand_in == ann
    assert Notification.objects.filter(to=ann, key="queue:1").count() == 1
    assert Delivery.objects.waiting().get(key="queue:1").to == ann
    assert Enquiry.objects.get(text="Who are you?").owner == ann
    assert Source.objects.get().stopped_at == now
    assert set(Job.objects.values_list("state", flat=True)) == {"done", "failed", "cancelled"}
    findings = {finding.state: finding for finding in Finding.objects.all()}
    assert {state: one.assignee for state, one in findings.items()} == {"open": ann, "accepted": ann, "fixed": alice}
    assert [step.text for step in findings["open"].steps.all()] == ["To Ann: Alice left"]


def test_leads_go_to_everybody_in_turn_when_that_is_chosen(
    alice: User, bob: User, charlie: User, root: User, now: datetime
) -> None:
    busy(alice, bob, now)
    Absence.objects.all().delete()
    deactivate_user(alice, heir=bob, heirs={"leads.lead": "rules"}, actor=root, at=now, via="admin")
    assert left_with(alice) == {}
    owners = Counter(Lead.objects.values_list("owner__first_name", flat=True))
    assert owners == {"Bob": 5, "Charlie": 4, None: 2}, "what was converted or is never contacted again is nobody's"
    assert set(Lead.objects.filter(owner=None).values_list("queue__name", flat=True)) == {"North"}


def test_leads_wait_in_their_teams_queue_when_that_is_chosen(alice: User, bob: User, root: User, now: datetime) -> None:
    leads = [make_lead(owner=alice) for _ in range(3)]
    deactivate_user(alice, heir=None, heirs={"leads.lead": "queue"}, actor=root, at=now, via="admin")
    assert Lead.objects.waiting(alice.team).count() == len(leads)


def test_each_kind_may_have_its_own_heir(alice: User, bob: User, ann: User, root: User, now: datetime) -> None:
    lead, deal = make_lead(owner=alice), make_opportunity(owner=alice)
    deactivate_user(alice, heir=bob, heirs={"contracts.opportunity": ann}, actor=root, at=now, via="admin")
    for record, owner in ((lead, bob), (deal, ann)):
        record.refresh_from_db()
        assert record.owner == owner


@pytest.mark.parametrize("heirs", [{"leads.lead": "thin air"}, {"leads.lead": "queue"}])
def test_it_refuses_a_way_there_is_not(heirs: dict[str, str], root: User, bob: User, now: datetime) -> None:
    loner = make_user("loner", role="sdr")
    make_lead(owner=loner)
    with pytest.raises(Refused) as refused:
        deactivate_user(loner, heir=bob, heirs=heirs, actor=root, at=now, via="admin")
    assert refused.value.codes == ("invalid_heir",)
    loner.refresh_from_db()
    assert loner.is_active


def test_it_refuses_an_heir_who_cannot(alice: User, bob: User, robot: User, root: User, now: datetime) -> None:
    User.objects.filter(pk=bob.pk).update(is_active=False)
    for heir in (bob, robot, alice):
        with pytest.raises(Refused) as refused:
            deactivate_user(alice, heir=heir, actor=root, at=now, via="admin")
        assert refused.value.codes == ("invalid_heir",)


def test_the_page_counts_and_asks_for_each_kind(alice: User, bob: User, ann: User, root: User, now: datetime) -> None:
    busy(alice, bob, now)
    client, page = client_of(root), f"/admin/people/user/{alice.pk}/deactivate/"
    shown = client.get(page).content.decode()
    for words in (
        "11 leads, 8 of them open",
        "1 enquiry",
        "1 source of enquiries (Site chat)",
        "1 team to manage",
        "1 API key",
        "4 jobs of theirs",
        "unread notification",
        "the minutes of a meeting that runs",
    ):
        assert words in shown, words
    refused = client.post(page, {"heir_leads_lead": "way:rules"}).content.decode()
    assert "choose who takes them over" in refused
    sent = {"heir": ann.pk, "heir_leads_lead": "way:queue", "heir_people_team": bob.pk, "reason": "Moved on"}
    assert client.post(page, sent).status_code == 302
    assert left_with(alice) == {}
    assert Team.objects.get(name="West").manager == bob
    assert client.post(page, {"heir": "x", "heir_leads_lead": "x"}).status_code == 200


def test_a_hundred_leads_cost_no_query_each(
    alice: User, bob: User, root: User, now: datetime, django_assert_max_num_queries: Any
) -> None:
    for _ in range(100):
        make_lead(owner=alice)
    with django_assert_max_num_queries(50):
        deactivate_user(alice, heir=None, heirs={"leads.lead": "rules"}, actor=root, at=now, via="admin")
    assert left_with(alice) == {}


# --- races ------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_what_somebody_is_just_being_given_is_handed_over_too(
    alice: User, bob: User, mona: User, root: User, now: datetime
) -> None:
    Absence.objects.create(user=bob, first_day=START.date(), last_day=START.date() + timedelta(days=30))
    with ThreadPoolExecutor(2) as pool, second_connection() as giving:
        # Somebody else's transaction gives Alice a lead, and has not ended.
        lead = make_lead()
        giving.execute("SELECT FROM people_user WHERE id = %s AND is_active FOR KEY SHARE", [alice.pk])
        giving.execute("UPDATE leads_lead SET owner_id = %s WHERE id = %s", [alice.pk, lead.pk])
        leaving = in_thread(pool, lambda: deactivate_user(alice, heir=bob, actor=root, at=now, via="admin"))
        wait_until_blocked(1)
        giving.commit()
        leaving.result(timeout=30)
    lead.refresh_from_db()
    assert lead.owner == bob
    assert left_with(alice) == {}


@pytest.mark.django_db(transaction=True)
def test_who_is_being_deactivated_claims_nothing_any_more(alice: User, root: User, now: datetime) -> None:
    lead = make_lead()
    with ThreadPoolExecutor(1) as pool, second_connection() as leaving:
        leaving.execute("SELECT FROM people_user WHERE id = %s FOR UPDATE", [alice.pk])
        claiming = in_thread(pool, lambda: claim_lead(lead, actor=alice, at=now, via="admin"))
        wait_until_blocked(1)
        leaving.execute("UPDATE people_user SET is_active = false WHERE id = %s", [alice.pk])
        leaving.commit()
        with pytest.raises(Refused):
            claiming.result(timeout=30)
    lead.refresh_from_db()
    assert lead.owner is None


def test_a_lead_entered_by_the_last_person_here_waits(alice: User, root: User, now: datetime) -> None:
    deactivate_user(alice, heir=None, actor=root, at=now, via="admin")
    lead = create_lead(Lead(first_name="Nina", email="nina@hooli.example"), actor=root, at=now, via="admin")
    assert (lead.owner, lead.queue) == (None, None)
    assert connection.in_atomic_block
