"""Findings as people work with them: assigned, put a day to, accepted for a while, discussed, one by one and many."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from crm.checkups.locking import last_step
from crm.checkups.models import Finding, Step
from crm.checkups.services import (
    accept_finding,
    accept_findings,
    assign_finding,
    assign_findings,
    comment_finding,
    reopen_finding,
    set_due,
)
from crm.core.errors import Refused, Stale
from crm.notifications.models import Notification
from crm.people.models import User
from leads.models import Lead
from tests import races
from tests.checkups.findings import AT, NO_OWNER, find_ownerless, find_yearless, look
from tests.factories import make_lead

TODAY = AT.astimezone(ZoneInfo("America/Los_Angeles")).date()
MONTH = TODAY + timedelta(days=20)


def by(actor: User) -> dict[str, Any]:
    """The frame of a call."""
    return {"actor": actor, "at": AT, "via": "admin"}


def kinds(finding: Finding) -> list[str]:
    """What happened to it, in order."""
    return list(finding.steps.order_by("pk").values_list("kind", flat=True))


def log_in(user: User) -> Client:
    """Their browser."""
    client = Client()
    client.force_login(user)
    return client


def do(client: Client, finding: Finding, verb: str, **data: Any) -> Any:
    """What a dialog answers to being sent."""
    return client.post(f"/admin/checkups/finding/{finding.pk}/do/{verb}/", data)


@pytest.mark.django_db
def test_a_finding_is_assigned_told_once_and_taken_back(mona: User, alice: User, ann: User) -> None:
    finding = find_ownerless()
    for _ in range(2):  # the second click does nothing twice
        assign_finding(finding, ann, **by(mona))
    told = Notification.objects.get(kind="finding_assigned")
    assert (told.to, told.address) == (ann, f"/admin/checkups/finding/{finding.pk}/change/")
    assert kinds(finding) == ["found", "assigned"]
    with pytest.raises(Refused) as refused:
        assign_finding(finding, alice, **by(ann))
    assert refused.value.code == "forbidden"
    assign_finding(finding, None, **by(ann))  # whose it is may give it back
    assign_finding(finding, mona, **by(mona))  # nobody is told what they did themselves
    assert (Notification.objects.count(), kinds(finding)) == (1, ["found", "assigned", "assigned", "assigned"])


@pytest.mark.django_db
def test_it_is_not_given_to_who_left_or_is_a_program(mona: User, ann: User, robot: User) -> None:
    finding = find_ownerless()
    User.objects.filter(pk=ann.pk).update(is_active=False)
    for nobody in (ann, robot):
        with pytest.raises(Refused) as refused:
            assign_finding(finding, nobody, **by(mona))
        assert refused.value.codes == ("invalid_assignee",)
    assert Finding.objects.get(pk=finding.pk).assignee is None


@pytest.mark.django_db
def test_it_is_accepted_until_a_day_for_a_reason_and_opened_again(mona: User, alice: User) -> None:
    finding = find_ownerless()
    wrong = [
        (TODAY, "Because", ("invalid_until",)),
        (TODAY + timedelta(days=400), "Because", ("invalid_until",)),
        (None, " ", ("needs_until", "needs_reason")),
        (MONTH, "x" * 501, ("invalid_reason",)),
    ]
    for until, reason, codes in wrong:
        with pytest.raises(Refused) as refused:
            accept_finding(finding, until=until, reason=reason, **by(mona))
        assert refused.value.codes == codes
    with pytest.raises(Refused, match="managers"):
        accept_finding(finding, until=MONTH, reason="We know", **by(alice))
    for _ in range(2):
        accept_finding(finding, until=MONTH, reason=" We know\nit ", **by(mona))
    finding.refresh_from_db()
    assert (finding.state, finding.accepted_until, finding.accepted_because) == ("accepted", MONTH, "We know it")
    assert look(NO_OWNER).open == 0
    for _ in range(2):
        reopen_finding(finding, **by(mona))
    finding.refresh_from_db()
    assert (finding.state, finding.accepted_until, finding.accepted_because) == ("open", None, "")
    assert kinds(finding) == ["found", "accepted", "reopened"]


@pytest.mark.django_db
def test_it_has_a_due_day_and_is_discussed_until_it_is_gone(mona: User, alice: User, charlie: User) -> None:
    finding = find_ownerless()
    with pytest.raises(Refused) as refused:
        set_due(finding, TODAY - timedelta(days=1), **by(mona))
    assert refused.value.codes == ("invalid_due_on",)
    for _ in range(2):
        set_due(finding, MONTH, **by(mona))
    for text, code in ((" ", "needs_text"), ("x" * 10_001, "invalid_text")):
        with pytest.raises(Refused) as refused:
            comment_finding(finding, text, **by(mona))
        assert refused.value.codes == (code,)
    for _ in range(2):
        comment_finding(finding, "Whose was it before?", **by(mona))
    comment_finding(finding, "x" * 10_000, **by(alice))
    assert kinds(finding) == ["found", "due", "comment", "comment"]
    Lead.objects.filter(pk=finding.record_id or 0).update(owner=alice)
    with pytest.raises(Refused) as refused:
        comment_finding(finding, "Not mine", **by(charlie))
    assert refused.value.code == "forbidden"
    look(NO_OWNER, AT + timedelta(days=1))
    calls: list[Callable[[], object]] = [
        lambda: comment_finding(finding, "And now?", **by(mona)),
        lambda: set_due(finding, None, **by(mona)),
        lambda: assign_finding(finding, alice, **by(mona)),
        lambda: reopen_finding(finding, **by(mona)),
    ]
    for call in calls:
        with pytest.raises(Refused) as refused:
            call()
        assert refused.value.code == "gone"
    assert kinds(finding)[-1] == "gone"


@pytest.mark.django_db
def test_who_decides_later_is_told_what_the_first_did(mona: User, root: User, ann: User) -> None:
    finding = find_ownerless()
    seen = last_step(finding)
    assign_finding(finding, ann, seen=seen, **by(mona))
    comment_finding(finding, "On it", **by(ann))
    with pytest.raises(Stale, match="Mona changed whom it is assigned to since you opened this: To Ann"):
        accept_finding(finding, until=MONTH, reason="Fine", seen=seen, **by(root))
    assign_finding(finding, ann, seen=seen, **by(mona))  # a second click wants what is so already
    accept_finding(finding, until=MONTH, reason="Fine", seen=last_step(finding), **by(root))
    page = do(log_in(root), finding, "assign", assignee=root.pk, seen=seen)
    assert (page.status_code, page.headers["Plumb-Refused"]) == (409, "stale")
    assert "Root accepted it since you opened this" in page.content.decode()
    assert f'name="seen" value="{last_step(finding)}"' in page.content.decode()


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_the_later_sees_what_the_first_did(mona: User, root: User) -> None:
    finding = find_ownerless()
    seen = last_step(finding)
    accept = [
        partial(accept_finding, finding, until=MONTH, reason=f"{who}'s", seen=seen, **by(who)) for who in (mona, root)
    ]
    lock = "SELECT 1 FROM checkups_finding WHERE id = %s FOR UPDATE"
    found = races.race(*accept, behind=lock, values=(finding.pk,))
    assert sorted(type(one).__name__ for one in found) == ["Finding", "Stale"]
    first = next(one for one in found if isinstance(one, Finding))
    assert Finding.objects.get().accepted_because == first.accepted_because
    assert Step.objects.filter(kind="accepted").count() == 1


@pytest.mark.django_db
def test_many_are_answered_at_once_each_with_its_verdict(mona: User, ann: User) -> None:
    leads = [make_lead(owner=None) for _ in range(3)]
    look(NO_OWNER)
    findings = list(Finding.objects.order_by("pk"))
    Lead.objects.filter(pk=leads[0].pk).update(owner=ann)
    look(NO_OWNER, AT + timedelta(days=1))
    ids = [one.pk for one in findings]
    verdicts = assign_findings([*ids, 10**9], ann, **by(mona))
    assert [one.refusal.code if one.refusal else one.said for one in verdicts] == [
        "gone",
        "assigned",
        "assigned",
        "not_found",
    ]
    told = Notification.objects.get()
    assert (told.title, told.address) == (
        "Mona assigned 2 findings to you",
        "/admin/checkups/finding/?assignee=me&state=open",
    )
    with pytest.raises(Refused) as refused:
        accept_findings(list(range(501)), until=MONTH, reason="All", **by(mona))
    assert refused.value.code == "too_many"
    # The same by the list: the page counts, the job does it after it was confirmed.
    client = log_in(mona)
    page = client.post(
        f"/admin/checkups/finding/bulk/accept_findings/?ids={ids[0]},{ids[1]}",
        {"until": MONTH.isoformat(), "why": "Known"},
        follow=True,
    )
    assert "can be done" in page.content.decode()
    client.post(f"{page.redirect_chain[-1][0]}answer/", {"answer": "confirm"}, follow=True)
    assert list(Finding.objects.order_by("pk").values_list("state", flat=True)) == ["fixed", "accepted", "open"]
    assert client.get("/admin/checkups/finding/bulk/assign_findings/?all=1&state=open").status_code == 200


@pytest.mark.django_db
def test_the_list_is_narrowed_to_what_concerns_who_asks(
    mona: User, alice: User, bob: User, charlie: User, django_assert_max_num_queries: Any
) -> None:
    mine, sale = find_yearless(alice)
    other = find_ownerless()
    address = "/admin/checkups/finding/"
    seen = {
        person: {one.pk for one in log_in(person).get(address).context["cl"].result_list}
        for person in (mona, alice, bob, charlie)
    }
    assert seen == {mona: {mine.pk, other.pk}, alice: {mine.pk}, bob: {mine.pk}, charlie: set()}
    assert log_in(charlie).get(f"{address}{mine.pk}/change/").status_code == 403
    assign_finding(mine, charlie, **by(mona))
    client = log_in(charlie)
    assert client.get(f"{address}{mine.pk}/change/").status_code == 200
    assert [one.pk for one in client.get(f"{address}?assignee=me").context["cl"].result_list] == [mine.pk]
    assert do(client, mine, "accept", until=MONTH.isoformat(), reason="x").status_code == 403
    assert do(client, mine, "comment", text="I will").status_code == 302
    assert "Give back…" in client.get(f"{address}{mine.pk}/change/").content.decode()
    # The state is “open” unless another is asked for, and is said.
    accept_finding(other, until=MONTH, reason="Known", **by(mona))
    client = log_in(mona)
    page = client.get(address).content.decode()
    assert (sale.name in page, "State: Open" in page, "1 finding hidden" in page) == (True, True, True)
    assert "An owner within 24 hours: Nobody owns it" in client.get(f"{address}?state=all").content.decode()
    for query, found in (
        ("?state=all", [other.pk, mine.pk]),
        ("?state=accepted&accepted=soon", [other.pk]),
        ("?severity=warning&object=opportunity&area=data", [mine.pk]),
        (f"?q={sale.name[:9]}", [mine.pk]),
        ("?state=all&q=have an owner", [other.pk]),
        ("?due=none&assignee=none", []),
        (f"?rule={mine.rule}&assignee={charlie.pk}", [mine.pk]),
    ):
        assert [one.pk for one in client.get(address + query).context["cl"].result_list] == found, query
    for _ in range(8):
        make_lead(owner=None)
    look(NO_OWNER)
    with django_assert_max_num_queries(14):
        client.get(address)


@pytest.mark.django_db
def test_its_page_says_all_there_is_to_know(mona: User, root: User, charlie: User) -> None:
    finding = find_ownerless()
    comment_finding(finding, "Who knows\nher?", **by(mona))
    client = log_in(root)
    page = client.get(f"/admin/checkups/finding/{finding.pk}/change/").content.decode()
    lead = Lead.objects.get(pk=finding.record_id or 0)
    for said in (
        "Leads have an owner",
        str(lead),
        "An owner within 24 hours",
        "Nobody owns it",
        "no_owner_hours = 24",
        "Who knows<br>her?",
        "Checkup (on demand)",
        "First seen",
    ):
        assert said in page, said
    for verb in ("assign", "due", "accept", "comment"):
        for headers in ({}, {"HX-Request": "true"}):
            dialog = client.get(f"/admin/checkups/finding/{finding.pk}/do/{verb}/", headers=headers)
            assert (dialog.status_code, 'name="seen"' in dialog.content.decode()) == (200, True)
    sent = do(client, finding, "accept", until="2019-02-30", reason="")
    assert (sent.status_code, "Enter a valid date." in sent.content.decode()) == (200, True)
    sent = do(client, finding, "accept", until=TODAY.isoformat(), reason="", seen="x")
    assert (sent.status_code, sent.headers["Plumb-Refused"]) == (200, "needs_reason")
    assert client.get(f"/admin/checkups/finding/{finding.pk}/do/nothing/").status_code == 404
    assert client.get("/admin/checkups/finding/999999999/do/assign/").status_code == 404
    Lead.objects.filter(pk=lead.pk).update(created_at=AT - timedelta(days=9))
    # Looked at again it is still there, and once it is put right it is gone.
    said = client.post(f"/admin/checkups/finding/{finding.pk}/do/look/", follow=True).content.decode()
    assert "still there" in said
    Lead.objects.filter(pk=lead.pk).update(owner=charlie)
    said = client.post(f"/admin/checkups/finding/{finding.pk}/do/look/", follow=True).content.decode()
    assert "it is gone" in said
    assert re.search(r"It is gone since \w+ \d+, \d{4}, \d\d:\d\d\. When", said)
    assert "Was found" in said
