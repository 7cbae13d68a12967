"""Moves over the API: why and why not, one, many, placed; what is sent wrong is named and never a fault of ours."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from crm.core.door import verdicts
from crm.history.models import Change, Move
from crm.people.models import User
from leads.models import Lead
from leads.statuses import Status
from tests.contracts.deals import facts_for
from tests.doors import as_json
from tests.factories import make_lead, make_opportunity
from tests.keys import Program, program
from tests.leads.moves import POSSIBLE

pytestmark = pytest.mark.django_db
ODD: list[Any] = [
    0,
    -1,
    5,
    1.5,
    10**18,
    -(10**30),
    10**400,
    True,
    [],
    [1],
    {},
    {"a": 1},
    "",
    " ",
    "\x00",
    "a\x00b",
    "x" * 200_000,
    "2026-13-45",
    "2026-03-04T18:00:00",
    "9999-12-31T23:59:59-12:00",
    "0001-01-01T00:00:00+12:00",
    "new",
    "NaN",
    "Infinity",
    "１２３",
    "🙂",
]


def odd_for(verb: str, name: str) -> list[Any]:
    """What to send as this fact: half of everything, where it is the first of its kind; of the others each a part.

    In the long form of the first of each kind everything.
    """
    facts = [
        (one, fact, type(field))
        for one in sorted(Lead.verbs())
        for fact, field in Lead.verbs()[one].facts.base_fields.items()
    ]
    place, kind = next(
        ((at, kind) for at, (one, fact, kind) in enumerate(facts) if (one, fact) == (verb, name)), (0, None)
    )
    first = not any(kind is same for _, _, same in facts[:place])
    if not first:
        return ODD[place % 5 :: 5]
    return ODD if os.environ.get("CRM_SOAK") else ODD[place % 2 :: 2]


@pytest.fixture
def ask(mona: User) -> Program:
    """A manager's program."""
    return program(mona)


def body_of(answer: Any) -> dict[str, Any]:
    """The JSON of an answer."""
    found: dict[str, Any] = json.loads(answer.content)
    return found


@pytest.mark.parametrize("status", list(Status))
def test_it_tells_of_every_next_status_what_the_page_tells(status: Status, mona: User, ask: Program) -> None:
    lead = make_lead(owner=mona, status=status)
    found = body_of(ask("GET", f"leads/{lead.pk}/moves/"))
    assert found["lead_status"] == status
    told = {one["verb"]: one for one in found["moves"]}
    assert {verb for verb in told if (status, verb) in POSSIBLE} == {verb for at, verb in POSSIBLE if at == status}
    for verdict in verdicts(lead, actor=mona, at=timezone.now(), via="api"):
        one = told[verdict.verb.name]
        assert (one["allowed"], one["code"]) == (verdict.allowed, verdict.code)
        assert [item["code"] for item in one["missing"]] == [item.code for item in verdict.missing]
        assert [item["code"] for item in one["asks"]] == [item.code for item in verdict.asks]
        assert {item["field"] for item in one["asks"]} <= {*one["facts"]["properties"], "reason"}
    assert {"take_back", "place"} <= set(told)
    assert told["place"]["code"] == "forbidden"


def test_facts_of_any_name_are_refused_alike_one_by_one_and_by_row(ask: Program, mona: User) -> None:
    lead = make_lead(owner=mona, status=Status.WORKING_TO_ENGAGE)
    for name in ("actor", "at", "via", "reason", "version", "record", "verb", "given", "colour"):
        facts = {name: 1}
        one = ask("POST", f"leads/{lead.pk}/moves/nurture/", {"facts": facts})
        assert one.status_code == 409, (name, one.content)
        rows = ask("POST", "leads/moves/", {"verb": "nurture", "rows": [{"id": lead.pk, "facts": facts}]})
        assert rows.status_code == 200, (name, rows.content)
        for told in (body_of(one), body_of(rows)["results"][0]):
            assert (told["errors"][0]["field"], told["errors"][0]["code"]) == (name, "unknown_fact")
    assert not Move.objects.filter(verb="nurture").exists()


@pytest.mark.crash
@pytest.mark.parametrize("verb", sorted(Lead.verbs()))
def test_odd_facts_are_refused_by_name_and_nothing_is_written(verb: str, root: User) -> None:
    ask = program(root)
    names = list(Lead.verbs()[verb].facts.base_fields) or ["nothing"]
    statuses = [at for at, one in POSSIBLE if one == verb] or [Status.ENGAGED]
    lead = make_lead(owner=root, status=statuses[0])
    seen = set()
    for name in names:
        for value in odd_for(verb, name):
            before = Lead.objects.get(pk=lead.pk).version
            answer = ask("POST", f"leads/{lead.pk}/moves/{verb}/", {"facts": {name: value}})
            assert answer.status_code in (200, 400, 404, 409), (name, value, answer.content)
            seen.add(answer.status_code)
            if answer.status_code != 200:
                assert Lead.objects.get(pk=lead.pk).version == before
            else:  # some text is a fact as any other: begin again
                lead = make_lead(owner=root, status=statuses[0])
    assert 409 in seen
    for value in ([1], {"a": 1}, True):
        errors = body_of(ask("POST", f"leads/{lead.pk}/moves/{verb}/", {"facts": {names[0]: value}})).get("errors", [])
        codes = {error["code"] for error in errors if error["field"] == names[0]}
        assert codes <= {f"invalid_{names[0]}", "unknown_fact"}
        if errors:
            assert {error["pointer"] for error in errors if error["field"] == names[0]} <= {f"/facts/{names[0]}"}


@pytest.mark.parametrize(
    "body",
    [
        [],
        "x",
        {"facts": []},
        {"facts": "x"},
        {"reason": 5},
        {"reason": ["x"]},
        {"at": "2026-01-01T00:00:00Z"},
        {"status": "sao_converted"},
        b"{",
        b"\xff",
        b'{"facts": {}, "facts": {}}',
        b"[" * 100_000,
    ],
)
def test_a_body_of_another_shape_is_a_bad_request(body: Any, ask: Program, mona: User) -> None:
    lead = make_lead(owner=mona)
    for path in (f"leads/{lead.pk}/moves/work/", f"leads/{lead.pk}/conversion/", "leads/moves/"):
        answer = ask("POST", path, body)
        assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json")
    assert Lead.objects.get(pk=lead.pk).version == lead.version


def test_a_move_is_made_only_on_the_version_that_was_seen(ask: Program, mona: User) -> None:
    lead = make_lead(owner=mona)
    path = f"leads/{lead.pk}/moves/work/"
    for tag in (f'"{lead.pk}.{lead.version + 1}"', f'"{lead.pk + 1}.{lead.version}"', f'W/"{lead.pk}.{lead.version}"'):
        assert ask("POST", path, {}, If_Match=tag).status_code == 412
    assert ask("POST", path, {}, If_Match="nonsense").status_code == 400
    answer = ask("POST", path, {}, If_Match=f'"{lead.pk}.{lead.version}"')
    assert (answer.status_code, answer.headers["ETag"]) == (200, f'"{lead.pk}.{lead.version + 1}"')
    found = body_of(answer)
    assert (found["from"], found["to"], found["version"]) == ("new", "working_to_engage", lead.version + 1)


def test_placing_has_a_scope_and_a_time_of_its_own(robot: User, mona: User) -> None:
    lead = make_lead()
    since = datetime(2025, 6, 1, 12, tzinfo=UTC)
    body = {"facts": {"status": "engaged"}, "at": since.isoformat()}
    path = f"leads/{lead.pk}/moves/place/"
    assert program(robot, "leads:move", "leads:write")("POST", path, body).status_code == 403
    assert program(robot, "leads:place")("POST", f"leads/{lead.pk}/moves/work/", {}).status_code == 403
    assert program(mona)("POST", path, body).status_code == 403
    ahead = {**body, "at": (timezone.now() + timedelta(hours=1)).isoformat()}
    assert program(robot, "leads:place")("POST", path, ahead).status_code == 400
    assert program(robot, "leads:place")("POST", path, {**body, "at": "2025-06-01"}).status_code == 400
    assert program(robot, "leads:place")("POST", path, body).status_code == 200
    stored = Lead.objects.get(pk=lead.pk)
    assert (stored.status, stored.status_since) == ("engaged", since)
    many = {"verb": "place", "ids": [lead.pk], "facts": {"status": "new"}}
    assert program(robot, "leads:move")("POST", "leads/moves/", many).status_code == 403
    assert body_of(program(robot, "leads:place")("POST", "leads/moves/", many))["moved"] == 1


def test_a_placed_record_is_made_now_and_so_since_a_time_that_has_passed(robot: User) -> None:
    ask = program(robot)
    row = {"last_name": "Lumbergh", "email": "bill@initech.example", "lead_status": "engaged"}
    ahead = row | {"status_since": "2099-01-01T00:00:00Z"}
    one = ask("POST", "leads/", ahead)
    assert (one.status_code, body_of(one)["errors"][0]["code"]) == (400, "not_in_past")
    many = body_of(ask("POST", "leads/bulk/?operation=create", [ahead] * 9))
    assert {(told["code"], told["errors"][0]["field"]) for told in many["results"]} == {("invalid", "status_since")}
    row |= {"status_since": "2025-06-01T12:00:00Z"}
    assert ask("POST", "leads/", row).status_code == 201
    assert ask("PUT", "leads/by/erp/1/", row).status_code == 201
    assert body_of(ask("POST", "leads/bulk/?operation=create", [row] * 9))["created"] == 9
    assert {lead.status_since.year for lead in Lead.objects.all()} == {2025}
    made = Change.objects.filter(object="lead", op="I")
    assert {change.at.year for change in made} == {timezone.now().year}
    assert len(made) == 11


def test_many_moves_have_a_verdict_each_in_the_order_they_were_sent(ask: Program, mona: User) -> None:
    leads = [make_lead(owner=mona, status=status) for status in (Status.NEW, Status.ENGAGED, Status.NEW)]
    ids = [leads[2].pk, 10**15, leads[1].pk, leads[2].pk, leads[0].pk]
    found = body_of(ask("POST", "leads/moves/", {"verb": "work", "ids": ids}))
    assert [(row["index"], row["id"]) for row in found["results"]] == list(enumerate(ids))
    assert [row.get("code", "") for row in found["results"]] == ["", "not_found", "not_from_here", "duplicate", ""]
    assert (found["moved"], found["refused"]) == (2, 3)
    assert Move.objects.filter(verb="work", via="api").values("transaction").distinct().count() == 1
    assert found["results"][0]["etag"] == f'"{leads[2].pk}.{leads[2].version + 1}"'


@pytest.mark.parametrize("ids", [None, [], "1", [1.5], ["1"], [True], [None], [0], [-1], [2**63], list(range(1, 1002))])
def test_it_takes_one_to_a_thousand_ids(ids: Any, ask: Program) -> None:
    assert ask("POST", "leads/moves/", {"verb": "work", "ids": ids}).status_code == 400


def test_unknown_verbs_records_and_addresses_are_not_found(ask: Program, mona: User) -> None:
    lead = make_lead(owner=mona)
    answers = [
        ask("POST", f"leads/{lead.pk}/moves/fly/", {}),
        ask("POST", "leads/moves/", {"verb": "fly", "ids": [lead.pk]}),
        ask("POST", "leads/999999/moves/work/", {}),
        ask("GET", "leads/x/moves/"),
        ask("GET", "leads/999999/conversion/preview/"),
    ]
    assert [answer.status_code for answer in answers] == [404] * 5
    assert [body_of(answer)["code"] for answer in answers] == ["unknown_verb"] * 2 + ["not_found"] * 3


def test_the_preview_names_no_record_that_the_key_may_not_read(mona: User) -> None:
    lead = make_lead(owner=mona)
    path = f"leads/{lead.pk}/conversion/preview/"
    assert program(mona, "leads:read", "accounts:read", "contacts:read")("GET", path).status_code == 403
    held = ("leads:read", "accounts:read", "contacts:read", "opportunities:read")
    ask = program(mona, *held)
    assert body_of(ask("GET", path))["accounts"] == []
    for wrong in ("?x=1", "?account_id=999", "?account_id=x", "?account_name=a&account_name=b", "?account_id=1%00"):
        assert ask("GET", path + wrong).status_code == 400


def test_opportunities_move_likewise(ask: Program, mona: User) -> None:
    opportunity = make_opportunity(owner=mona)
    told = {one["verb"]: one for one in body_of(ask("GET", f"opportunities/{opportunity.pk}/moves/"))["moves"]}
    assert told["advance"]["allowed"]
    assert not told["step_back"]["allowed"]
    refused = body_of(ask("POST", f"opportunities/{opportunity.pk}/moves/advance/", {}))
    missing = ["unmet_meeting_held", "needs_next_step", "needs_next_step_due"]
    assert [one["code"] for one in refused["errors"]] == missing
    facts = as_json(facts_for(opportunity, "advance", timezone.now()))
    assert ask("POST", f"opportunities/{opportunity.pk}/moves/advance/", {"facts": facts}).status_code == 200
    lost = ask("POST", "opportunities/moves/", {"verb": "lose", "ids": [opportunity.pk]})
    assert body_of(lost)["results"][0]["errors"][0]["code"] == "needs_lost_reason"
