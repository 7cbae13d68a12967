"""However an address is written and by whatever door a record comes: who is suppressed is barred (D1, D3)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.models import Contact
from crm.activities.gate import CODE, bar_of, bars_of
from crm.activities.models import Activity, NextTouch, Suppression
from crm.activities.suppressing import suppress
from crm.core.errors import Refused
from crm.people.models import User
from leads.models import Lead
from leads.statuses import Status
from leads.working import log_touch, plan_touch
from tests.doors import DOORS, Door
from tests.factories import make_account, make_contact, make_lead, make_opportunity
from tests.imports.export import bring_in, write
from tests.imports.export import lead as lead_row
from tests.leads.moves import facts_for, ready_lead

pytestmark = pytest.mark.django_db

# What was suppressed, and how the same is written elsewhere: (what is given, the field of a lead, its value).
EMAIL = "lea.prospect@gmail.com"
SAME: dict[str, tuple[dict[str, list[str]], str, str]] = {
    "case": ({"emails": [EMAIL]}, "email", "LEA.Prospect@GMail.COM"),
    "+tag": ({"emails": [EMAIL]}, "email", "lea.prospect+news@gmail.com"),
    "dots that Gmail ignores": ({"emails": [EMAIL]}, "email", "l.e.a.prospect@gmail.com"),
    "googlemail": ({"emails": [EMAIL]}, "email", "leaprospect@googlemail.com"),
    "dot after the domain": ({"emails": ["lea@globex.example"]}, "email", "lea@globex.example."),
    "full-width letters": ({"emails": ["lea@globex.example"]}, "email", "ｌｅａ@globex.example"),
    "second email": ({"emails": ["lea@globex.example"]}, "second_email", "LEA@globex.example"),
    "suppressed with a tag": ({"emails": ["Lea+x@Globex.example"]}, "email", "lea@globex.example"),
    "LinkedIn with query": ({"linkedin_urls": ["https://www.linkedin.com/in/lea/"]}, "linkedin_url", "http://de.linkedin.com/in/LEA?x=1"),
    "LinkedIn without scheme": ({"linkedin_urls": ["linkedin.com/in/lea"]}, "linkedin_url", "https://m.linkedin.com/in/lea/en"),
    "phone as here": ({"phone_numbers": ["+1 415 555 2671"]}, "phone", "(415) 555-2671"),
    "mobile with dots": ({"phone_numbers": ["(415) 555-2671"]}, "mobile", "415.555.2671"),
    "domain": ({"domains": ["https://www.Globex.example/about"]}, "email", "lea@globex.example"),
    "domain below": ({"domains": ["globex.example"]}, "email", "lea@mail.eu.globex.example"),
    "domain of the website": ({"domains": ["globex.example"]}, "website", "https://shop.globex.example/x"),
}  # fmt: skip
OTHERS: dict[str, tuple[dict[str, list[str]], str, str]] = {
    "dots elsewhere": ({"emails": ["lea.p@globex.example"]}, "email", "leap@globex.example"),
    "another person": ({"emails": [EMAIL]}, "email", "lea.prospects@gmail.com"),
    "domain above": ({"domains": ["mail.globex.example"]}, "email", "lea@globex.example"),
    "domain that ends alike": ({"domains": ["globex.example"]}, "email", "lea@notglobex.example"),
    "company on LinkedIn": ({"linkedin_urls": ["linkedin.com/in/lea"]}, "linkedin_url", "https://linkedin.com/in/lea2"),
    "another phone": ({"phone_numbers": ["+1 415 555 2671"]}, "phone", "(415) 555-2672"),
}


def bar_them(named: dict[str, Any], actor: User, at: datetime) -> Suppression:
    reason = "company_asked" if "domains" in named else "asked_us"
    return suppress(actor=actor, at=at, via="test", reason=reason, **named).suppressions[0]


def values_of(field: str, value: str) -> dict[str, Any]:
    """A lead that shares nothing else with anybody."""
    return {"email": "someone@unrelated.example", "last_name": "Prospect", "company": "Unrelated"} | {field: value}


# --- doors by which a lead comes --------------------------------------------------------------------------------------


def by_admin(values: dict[str, str], actor: User, at: datetime, folder: Path) -> Lead:
    client = Client()
    client.force_login(actor)
    answer = client.post(reverse("admin:leads_lead_add"), values | {"owner": str(actor.pk)})
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    return Lead.objects.latest("pk")


def by_import(values: dict[str, str], actor: User, at: datetime, folder: Path) -> Lead:
    names = {"email": "Email", "second_email": "Email2__c", "linkedin_url": "LinkedIn_URL__c", "phone": "Phone"}
    names |= {"mobile": "MobilePhone", "website": "Website", "last_name": "LastName", "company": "Company"}
    write(folder, "Lead", lead_row(1, **{names[name]: value for name, value in values.items()}))
    bring_in(folder, at=at)
    return Lead.objects.latest("pk")


def by_factory(values: dict[str, Any], actor: User, at: datetime, folder: Path) -> Lead:
    return make_lead(owner=actor, **values)


def by_update(values: dict[str, str], actor: User, at: datetime, folder: Path) -> Lead:
    lead = make_lead(owner=actor, email="someone@unrelated.example", company="Unrelated")
    for name, value in values.items():
        setattr(lead, name, value)
    lead.save(update_fields=list(values))
    return lead


def by_sql(values: dict[str, str], actor: User, at: datetime, folder: Path) -> Lead:
    lead = make_lead(owner=actor, email="someone@unrelated.example", company="Unrelated")
    with connection.cursor() as cursor:
        for name, value in values.items():
            cursor.execute(f"UPDATE leads_lead SET {name} = %s WHERE id = %s", [value, lead.pk])
    return Lead.objects.get(pk=lead.pk)


ENTRANCES: list[Callable[..., Lead]] = [by_admin, by_import, by_factory, by_update, by_sql]
# What cannot come by a door: the form takes these spellings for no email, Salesforce has no second email, and keys of
# phones are made by the models.
NOT_BY = {
    by_admin: {"dot after the domain", "full-width letters"},
    by_import: {"second email"},
    by_sql: {"phone as here", "mobile with dots"},
}
COMING = [(variant, enter) for variant in SAME for enter in ENTRANCES if variant not in NOT_BY.get(enter, ())]


@pytest.mark.parametrize(("variant", "enter"), COMING, ids=lambda one: getattr(one, "__name__", one))
def test_a_record_that_matches_is_stored_flagged(
    variant: str, enter: Callable[..., Lead], alice: User, now: datetime, tmp_path: Path
) -> None:
    named, field, value = SAME[variant]
    made = bar_them(named, alice, now)
    lead = enter(values_of(field, value), alice, now, tmp_path)
    bar = bar_of("lead", lead.pk)
    assert bar is not None, f"{variant}: {value} is not matched"
    assert bar.suppression_id == made.pk


@pytest.mark.parametrize("variant", OTHERS)
def test_somebody_else_is_not_barred(variant: str, alice: User, now: datetime) -> None:
    named, field, value = OTHERS[variant]
    bar_them(named, alice, now)
    assert bars_of("lead", [make_lead(**values_of(field, value)).pk]) == {}


# --- doors by which a lead moves --------------------------------------------------------------------------------------

FROM = {
    "enrich": Status.NEW,
    "qualify": Status.NEW,
    "work": Status.NEW,
    "engage": Status.WORKING_TO_ENGAGE,
    "schedule_meeting": Status.ENGAGED,
    "reschedule": Status.MEETING_SCHEDULED,
    "work_to_convert": Status.ENGAGED,
    "convert": Status.WORKING_TO_CONVERT,
}


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
@pytest.mark.parametrize("verb", FROM)
def test_no_door_moves_them_forward(verb: str, door: Door, alice: User, now: datetime) -> None:
    lead = ready_lead(FROM[verb], verb, owner=alice, email="lea@globex.example")
    bar_them({"emails": ["LEA+1@globex.example"]}, alice, now)
    facts = facts_for(verb, FROM[verb], owner=alice, at=now)
    assert CODE in door.attempt(lead, verb, alice, facts, now)
    lead.refresh_from_db()
    assert lead.status == FROM[verb]


@pytest.mark.parametrize("reason", ["no_emails", "no_calls", "bad_address"])
def test_a_barred_channel_keeps_nobody_from_moving_on(reason: str, alice: User, now: datetime) -> None:
    lead = make_lead(owner=alice, email="lea@globex.example", phone="(415) 555-2671")
    suppress(actor=alice, at=now, via="test", reason=reason, emails=["lea@globex.example"])
    assert DOORS[0].attempt(lead, "work", alice, {}, now) == ()


# --- what is planned, and what was done all the same ------------------------------------------------------------------

KINDS = ("call", "email", "linkedin_message", "chat", "text_message", "meeting", "note")
# For each reason, the kinds of touch that may not be planned any more.
BARRED = {
    "asked_us": set(KINDS),
    "company_asked": set(KINDS),
    "no_emails": {"email"},
    "no_calls": {"call", "text_message"},
    "bad_address": {"email"},
}


@pytest.mark.parametrize("reason", BARRED)
def test_only_what_may_be_done_can_be_planned(reason: str, alice: User, now: datetime) -> None:
    lead = make_lead(owner=alice, email="lea@globex.example", phone="(415) 555-2671")
    suppress(actor=alice, at=now, via="test", reason=reason, emails=["lea@globex.example"])
    refused = set()
    for kind in KINDS:
        try:
            plan_touch(lead, due_on=now.date(), kind=kind, text="", actor=alice, at=now, via="test")
        except Refused as no:
            refused.add((kind, no.codes, "since March 4, 2026, noted by Alice. A manager may lift it" in no.message))
    assert refused == {(kind, (CODE,), True) for kind in BARRED[reason]}


@pytest.mark.parametrize("reason", BARRED)
def test_suppressing_takes_what_it_covers_out_of_the_calendar(reason: str, alice: User, now: datetime) -> None:
    leads = {kind: make_lead(owner=alice, email=f"lea+{kind}@globex.example") for kind in KINDS}
    for kind, lead in leads.items():
        plan_touch(lead, due_on=now.date(), kind=kind, text="", actor=alice, at=now, via="test")
    made = suppress(actor=alice, at=now, via="test", reason=reason, emails=["lea@globex.example"])
    left = set(NextTouch.objects.values_list("kind", flat=True))
    assert left == set(KINDS) - BARRED[reason]
    assert made.unplanned == len(BARRED[reason])


def touch_by_service(lead: Lead, actor: User, at: datetime, **values: Any) -> None:
    log_touch(lead, actor=actor, at=at, via="test", happened_at=at, **values)


def touch_by_admin(lead: Lead, actor: User, at: datetime, **values: Any) -> None:
    client = Client()
    client.force_login(actor)
    sent = {"lead": str(lead.pk), "happened_at_0": at.date().isoformat(), "happened_at_1": "18:00"}
    sent["happened_at"] = f"{at:%Y-%m-%d %H:%M}"
    answer = client.post(reverse("admin:activities_activity_add"), sent | values)
    assert answer.status_code == 302, answer.context["adminform"].form.errors


def touch_by_sql(lead: Lead, actor: User, at: datetime, **values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO activities_activity"
            " (version, kind, direction, outcome, happened_at, text, title, notes_url, by_id, lead_id, kept)"
            " VALUES (1, %(kind)s, %(direction)s, %(outcome)s, %(at)s, '', '', '', %(by)s, %(lead)s, '{}')",
            {**values, "at": at, "by": actor.pk, "lead": lead.pk},
        )


def touch_in_bulk(lead: Lead, actor: User, at: datetime, **values: Any) -> None:
    Activity.objects.bulk_create([Activity(lead=lead, by=actor, happened_at=at, **values)])


TOUCHES: list[Callable[..., None]] = [touch_by_service, touch_by_admin, touch_by_sql, touch_in_bulk]


@pytest.mark.parametrize("log", TOUCHES, ids=lambda log: log.__name__)
@pytest.mark.parametrize(
    ("kind", "outcome", "direction", "violates"),
    [
        ("email", "sent", "out", {"asked_us", "company_asked", "no_emails", "bad_address"}),
        ("call", "no_answer", "out", {"asked_us", "company_asked", "no_calls"}),
        ("text_message", "sent", "out", {"asked_us", "company_asked", "no_calls"}),
        ("email", "replied", "in", set()),
        ("meeting", "held", "out", set()),
        ("note", "noted", "out", set()),
    ],
)
def test_what_happened_is_logged_and_marked(
    kind: str, outcome: str, direction: str, violates: set[str], log: Callable[..., None], alice: User, now: datetime
) -> None:
    found = set()
    for reason in BARRED:
        lead = make_lead(owner=alice, email=f"lea@{reason.replace('_', '-')}.example")
        suppress(actor=alice, at=now, via="test", reason=reason, emails=[lead.email], since=now)
        log(lead, alice, now, kind=kind, outcome=outcome, direction=direction)
        (touch,) = lead.touches.all()
        if touch.violation_of is not None:
            assert touch.violation_of.reason == reason
            found.add(reason)
    assert found == violates


def test_what_happened_before_or_after_is_no_violation(alice: User, mona: User, now: datetime) -> None:
    from datetime import timedelta

    from crm.activities.suppressing import lift

    lead, hour = make_lead(owner=alice), timedelta(hours=1)
    made = suppress(actor=alice, at=now, via="test", reason="asked_us", emails=[lead.email]).suppressions[0]
    lift(made, actor=mona, at=now + 2 * hour, via="test", reason="They wrote to us")
    marked = {}
    for hours in (-1, 0, 1, 2, 3):
        touch_in_bulk(lead, alice, now + hours * hour, kind="email", outcome="sent", direction="out")
        marked[hours] = lead.touches.latest("pk").violation_of_id is not None
    assert marked == {-1: False, 0: True, 1: True, 2: False, 3: False}


def test_mending_the_text_of_an_old_touch_does_not_make_it_a_violation(alice: User, now: datetime) -> None:
    from datetime import timedelta

    lead = make_lead(owner=alice)
    touch = log_touch(lead, actor=alice, at=now, via="test", kind="email", outcome="sent", happened_at=now)
    since = now - timedelta(days=1)
    suppress(actor=alice, at=now, via="test", reason="asked_us", emails=[lead.email], since=since)
    touch.text = "What I wrote"
    touch.save(update_fields=["text"])
    touch.refresh_from_db()
    assert touch.violation_of_id is None
    touch.kind = "linkedin_message"
    touch.save(update_fields=["kind"])
    touch.refresh_from_db()
    assert touch.violation_of_id is not None


# --- contacts, opportunities, accounts --------------------------------------------------------------------------------


def test_a_contact_is_covered_by_their_own_addresses_and_their_companys_domain(alice: User, now: datetime) -> None:
    company = make_account(website="https://www.globex.example")
    own = make_contact(personal_email="CORA@Home.example")
    colleague = make_contact(account=company, email="cora@elsewhere.example")
    other = make_contact()
    opportunity = make_opportunity(account=company, contact=own)
    suppress(actor=alice, at=now, via="test", reason="asked_us", emails=["cora@home.example"])
    suppress(actor=alice, at=now, via="test", reason="company_asked", domains=["globex.example"])
    found = bars_of("contact", [own.pk, colleague.pk, other.pk])
    assert {pk: [bar.scope for bar in bars] for pk, bars in found.items()} == {
        own.pk: ["person"],
        colleague.pk: ["domain"],
    }
    assert {bar.scope for bar in bars_of("opportunity", [opportunity.pk])[opportunity.pk]} == {"person", "domain"}
    assert bar_of("account", company.pk) is not None


def test_converting_into_a_contact_who_is_not_to_be_contacted_is_refused(alice: User, ann: User, now: datetime) -> None:
    lead = ready_lead(Status.ENGAGED, "convert", owner=alice, email="lea@globex.example")
    contact = make_contact(email="lea@globex.example", personal_email="lea@home.example")
    suppress(actor=alice, at=now, via="test", reason="asked_us", emails=["lea@home.example"])
    assert bar_of("lead", lead.pk) is None
    facts = facts_for("convert", Status.ENGAGED, owner=ann, at=now) | {"contact": str(contact.pk)}
    for door in DOORS[:1]:
        assert door.attempt(lead, "convert", alice, facts, now) == (CODE,)
    assert Contact.objects.count() == 1


def test_of_two_addresses_one_that_is_bad_leaves_the_other(alice: User, now: datetime) -> None:
    lead = make_lead(email="old@globex.example", second_email="new@globex.example")
    suppress(actor=alice, at=now, via="test", reason="bad_address", emails=["old@globex.example"])
    assert bar_of("lead", lead.pk, "email") is None
    suppress(actor=alice, at=now, via="test", reason="bad_address", emails=["new@globex.example"])
    assert bar_of("lead", lead.pk, "email") is not None


def test_an_erased_person_is_matched_by_the_hash_alone(alice: User, now: datetime) -> None:
    made = bar_them({"emails": ["lea@globex.example"]}, alice, now)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE activities_suppressedkey SET key = suppressed_hash(kind, key), value = ''")
    assert "globex" not in str(list(made.keys.values()))
    lead = make_lead(email="LEA+back@globex.example")
    bar = bar_of("lead", lead.pk)
    assert bar is not None
    assert bar.suppression_id == made.pk


def test_no_next_step_is_planned_with_them(alice: User, mona: User, now: datetime) -> None:
    from crm.core.acting import acting

    contact = make_contact(email="cora@initech.example")
    opportunity = make_opportunity(owner=alice, contact=contact, next_step="Send the paper", next_step_due=now.date())
    suppress(actor=alice, at=now, via="test", reason="asked_us", emails=["CORA@initech.example"])
    opportunity.next_step = "Call her"
    with acting(actor=alice, via="test", at=now), pytest.raises(Refused) as no:
        opportunity.save(update_fields=["next_step"])
    assert no.value.codes == (CODE,)
    with acting(actor=alice, via="test", at=now):
        opportunity.refresh_from_db()
        opportunity.next_step, opportunity.amount = "", 5
        opportunity.save()
    with pytest.raises(Refused):
        make_opportunity(contact=contact, next_step="Call her", next_step_due=now.date())
