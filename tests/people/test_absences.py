"""Days away: entered by oneself or a manager, never twice for one day, and seen where an owner is chosen."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from django.db import IntegrityError
from django.utils import timezone

from crm import handbook
from crm.core.errors import Refused
from crm.people.absences import absences_of, enter_absence, who_is_away
from crm.people.models import Absence, Team, User
from crm.people.presence import Presence
from tests.access import client_of
from tests.factories import make_user

pytestmark = pytest.mark.django_db
TODAY = date(2026, 3, 4)


def away(user: User, first: date = TODAY, last: date | None = None, stand_in: User | None = None) -> Absence:
    """Days on which this person is not at work."""
    return Absence.objects.create(user=user, first_day=first, last_day=last or first, stand_in=stand_in)


def form(user: User, first: date, last: date, **values: str) -> dict[str, str]:
    """The form as a browser sends it."""
    days = {"first_day": first.isoformat(), "last_day": last.isoformat()}
    return {"user": str(user.pk), "stand_in": "", "note": "", **days, **values}


# --- who stands in ----------------------------------------------------------------------------------------------------


def test_who_is_here_is_told_themselves(alice: User) -> None:
    assert Presence(TODAY).told(alice) == alice
    assert Presence(TODAY).stand_in(alice) is None


def test_who_stands_in_is_told_and_of_them_who_stands_in(alice: User, bob: User, charlie: User) -> None:
    away(alice, stand_in=bob)
    assert Presence(TODAY).told(alice) == bob
    away(bob, stand_in=charlie)
    assert Presence(TODAY).stand_in(alice) == charlie
    assert Presence(TODAY + timedelta(days=1)).told(alice) == alice


def test_without_a_stand_in_the_teams_manager_is_told(alice: User, mona: User, team: Team) -> None:
    team.manager = mona
    team.save(update_fields=["manager"])
    alice.refresh_from_db()
    away(alice)
    assert Presence(TODAY).told(alice) == mona


def test_a_circle_of_stand_ins_ends_with_a_manager(alice: User, bob: User, mona: User, team: Team) -> None:
    away(alice, stand_in=bob)
    away(bob, stand_in=alice)
    assert Presence(TODAY).told(alice) is None, "nobody is left, and nothing hangs"
    team.manager = mona
    team.save(update_fields=["manager"])
    alice.refresh_from_db()
    assert Presence(TODAY).told(alice) == mona


def test_who_left_the_company_is_not_told_anything(alice: User, bob: User) -> None:
    away(alice, stand_in=bob)
    User.objects.filter(pk=bob.pk).update(is_active=False)
    assert Presence(TODAY).told(alice) is None


def test_a_manager_who_manages_their_own_team_and_is_away_leads_nowhere(mona: User) -> None:
    team = Team.objects.create(name="Management", manager=mona)
    mona.team = team
    mona.save(update_fields=["team"])
    away(mona)
    assert Presence(TODAY).told(mona) is None


# --- entering ---------------------------------------------------------------------------------------------------------


def test_it_refuses_to_enter_anybody_elses_days_but_for_managers(
    alice: User, bob: User, mona: User, now: datetime
) -> None:
    days = {"first_day": TODAY, "last_day": TODAY}
    with pytest.raises(Refused, match="your own days"):
        enter_absence(Absence(user=bob, **days), actor=alice, at=now, via="admin")
    enter_absence(Absence(user=alice, **days), actor=alice, at=now, via="admin")
    enter_absence(Absence(user=bob, **days), actor=mona, at=now, via="admin")
    assert Absence.objects.count() == 2


def test_the_database_keeps_days_apart(alice: User, bob: User) -> None:
    away(alice, TODAY, TODAY + timedelta(days=5))
    away(bob, TODAY)
    away(alice, TODAY + timedelta(days=6))
    with pytest.raises(IntegrityError, match="people_absence_does_not_overlap"):
        away(alice, TODAY + timedelta(days=5), TODAY + timedelta(days=9))


def test_the_form_refuses_overlapping_days_in_a_sentence(alice: User) -> None:
    away(alice, TODAY, TODAY + timedelta(days=5))
    client = client_of(alice)
    page = client.post("/admin/people/absence/add/", form(alice, TODAY + timedelta(days=2), TODAY + timedelta(days=9)))
    assert "They are away on some of these days already" in page.content.decode()
    page = client.post("/admin/people/absence/add/", form(alice, TODAY + timedelta(days=9), TODAY + timedelta(days=7)))
    assert "The last day away is not before the first." in page.content.decode()
    page = client.post("/admin/people/absence/add/", form(alice, date(1026, 1, 1), date(1026, 1, 2)))
    assert "Choose a day between" in page.content.decode()
    assert Absence.objects.filter(user=alice).count() == 1


def test_a_form_offers_a_standard_user_only_themselves(alice: User, bob: User, mona: User) -> None:
    sent = form(bob, TODAY, TODAY)
    assert "Select a valid choice" in client_of(alice).post("/admin/people/absence/add/", sent).content.decode()
    assert not Absence.objects.exists()
    client_of(mona).post("/admin/people/absence/add/", sent)
    assert Absence.objects.get().user == bob


def test_nobody_changes_a_colleagues_days(alice: User, bob: User) -> None:
    entered = away(alice)
    client = client_of(bob)
    address = f"/admin/people/absence/{entered.pk}/change/"
    assert client.post(address, {"last_day": "2026-04-01", "version": "1"}).status_code == 403
    assert client.post(f"/admin/people/absence/{entered.pk}/delete/", {"post": "yes"}).status_code == 403


# --- seeing -----------------------------------------------------------------------------------------------------------


def test_the_list_says_who_is_away_now_and_next(alice: User, bob: User, charlie: User) -> None:
    today = handbook.current().today(timezone.now())
    away(alice, today, today + timedelta(days=3), stand_in=bob)
    away(bob, today + timedelta(days=10))
    away(charlie, today + timedelta(days=90))
    found = who_is_away(today)
    assert [a.user for a in found.now] == [alice]
    assert [a.user for a in found.soon] == [bob]
    page = client_of(charlie).get("/admin/people/absence/").content.decode()
    assert "Bob stands in" in page
    for wanted in ("now", "next", "over"):
        assert client_of(alice).get(f"/admin/people/absence/?when={wanted}").status_code == 200


def test_ones_own_days_are_on_ones_profile(alice: User) -> None:
    today = handbook.current().today(timezone.now())
    away(alice, today, today)
    away(alice, today - timedelta(days=9), today - timedelta(days=8))
    assert len(absences_of(alice, today=today)) == 1
    page = client_of(alice).get("/admin/profile/").content.decode()
    assert "Your days away" in page
    assert "(now)" in page


def test_who_is_away_is_marked_where_an_owner_is_chosen(alice: User, bob: User, mona: User) -> None:
    today = handbook.current().today(timezone.now())
    away(bob, today, today)
    page = client_of(mona).get("/admin/leads/lead/add/").content.decode()
    assert "Bob (away until " in page
    assert ">Alice<" in page.replace("\n", "").replace(" ", "")


def test_an_absent_program_is_refused(robot: User, root: User, now: datetime) -> None:
    with pytest.raises(Refused, match="is a program"):
        enter_absence(Absence(user=robot, first_day=TODAY, last_day=TODAY), actor=root, at=now, via="admin")


def test_who_may_not_work_here_enters_nothing(now: datetime) -> None:
    nobody = make_user("nobody", role="left_the_handbook")
    with pytest.raises(Refused):
        enter_absence(Absence(user=nobody, first_day=TODAY, last_day=TODAY), actor=nobody, at=now, via="admin")
