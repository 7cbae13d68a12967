"""What conditions of views mean: every operator on every kind of field, and what is refused by name."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, Contact
from contracts.models import Opportunity
from crm import handbook
from crm.core.errors import Refused
from crm.people.models import Team, User
from crm.workspace.conditions import EMPTY, OPERATORS, filterable, operators_of, read_condition
from crm.workspace.fields import fields_of
from crm.workspace.lists_chosen import kind_named
from leads.models import Lead
from leads.working import plan_touch
from tests.factories import make_account, make_contact, make_lead, make_opportunity
from tests.workspace.views import LISTS, condition

pytestmark = pytest.mark.django_db


def found(kind: Any, stored: dict[str, Any], reader: User, at: datetime) -> set[int]:
    """The ids that a condition finds."""
    return set(
        kind.objects.filter(read_condition(kind, stored, reader=reader, at=at).rows).values_list("pk", flat=True)
    )


def test_a_choice(alice: User, now: datetime) -> None:
    hot, warm, none = make_lead(rating="hot"), make_lead(rating="warm"), make_lead()
    cases = [
        (condition("rating", "is", "hot", "warm"), {hot, warm}, "Hot or Warm"),
        (condition("rating", "is_not", "hot"), {warm, none}, "not Hot"),
        (condition("rating", "empty"), {none}, "empty"),
        (condition("rating", "not_empty"), {hot, warm}, "not empty"),
    ]
    for stored, wanted, words in cases:
        assert found(Lead, stored, alice, now) == {one.pk for one in wanted}, stored
        assert read_condition(Lead, stored, reader=alice, at=now).words == words


def test_a_person_is_me_my_team_nobody_or_somebody(alice: User, bob: User, charlie: User, now: datetime) -> None:
    mine, teams, theirs, nobodys = [make_lead(owner=owner) for owner in (alice, bob, charlie, None)]
    cases = [
        (condition("owner", "is", "me"), {mine}, "Me"),
        (condition("owner", "is", "my_team"), {mine, teams}, "My team"),
        (condition("owner", "is", "nobody", "me"), {mine, nobodys}, "Nobody or Me"),
        (condition("owner", "is", str(charlie.pk)), {theirs}, "Charlie"),
        (condition("owner", "is_not", "me"), {teams, theirs, nobodys}, "not Me"),
        (condition("owner", "is_not", "nobody"), {mine, teams, theirs}, "not Nobody"),
        (condition("owner", "empty"), {nobodys}, "empty"),
    ]
    for stored, wanted, words in cases:
        assert found(Lead, stored, alice, now) == {one.pk for one in wanted}, stored
        assert read_condition(Lead, stored, reader=alice, at=now).words == words


def test_my_team_of_somebody_in_none_is_empty_not_everything(mona: User, now: datetime) -> None:
    User.objects.filter(pk=mona.pk).update(team=None)
    mona.refresh_from_db()
    make_lead(), make_lead(owner=mona)
    assert found(Lead, condition("owner", "is", "my_team"), mona, now) == set()
    assert "you are in none" in read_condition(Lead, condition("owner", "is", "my_team"), reader=mona, at=now).words


def test_a_queue(alice: User, now: datetime) -> None:
    other = Team.objects.create(name="West")
    ours, theirs, none = make_lead(queue=alice.team), make_lead(queue=other), make_lead()
    assert found(Lead, condition("queue", "is", "my_team"), alice, now) == {ours.pk}
    assert found(Lead, condition("queue", "is", "nobody"), alice, now) == {none.pk}
    assert found(Lead, condition("queue", "is", str(other.pk)), alice, now) == {theirs.pk}


def test_a_record(alice: User, now: datetime) -> None:
    account = make_account(name="Hooli")
    contact = make_contact(account=account)
    loose = make_contact()
    stored = condition("account", "is", str(account.pk))
    assert found(Contact, stored, alice, now) == {contact.pk}
    assert read_condition(Contact, stored, reader=alice, at=now).words == "Hooli"
    assert found(Contact, condition("account", "empty"), alice, now) == {loose.pk}


def test_numbers_and_money(alice: User, now: datetime) -> None:
    small, big, none = make_opportunity(amount=100), make_opportunity(amount=20_000), make_opportunity()
    cases = [
        (condition("amount", "at_least", "20000"), {big}),
        (condition("amount", "at_most", "100.00"), {small}),
        (condition("amount", "is", "100", "20000"), {small, big}),
        (condition("amount", "is_not", "100"), {big, none}),
        (condition("amount", "empty"), {none}),
    ]
    for stored, wanted in cases:
        assert found(Opportunity, stored, alice, now) == {one.pk for one in wanted}, stored


def test_a_number_that_no_column_could_hold_finds_nothing(alice: User, now: datetime) -> None:
    make_lead(employees=5)
    assert found(Lead, condition("employees", "is", "99999999999999"), alice, now) == set()
    assert found(Lead, condition("employees", "at_least", "99999999999999"), alice, now) == set()


def test_days_of_a_date(alice: User, now: datetime) -> None:
    today = handbook.current().today(now)
    yesterday, next_week, none = [
        make_opportunity(close_on=day) for day in (today - timedelta(days=1), today + timedelta(days=7), None)
    ]
    cases = [
        (condition("close_on", "at_most", "today"), {yesterday}),
        (condition("close_on", "at_least", "today+7"), {next_week}),
        (condition("close_on", "is", "Today - 1"), {yesterday}),
        (condition("close_on", "is_not", "today-1"), {next_week, none}),
        (condition("close_on", "empty"), {none}),
    ]
    for stored, wanted in cases:
        assert found(Opportunity, stored, alice, now) == {one.pk for one in wanted}, stored


def test_a_day_of_a_moment_is_the_companys(alice: User) -> None:
    # Half past eight in the evening in Los Angeles is the next day in London.
    evening = datetime(2026, 3, 5, 4, 30, tzinfo=UTC)
    lead = make_lead()
    Lead.objects.filter(pk=lead.pk).update(meeting_at=evening)
    assert found(Lead, condition("meeting_at", "is", "2026-03-04"), alice, evening) == {lead.pk}
    assert found(Lead, condition("meeting_at", "is", "2026-03-05"), alice, evening) == set()
    assert found(Lead, condition("meeting_at", "at_most", "2026-03-04"), alice, evening) == {lead.pk}
    assert found(Lead, condition("meeting_at", "at_least", "2026-03-05"), alice, evening) == set()


def test_text_whatever_its_capitals_and_signs(alice: User, now: datetime) -> None:
    percent, other, none = make_lead(company="100% Ümläut GmbH"), make_lead(company="Globex"), make_lead(company="")
    cases = [
        (condition("company", "contains", "ümläut"), {percent}),
        (condition("company", "contains", "0% Ü"), {percent}),
        (condition("company", "contains", "%"), {percent}),
        (condition("company", "contains", "_"), set()),
        (condition("company", "is", "GLOBEX"), {other}),
        (condition("company", "is_not", "globex"), {percent, none}),
        (condition("company", "empty"), {none}),
        (condition("company", "contains", "'; DROP TABLE leads_lead --"), set()),
    ]
    for stored, wanted in cases:
        assert found(Lead, stored, alice, now) == {one.pk for one in wanted}, stored


def test_a_piece_of_a_name_is_found_by_its_index(alice: User, now: datetime) -> None:
    hooli = make_account(name="Hooli  XYZ")
    make_account(name="Globex")
    assert found(Account, condition("name", "contains", "OLI xyz"), alice, now) == {hooli.pk}
    with CaptureQueriesContext(connection) as asked:
        found(Account, condition("name", "contains", "oli"), alice, now)
    assert "name_key" in asked[0]["sql"]


def test_a_field_of_several_parts(alice: User, now: datetime) -> None:
    named, bare = make_lead(first_name="Lea", last_name="Haddad"), make_lead(first_name="", last_name="")
    assert found(Lead, condition("name", "contains", "hadd"), alice, now) == {named.pk}
    assert found(Lead, condition("name", "empty"), alice, now) == {bare.pk}
    assert found(Lead, condition("name", "not_empty"), alice, now) == {named.pk}


def test_yes_and_no(alice: User, now: datetime) -> None:
    champion, other = make_contact(is_champion=True), make_contact()
    assert found(Contact, condition("is_champion", "is", "yes"), alice, now) == {champion.pk}
    assert found(Contact, condition("is_champion", "is", "no"), alice, now) == {other.pk}
    working, closed = make_opportunity(), make_opportunity(stage="closed_lost")
    assert found(Opportunity, condition("open", "is", "yes"), alice, now) == {working.pk}
    assert found(Opportunity, condition("open", "is", "no"), alice, now) == {closed.pk}


def test_the_next_touch_of_leads(alice: User, now: datetime) -> None:
    today = handbook.current().today(now)
    due, later, none = make_lead(owner=alice), make_lead(owner=alice), make_lead(owner=alice)
    for lead, day in ((due, today), (later, today + timedelta(days=3))):
        plan_touch(lead, due_on=day, kind="call", text="", actor=alice, at=now, via="test")
    assert found(Lead, condition("next_touch", "at_most", "today"), alice, now) == {due.pk}
    assert found(Lead, condition("next_touch", "at_least", "today+1"), alice, now) == {later.pk}
    assert found(Lead, condition("next_touch", "empty"), alice, now) == {none.pk}


# --- what is refused --------------------------------------------------------------------------------------------------

WRONG: list[tuple[dict[str, Any], str, str]] = [
    (condition("mood", "is", "good"), "unknown_field", "no field “mood”"),
    (condition("version", "is", "1"), "unknown_field", "no field “version”"),
    (condition("owner__password", "contains", "x"), "unknown_field", "no field “owner__password”"),
    (condition("last_touch", "empty"), "unknown_field", "no field “last_touch”"),
    (condition("status", "contains", "new"), "bad_operator", "contains"),
    (condition("status", "drop", "new"), "bad_operator", "drop"),
    (condition("status", "is"), "bad_value", "Say what"),
    (condition("status", "is", " "), "bad_value", "Say what"),
    (condition("employees", "at_least", "many"), "bad_value", "“many” is no number"),
    (condition("employees", "at_least", "1", "2"), "bad_value", "Say what"),
    (condition("employees", "is", "1e9"), "bad_value", "is no number"),
    (condition("come_back_on", "is", "soon"), "bad_value", "“soon” is no day"),
    (condition("come_back_on", "is", "today+99999"), "bad_value", "is no day"),
    (condition("owner", "is", "somebody"), "bad_value", "no “somebody”"),
    (condition("owner", "is", "987654"), "bad_value", "no “987654”"),
    (condition("converted_account", "is", "987654"), "bad_value", "no longer there"),
    (condition("open", "is", "perhaps"), "bad_value", "never “perhaps”"),
]


@pytest.mark.parametrize(("stored", "code", "words"), WRONG)
def test_what_cannot_be_asked_is_refused_by_name(
    stored: dict[str, Any], code: str, words: str, alice: User, now: datetime
) -> None:
    with pytest.raises(Refused) as refused:
        read_condition(Lead, stored, reader=alice, at=now)
    assert refused.value.code == code
    assert words in refused.value.message


@pytest.mark.parametrize("kind", list(LISTS))
def test_every_operator_that_is_offered_can_be_asked(kind: str, alice: User, now: datetime) -> None:
    model: Any = kind_named(kind)
    account, team = make_account(), alice.team
    assert team is not None
    asked = 0
    for field in fields_of(model):
        if not filterable(field):
            continue
        example = {"person": "me", "number": "5", "money": "5", "date": "today", "datetime": "today", "yes_no": "yes"}
        value = example.get(field.kind, "word")
        if field.choices is not None:
            value = field.choices()[0][0]
        if field.kind == "record" and field.column:
            target: Any = model._meta.get_field(field.column).related_model
            some = {Account: account, Team: team}.get(target) or target.objects.first()
            if some is None:
                continue
            value = str(some.pk)
        for operator, _ in operators_of(field):
            values = [] if operator in (EMPTY, "not_empty") else [value]
            stored = condition(field.name, operator, *values)
            list(model.objects.filter(read_condition(model, stored, reader=alice, at=now).rows)[:1])
            asked += 1
    assert asked > 40
    assert set(OPERATORS) >= {field.kind for field in fields_of(model)}


def test_the_company_sees_no_other_table_for_a_condition_on_a_column(alice: User, now: datetime) -> None:
    for stored in (condition("owner", "is", "my_team"), condition("status", "is", "new"), condition("queue", "empty")):
        rows = Lead.objects.filter(read_condition(Lead, stored, reader=alice, at=now).rows)
        assert "JOIN" not in str(rows.query)
        assert str(rows.query).count("SELECT") == 1


def test_a_day_may_be_far(alice: User, now: datetime) -> None:
    make_opportunity(close_on=date(2026, 1, 1))
    assert found(Opportunity, condition("close_on", "at_least", "0001-01-01"), alice, now)
    assert not found(Opportunity, condition("close_on", "at_least", "9999-12-31"), alice, now)


@pytest.mark.parametrize("model", [Lead, Account, Contact])
def test_the_keys_that_the_program_finds_phones_by_are_offered_to_nobody(model: Any) -> None:
    labels = {field.label.lower() for field in fields_of(model)}
    assert "phone" in labels
    assert not {"phone key", "mobile key", "email key", "name key"} & labels
