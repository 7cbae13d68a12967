"""Changed rules tried on leads of the past: who would have got which, and that nothing is written."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from crm import handbook
from crm.handbook import HandbookError
from crm.handbook.reader import with_section
from crm.people.models import Absence, Team, Turn, User
from leads.assignment_trial import Trial, try_rules, written
from leads.models import Lead
from tests.access import client_of
from tests.factories import make_account, make_lead

pytestmark = pytest.mark.django_db
SECTION = """
[assignment]
account_owner_first = true
roles = ["sdr"]
most_open_leads = 5
"""
SOUTH = '\n[[assignment.rules]]\nlabel = "Large"\nemployees_from = 1000\nteam = "South"\n'
START = date(2026, 3, 1)


def lead_of(day: int, **fields: Any) -> Lead:
    """A lead that came in at noon of that day of March."""
    lead = make_lead(**fields)
    Lead.objects.filter(pk=lead.pk).update(created_at=datetime(2026, 3, day, 20, tzinfo=UTC))
    return lead


def tried(text: str, since: date = START, **kwargs: Any) -> Trial:
    """What the rules of this section would have done."""
    return try_rules(with_section(handbook.current(), text, Path("x"), "assignment"), since=since, **kwargs)


def counts(found: Any) -> dict[str, tuple[int, int]]:
    """Before and after by name."""
    return {one.name: (one.before, one.after) for one in found}


def test_it_counts_by_rule_and_by_person_and_writes_nothing(alice: User, charlie: User) -> None:
    for day in (2, 3, 4, 5):
        lead_of(day, employees=5000 if day % 2 else 10)
    before = list(Lead.objects.order_by("pk").values())
    trial = tried(SECTION + SOUTH)
    assert (trial.leads, trial.since) == (4, START)
    assert counts(trial.by_rule) == {"Everybody in turn": (4, 2), "Rule “Large”": (0, 2)}
    assert counts(trial.by_person) == {"Alice": (2, 1), "Charlie": (2, 3)}
    assert trial.changed == len(trial.examples) == 1
    assert list(Lead.objects.order_by("pk").values()) == before
    assert not Turn.objects.exists()


def test_leads_before_that_day_are_left_out_and_the_newest_are_kept(alice: User) -> None:
    for day in (1, 2, 3, 4):
        lead_of(day)
    assert tried(SECTION, date(2026, 3, 3)).leads == 2
    some = tried(SECTION, most=3)
    assert (some.leads, some.left_out) == (3, True)


def test_who_was_away_that_day_gets_none_of_that_day(alice: User, bob: User) -> None:
    Absence.objects.create(user=bob, first_day=date(2026, 3, 2), last_day=date(2026, 3, 3))
    for day in (2, 3, 4, 5):
        lead_of(day)
    assert counts(tried(SECTION).by_person) == {"Alice": (3, 3), "Bob": (1, 1)}


def test_the_owner_of_the_account_comes_first_if_the_rules_say_so(alice: User, ann: User) -> None:
    make_account(website="globex.example", owner=ann)
    lead_of(2)
    trial = tried(SECTION.replace("account_owner_first = true", "account_owner_first = false"))
    assert counts(trial.by_person) == {"Alice": (0, 1), "Ann": (1, 0)}


def test_names_that_nobody_knows_are_said(alice: User) -> None:
    lead_of(2)
    trial = tried(SECTION + SOUTH + '\n[[assignment.rules]]\nlabel = "Left"\npeople = ["gone@example.com"]\n')
    assert trial.unknown == [
        "Rule “Large” names the team South, which is not here: it is skipped.",
        "Rule “Left” names gone@example.com, who does not work here: passed over.",
    ]
    assert counts(trial.by_person) == {"Alice": (1, 1)}


def test_a_section_or_a_whole_handbook_is_tried_and_nothing_else() -> None:
    book = handbook.current()
    assert with_section(book, book.text, Path("x"), "assignment").assignment == book.assignment
    assert with_section(book, written(book.assignment), Path("x"), "assignment").assignment == book.assignment
    for text in ("", "[lead]\n", "[assignment", "[assignment]\nroles = ['nobody']\n"):
        with pytest.raises(HandbookError):
            with_section(book, text, Path("x"), "assignment")


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_says_it_in_words_and_in_json(alice: User, charlie: User, tmp_path: Path) -> None:
    lead_of(2, employees=5000)
    file = tmp_path / "rules.toml"
    file.write_text(SECTION + SOUTH)
    said = io.StringIO()
    call_command("assignment", "--check", str(file), "--since", "2026-03-01", stdout=said)
    assert "1 leads since 2026-03-01" in said.getvalue()
    assert "Rule “Large”" in said.getvalue()
    out = io.StringIO()
    call_command("assignment", "--check", str(file), "--since", "2026-03-01", "--json", stdout=out)
    assert json.loads(out.getvalue())["by_person"][1]["after"] == 1
    shown = io.StringIO()
    call_command("assignment", stdout=shown)
    assert "account_owner_first = true" in shown.getvalue()


def test_the_command_says_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(SECTION + '\n[[assignment.rules]]\nlabel = "Nobody"\n')
    errors = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("assignment", "--check", str(file), stderr=errors)
    assert "either team or people" in errors.getvalue()


# --- the page ---------------------------------------------------------------------------------------------------------


def test_the_page_shows_the_rules_and_tries_others(alice: User, charlie: User, mona: User) -> None:
    Team.objects.get_or_create(name="West")
    lead_of(2, employees=5000)
    client = client_of(mona)
    shown = client.get("/admin/assignment/").content.decode()
    assert "Everybody in turn" in shown
    assert "account_owner_first = true" in shown
    sent = {"since": (date.today() - timedelta(days=3000)).isoformat(), "rules": SECTION + SOUTH}
    page = client.post("/admin/assignment/", sent).content.decode()
    assert "What these rules would have done" in page
    assert "Rule “Large”" in page
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM people_turn")
        assert cursor.fetchone() == (0,)


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"since": "2026-01-01", "rules": "[assignment"}, "something that is not TOML"),
        ({"since": "2026-01-01", "rules": "[assignment]\nroles = []\n"}, "assignment"),
        ({"since": "2999-01-01", "rules": SECTION}, "Choose a day between"),
        ({"since": "soon", "rules": ""}, "Enter a valid date"),
        ({}, "required"),
    ],
)
def test_the_page_says_what_is_wrong(sent: dict[str, str], said: str, mona: User) -> None:
    page = client_of(mona).post("/admin/assignment/", sent)
    assert page.status_code == 200
    assert said in page.content.decode()


def test_only_managers_see_it(alice: User) -> None:
    assert client_of(alice).get("/admin/assignment/").status_code == 403
