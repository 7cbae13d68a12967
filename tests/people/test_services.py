"""People are deactivated, never deleted, and somebody takes over what they leave."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.test import Client

from crm.core.errors import Refused
from crm.history.models import Change
from crm.people.leaving import deactivate_user, owned_by
from crm.people.models import Team, User
from crm.people.services import reactivate_user, save_profile
from leads.statuses import Status
from tests.access import client_of
from tests.factories import PASSWORD, make_account, make_contact, make_lead, make_opportunity


def test_it_hands_over_everything_in_one_transaction(alice: User, bob: User, root: User, now: datetime) -> None:
    lead, account, contact = make_lead(owner=alice), make_account(owner=alice), make_contact(owner=alice)
    deal, lost = make_opportunity(owner=alice), make_opportunity(owner=alice, stage="closed_lost")
    closed = make_lead(owner=alice, status=Status.SAO_CONVERTED)
    deactivate_user(alice, heir=bob, actor=root, at=now, via="admin", reason="Left the company")
    for record in (lead, account, contact, deal, closed, lost):
        record.refresh_from_db()
        assert record.owner == bob, "nothing stays with who is not here, open or closed"
    alice.refresh_from_db()
    assert not alice.is_active
    changes = [Change.objects.of(record)[0] for record in (lead, account, contact, deal, alice)]
    assert len({change.transaction_id for change in changes}) == 1
    assert changes[0].transaction.reason == "Left the company"


def test_it_refuses_while_nobody_takes_over(alice: User, root: User, now: datetime) -> None:
    make_lead(owner=alice)
    with pytest.raises(Refused) as refused:
        deactivate_user(alice, heir=None, actor=root, at=now, via="admin")
    assert refused.value.codes == ("needs_heir",)
    assert "owns 1 lead" in refused.value.message
    alice.refresh_from_db()
    assert alice.is_active


def test_who_owns_nothing_needs_no_heir(ann: User, root: User, now: datetime) -> None:
    assert owned_by(ann) == []
    deactivate_user(ann, heir=None, actor=root, at=now, via="admin")
    assert not User.objects.get(pk=ann.pk).is_active


def test_only_administrators_deactivate_and_not_themselves(alice: User, mona: User, root: User, now: datetime) -> None:
    with pytest.raises(Refused, match="Only administrators"):
        deactivate_user(alice, heir=None, actor=mona, at=now, via="admin")
    with pytest.raises(Refused, match="yourself"):
        deactivate_user(root, heir=None, actor=root, at=now, via="admin")


def test_a_manager_of_a_team_is_replaced(mona: User, ann: User, root: User, now: datetime) -> None:
    west = Team.objects.create(name="West", manager=mona)
    with pytest.raises(Refused, match="1 team to manage"):
        deactivate_user(mona, heir=None, actor=root, at=now, via="admin")
    deactivate_user(mona, heir=ann, actor=root, at=now, via="admin")
    west.refresh_from_db()
    assert west.manager == ann


def test_the_only_administrator_stays_one(root: User) -> None:
    client = client_of(root)
    page = f"/admin/people/user/{root.pk}/change/"
    posted = {"email": root.email, "first_name": "Root", "role": "sdr", "zone": "", "version": root.version}
    shown = client.post(page, posted)
    assert "only administrator" in str(shown.context["adminform"].form.errors["role"])


def test_the_dialog_names_what_is_handed_over(alice: User, bob: User, root: User) -> None:
    make_lead(owner=alice)
    client, page = client_of(root), f"/admin/people/user/{alice.pk}/deactivate/"
    assert "1 lead" in client.get(page).content.decode()
    refused = client.post(page, {})
    assert "choose who takes them over" in refused.content.decode()
    assert client.post(page, {"heir": bob.pk}).status_code == 302
    assert not User.objects.get(pk=alice.pk).is_active


def test_who_is_deactivated_is_out_at_once_and_can_come_back(alice: User, root: User, now: datetime) -> None:
    client = client_of(alice)
    assert client.get("/admin/leads/lead/").status_code == 200
    deactivate_user(alice, heir=None, actor=root, at=now, via="admin")
    assert client.get("/admin/leads/lead/").status_code == 302
    reactivate_user(alice, actor=root, at=now, via="admin")
    assert client.get("/admin/leads/lead/").status_code == 302, "the session of before came back"
    assert client_of(User.objects.get(pk=alice.pk)).get("/admin/leads/lead/").status_code == 200


def test_colleagues_are_found_by_name_and_email(alice: User, bob: User, root: User) -> None:
    for term in ("ali", "ALICE@exam"):
        shown = client_of(root).get("/admin/people/user/", {"q": term}).content.decode()
        assert "alice@example.com" in shown
        assert "bob@example.com" not in shown


def test_a_new_person_gets_a_link_and_sets_a_password_by_it(root: User, client: Client) -> None:
    posted = {"email": "nora@example.com", "first_name": "Nora", "role": "sdr", "zone": "", "password": ""}
    shown = client_of(root).post("/admin/people/user/add/", posted, follow=True).content.decode()
    link = next(word for word in shown.split() if "/set-password/" in word)
    form = client.get(link.replace("http://testserver", ""), follow=True)
    assert form.status_code == 200
    sent = client.post(form.request["PATH_INFO"], {"new_password1": PASSWORD, "new_password2": PASSWORD})
    assert sent.status_code == 302
    assert User.objects.get(email="nora@example.com").check_password(PASSWORD)
    assert b"used before" in client_of(None).get(link.replace("http://testserver", "")).content


def test_a_new_person_with_a_first_password_can_log_in(root: User) -> None:
    posted = {"email": "nora@example.com", "first_name": "Nora", "role": "ae", "zone": "", "password": PASSWORD}
    assert client_of(root).post("/admin/people/user/add/", posted).status_code == 302
    made = User.objects.get(email="nora@example.com")
    assert made.check_password(PASSWORD)
    assert PASSWORD not in made.password


def test_a_weak_first_password_and_a_taken_address_are_refused(root: User, alice: User) -> None:
    posted = {"email": "ALICE@example.com", "first_name": "A", "role": "ae", "zone": "", "password": "12345"}
    client, page = client_of(root), "/admin/people/user/add/"
    assert "password" in client.post(page, posted).context["adminform"].form.errors
    errors = client.post(page, posted | {"password": PASSWORD}).context["adminform"].form.errors
    assert "Somebody has this email address already." in str(errors["email"])


def test_everybody_changes_their_own_name_and_zone_and_nothing_else(alice: User, now: datetime) -> None:
    client = client_of(alice)
    posted = {"first_name": "Alicia", "last_name": "", "zone": "Europe/Berlin", "version": alice.version}
    assert client.post("/admin/profile/", posted | {"role": "administrator"}).status_code == 302
    alice.refresh_from_db()
    assert (alice.first_name, alice.zone, alice.role) == ("Alicia", "Europe/Berlin", "sdr")
    with pytest.raises(Refused):
        save_profile(alice, values={"role": "administrator"}, at=now)


def test_an_own_password_is_changed_with_the_old_one(alice: User) -> None:
    alice.set_password(PASSWORD)
    alice.save(update_fields=["password"])
    new = "another horse battery"
    client = client_of(alice)
    sent = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert client.post("/admin/password_change/", sent).status_code == 302
    assert User.objects.get(pk=alice.pk).check_password(new)
