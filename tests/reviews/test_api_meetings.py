"""Huddles, minutes and rituals over the API and as files: what their pages show, by the same definitions."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from contracts.models import Opportunity
from crm.core.errors import Refused
from crm.jobs.models import Job
from crm.people.models import User
from crm.reviews.huddle.export import export_huddle
from crm.reviews.huddle.kind import HUDDLE as KIND
from crm.reviews.huddle.list_filter import BROKEN, counted
from crm.reviews.meetings.export import export_minutes
from crm.reviews.meetings.kinds import KINDS
from crm.reviews.meetings.services import (
    Said,
    answer_item,
    call_off,
    finish_meeting,
    skip_item,
    start_meeting,
    write_decisions,
    write_notes,
)
from crm.reviews.models import Meeting
from crm.reviews.rituals.export import export_rituals
from crm.sync.scopes import within_rights
from tests.access import client_of
from tests.factories import make_user
from tests.keys import program
from tests.reviews.holding import MONDAY, WEEK, done, held_since, rituals, skipped
from tests.reviews.huddling import DAY, SINCE, TODAY, change, deal, found, held

pytestmark = pytest.mark.django_db
HUDDLE = "sales_huddle"


@pytest.fixture(autouse=True)
def _at_that_moment(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path, now: datetime) -> None:
    settings.MEDIA_ROOT = tmp_path  # jobs of tests that run beside these have the same numbers
    monkeypatch.setattr(timezone, "now", lambda: now)


def file_of(browser: Client, name: str, *args: Any, **asked: Any) -> list[dict[str, str]]:
    """The rows of the file that a page's button gives."""
    sent = browser.post(reverse(f"admin:{name}", args=args), asked, follow=True)
    text = b"".join(sent.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    return list(csv.DictReader(io.StringIO(text)))


def test_the_huddle_of_the_page_the_api_and_the_file_is_the_same(
    alice: User, bob: User, mona: User, robot: User, now: datetime
) -> None:
    held(mona)
    broken = deal(owner=alice, name="Promised", next_step_due=TODAY - DAY, amount=Decimal(500))
    moved = deal(owner=bob, name="Pushed", stated_forecast="commit")
    change(moved, bob, SINCE, close_on=TODAY + 90 * DAY)
    deal(owner=None, name="=Bare", amount=None, next_step="", next_step_due=None)
    deal(owner=alice, name="Elsewhere", currency="XTS", amount=Decimal(70))
    browser, api = client_of(mona), program(robot, "opportunities:huddle")
    assert alice.team_id is not None
    scopes: list[dict[str, int]] = [{}, {"owner": alice.pk}, {"team": alice.team_id}]
    for scope in scopes:
        page = browser.get(reverse("admin:huddle"), scope).context
        answer = api("GET", "huddle/?" + "&".join(f"{name}={value}" for name, value in scope.items()))
        assert answer.status_code == 200, answer.content
        told, rows = answer.json(), file_of(browser, "huddle_export", **scope)
        places = found(now, **scope)
        written = {(row["By"], row["Value"]): row for row in rows if row["By"] != "Agenda"}
        totals = page["totals"]
        assert told["scope"] == scope
        assert told["scope_words"] == page["scope_words"]
        for name, given in {"count": "Opportunities", "amount": "Amount", "weighted": "Weighted"}.items():
            assert str(told[name]) == str(totals[name]) == written["All", ""][given], name
        assert str(told["without_amount"]) == written["All", "Without an amount"]["Opportunities"]
        assert told["without_rate"] == totals["apart"]
        for currency, amount in totals["apart"].items():
            assert (written["All", "Without a rate"]["Currency"], written["All", "Without a rate"]["Amount"]) == (
                currency,
                amount,
            )
        assert {one["category"]: one["count"] for one in told["categories"]} == {
            key: one["count"] for key, one in totals["categories"].items()
        }
        assert told["promises"]["not_kept"] == page["promises"]["not_kept"]
        assert told["promises"]["not_kept"] == len(counted(places, {"reason": BROKEN}))
        # The page leaves out reasons that nothing has; programs get them all.
        reasons = {one["label"]: one["count"] for one in told["reasons"]}
        assert {one.label: one.count for one in page["reasons"]} == {key: n for key, n in reasons.items() if n}
        assert reasons == {value: int(row["Opportunities"]) for (by, value), row in written.items() if by == "Reason"}
        agenda = [one["id"] for one in told["agenda"]]
        assert agenda == [line.place.row.id for line in page["lines"]] == [one.row.id for one in places]
        assert [str(pk) for pk in agenda] == [row["ID"] for row in rows if row["By"] == "Agenda"]
        assert [tuple(one["reasons"]) for one in told["agenda"]] == [one.reasons for one in places]
    everything = api("GET", "huddle/").json()
    first = everything["agenda"][0]
    assert (first["id"], first["position"], first["reasons"][0]) == (broken.pk, 1, "step_overdue")
    assert (first["amount"], first["next_step_due_date"], everything["next_page"]) == ("500.00", "2026-03-03", None)
    assert everything["last"]["ended_at"] == "2026-03-02T18:00:00Z"
    assert (everything["promises"]["kept"], everything["without_rate"]) == (0, {"XTS": "70.00"})
    # Of a scope that no huddle was held of, nothing is known since.
    assert api("GET", f"huddle/?owner={alice.pk}").json()["promises"]["kept"] is None
    # What begins like a formula is none in the file.
    assert "'=Bare" in [row["Value"] for row in file_of(browser, "huddle_export")]


def test_the_agenda_is_paged_and_what_will_not_do_is_named(
    alice: User, robot: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crm.reviews.huddle.api.SIZE", 2)
    for _ in range(3):
        deal(owner=alice)
    api = program(robot, "opportunities:huddle")
    pages = [api("GET", f"huddle/?page={number}").json() for number in (1, 2, 3)]
    assert [one["next_page"] for one in pages] == [2, None, None]
    assert [place["position"] for one in pages for place in one["agenda"]] == [1, 2, 3]
    assert {one["count"] for one in pages} == {3}, "what is not on a page is counted"
    for query, code in {
        "page=0": "invalid_page",
        "owner=999999": "invalid_owner",
        "team=x": "invalid_team",
        f"owner={alice.pk}&team={alice.team_id}": "one_scope",
        "moon=1": "unknown_parameter",
    }.items():
        answer = api("GET", f"huddle/?{query}")
        assert (answer.status_code, [one["code"] for one in answer.json()["errors"]]) == (400, [code]), query


def gone_through(mona: User, alice: User, now: datetime) -> Meeting:
    """A huddle of three: one is answered, one is skipped, and one was lost meanwhile; an hour later it is over."""

    names = ("Answered", "Skipped", "Lost")
    records = {name: deal(owner=alice, name=name, amount=Decimal(100)) for name in names}
    begun = start_meeting("huddle", {}, actor=mona, at=now - timedelta(hours=1), via="test")
    places = dict(begun.items.values_list("name", "position"))
    write_decisions(begun, "Hire somebody\n\nRaise the price", was="", actor=mona, at=now, via="test")
    write_notes(begun, "Ann was late", was="", actor=mona, at=now, via="test")
    record = KIND.find([records["Answered"].pk])[records["Answered"].pk]
    blank = KIND.form(record, at=now)
    values = {one.name: "" if one.value() is None else str(one.value()) for one in blank}
    form = KIND.form(record, data={**values, "amount": "250", "next_step": "Write to them"}, at=now)
    assert form.is_valid(), form.errors
    said = Said(note="They are keen", decision="A discount")
    answer_item(begun, places["Answered"], facts=form.cleaned_data, said=said, actor=mona, at=now, via="test")
    skip_item(begun, places["Skipped"], reason="Bob is away", actor=mona, at=now, via="test")
    Opportunity.objects.filter(pk=records["Lost"].pk).delete()
    return finish_meeting(begun, actor=mona, at=now, via="test")


def test_minutes_are_the_same_on_the_page_over_the_api_and_in_the_file(
    alice: User, mona: User, robot: User, now: datetime
) -> None:
    meeting = gone_through(mona, alice, now)
    browser, api = client_of(mona), program(robot, "meetings:read")
    page = browser.get(reverse("admin:meeting_minutes", args=[meeting.pk])).context
    answer = api("GET", f"meetings/{meeting.pk}/minutes/")
    assert answer.status_code == 200, answer.content
    assert api("GET", f"meetings/{meeting.pk}/minutes/", if_none_match=answer["ETag"]).status_code == 304
    told, rows = answer.json(), file_of(browser, "minutes_export", meeting.pk)
    parts: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        parts.setdefault(row["Part"], []).append(row)
    assert (told["kind"], told["state"], told["scope_words"]) == ("huddle", "held", "Everything")
    assert told["duration_seconds"] == 3600
    facts = {row["Name"]: row["Says"] for row in parts["Meeting"]}
    assert (facts["Took"], facts["Agenda"]) == (page["duration"], page["counts"].words)
    assert told["counts"] == {"total": 3, "waiting": 0, "answered": 1, "skipped": 1, "gone": 1}
    there = [str(one.user) for one in page["attendees"]]
    assert [one["name"] for one in told["attendees"]] == there == [row["Name"] for row in parts["There"]]
    figures = [(one.label, one.before, one.now) for one in page["figures"]]
    assert [(one["label"], one["start"], one["end"]) for one in told["figures"]] == figures
    assert [(row["Name"], row["At the start"], row["At the end"]) for row in parts["Figure"]] == figures
    assert (told["totals_at_start"]["count"], told["totals_at_end"]["count"]) == (3, 2)
    decided = ["Hire somebody", "Raise the price"]
    assert told["decisions"] == page["decided"] == decided == [row["Says"] for row in parts["Decision"]]
    assert told["notes"] == parts["Notes"][0]["Says"] == "Ann was late"
    assert len(told["items"]) == len(page["told"]) == len(parts["Item"]) == 3
    for one, item, row in zip(page["told"], told["items"], parts["Item"], strict=True):
        assert item["name"] == one.item.name == row["Name"]
        assert [said["label"] for said in item["answers"]] == list(one.answers)
        assert row["Answers"] == "; ".join(one.answers)
        assert item["promised"] == list(one.promised)
        assert [tuple(change.values()) for change in item["changes"]] == list(one.changes)
        assert row["Changes"] == "; ".join(f"{label}: {old} → {new}" for label, old, new in one.changes)
        assert (item["decision"], item["skip_reason"], item["note"]) == (
            one.item.decision,
            one.item.skip_reason,
            one.item.note,
        )
        assert (row["Decided"], row["Skipped because"], row["Note"]) == (
            one.item.decision,
            one.item.skip_reason,
            one.item.note,
        )
    answered, skipped_, gone = told["items"]
    assert [one["code"] for one in answered["answers"]]
    assert any(change["field"] == "Amount" for change in answered["changes"])
    assert (answered["decision"], answered["note"]) == ("A discount", "They are keen")
    assert (skipped_["skip_reason"], gone["state"]) == ("Bob is away", "gone")


def test_meetings_are_listed_by_kind_state_and_day(
    alice: User, mona: User, robot: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = held(mona, ended=now - 30 * DAY)
    leads = Meeting.objects.create(
        kind="leads", state="held", started_at=now - 5 * DAY, started_by=mona, ended_at=now - 5 * DAY, ended_by=mona
    )
    deal(owner=alice)
    off = start_meeting("huddle", {"owner": str(alice.pk)}, actor=mona, at=now - DAY, via="test")
    call_off(off, actor=mona, at=now - DAY, via="test")
    runs = start_meeting("huddle", {}, actor=mona, at=now, via="test")
    api = program(robot, "meetings:read")

    def listed(query: str = "") -> list[int]:
        answer = api("GET", f"meetings/?{query}")
        assert answer.status_code == 200, answer.content
        return [one["id"] for one in answer.json()["results"]]

    newest = "ordering=-started_at&expand=computed&limit=2"
    first = api("GET", f"meetings/?{newest}").json()
    assert [one["id"] for one in first["results"]] == [runs.pk, off.pk]
    rest = api("GET", f"meetings/?{newest}&cursor={first['next_cursor']}").json()
    assert ([one["id"] for one in rest["results"]], rest["next"]) == ([leads.pk, old.pk], None)
    assert (first["results"][0]["counts"]["total"], first["results"][0]["counts"]["waiting"]) == (1, 1)
    assert first["results"][1]["scope"] == {"owner": alice.pk}
    assert listed("kind=leads") == [leads.pk]
    assert listed("state=running") == [runs.pk]
    assert listed("state=called_off") == [off.pk]
    assert listed("since=2026-03-04") == [runs.pk]
    assert listed("until=2026-02-20") == [old.pk]
    assert listed("until=2026-02-02") == [old.pk], "the last day is counted too"
    assert listed("since=2026-02-20&until=2026-03-01") == [leads.pk]
    now_told = api("GET", f"meetings/{runs.pk}/minutes").json()
    assert (now_told["totals_at_end"], now_told["holder_id"], now_told["ended_at"]) == (None, mona.pk, None)
    bare = api("GET", f"meetings/{runs.pk}")
    assert bare["ETag"] == f'"{runs.pk}.{now_told["version"]}"'
    assert bare.json() == {name: now_told[name] for name in bare.json()}
    assert "counts" not in bare.json()
    assert api("GET", f"meetings/{runs.pk}", if_none_match=bare["ETag"]).status_code == 304
    write_notes(runs, "Ann was late", was="", actor=mona, at=now, via="test")
    assert api("GET", f"meetings/{runs.pk}", if_none_match=bare["ETag"]).status_code == 200
    wrong = api("GET", "meetings/?kind=moon&state=lost&since=never")
    assert {one["field"] for one in wrong.json()["errors"]} == {"kind", "state", "since"}
    assert listed("since=2026-03-02&until=2026-03-01") == []
    assert listed("until=9999-12-31") == listed()
    for path in ("meetings/999999/", "meetings/x/", "meetings/999999/minutes/", "meetings/x/minutes/"):
        assert (api("GET", path).status_code, api("GET", path).json()["code"]) == (404, "not_found")
    for path in ("", "minutes/"):
        assert api("GET", f"meetings/{runs.pk}/{path}?kind=huddle").json()["code"] == "unknown_parameter"
    assert api("POST", "meetings/", {}).status_code == 405
    # Of what there is no more, or what the key's user may not see, nothing is told.
    monkeypatch.delitem(KINDS, "leads")
    assert leads.pk not in listed()
    for path in ("", "minutes/"):
        assert api("GET", f"meetings/{leads.pk}/{path}").status_code == 404


def test_rituals_are_those_of_the_command_with_their_histories(maya: User, robot: User, now: datetime) -> None:
    held_since(now - 20 * DAY)
    done(HUDDLE, maya, now, came_of="Two close dates moved")
    skipped(HUDDLE, maya, now, period=MONDAY - WEEK, why="Everybody was at the fair")
    browser, api = client_of(maya), program(robot, "rituals:read")
    answer = api("GET", "rituals/")
    assert answer.status_code == 200, answer.content
    told = answer.json()
    out = StringIO()
    call_command("rituals", "--json", stdout=out)
    assert {
        "rituals": [
            {key: value for key, value in one.items() if key not in ("history", "place")} for one in told["results"]
        ],
        "off": told["off"],
    } == json.loads(out.getvalue())
    huddle = next(one for one in told["results"] if one["key"] == HUDDLE)
    one = api("GET", f"rituals/{HUDDLE}/")
    assert one.json() == huddle
    assert api("GET", f"rituals/{HUDDLE}", if_none_match=one["ETag"]).status_code == 304
    assert api("GET", "rituals/", if_none_match=answer["ETag"]).status_code == 304
    assert set(api("GET", f"rituals/{HUDDLE}/?fields=streak").json()) == {"key", "streak"}
    for ordering, wanted in (("place", told["results"]), ("-place", told["results"][::-1])):
        met: list[str] = []
        page = api("GET", f"rituals/?limit=1&fields=state&ordering={ordering}").json()
        while page["results"]:
            met += [row["key"] for row in page["results"]]
            if page["next"] is None:
                break
            page = api("GET", f"rituals/?{page['next'].partition('?')[2]}").json()
        assert met == [row["key"] for row in wanted]
    assert api("GET", "rituals/never/").status_code == 404
    assert api("GET", f"rituals/{HUDDLE}/?fields=secret").json()["code"] == "unknown_field"
    page = browser.get(reverse("admin:ritual", args=[HUDDLE])).context["history"]
    history = [(one["first_day"], one["state"], one["came_of"]) for one in huddle["history"]]
    assert history == [
        (str(past.time.period.first), past.time.verdict, past.time.answer.came_of if past.time.answer else "")
        for past in page
    ]
    assert [state for _, state, _ in history] == ["done", "skipped", "missed", "missed"]
    assert (huddle["history"][0]["by"], huddle["history"][2]["by"]) == (maya.email, None)
    rows = file_of(browser, "rituals_export")
    assert [(row["From"], row["Held"], row["What came of it"]) for row in rows if row["Ritual"] == huddle["label"]] == [
        ("", "", ""),
        *history,
    ]
    assert [row["Ritual"] for row in rows if row["Now"]] == [one["label"] for one in told["results"]]
    assert api("GET", "rituals/?page=1").json()["code"] == "unknown_parameter"
    with rituals():
        assert api("GET", "rituals/").json()["results"] == []


def test_who_takes_what_away_is_on_record_and_programs_have_keys_for_reading(
    alice: User, mona: User, robot: User, now: datetime
) -> None:
    deal(owner=alice)
    meeting = start_meeting("huddle", {}, actor=mona, at=now, via="test")
    jobs = [
        export_huddle({"owner": alice.pk}, actor=mona, at=now, via="test"),
        export_minutes(meeting, actor=mona, at=now, via="test"),
        export_rituals(actor=mona, at=now, via="test"),
    ]
    assert [(one.state, one.by, one.done > 0) for one in jobs] == [("done", mona, True)] * 3
    # Records one by one leave with managers alone: others take the figures away, and are told.
    hers = client_of(alice)
    assert {row["By"] for row in file_of(hers, "huddle_export")} == {"All", "Forecast category", "Promises", "Reason"}
    assert "the agenda itself is for managers" in hers.get(reverse("admin:huddle")).content.decode()
    minutes = reverse("admin:meeting_minutes", args=[meeting.pk])
    assert ["Download as CSV" in one.get(minutes).content.decode() for one in (hers, client_of(mona))] == [False, True]
    assert hers.post(reverse("admin:minutes_export", args=[meeting.pk])).status_code == 403
    assert "Download as CSV" in hers.get(reverse("admin:rituals")).content.decode()
    shown = client_of(make_user("boss", role="administrator")).get(reverse("admin:privacy_export_changelist"))
    page = shown.content.decode()
    assert {one.kind for one in Job.objects.filter(kind__endswith="export")} == {
        "huddle.export",
        "minutes.export",
        "rituals.export",
    }
    for words in ("Opportunities", "Meetings", "Occasions of rituals"):
        assert words in page, words
    # Files are for people; programs read over the API, and nothing without the scope for it.
    refused_exports: list[Callable[[], Job]] = [
        lambda: export_huddle({}, actor=robot, at=now, via="test"),
        lambda: export_minutes(meeting, actor=robot, at=now, via="test"),
        lambda: export_rituals(actor=robot, at=now, via="test"),
    ]
    for export in refused_exports:
        with pytest.raises(Refused, match=r"people who work here|for managers") as refused:
            export()
        assert refused.value.code == "forbidden"
    few = program(robot, "opportunities:read", "leads:read")
    for path in ("huddle/", "meetings/", f"meetings/{meeting.pk}/minutes/", "rituals/"):
        assert (few("GET", path).status_code, few("GET", path).json()["code"]) == (403, "missing_scope"), path
    # Whoever makes keys can give each of these scopes to a program; nobody without a role gets any.
    nobody = make_user("nobody", role="gone")
    every = program(nobody)
    figures = ("pipeline", "forecast", "huddle")
    for scope in (*(f"opportunities:{one}" for one in figures), "leads:review", "meetings:read", "rituals:read"):
        assert (within_rights(robot, scope), within_rights(nobody, scope)) == (True, False), scope
    assert (within_rights(robot, "activities:rep_activity"), within_rights(alice, "activities:rep_activity")) == (
        True,
        False,
    )
    for path in ("huddle/", "meetings/", f"meetings/{meeting.pk}/minutes/", "rituals/"):
        assert (every("GET", path).status_code, every("GET", path).json()["code"]) == (403, "forbidden"), path
