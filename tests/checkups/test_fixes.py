"""One click puts right what a rule found: shown before, done by the doors people use, looked at again at once."""

from __future__ import annotations

import pytest

from contracts.models import Opportunity
from crm import handbook
from crm.checkups.fixes import digest_of, fix_of, known_fixes
from crm.checkups.fixing import fix_finding, preview_fix
from crm.checkups.models import Finding, Run
from crm.checkups.presentation import look_at_group, outcomes, slices
from crm.checkups.rules import Look, all_rules
from crm.checkups.running import start_run
from crm.checkups.storing import settle
from crm.core.acting import acting
from crm.core.errors import Refused, Stale
from crm.handbook.expectations import Replacement
from crm.history.models import Change
from crm.jobs.models import Job
from crm.jobs.services import confirm_job
from crm.jobs.work import work_here
from crm.people.models import User
from crm.workspace.drift import departures
from crm.workspace.models import ListView, PageLayout, RoleTabs
from leads.models import Lead
from tests.checkups.findings import AT, DRIFT, NO_YEAR, WORD, find_yearless, look
from tests.checkups.test_findings import by, do, kinds, log_in
from tests.factories import make_lead, make_opportunity


def test_every_fix_that_a_rule_names_is_there() -> None:
    named = {rule.fix for rule in all_rules() if rule.fix}
    assert named == set(known_fixes())


@pytest.mark.django_db
def test_the_year_of_the_close_date_is_added_once_and_the_finding_closes(alice: User, charlie: User) -> None:
    finding, sale = find_yearless(alice)
    name = sale.name
    changes = preview_fix(finding, actor=alice, at=AT)
    assert [tuple(one) for one in changes] == [("Opportunity name", name, f"{name} 2027")]
    for refused_to, error in ((charlie, "forbidden"),):
        with pytest.raises(Refused) as refused:
            fix_finding(finding, **by(refused_to))
        assert refused.value.code == error
    digest = digest_of(changes)
    sale.refresh_from_db()
    with acting(actor=charlie, via="admin", at=AT):
        sale.name = "Initech prolongation"
        sale.save(update_fields=["name"])
    with pytest.raises(Stale):  # what was shown is not what would be done
        fix_finding(finding, digest=digest, **by(alice))
    assert kinds(finding) == ["found"]
    fixed = fix_finding(finding, digest=digest_of(preview_fix(finding, actor=alice, at=AT)), **by(alice))
    assert fixed.again.gone
    sale.refresh_from_db()
    finding.refresh_from_db()
    assert (sale.name, finding.state, kinds(finding)) == (
        "Initech prolongation 2027",
        "fixed",
        ["found", "fixed", "gone"],
    )
    change = Change.objects.filter(object="opportunity", record_id=sale.pk).latest("pk")
    assert change.transaction.actor_id == alice.pk  # in the history of the record, by who did it
    with pytest.raises(Refused) as refused:
        fix_finding(finding, **by(alice))
    assert refused.value.code == "gone"


@pytest.mark.django_db
def test_a_fix_is_shown_then_confirmed_and_says_why_it_cannot_be_done(mona: User, alice: User) -> None:
    finding, sale = find_yearless(alice)
    client = log_in(mona)
    shown = client.get(f"/admin/checkups/finding/{finding.pk}/do/fix/").content.decode()
    assert f"{sale.name} 2027" in shown
    shown = do(client, finding, "fix").content.decode()  # nothing was confirmed
    digest = shown.partition('name="digest" value="')[2].partition('"')[0]
    sale.refresh_from_db()
    assert "2027" not in sale.name
    stale = do(client, finding, "fix", digest="0" * 32)
    assert (stale.status_code, digest in stale.content.decode()) == (409, True)
    done = client.post(f"/admin/checkups/finding/{finding.pk}/do/fix/", {"digest": digest}, follow=True)
    assert "Add the year: The name ends with 2027 now. Looked at again: it is gone." in done.content.decode()
    dateless, _ = find_yearless(alice, close_on=None)
    page = client.get(f"/admin/checkups/finding/{dateless.pk}/change/").content.decode()
    assert "It has no close date to take the year of" in page
    blocked = client.get(f"/admin/checkups/finding/{dateless.pk}/do/fix/").content.decode()
    assert "It has no close date" in blocked
    assert "pl-button-main" not in blocked.partition("data-dialog-form")[2]


@pytest.mark.django_db
def test_just_what_departs_is_put_back_and_by_administrators_only(root: User, mona: User) -> None:
    account = PageLayout.objects.get(object="account")
    contact = PageLayout.objects.get(object="contact")
    tabs = RoleTabs.objects.get(role="manager")
    for layout in (account, contact):
        layout.body = {**layout.body, "sections": [{"title": "Mine", "fields": ["website"]}, *layout.body["sections"]]}
    tabs.tabs = [one for one in tabs.tabs if one["tab"] != "teams"]
    view = ListView.objects.exclude(key="").exclude(title__startswith="All").order_by("pk").last()
    assert view is not None
    view.columns = view.columns[:-1]
    with acting(actor=root, via="admin", at=AT):
        for row in (account, contact, tabs, view):
            row.save()
    look(DRIFT)
    findings = Finding.objects.filter(rule=DRIFT)
    assert {one.subject for one in findings} == {
        "workspace:layout.account",
        "workspace:layout.contact",
        "workspace:tabs.manager",
        f"workspace:view.{view.object}.{view.key}",
    }
    finding = findings.filter(subject="workspace:layout.account").first()
    assert finding is not None
    with pytest.raises(Refused, match="administrators"):
        preview_fix(finding, actor=mona, at=AT)
    shown = preview_fix(finding, actor=root, at=AT)
    assert {one.what.partition(":")[0] for one in shown} == {"Page of accounts"}
    for one in findings.order_by("pk"):
        assert fix_of(one) is not None
        one.refresh_from_db()
        if one.state != "fixed":
            fixed = fix_finding(one, **by(root))
            assert fixed.again.gone, one
        if one.subject == "workspace:layout.account":
            assert {left.item for left in departures()} >= {"layout.contact"}
    assert departures() == []
    look(DRIFT)
    assert not Finding.objects.standing().filter(rule=DRIFT).exists()


def take_away(monkeypatch: pytest.MonkeyPatch, word: str, by: str = "") -> None:
    """The handbook as it is without a rating of leads; `by` stands for it now."""
    book = handbook.current()
    lead = book.lead.model_copy(update={"ratings": tuple(one for one in book.lead.ratings if one.key != word)})
    rows = (Replacement(list="lead.ratings", word=word, by=by),) if by else ()
    checkups = book.checkups.model_copy(update={"replaced": rows})
    other = book.model_copy(update={"lead": lead, "checkups": checkups})
    monkeypatch.setattr(handbook, "current", lambda: other)


@pytest.mark.django_db
def test_a_word_that_left_is_replaced_by_the_one_that_was_chosen(
    mona: User, alice: User, charlie: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    leads = [make_lead(owner=alice, rating="hot") for _ in range(2)]
    look(WORD)
    assert not Finding.objects.filter(rule=WORD).exists()
    take_away(monkeypatch, "hot")
    look(WORD)
    finding = Finding.objects.get(rule=WORD)
    with pytest.raises(Refused) as refused:
        preview_fix(finding, actor=mona, at=AT)
    assert refused.value.codes == ("needs_word",)
    client = log_in(mona)
    asked = client.get(f"/admin/checkups/finding/{finding.pk}/do/fix/").content.decode()
    assert "Show what changes" in asked
    shown = do(client, finding, "fix", by="warm", look="1").content.decode()
    digest = shown.partition('name="digest" value="')[2].partition('"')[0]
    assert shown.count("<ins>Warm</ins>") == 2
    assert "is not one of the available choices" in do(client, finding, "fix", by="x").content.decode()
    done = client.post(f"/admin/checkups/finding/{finding.pk}/do/fix/", {"by": "warm", "digest": digest}, follow=True)
    assert "it is gone" in done.content.decode()
    assert {one.rating for one in Lead.objects.filter(pk__in=[one.pk for one in leads])} == {"warm"}
    assert all(one.version == 2 for one in Lead.objects.filter(pk__in=[one.pk for one in leads]))


@pytest.mark.django_db
def test_many_records_with_a_word_are_a_job_that_counts_first(mona: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crm.checkups.replacing.FEW", 2)
    for _ in range(3):
        make_lead(rating="hot")
    take_away(monkeypatch, "hot", by="warm")
    look(WORD)
    finding = Finding.objects.get(rule=WORD)
    client = log_in(mona)
    shown = client.get(f"/admin/checkups/finding/{finding.pk}/do/fix/").content.decode()
    digest = shown.partition('name="digest" value="')[2].partition('"')[0]
    for _ in range(2):  # two clicks, one job
        sent = do(client, finding, "fix", by="warm", digest=digest)
    job = Job.objects.get(kind="checkup_word")
    assert (sent["Location"], job.total) == (f"/admin/jobs/{job.pk}/", 3)
    assert Lead.objects.filter(rating="hot").count() == 3
    work_here(job, via="admin")
    job.refresh_from_db()
    work_here(confirm_job(job, by=mona, at=AT, woken=False), via="admin")
    finding.refresh_from_db()
    assert (Lead.objects.filter(rating="warm").count(), finding.state, kinds(finding)) == (
        3,
        "fixed",
        ["found", "fixed", "gone"],
    )


@pytest.mark.django_db
def test_many_are_put_right_at_once_after_it_was_shown_what_changes(mona: User, alice: User) -> None:
    found = [find_yearless(alice)[0] for _ in range(2)]
    dateless, _ = find_yearless(alice, close_on=None)
    ids = ",".join(str(one.pk) for one in (*found, dateless))
    client = log_in(mona)
    page = client.post(f"/admin/checkups/finding/bulk/fix_findings/?ids={ids}", {}, follow=True)
    text = page.content.decode()
    assert "It has no close date to take the year of" in text
    for finding in found:
        name = Opportunity.objects.get(pk=finding.record_id or 0).name
        assert f"Opportunity name: {name} → {name} 2027" in text
    # What is no longer as it was shown is left as it is.
    with acting(actor=alice, via="admin", at=AT):
        Opportunity.objects.filter(pk=found[1].record_id or 0).update(name="Initech prolongation")
    client.post(f"{page.redirect_chain[-1][0]}answer/", {"answer": "confirm"}, follow=True)
    assert [one.state for one in Finding.objects.filter(rule=NO_YEAR).order_by("pk")] == ["fixed", "open", "open"]
    assert Job.objects.get(kind="bulk.fix_findings").counts["outcomes"] == {"put_right": 1, "refused": 2}


@pytest.mark.django_db
def test_what_came_back_meanwhile_is_still_there_after_a_fix(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    finding, _ = find_yearless(alice)
    monkeypatch.setattr("contracts.checkup_fixes.with_year", lambda sale: f"{sale.name} next year")
    fixed = fix_finding(finding, **by(alice))
    finding.refresh_from_db()
    assert (fixed.again.gone, finding.state, kinds(finding)) == (False, "open", ["found", "fixed"])


@pytest.mark.django_db
def test_what_people_are_shown_is_put_back_and_looked_at_again_at_once(root: User, alice: User) -> None:
    make_opportunity(owner=alice)
    layout = PageLayout.objects.get(object="opportunity")
    layout.body = {**layout.body, "top": layout.body["top"][:-1], "right": layout.body["right"][1:]}
    standard = RoleTabs.objects.get(role="sdr")
    standard.tabs = [
        {**one, "view": "my_opportunities"} if one["tab"] == "opportunities" else one for one in standard.tabs
    ]
    own = ListView(object="opportunity", key="my_opportunities", title="Mine", columns=["name"], filters=[])
    with acting(actor=root, via="admin", at=AT):
        layout.save()
        own.save()
        standard.save()
    looked = ("opportunities.top", "opportunities.default_filter", "opportunities.right")
    rules = [rule for rule in all_rules() if rule.id in looked]
    look_now = Look(AT, handbook.current())
    rows = [row for part in slices(rules) for row in look_at_group(part, look_now)]
    run = start_run(why=Run.Why.ASKED, by=root, at=AT, rules=[one.id for one in rules], woken=False)
    for outcome in outcomes(rows, look_now, whole=True):
        settle(outcome, run=run, at=AT)
    found = {one.rule: one for one in Finding.objects.all()}
    assert set(found) == {rule.id for rule in rules}
    top, opened = found["opportunities.top"], found["opportunities.default_filter"]
    assert [one.what for one in preview_fix(top, actor=root, at=AT)] == [
        "Page of opportunities: Top",
        "Page of opportunities: On the right",
    ]
    assert [one.what for one in preview_fix(opened, actor=root, at=AT)] == [
        "Tabs of Sales Development Representative (SDR): Tabs"
    ]
    page = log_in(root).get(f"/admin/checkups/finding/{top.pk}/change/").content.decode()
    assert "/admin/workspace/layouts/opportunity/" in page
    assert "[[checkups.pages]]" in page  # the words of the handbook behind it
    assert fix_finding(top, **by(root)).again.gone
    # The page was put back whole: what another rule found on it is gone as well, and what is elsewhere stands.
    assert {one.rule: one.state for one in Finding.objects.all()} == {
        "opportunities.top": "fixed",
        "opportunities.right": "fixed",
        "opportunities.default_filter": "open",
    }
    assert not fix_finding(opened, **by(root)).again.unknown
    assert set(Finding.objects.values_list("state", flat=True)) == {"fixed"}
