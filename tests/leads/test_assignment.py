"""Who gets a lead that comes without an owner (L6), and how its history says why."""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.urls import reverse

from crm import handbook
from crm.activities.gate import bar_of
from crm.activities.models import Suppression
from crm.activities.suppressing import lift, suppress
from crm.core.door import move
from crm.core.errors import Refused
from crm.history.models import Change
from crm.notifications.models import Notification
from crm.people.models import Absence, Team, User
from leads.assignment import assign_leads, create_lead
from leads.models import Lead
from leads.statuses import Status
from tests.activities.test_suppressing_races import while_open
from tests.factories import make_account, make_contact, make_lead, make_user
from tests.leads.pages import browse, text_of
from tests.races import in_thread, second_connection, wait_until_blocked

pytestmark = pytest.mark.django_db
TODAY = date(2026, 3, 4)
_numbers = iter(range(100_000))


def with_rules(*rules: dict[str, Any], **section: Any) -> handbook.Handbook:
    """The shipped handbook with these assignment rules."""
    book = handbook.current()
    made = tuple(type_of_rule(**rule) for rule in rules)
    return book.model_copy(update={"assignment": book.assignment.model_copy(update={"rules": made, **section})})


def type_of_rule(**fields: Any) -> Any:
    """A rule as the reader makes it."""
    from crm.handbook.schema import AssignmentRule

    return AssignmentRule(**fields)


def enter(actor: User, at: datetime, **fields: Any) -> Lead:
    """A new lead without an owner, entered by this person."""
    number = next(_numbers)
    values = {"first_name": "Nina", "last_name": f"New {number}", "email": f"nina{number}@hooli{number}.example"}
    return create_lead(Lead(**{**values, **fields}), actor=actor, at=at, via="admin")


def away(user: User, first: date = TODAY, last: date = TODAY, stand_in: User | None = None) -> Absence:
    """Days on which this person is not at work."""
    return Absence.objects.create(user=user, first_day=first, last_day=last, stand_in=stand_in)


def why(lead: Lead) -> str:
    """The reason in the lead's history."""
    change = Change.objects.of(lead).select_related("transaction").first()
    assert change is not None
    return change.transaction.reason


# --- whose lead it is -------------------------------------------------------------------------------------------------


def test_everybody_gets_one_in_turn(alice: User, bob: User, mona: User, now: datetime) -> None:
    leads = [enter(mona, now) for _ in range(4)]
    assert [lead.owner for lead in leads] == [alice, bob, alice, bob]
    assert why(leads[0]) == "Assigned to everybody, in turn."
    assert leads[0].version == 1, "it came with its owner, nobody gave it afterwards"


def test_the_owner_of_the_account_comes_first(alice: User, bob: User, ann: User, mona: User, now: datetime) -> None:
    make_account(website="https://www.umbrella.example/about", owner=ann)
    by_email = enter(mona, now, email="nora@umbrella.example")
    by_website = enter(mona, now, email="nora@gmail.com", website="umbrella.example")
    assert by_email.owner == by_website.owner == ann
    assert why(by_email) == "Assigned to the owner of the account."
    assert enter(mona, now, email="nora2@gmail.com").owner == alice, "and it cost nobody a turn"


def test_a_contacts_email_leads_to_the_account_too(alice: User, ann: User, mona: User, now: datetime) -> None:
    make_contact(personal_email="nora@gmail.com", account=make_account(owner=ann))
    assert enter(mona, now, email="Nora+x@gmail.com").owner == ann


@pytest.mark.parametrize("how", ["away", "inactive", "full"])
def test_an_owner_of_the_account_who_cannot_is_passed_over(
    how: str, alice: User, ann: User, mona: User, now: datetime
) -> None:
    make_account(website="umbrella.example", owner=ann)
    if how == "away":
        away(ann)
    elif how == "inactive":
        User.objects.filter(pk=ann.pk).update(is_active=False)
    else:
        make_lead(owner=ann)
    with handbook.use(with_rules(most_open_leads=1)):
        assert enter(mona, now, email="nora@umbrella.example").owner == alice


def test_a_rule_gives_to_its_team_and_the_history_names_it(
    alice: User, bob: User, charlie: User, ann: User, mona: User, now: datetime
) -> None:
    ann.team = charlie.team
    ann.save(update_fields=["team"])
    with handbook.use(with_rules({"label": "Large companies", "employees_from": 5000, "team": "South"})):
        large, small = enter(mona, now, employees=9000), enter(mona, now, employees=20)
        assert large.owner == charlie
        assert why(large) == "Assigned by rule “Large companies”, in turn."
        assert small.owner == alice
        assert enter(mona, now, employees=9000).owner == charlie, "not Ann: her role gets no leads"


def test_a_rule_gives_to_named_people_whatever_their_role(alice: User, ann: User, mona: User, now: datetime) -> None:
    with handbook.use(with_rules({"label": "Trade shows", "sources": ("event",), "people": ("ANN@example.com",)})):
        assert enter(mona, now, lead_source="event").owner == ann


def test_a_rule_whose_names_are_unknown_is_skipped(alice: User, mona: User, now: datetime) -> None:
    rules = ({"label": "Gone", "team": "Nowhere"}, {"label": "Left", "people": ("gone@example.com",)})
    with handbook.use(with_rules(*rules)):
        assert enter(mona, now).owner == alice


def test_who_is_away_or_full_gets_none(alice: User, bob: User, charlie: User, mona: User, now: datetime) -> None:
    away(alice)
    make_lead(owner=bob)
    with handbook.use(with_rules(most_open_leads=1)):
        assert enter(mona, now).owner == charlie


def test_closed_leads_leave_room(alice: User, mona: User, now: datetime) -> None:
    make_lead(owner=alice, status=Status.CLOSED_NURTURE)
    with handbook.use(with_rules(most_open_leads=1)):
        assert enter(mona, now).owner == alice


def test_who_is_back_from_leave_gets_no_backlog(alice: User, bob: User, mona: User, now: datetime) -> None:
    leave = away(bob)
    for _ in range(5):
        assert enter(mona, now).owner == alice
    leave.delete()
    assert Counter(enter(mona, now).owner for _ in range(4)) == {alice: 2, bob: 2}


def test_a_day_is_the_companys(alice: User, bob: User, mona: User) -> None:
    away(alice, date(2026, 3, 5), date(2026, 3, 5))
    late = datetime.fromisoformat("2026-03-05T07:30:00+00:00")
    assert enter(mona, late).owner == alice, "in Los Angeles it is still 4 March"
    assert enter(mona, late + timedelta(hours=1)).owner == bob


# --- nobody left ------------------------------------------------------------------------------------------------------


def test_with_nobody_left_it_waits_in_the_rules_queue_and_the_manager_is_told_once(
    alice: User, bob: User, charlie: User, mona: User, root: User, now: datetime
) -> None:
    south = charlie.team
    assert south is not None
    south.manager = mona
    south.save(update_fields=["manager"])
    away(charlie)
    with handbook.use(with_rules({"label": "Everything", "team": "South"})):
        first, second = enter(root, now), enter(root, now)
    assert (first.owner, first.queue, second.queue) == (None, south, south)
    assert why(first) == (
        "Assigned by rule “Everything”, but nobody is present with room for more leads: it waits in the queue of South."
    )
    told = Notification.objects.get()
    assert (told.to, told.title) == (mona, "New leads wait in the queue of South")


def test_without_a_rule_it_waits_in_the_team_of_who_brought_it(alice: User, team: Team, now: datetime) -> None:
    away(alice)
    assert enter(alice, now).queue == team


def test_a_manager_who_is_away_has_a_stand_in_who_is_told(
    alice: User, mona: User, root: User, team: Team, now: datetime
) -> None:
    team.manager = mona
    team.save(update_fields=["manager"])
    away(alice)
    away(mona, stand_in=root)
    enter(alice, now)
    assert Notification.objects.get().to == root


# --- who is not to be contacted ---------------------------------------------------------------------------------------


BARRED = "not to be contacted (They asked us not to contact them, since March 4, 2026)."


@pytest.mark.parametrize(
    ("named", "came_with"),
    [
        ({"emails": ["nora@umbrella.example"]}, {"email": "Nora+new@Umbrella.example."}),
        ({"emails": ["nora@umbrella.example"]}, {"second_email": "nora@umbrella.example"}),
        ({"linkedin_urls": ["linkedin.com/in/nora"]}, {"linkedin_url": "https://www.linkedin.com/in/nora/"}),
        ({"phone_numbers": ["+1 555 214 7954"]}, {"mobile": "(555) 214-7954"}),
    ],
)
def test_a_new_lead_who_is_not_to_be_contacted_is_nobodys_turn(
    named: dict[str, Any], came_with: dict[str, str], alice: User, bob: User, mona: User, now: datetime
) -> None:
    suppress(actor=mona, at=now, via="test", reason="asked_us", **named)
    barred = enter(mona, now, **came_with)
    assert (barred.owner, barred.queue) == (None, None)
    assert why(barred) == f"Assigned to nobody, because they are {BARRED}"
    assert not Notification.objects.exists(), "it waits for nobody"
    assert [enter(mona, now).owner for _ in range(2)] == [alice, bob], "and it cost nobody a turn"


def test_a_company_that_asked_is_nobodys_turn_below_its_domain_either(alice: User, mona: User, now: datetime) -> None:
    suppress(actor=mona, at=now, via="test", reason="company_asked", domains=["umbrella.example"])
    assert enter(mona, now, email="nora@mail.umbrella.example").owner is None
    assert enter(mona, now, website="https://www.umbrella.example/about").owner is None


def test_the_owner_of_the_account_gets_who_is_not_to_be_contacted(
    alice: User, ann: User, mona: User, now: datetime
) -> None:
    make_account(website="umbrella.example", owner=ann)
    suppress(actor=mona, at=now, via="test", reason="asked_us", emails=["nora@umbrella.example"])
    barred = enter(mona, now, email="nora@umbrella.example")
    assert barred.owner == ann
    assert why(barred) == f"Assigned to the owner of the account. They are {BARRED}"


def test_one_channel_or_a_lifted_suppression_leaves_the_turn(alice: User, mona: User, now: datetime) -> None:
    suppress(actor=mona, at=now, via="test", reason="no_emails", emails=["nora@umbrella.example"])
    made = suppress(actor=mona, at=now, via="test", reason="asked_us", emails=["lea@umbrella.example"])
    lift(made.suppressions[0], actor=mona, at=now, via="test", reason="They wrote to us")
    assert enter(mona, now, email="nora@umbrella.example").owner == alice
    assert enter(mona, now, email="lea@umbrella.example").owner == alice


def test_the_page_says_that_nobody_got_who_is_not_to_be_contacted(alice: User, mona: User, now: datetime) -> None:
    suppress(actor=mona, at=now, via="test", reason="asked_us", emails=["nora@umbrella.example"])
    client, url = browse(mona), reverse("admin:leads_lead_add")
    form = client.get(url).context["adminform"].form
    values = {name: "" if form[name].value() is None else form[name].value() for name in form.fields}
    posted = values | {"first_name": "Nora", "email": "nora@umbrella.example", "owner": ""}
    page = text_of(client.post(url, posted, follow=True))
    assert f"Assigned to nobody, because they are {BARRED}" in page


def test_many_are_refused_row_by_row_who_are_not_to_be_contacted(
    alice: User, bob: User, mona: User, now: datetime
) -> None:
    leads = [make_lead() for _ in range(3)]
    suppress(actor=mona, at=now, via="test", reason="asked_us", emails=[leads[0].email])
    answers = assign_leads([lead.pk for lead in leads], actor=mona, at=now, via="admin")
    refusal = answers[0].refusal
    assert refusal is not None
    assert refusal.code == "do_not_contact"
    assert refusal.message == bar_of("lead", leads[0].pk).sentence  # type: ignore[union-attr]
    assert [answer.refusal for answer in answers[1:]] == [None, None]
    assert [Lead.objects.get(pk=lead.pk).owner for lead in leads] == [None, alice, bob]


@pytest.mark.django_db(transaction=True)
def test_who_is_being_suppressed_waits_for_it_and_is_nobodys_turn(alice: User, mona: User, now: datetime) -> None:
    lead = make_lead()

    def suppress_them() -> None:
        suppress(actor=mona, at=now, via="test", reason="asked_us", emails=[lead.email])

    entered = while_open(suppress_them, lambda: enter(mona, now, email=lead.email), mona, now)
    assert entered.owner is None
    Suppression.objects.all().delete()
    many = while_open(suppress_them, lambda: assign_leads([lead.pk], actor=mona, at=now, via="admin"), mona, now)
    assert many[0].refusal.code == "do_not_contact"


# --- what is left alone -----------------------------------------------------------------------------------------------


def test_who_is_named_as_owner_is_the_owner(alice: User, bob: User, mona: User, now: datetime) -> None:
    lead = enter(mona, now, owner=bob)
    assert (lead.owner, lead.given) == (bob, None)
    assert why(lead) == ""


def test_a_lead_placed_in_a_closed_status_needs_nobody(alice: User, robot: User, now: datetime) -> None:
    lead = Lead(first_name="Nina", email="nina@hooli.example")
    create_lead(lead, actor=robot, at=now, via="api", state=Status.CLOSED_NURTURE)
    assert lead.owner is None


def test_it_refuses_to_take_a_lead_from_who_may_enter_none(alice: User, now: datetime) -> None:
    nobody = make_user("nobody", role="left_the_handbook")
    with pytest.raises(Refused, match="have a role"):
        enter(nobody, now)
    assert not Lead.objects.exists()


# --- many at once -----------------------------------------------------------------------------------------------------


def test_many_are_assigned_with_an_answer_each(alice: User, bob: User, mona: User, now: datetime) -> None:
    leads = [make_lead() for _ in range(5)]
    owned, closed = make_lead(owner=alice), make_lead(status=Status.CLOSED_NURTURE)
    ids = [lead.pk for lead in (*leads, owned, closed)]
    answers = {answer.record_id: answer for answer in assign_leads([*ids, 10**12], actor=mona, at=now, via="admin")}
    assert {pk: answer.refusal.code for pk, answer in answers.items() if answer.refusal} == {
        owned.pk: "already_owned",
        closed.pk: "closed",
        10**12: "not_found",
    }
    owners = Counter(Lead.objects.get(pk=lead.pk).owner for lead in leads)
    assert owners == {alice: 3, bob: 2}
    assert why(leads[0]) == "Assigned to everybody, in turn."


def test_many_cost_no_query_each(
    alice: User, bob: User, mona: User, now: datetime, django_assert_max_num_queries: Any
) -> None:
    leads = [make_lead() for _ in range(60)]
    with django_assert_max_num_queries(30):
        assign_leads([lead.pk for lead in leads], actor=mona, at=now, via="admin")


def test_another_teams_queue_is_not_anybodys_to_assign_from(
    alice: User, charlie: User, team: Team, now: datetime
) -> None:
    lead = make_lead(queue=team)
    (answer,) = assign_leads([lead.pk], actor=charlie, at=now, via="admin")
    assert answer.refusal is not None
    assert answer.refusal.code == "forbidden"


@pytest.mark.crash
@pytest.mark.django_db(transaction=True)
def test_many_leads_by_eight_threads_differ_by_one_at_most(alice: User, mona: User, now: datetime) -> None:
    """A thousand in the long form (`make soak`)."""
    people = [alice, *(make_user(f"sdr{number}", role="sdr") for number in range(6))]
    threads, each = 8, 125 if os.environ.get("CRM_SOAK") else 25

    def work() -> list[int]:
        return [enter(mona, now).pk for _ in range(each)]

    with ThreadPoolExecutor(threads) as pool, second_connection() as gate:
        # All of them wait for the same turn, so they do come at once.
        gate.execute("SELECT pg_advisory_xact_lock(hashtextextended('turn:everybody', 7))")
        futures = [in_thread(pool, work) for _ in range(threads)]
        try:
            wait_until_blocked(threads)
        finally:
            gate.rollback()
        got = [future.result(timeout=300) for future in futures]
    counts = Counter(Lead.objects.values_list("owner", flat=True))
    assert sum(counts.values()) == threads * each
    assert set(counts) == {person.pk for person in people}
    assert max(counts.values()) - min(counts.values()) <= 1, counts
    assert max(min(ids) for ids in got) < min(max(ids) for ids in got), "they all worked at the same time"


@pytest.mark.django_db(transaction=True)
def test_a_lead_never_goes_to_who_is_being_deactivated(alice: User, bob: User, mona: User, now: datetime) -> None:
    with ThreadPoolExecutor(1) as pool, second_connection() as leaving:
        leaving.execute("SELECT FROM people_user WHERE id = %s FOR UPDATE", [alice.pk])
        lead = in_thread(pool, lambda: enter(mona, now)).result(timeout=30)
        leaving.rollback()
    assert lead.owner == bob


# --- claiming from a queue --------------------------------------------------------------------------------------------


def test_another_teams_queue_is_left_alone_at_the_door_too(
    charlie: User, alice: User, team: Team, now: datetime
) -> None:
    lead = make_lead(queue=team)
    with pytest.raises(Refused) as refused:
        move(lead, "nurture", actor=charlie, at=now, via="test", nurture_reason="no_need")
    assert refused.value.code == "forbidden"
    move(lead, "nurture", actor=alice, at=now, via="test", nurture_reason="no_need")
