"""The forms beside a timeline in a browser without JavaScript."""

from __future__ import annotations

import pytest
from django.urls import reverse

from crm.activities.models import Activity
from crm.people.models import User
from tests.access import client_of
from tests.factories import make_account

pytestmark = pytest.mark.django_db


def test_what_was_typed_stands_in_the_form_when_it_will_not_do(alice: User) -> None:
    account = make_account(owner=alice)
    url = reverse("admin:activities_touch_on", args=["account", account.pk])
    typed = {"kind": "meeting", "direction": "out", "outcome": "held", "text": "A long talk", "notes_url": "nowhere"}
    answer = client_of(alice).post(url, typed)
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "A long talk" in page
    assert "Enter a valid URL." in page
    assert not Activity.objects.exists()
