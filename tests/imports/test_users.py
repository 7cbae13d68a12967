"""The people of an export: owners who cannot log in until somebody lets them."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth import authenticate
from django.test import RequestFactory

from crm.history.models import Change
from crm.imports.models import HeldRow
from crm.people.models import User
from crm.sync.models import ExternalId
from tests.factories import make_user
from tests.imports.export import bring_in, codes, counts, id_of, only, user, write

pytestmark = pytest.mark.django_db


def test_a_user_has_no_password_and_the_first_standard_role(tmp_path: Path) -> None:
    write(tmp_path, "User", user(1, TimeZoneSidKey="Europe/Paris", UserRoleId="00E1"), user(2, IsActive="0"))
    assert counts(bring_in(tmp_path), "User") == {"read": 2, "created": 2}
    una = User.objects.get(email="u1@acme.example")
    assert (una.role, una.is_active, una.zone, una.is_service) == ("sdr", True, "Europe/Paris", False)
    assert una.kept == {"Username": "u1@acme.example.sf", "UserRoleId": "00E1"}
    assert una.created_at.year == 2025
    assert not una.has_usable_password()
    assert authenticate(RequestFactory().post("/"), username=una.email, password="") is None
    assert not User.objects.get(email="u2@acme.example").is_active


def test_somebody_who_is_here_is_found_by_address_and_left_alone(tmp_path: Path) -> None:
    here = make_user("alice", role="manager")
    write(tmp_path, "User", user(1, Email="Alice@Example.com", IsActive="0"), user(2, Email="alice@example.com"))
    report = bring_in(tmp_path)
    assert counts(report, "User") == {"read": 2, "unchanged": 2, "flagged": 1}
    assert codes(report) == ["same_email"]
    stored = User.objects.get(pk=here.pk)
    assert (stored.version, stored.is_active, stored.first_name) == (1, True, "Alice")
    assert ExternalId.objects.of(here).count() == 2


def test_a_user_without_an_address_waits(tmp_path: Path) -> None:
    write(tmp_path, "User", user(1, Email=""), user(2, Email="chatter"))
    report = bring_in(tmp_path)
    assert counts(report, "User") == {"read": 2, "rejected": 2}
    assert codes(report) == ["no_email", "bad_email"]
    assert HeldRow.objects.filter(object="user").count() == 2
    changes = Change.objects.count()
    bring_in(tmp_path)
    assert Change.objects.count() == changes


def test_a_changed_name_is_brought_in_and_rights_to_log_in_are_not(tmp_path: Path) -> None:
    write(tmp_path, "User", user(1))
    bring_in(tmp_path)
    assert counts(bring_in(tmp_path), "User") == {"read": 1, "unchanged": 1}
    write(tmp_path, "User", user(1, LastName="Married", Email="new@acme.example", IsActive="0"))
    report = bring_in(tmp_path)
    assert counts(report, "User") == {"read": 1, "updated": 1, "flagged": 1}
    una = User.objects.get(last_name="Married")
    assert (una.email, una.is_active, una.version) == ("u1@acme.example", True, 2)
    assert codes(report) == ["login_left", "login_left"]


def test_one_id_is_one_row(tmp_path: Path) -> None:
    write(tmp_path, "User", user(1), user(2, Id=id_of("User", 1)), user(3, Id=""))
    report = bring_in(tmp_path)
    assert counts(report, "User") == {"read": 3, "created": 1, "rejected": 2}
    assert only(report, "duplicate_id").line == 3
    assert report.unreadable
