"""Home: what waits for whom, and what an empty section says to do."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from crm.activities.planning import plan_task
from crm.people.models import User
from leads.statuses import Status
from leads.working import plan_touch
from tests.factories import make_lead, make_opportunity
from tests.leads.pages import browse, confirm_bant, conversion, move_url, page_url, text_of

pytestmark = pytest.mark.django_db
HOME = "/admin/"


def part(page: str, kind: str) -> str:
    """One section of the page; empty when it is not there."""
    found = re.search(rf'data-section="home-{kind}".*?</section>', page, re.S)
    return found.group() if found else ""


def test_an_empty_home_says_what_to_do(alice: User) -> None:
    page = text_of(browse(alice).get(HOME))
    assert "Nothing due. Claim a lead below" in part(page, "touch")
    assert "You have no open leads." in part(page, "mine")
    assert "Every open lead has an owner or a queue." in part(page, "unowned")
    assert not part(page, "accept"), "an SDR without opportunities is not asked about them"


def test_what_is_due_today_is_mine_and_nobody_elses(alice: User, bob: User) -> None:
    now = timezone.now()
    mine, foreign, later = make_lead(owner=alice), make_lead(owner=bob), make_lead(owner=alice)
    for lead, days in ((mine, -1), (foreign, -1), (later, 3)):
        day = (now + timedelta(days=days)).date()
        plan_touch(lead, due_on=day, kind="call", text="Ask", actor=bob, at=now, via="test")
    section = part(text_of(browse(alice).get(HOME)), "touch")
    assert page_url(mine) in section
    assert page_url(foreign) not in section
    assert page_url(later) not in section


def test_a_passed_meeting_asks_what_became_of_it(alice: User) -> None:
    lead = make_lead(owner=alice, status=Status.MEETING_SCHEDULED, meeting_at=timezone.now() - timedelta(hours=1))
    section = part(text_of(browse(alice).get(HOME)), "passed")
    for verb in ("work_to_convert", "reschedule", "fall_through"):
        assert move_url(lead, verb) in section
    confirm_bant(lead, actor=alice)
    assert move_url(lead, "convert") in part(text_of(browse(alice).get(HOME)), "passed")


def test_a_meeting_later_today_and_a_come_back_are_shown(alice: User) -> None:
    today = timezone.localdate(timezone=timezone.get_fixed_timezone(-8 * 60))
    put_aside = make_lead(owner=alice, status=Status.CLOSED_NURTURE, come_back_on=today - timedelta(days=1))
    make_lead(owner=alice, status=Status.CLOSED_NURTURE, come_back_on=today + timedelta(days=9))
    page = text_of(browse(alice).get(HOME))
    assert page_url(put_aside) in part(page, "come_back")
    assert part(page, "come_back").count("<li>") == 1
    assert "No more meetings today" in part(page, "meeting")


def test_an_unowned_lead_is_claimed_from_home(alice: User) -> None:
    lead = make_lead()
    client = browse(alice)
    assert reverse("admin:leads_lead_claim", args=[lead.pk]) in part(text_of(client.get(HOME)), "unowned")
    client.post(reverse("admin:leads_lead_claim", args=[lead.pk]))
    page = text_of(client.get(HOME))
    assert page_url(lead) in part(page, "mine")
    assert page_url(lead) not in part(page, "unowned")


def test_an_ae_sees_what_was_handed_over_and_what_is_overdue(alice: User, ann: User) -> None:
    lead = make_lead(owner=alice, status=Status.WORKING_TO_CONVERT)
    confirm_bant(lead, actor=alice)
    assert "Nothing waits for your answer." in part(text_of(browse(ann).get(HOME)), "accept")
    browse(alice).post(move_url(lead, "convert"), conversion(ann, note="Spring"))
    late = make_opportunity(owner=ann, next_step="Ring", next_step_due=timezone.now().date() - timedelta(days=4))
    page = text_of(browse(ann).get(HOME))
    assert "Accept" in part(page, "accept")
    assert "Spring" in part(page, "accept")
    assert page_url(late) in part(page, "late")


def test_the_whole_list_opens_with_the_same_filter(alice: User) -> None:
    for _ in range(8):
        make_lead(owner=alice)
    make_lead()
    section = part(text_of(browse(alice).get(HOME)), "mine")
    assert '<span class="pl-count">8</span>' in section
    [link] = re.findall(r'href="([^"]+)">See all', section)
    response = browse(alice).get(link.replace("&amp;", "&"))
    assert response.status_code == 200
    assert response.context["cl"].result_count == 8


@pytest.mark.parametrize("role", ["sdr", "ae", "manager", "administrator"])
def test_home_opens_for_every_role(role: str) -> None:
    from tests.factories import make_user

    assert browse(make_user("somebody", role=role)).get(HOME).status_code == 200


def test_more_records_cost_no_more_queries(alice: User) -> None:
    def fill() -> None:
        now = timezone.now()
        for _ in range(5):
            lead = make_lead(owner=alice)
            plan_touch(
                lead, due_on=now.date() - timedelta(days=2), kind="call", text="", actor=alice, at=now, via="test"
            )
            plan_task({"lead": make_lead()}, text="Send the deck", actor=alice, at=now, via="test")
            make_lead(owner=alice, status=Status.MEETING_SCHEDULED, meeting_at=now - timedelta(hours=1))
            make_opportunity(owner=alice, next_step_due=now.date() - timedelta(days=3))

    client = browse(alice)
    fill()
    client.get(HOME)
    with CaptureQueriesContext(connection) as few:
        client.get(HOME)
    fill()
    with CaptureQueriesContext(connection) as many:
        client.get(HOME)
    assert len(many) == len(few)
    assert len(many) <= 30
