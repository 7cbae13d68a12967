"""Who may be the same: while it is entered, on its page, and by the nightly search."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import models

from accounts.models import AccountDomain
from crm import handbook
from crm.core.acting import acting
from crm.core.errors import Refused
from crm.duplicates import evidence
from crm.duplicates.answering import dismiss, dismiss_all
from crm.duplicates.finding import likely, likely_entered
from crm.duplicates.kinds import crossings, kinds
from crm.duplicates.models import Pair
from crm.duplicates.nightly import KIND, find_nightly, find_now
from crm.history.models import Change
from crm.jobs.models import Job
from crm.jobs.work import work_jobs
from crm.people.models import User
from leads.models import Lead
from leads.statuses import Status
from tests.duplicates.dumping import merge
from tests.factories import make_account, make_contact, make_lead

pytestmark = pytest.mark.django_db


def search(at: datetime) -> None:
    """What the job does, slice by slice."""
    with acting(actor=User.objects.system(), via="task", at=at):
        for one in evidence.searches(kinds().values(), crossings()):
            evidence.run(one, at=at)
        evidence.finish()


def pairs(**wanted: Any) -> list[tuple[str, int, int, dict[str, list[str]], bool]]:
    """What is on the list."""
    found = Pair.objects.filter(**wanted).order_by("object", "lower_id", "higher_id")
    return list(found.values_list("object", "lower_id", "higher_id", "why", "exact"))


def refs(found: Iterable[Any]) -> list[str]:
    """The records that were found."""
    return [one.ref for one in found]


def change(record: models.Model, **values: Any) -> None:
    """Write to a record as somebody would."""
    with acting(actor=User.objects.system(), via="test", at=datetime.now().astimezone()):
        type(record)._base_manager.filter(pk=record.pk).update(**values)


# --- the nightly search -----------------------------------------------------------------------------------------------


def test_leads_that_share_either_email_are_a_pair(now: datetime) -> None:
    one = make_lead(email="Lea+news@Globex.example")
    other = make_lead(email="other@globex.example", second_email="lea@globex.example")
    make_lead()
    search(now)
    assert pairs() == [("lead", one.pk, other.pk, {"email": ["lea@globex.example"]}, True)]


def test_every_kind_of_key_is_named(now: datetime) -> None:
    same: dict[str, Any] = {"linkedin_url": "https://www.linkedin.com/in/lea/", "mobile": "(555) 214-7954"}
    one = make_lead(**same, email="a@globex.example")
    other = make_lead(
        email="A@GLOBEX.example", linkedin_url="linkedin.com/in/lea", phone="+1 555 214 7954", last_name="B"
    )
    search(now)
    ((object, lower, higher, why, exact),) = pairs()
    assert (object, lower, higher, exact) == ("lead", one.pk, other.pk, True)
    assert why == {"email": ["a@globex.example"], "linkedin": ["in/lea"], "phone": ["+15552147954"]}


def test_accounts_share_a_domain_by_website_or_by_their_domains(now: datetime) -> None:
    one = make_account(name="Alpha", website="https://www.acme.example/about")
    other = make_account(name="Beta")
    with acting(actor=User.objects.system(), via="test", at=now):
        AccountDomain.objects.create(account=other, domain="acme.example")
    search(now)
    assert pairs() == [("account", one.pk, other.pk, {"domain": ["acme.example"]}, True)]


def test_a_free_mail_domain_and_a_shared_host_are_no_evidence(now: datetime) -> None:
    free = sorted(handbook.current().company.free_mail)[0]
    for host in (free, "github.com"):
        make_account(name=f"One at {host}", website=f"https://{host}")
        make_account(name=f"Two at {host}", website=f"https://{host}/two")
    search(now)
    assert pairs() == []


def test_names_that_are_alike_are_never_exact(now: datetime) -> None:
    one, other = make_account(name="The Acme, Inc."), make_account(name="Acme GmbH")
    search(now)
    assert pairs() == [("account", one.pk, other.pk, {"name": ["acme"]}, False)]


def test_a_switchboards_number_makes_nobody_the_same(now: datetime) -> None:
    leads = [make_lead(phone="+1 555 214 7954") for _ in range(6)]
    search(now)
    assert pairs() == []
    assert likely([leads[0]])[leads[0].pk] == []
    contacts = [make_contact(phone="+1 555 301 7955") for _ in range(3)]
    lead = make_lead(phone="+1 555 301 7955")
    assert [one.record for one in likely([lead])[lead.pk]] == contacts
    others = [make_lead(phone="+1 555 301 7955") for _ in range(2)]
    assert [one.record for one in likely([lead])[lead.pk]] == others
    search(now)
    assert pairs(object="lead_contact") == []


def test_a_common_name_makes_nobody_the_same(now: datetime) -> None:
    for number in range(6):
        make_lead(first_name="Maria", last_name="Garcia", email=f"maria{number}@globex.example")
    rare = [make_lead(first_name="Zdenka", last_name="Quist", email=f"z{n}@globex.example") for n in range(5)]
    search(now)
    assert len(pairs()) == 10
    assert {pk for pair in pairs() for pk in pair[1:3]} == {lead.pk for lead in rare}


def test_a_lead_and_a_contact_are_a_pair_unless_it_was_converted(now: datetime) -> None:
    contact = make_contact(email="lea@globex.example")
    lead = make_lead(email="lea@globex.example")
    make_lead(status=Status.SAO_CONVERTED, email="Lea@globex.example", first_name="Other", company="x")
    search(now)
    assert pairs(object="lead_contact") == [
        ("lead_contact", lead.pk, contact.pk, {"email": ["lea@globex.example"]}, True)
    ]


def test_a_second_search_writes_nothing(now: datetime) -> None:
    make_lead(email="lea@globex.example"), make_lead(email="Lea@globex.example")
    search(now)
    before = (pairs(), Change.objects.count())
    search(now + timedelta(days=1))
    assert (pairs(), Change.objects.count()) == before


def test_what_speaks_for_nothing_any_more_leaves_the_list(now: datetime) -> None:
    one, other = make_lead(email="lea@globex.example"), make_lead(email="Lea@globex.example")
    search(now)
    change(other, email="else@globex.example")
    search(now)
    assert pairs() == []
    assert one.pk


def test_dismissed_stays_dismissed_until_something_else_speaks_for_it(alice: User, now: datetime) -> None:
    make_lead(email="lea@globex.example"), make_lead(email="Lea@globex.example")
    search(now)
    dismiss(Pair.objects.get(), actor=alice, at=now, via="test")
    search(now)
    found = Pair.objects.get()
    assert (found.state, found.answered_by) == ("dismissed", alice)
    Lead.objects.update(linkedin_url="https://linkedin.com/in/lea")
    search(now)
    found.refresh_from_db()
    assert (found.state, found.answered_by, set(found.why)) == ("open", None, {"email", "linkedin"})


def test_a_dismissed_pair_that_lost_its_evidence_and_got_it_back_stays_dismissed(alice: User, now: datetime) -> None:
    _, other = make_lead(email="lea@globex.example"), make_lead(email="Lea@globex.example")
    search(now)
    dismiss(Pair.objects.get(), actor=alice, at=now, via="test")
    change(other, email="else@globex.example")
    search(now)
    change(other, email="lea@globex.example")
    search(now)
    assert Pair.objects.get().state == "dismissed"


def test_the_search_of_a_night_is_started_once(now: datetime) -> None:
    first = find_nightly(at=now)
    assert first is not None
    assert find_nightly(at=now + timedelta(hours=1)) is None
    assert find_now(by=User.objects.system(), at=now) == first
    Job.objects.filter(pk=first.pk).update(state="done")
    assert find_nightly(at=now + timedelta(days=1)) is not None


@pytest.mark.django_db(transaction=True)
def test_a_worker_does_it_slice_by_slice(now: datetime) -> None:
    one, other = make_lead(email="lea@globex.example"), make_lead(email="Lea@globex.example")
    job = find_now(by=User.objects.system(), at=now, woken=False)
    work_jobs(until=now + timedelta(days=1), clock=lambda: now)
    job.refresh_from_db()
    assert (job.kind, job.state, job.message) == (KIND, "done", "")
    assert job.slices.count() == len(evidence.searches(kinds().values(), crossings()))
    assert [pair[:3] for pair in pairs()] == [("lead", one.pk, other.pk)]


# --- while it is looked at, or entered --------------------------------------------------------------------------------


def test_a_lead_is_shown_with_whom_it_may_be(alice: User, now: datetime) -> None:
    contact = make_contact(email="lea@globex.example")
    lead, other = make_lead(email="lea@globex.example"), make_lead(second_email="Lea@globex.example")
    found = likely([lead])[lead.pk]
    assert set(refs(found)) == {f"lead:{other.pk}", f"contact:{contact.pk}"}
    assert {one.words for one in found} == {"Same email"}
    assert likely([contact])[contact.pk][0].exact
    dismiss_all([lead, other], actor=alice, at=now, via="test")
    assert refs(likely([lead])[lead.pk]) == [f"contact:{contact.pk}"]
    assert refs(likely([other])[other.pk]) == [f"contact:{contact.pk}"]


def test_many_are_asked_for_in_a_few_queries(django_assert_max_num_queries: Any) -> None:
    leads = [make_lead(email=f"lea{number // 2}@twice.example") for number in range(20)]
    with django_assert_max_num_queries(8):
        found = likely(leads)
    assert {len(one) for one in found.values()} == {1}


def test_an_account_is_shown_with_similar_names_that_are_not_exact() -> None:
    one, other = make_account(name="Acme Rockets Inc."), make_account(name="Acme Rockets GmbH")
    third = make_account(name="Else", website="https://acme.example")
    change(one, website="https://acme.example")
    one.refresh_from_db()
    found = {hit.ref: hit.exact for hit in likely([one])[one.pk]}
    assert found == {f"account:{third.pk}": True, f"account:{other.pk}": False}


def test_what_is_being_entered_is_compared_before_it_is_saved() -> None:
    lead = make_lead(email="lea@globex.example", phone="+1 555 214 7954")
    assert refs(likely_entered("lead", {"email": "LEA+x@globex.example"})) == [f"lead:{lead.pk}"]
    assert refs(likely_entered("contact", {"mobile": "(555) 214-7954"})) == [f"lead:{lead.pk}"]
    assert likely_entered("lead", {"email": "", "phone": "no number", "shoe": "x"}) == []


def test_what_is_answered_twice_is_answered_once(alice: User, bob: User, charlie: User, now: datetime) -> None:
    one, other = make_lead(owner=alice, email="lea@globex.example"), make_lead(owner=alice, email="Lea@globex.example")
    search(now)
    pair = Pair.objects.get()
    dismiss(pair, actor=alice, at=now, via="test")
    assert dismiss(pair, actor=bob, at=now, via="test").answered_by == alice
    merge(one, other, actor=alice, at=now)
    with pytest.raises(Refused) as refused:
        dismiss(pair, actor=bob, at=now, via="test")
    assert (refused.value.code, refused.value.message) == ("merged", "They were merged by Alice already.")
