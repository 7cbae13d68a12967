"""What another handbook would have made of the past: whose verdict changes, by channel and owner; nothing written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm import handbook
from crm.clocks import replay_page, replaying
from crm.clocks.models import Clock
from crm.clocks.replaying import replay
from crm.clocks.services import pause_clock, resume_clock, stop_clock, void_clock
from crm.clocks.subjects import Subject
from crm.handbook.reader import with_section
from crm.people.models import User
from tests.access import client_of
from tests.clocks.clocks import TEN, about, make_clock
from tests.clocks.test_recalculating import changed

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
AT = TEN + 10 * DAY
STRICT = ('limit = "1 hour"', 'limit = "30 minutes"')


@pytest.fixture(autouse=True)
def special(alice: User) -> Iterator[dict[int, Subject]]:
    with about(alice, alice.team) as known:
        yield known


def answered(after: timedelta, by: User, **given: Any) -> Clock:
    clock = make_clock(**given)
    return stop_clock(clock, by=by, how="response", at=clock.started_at + after, facts={})


def look(*words: tuple[str, str], moment: datetime = TEN) -> replaying.Replay:
    return replay(changed(*words), moment=moment, at=AT)


def test_a_stricter_limit_makes_breaches_of_what_was_kept(alice: User) -> None:
    for minutes in (20, 40, 50, 70):
        answered(minutes * MINUTE, alice)
    found = look(STRICT)
    none = dict.fromkeys(("open", "would_be_open", "would_be_nothing", "would_be_unknown"), 0)
    some = {"promises": 4, "changed": 2, "met": 3, "breached": 1, "would_be_met": 1, "would_be_breached": 3}
    assert found.total.figures() == none | some
    assert [(one.was, one.would) for one in found.examples] == [("met", "breached")] * 2


def test_the_same_handbook_changes_nothing(alice: User) -> None:
    """Also where pauses moved the limits."""
    answered(40 * MINUTE, alice)
    held = make_clock()
    pause_clock(held, by=alice, reason="asked_to_wait", at=TEN + 10 * MINUTE)
    resume_clock(held, by=alice, at=TEN + 5 * HOUR)
    stop_clock(held, by=alice, how="response", at=TEN + 5 * HOUR + 49 * MINUTE, facts={})
    make_clock("contact_form")
    found = replay(handbook.current(), moment=TEN, at=AT)
    assert (found.total.promises, found.total.changed) == (3, 0)


def test_a_pause_counts_in_the_other_policy_too(alice: User) -> None:
    held = make_clock()
    pause_clock(held, by=alice, reason="asked_to_wait", at=TEN + 10 * MINUTE)
    resume_clock(held, by=alice, at=TEN + 5 * HOUR)
    stop_clock(held, by=alice, how="response", at=TEN + 5 * HOUR + 19 * MINUTE, facts={})
    assert look(STRICT).total.changed == 0, "twenty-nine minutes of thirty"


def test_it_tells_them_by_channel_and_owner(alice: User, bob: User, special: dict[int, Subject]) -> None:
    answered(40 * MINUTE, alice)
    for one in (make_clock(), make_clock("contact_form")):
        special[one.pk] = Subject("", "", bob, bob.team)
        stop_clock(one, by=bob, how="response", at=TEN + 45 * MINUTE, facts={})
    found = look(STRICT)
    assert {key: tally.changed for key, tally in found.by_channel.items()} == {"web_chat": 2, "contact_form": 0}
    assert {key: tally.changed for key, tally in found.by_owner.items()} == {alice.pk: 1, bob.pk: 1}


def test_what_was_before_the_day_or_is_voided_is_left_out(alice: User) -> None:
    answered(40 * MINUTE, alice, started_at=TEN - DAY)
    void_clock(make_clock(), by=alice, reason="spam", at=TEN + MINUTE)
    assert look(STRICT).total.promises == 0


def test_what_the_other_promises_nothing_for_says_so(alice: User) -> None:
    answered(40 * MINUTE, alice)
    nothing = (
        ('promise = { limit = "1 hour" }\noutside = { limit = "8 hours" }\nwarn = [75]\n', ""),
        ('escalate = [{ to = ["manager"] }, { after = "4 hours", to = ["administrators"] }]', ""),
    )
    assert look(*nothing).total.would("nothing") == 1


def test_a_meeting_that_is_no_answer_by_the_other_is_unknown(alice: User) -> None:
    clock = make_clock("talk_to_expert")
    stop_clock(clock, by=None, how="meeting", at=TEN + HOUR, facts={})
    found = look(('stops = ["response", "meeting"]\n', ""))
    assert (found.total.would("unknown"), found.total.changed) == (1, 0)


def test_it_reads_batch_by_batch_and_writes_nothing(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    for minute in range(7):
        answered(40 * MINUTE, alice, started_at=TEN + minute // 3 * MINUTE)
    monkeypatch.setattr(replaying, "BATCH", 2)
    with CaptureQueriesContext(connection) as taken:
        found = look(STRICT)
    assert (found.total.promises, found.total.changed) == (7, 7)
    assert {query["sql"].split()[0] for query in taken.captured_queries} == {"SELECT"}


# --- the command ------------------------------------------------------------------------------------------------------


def ask(tmp_path: Path, *words: str, **options: Any) -> str:
    file = tmp_path / "other.toml"
    file.write_text(changed(STRICT).text)
    out = StringIO()
    call_command("replay_clocks", f"--handbook={file}", *words, stdout=out, **options)
    return out.getvalue()


def test_the_command_says_it_in_a_table(alice: User, tmp_path: Path) -> None:
    answered(40 * MINUTE, alice)
    said = ask(tmp_path, "--since=2026-03-04")
    assert "1 promises since 2026-03-04, 1 verdicts would have been others." in said
    assert "Web chat" in said
    assert "Alice" in said
    assert "met, would be breached" in said


def test_the_command_says_it_to_programs(alice: User, tmp_path: Path) -> None:
    answered(40 * MINUTE, alice)
    said = json.loads(ask(tmp_path, "--since=2026-03-04", "--json"))
    assert (said["promises"], said["changed"], said["would_be_breached"]) == (1, 1, 1)
    assert said["by_channel"][0]["channel"] == "web_chat"
    assert said["by_owner"][0]["name"] == "Alice"
    assert said["examples"][0]["would_be"] == "breached"


def test_a_day_begins_where_the_company_is(alice: User, tmp_path: Path) -> None:
    answered(40 * MINUTE, alice, started_at=datetime.fromisoformat("2026-03-04T00:30:00-08:00"))
    answered(40 * MINUTE, alice, started_at=datetime.fromisoformat("2026-03-03T23:30:00-08:00"))
    assert json.loads(ask(tmp_path, "--since=2026-03-04", "--json"))["promises"] == 1


@pytest.mark.django_db
def test_it_refuses_a_file_that_is_no_handbook_and_a_day_that_is_none(tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("[company]\nname = 3\n")
    with pytest.raises(CommandError, match="company"):
        call_command("replay_clocks", f"--handbook={broken}", "--since=2026-03-04")
    with pytest.raises(CommandError, match="no day"):
        call_command("replay_clocks", f"--handbook={broken}", "--since=yesterday")
    with pytest.raises(CommandError, match="gone"):
        call_command("replay_clocks", f"--handbook={tmp_path / 'gone.toml'}", "--since=2026-03-04")


# --- the page ---------------------------------------------------------------------------------------------------------

PAGE = "/admin/clocks/replay/"


def text_to_try() -> str:
    return replay_page.written(handbook.current()).replace(*STRICT, 1)


def test_a_manager_tries_other_policies_on_the_page(alice: User, mona: User) -> None:
    answered(40 * MINUTE, alice)
    client = client_of(mona)
    empty = client.get(PAGE).content.decode()
    assert "[[policies]]" in empty
    assert "What these policies would have done" not in empty
    page = client.post(PAGE, {"since": "2026-03-04", "policies": text_to_try()}).content.decode()
    assert "<strong>1</strong> the verdict would have been another" in page
    assert "Web chat" in page
    assert "Alice" in page
    assert "answered in time → late" in page


def test_the_policies_as_they_are_written_there_are_those_in_force() -> None:
    tried = with_section(handbook.current(), replay_page.written(handbook.current()), Path("x"), "policies")
    assert tried.policies == handbook.current().policies


def test_the_page_tries_the_newest_and_says_so(alice: User, mona: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_page, "MOST", 2)
    for minute in range(4):
        answered(40 * MINUTE, alice, started_at=TEN + minute * MINUTE)
    page = client_of(mona).post(PAGE, {"since": "2026-03-04", "policies": text_to_try()}).content.decode()
    assert "2 requests since" in page
    assert "the newest 2 were tried" in page


def test_the_page_says_what_is_wrong_with_policies(mona: User) -> None:
    page = client_of(mona).post(PAGE, {"since": "2026-03-04", "policies": "[[policies]]\nkey = 3\n"}).content.decode()
    assert "policies[0].key" in page


def test_the_page_is_for_managers(alice: User) -> None:
    assert client_of(alice).get(PAGE).status_code == 403
