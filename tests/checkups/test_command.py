"""`manage.py checkup` runs here, says calmly what it found, and stops a pipeline."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from crm.checkups.models import Run
from crm.checkups.rules import all_rules
from crm.people.models import User
from tests.checkups.made import Made, make_rule
from tests.factories import make_user

pytestmark = pytest.mark.django_db
OWNER = "data.lead_without_owner"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Made:
    """A rule whose findings are errors."""
    return make_rule(monkeypatch)


def checkup(*words: str) -> tuple[int, str]:
    """How it ends, and what it prints."""
    out, code = StringIO(), 0
    try:
        call_command("checkup", *words, stdout=out)
    except SystemExit as ended:
        code = int(ended.code or 0)
    return code, out.getvalue()


def as_json(*words: str) -> tuple[int, Any]:
    """The same with --json."""
    code, printed = checkup(*words, "--json")
    return code, json.loads(printed)


def test_it_ends_with_one_while_there_are_open_errors(made: Made) -> None:
    assert as_json("--rule", "process.made")[0] == 0
    made.sees = ["a", "b"]
    code, found = as_json("--rule", "process.made", "--rule", OWNER)
    assert (code, found["run"]) == (1, Run.objects.latest("pk").pk)
    assert found["rules"][1] == {
        "id": "process.made",
        "row": "K6",
        "area": "process",
        "severity": "error",
        "looked_at": 5,
        "open": 2,
        "new": 2,
        "gone": 0,
    }
    assert checkup("--rule", OWNER)[0] == 0, "of the rules that ran"
    made.sees = []
    assert as_json("--rule", "process.made")[0] == 0
    made.does = lambda: 1 / 0
    assert as_json("--rule", "process.made")[0] == 1, "a rule that crashed has not passed"
    assert set(Run.objects.values_list("why", "state")) == {("command", "done")}


def test_it_says_by_area_what_it_found(made: Made) -> None:
    made.sees = [f"detail {number}" for number in range(5)]
    code, printed = checkup("--rule", "process.made", "--rule", OWNER)
    assert code == 1
    assert printed.splitlines()[1:] == [
        "",
        "Data",
        "  Leads have an owner: nothing to look at",
        "",
        "Process",
        "  Nothing is made up: 5 open errors of 5 looked at (5 new)",
        *["      page:made", "        expected: Nothing", "        found:    Something"] * 3,
        "      and 2 more",
        "",
        "2 rules: 5 open (5 errors), 5 new, 0 gone.",
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--rule", "data.lead_without_ownr"], f"Did you mean {OWNER}"),
        (["--rule", "zzz"], r"“zzz”\. --rules lists them"),
        (["--user", "nobody"], "There is no user “nobody”"),
        (["--user", "Bob"], r"Bob is no longer active"),
        (["--user", "pat lee"], "name one by email, pat@example.com or pat2@example.com"),
        (["--user", "robot@example.com"], "There is no user"),
        (["--user", ""], "There is no user"),
    ],
)
def test_it_ends_with_two_and_a_sentence_for_what_it_cannot_do(
    words: list[str], said: str, bob: User, robot: User
) -> None:
    User.objects.filter(pk=bob.pk).update(is_active=False)
    for name in ("pat", "pat2"):
        make_user(name, role="sdr", last_name="Lee")
    User.objects.filter(last_name="Lee").update(first_name="Pat")
    with pytest.raises(CommandError, match=said) as refused:
        call_command("checkup", *words)
    assert refused.value.returncode == 2
    assert not Run.objects.exists()


def test_for_a_user_it_looks_at_what_they_are_shown(made: Made, alice: User) -> None:
    made.sees = ["a"]
    code, found = as_json("--user", "alice")
    assert code == 0, found
    shown = [one["id"] for one in found["rules"]]
    assert set(shown) == {rule.id for rule in all_rules() if rule.is_presentation}
    assert Run.objects.get().person == alice
    assert as_json("--user", "ALICE@example.com", "--rule", "process.made")[1]["rules"][0]["open"] == 1


def test_it_lists_the_rules_and_runs_none() -> None:
    printed = checkup("--rules")[1]
    line = next(line for line in printed.splitlines() if line.startswith(f"  {OWNER} "))
    assert line.endswith("Leads have an owner")
    listed = as_json("--rules")[1]["rules"]
    assert [one["id"] for one in listed] == [rule.id for rule in all_rules()]
    assert not Run.objects.exists()


def test_ctrl_c_cancels_the_run(made: Made) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    made.does = interrupt
    with pytest.raises(CommandError) as ended:
        checkup("--rule", OWNER, "--rule", "process.made")
    run = Run.objects.get()
    assert (ended.value.returncode, f"Run {run.pk} was cancelled." in str(ended.value)) == (130, True)
    assert (run.state, [one.rule for one in run.results.all()]) == ("cancelled", [OWNER])
