"""What an opportunity is forecast as, wherever people and programs meet it: as stated while open, else its stage's."""

from __future__ import annotations

from datetime import datetime
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from contracts.forecast_category import category_choices, category_condition, in_category
from contracts.models import Opportunity
from crm.core.acting import acting
from crm.imports.csv.targets import OBJECTS, targets_of
from crm.people.models import User
from tests.factories import make_account, make_opportunity
from tests.imports.csv.using import bring, problems
from tests.keys import program

pytestmark = pytest.mark.django_db


def opened(user: User, address: str) -> str:
    """A page as this person gets it."""
    client = Client()
    client.force_login(user)
    response = client.get(address)
    assert response.status_code == 200, response.status_code
    return unescape(response.content.decode())


def test_lists_records_history_imports_and_the_api_say_it_alike(
    alice: User, robot: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timezone, "now", lambda: now)
    account = make_account(owner=alice)

    def one(name: str, stage: str, stated: str = "") -> Opportunity:
        return make_opportunity(account=account, owner=alice, name=name, stage=stage, stated_forecast=stated)

    rows = [
        one("Silent 2026", "negotiation"),
        one("Bold 2026", "discovery", "commit"),
        one("Shy 2026", "negotiation", "omitted"),
        one("Won 2026", "closed_won", "omitted"),
        one("Lost 2026", "closed_lost", "commit"),
        one("Early 2026", "discovery"),
    ]
    for key, label in category_choices():
        found = set(Opportunity.objects.filter(in_category([key])).values_list("pk", flat=True))
        assert found == {row.pk for row in rows if row.forecast == key}, label
    assert not Opportunity.objects.filter(category_condition("empty", [], now)).exists()
    assert Opportunity.objects.filter(category_condition("is_not", ["commit"], now)).count() == 4

    place = reverse("admin:contracts_opportunity_changelist")
    listed = opened(alice, f"{place}?view=all_opportunities&stated_forecast=commit")
    assert "Silent 2026" in listed
    assert "Bold 2026" in listed
    assert "Shy 2026" not in listed
    assert "Lost 2026" not in listed, "what was stated ends with the opportunity"

    api = program(robot, "opportunities:read", "opportunities:write")
    answer = api("GET", "opportunities/?forecast_category=commit,closed&expand=computed")
    assert {(row["name"], row["forecast_category"]) for row in answer.json()["results"]} == {
        ("Silent 2026", "commit"), ("Bold 2026", "commit"), ("Won 2026", "closed"),
    }  # fmt: skip
    assert api("GET", "opportunities/?forecast_category=sure").status_code == 400
    wrong = api("PATCH", f"opportunities/{rows[0].pk}/", {"confidence": 101})
    assert wrong.status_code == 400
    assert "confidence" in wrong.content.decode()

    silent = rows[0]
    page = opened(alice, reverse("admin:contracts_opportunity_change", args=[silent.pk]))
    assert "Forecast category" in page
    assert "Commit" in page.partition('data-field="stated_forecast"')[2].partition("data-field=")[0]
    with acting(actor=alice, via="test", at=now):
        silent.stated_forecast, silent.confidence = "best_case", 60
        silent.save(update_fields=["stated_forecast", "confidence"])
    history = opened(alice, reverse("admin:contracts_opportunity_history", args=[silent.pk]))
    assert "Forecast category" in history
    assert "Best case" in history
    assert "best_case" not in history

    targets = targets_of(OBJECTS["opportunity"])
    assert dict(targets["stated_forecast"].options() if targets["stated_forecast"].options else []) == {
        "commit": "Commit", "best_case": "Best case", "pipeline": "Pipeline", "omitted": "Omitted",
    }  # fmt: skip
    assert targets["confidence"].numeric


def test_a_file_brings_what_was_stated_and_what_cannot_be_is_told(root: User) -> None:
    make_account(name="Wonka", owner=root)
    rows = """Deal,Account,Stage,Forecast category,Confidence %
Wonka 2026,Wonka,Discovery,Best case,80
Acme 2026,Wonka,Discovery,Pipeline,800
Hooli 2026,Wonka,Discovery,,high
"""
    run = bring(rows, "opportunity", root, mode="create", key="")
    found = {one.name: (one.stated_forecast, one.confidence) for one in Opportunity.objects.all()}
    assert found["Wonka 2026"] == ("best_case", 80)
    assert (found["Acme 2026"], found["Hooli 2026"]) == (("pipeline", None), ("", None))
    assert {line for line, _ in problems(run)} == {3, 4}
