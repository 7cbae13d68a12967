"""`manage.py due`: the same count on the command line, by label or key, without a database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

ROOT = Path(__file__).parents[2]


def due(*args: str) -> Any:
    out, err = StringIO(), StringIO()
    call_command("due", *args, "--json", stdout=out, stderr=err)
    return json.loads(out.getvalue())


def text(*args: str) -> str:
    out = StringIO()
    call_command("due", *args, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_a_chat_on_the_eve_of_thanksgiving() -> None:
    found = due("--channel", "Web chat", "--received", "2026-11-25T15:30:00-08:00")
    assert {name: found[name] for name in ("policy", "received", "in_business_hours", "target", "limit")} == {
        "policy": "Web chat",
        "received": "2026-11-25T15:30:00-08:00",
        "in_business_hours": True,
        "target": None,
        "limit": "2026-11-25T16:30:00-08:00",
    }
    assert [(one["kind"], one["step"], one["at"], one["to"]) for one in found["events"]] == [
        ("started", "", "2026-11-25T15:30:00-08:00", []),
        ("warned", "before_closing", "2026-11-25T15:30:00-08:00", []),
        ("warned", "warn_75", "2026-11-25T16:15:00-08:00", []),
        ("breached", "limit", "2026-11-25T16:30:00-08:00", []),
        ("escalated", "escalate_1", "2026-11-25T16:30:00-08:00", ["manager"]),
        ("escalated", "escalate_2", "2026-11-25T20:30:00-08:00", ["administrators"]),
        ("warned", "at_opening", "2026-11-27T06:00:00-08:00", []),
    ]


@pytest.mark.parametrize("name", ["Support P1", "support p1", "support_p1"])
def test_a_policy_by_label_or_key(name: str) -> None:
    found = due("--policy", name, "--received", "2026-11-25T15:30:00-08:00")
    assert (found["policy"], found["limit"]) == ("Support P1", "2026-11-26T09:30:00-08:00")


@pytest.mark.parametrize(
    ("more", "policy"),
    [
        ((), "Support P3"),  # the handbook's default priority
        (("--priority", "p0"), "Support P0"),
        (("--priority", "High (P1)"), "Support P1"),
        (("--priority", "p2", "--customer", "--tier", "Premium"), "Support P2"),
        (("--customer", "--tier", "free"), "Support of the free tier"),
    ],
)
def test_a_channel_with_priorities_and_tiers(more: tuple[str, ...], policy: str) -> None:
    assert due("--channel", "support", *more, "--received", "2026-03-04T10:00:00-08:00")["policy"] == policy


def test_a_channel_that_customers_have_another_policy_for() -> None:
    asked = ("--channel", "email", "--received", "2026-03-04T10:00:00-08:00")
    assert due(*asked)["policy"] == "Email of a prospect"
    assert due(*asked, "--customer")["policy"] == "Email of a customer"


def test_without_a_promise_there_is_no_limit() -> None:
    found = due("--policy", "Support of the free tier", "--received", "2026-03-07T10:00:00-08:00")
    assert (found["target"], found["limit"], found["events"]) == (None, None, [])
    assert found["in_business_hours"] is False
    assert "no clock runs" in text("--policy", "support_free", "--received", "2026-03-07T10:00:00-08:00")


def test_times_are_told_in_the_companys_zone_whatever_was_given() -> None:
    found = due("--channel", "web_chat", "--received", "2026-11-25T23:30:00Z")
    assert found["received"] == "2026-11-25T15:30:00-08:00"


def test_a_time_without_an_offset_is_the_companys_and_it_says_so() -> None:
    out, err = StringIO(), StringIO()
    call_command("due", "--channel", "web_chat", "--received", "2026-11-25T15:30", "--json", stdout=out, stderr=err)
    assert json.loads(out.getvalue())["received"] == "2026-11-25T15:30:00-08:00"
    assert err.getvalue().strip() == "Read in the company's zone: 2026-11-25T15:30:00-08:00"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--channel", "fax", "--received", "2026-11-25T15:30Z"), "there is no channel 'fax'; allowed: Web chat"),
        (("--channel", "Webchat", "--received", "2026-11-25T15:30Z"), 'did you mean "Web chat"'),
        (("--policy", "Support P9", "--received", "2026-11-25T15:30Z"), "there is no policy 'Support P9'"),
        (("--channel", "support", "--priority", "p9", "--received", "2026-11-25T15:30Z"), "there is no priority 'p9'"),
        (("--channel", "web_chat", "--priority", "p1", "--received", "2026-11-25T15:30Z"), "has no priorities"),
        (("--channel", "web_chat", "--tier", "gold", "--received", "2026-11-25T15:30Z"), "there is no tier 'gold'"),
        (("--policy", "web_chat", "--tier", "free", "--received", "2026-11-25T15:30Z"), "belongs to --channel"),
        (("--channel", "web_chat", "--received", "yesterday"), "is not a time"),
        (("--channel", "web_chat", "--received", "9999-12-31T23:00Z"), "a year from 1970"),
        (("--channel", "web_chat", "--received", "2026-03-08T02:30"), "does not exist"),
        (("--channel", "web_chat", "--received", "2026-11-01T01:30"), "is there twice"),
        (("--channel", "web_chat"), "--received"),
        (("--received", "2026-11-25T15:30Z"), "--channel"),
        (("--channel", "web_chat", "--policy", "web_chat", "--received", "2026-11-25T15:30Z"), "not allowed with"),
    ],
)
def test_it_refuses_what_it_cannot_answer(args: tuple[str, ...], words: str) -> None:
    with pytest.raises(CommandError) as error:
        text(*args)
    assert words in str(error.value)


def test_it_tells_people_how_the_time_is_counted() -> None:
    said = text("--channel", "support", "--received", "2026-07-02T15:30:00-07:00")
    assert "Limit     Tue 2026-07-07 15:30 PDT  (2 business days)" in said
    assert "Independence Day (observed)" in said
    assert "20 h 00 min counted, 100 h 00 min not counted" in said


def test_it_needs_no_database() -> None:
    env = {**os.environ, "DATABASE_URL": "postgres://nobody@127.0.0.1:1/nothing", "SECRET_KEY": "x", "DEBUG": "1"}
    command = [sys.executable, "manage.py", "due", "--channel", "Web chat", "--received", "2026-11-25T15:30:00-08:00"]
    done = subprocess.run([*command, "--json"], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["limit"] == "2026-11-25T16:30:00-08:00"
