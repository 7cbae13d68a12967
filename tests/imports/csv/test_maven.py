"""A public data set as people have it (CRM sales opportunities), through the same steps as the page's.

It lies beside the project where somebody put it; without it these tests are not there, and those of the small sample
below hold the same. Of its 8,800 deals each sixteenth is taken, and all of them with CRM_SOAK.
"""

from __future__ import annotations

import csv
import os
from collections import Counter
from pathlib import Path

import pytest
from django.conf import settings

from accounts.models import Account
from contracts.models import Opportunity
from crm.imports.csv.newcomers import people_named
from crm.imports.csv.plan import Plan
from crm.imports.held import release_held_rows
from crm.imports.models import HeldRow, ImportRun
from crm.people.models import User
from tests.factories import make_account
from tests.imports.csv.using import counts, plan, problems, stored, upload
from tests.imports.export import NOW
from tests.reviews.maven import adds_up

pytestmark = pytest.mark.django_db
SOAK = bool(os.environ.get("CRM_SOAK"))
STEP, DEALS_READ, WITHOUT_ACCOUNT = (1, 8800, 1425) if SOAK else (16, 550, 92)
DATA = Path(settings.BASE_DIR).parent / "shared/data/crm-sales-opportunities"
STAGES = {"Won": "closed_won", "Lost": "closed_lost", "Engaging": "discovery", "Prospecting": "meeting_set"}
ACCOUNTS = """account,sector,year_established,revenue,employees,office_location,subsidiary_of
Acme Corporation,technolgy,1996,1100.04,2822,United States,
Bluth Company,technolgy,1993,1242.32,3027,United States,Acme Corporation
Cancity,retail,2001,718.62,2448,United States,
"""
DEALS = """opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value
1C1I7A6R,Moses Frase,GTX Plus Basic,Cancity,Won,10/20/2016,3/1/2017,1054
Z063OYW0,Darcel Schlecht,GTXPro,Bluth Company,Lost,10/25/2016,3/31/2017,0
EC4QE1BX,Darcel Schlecht,MG Special,,Engaging,10/25/2016,,
MV1LWRNH,Moses Frase,GTX Basic,Acme Corporation,Prospecting,,,
"""


def bring_accounts(content: str | bytes, root: User) -> ImportRun:
    """The accounts, the typo in their sector chosen for."""
    run = upload(content, "account", root, name="accounts.csv")
    return stored(plan(run, root, words={"sector": {"technolgy": "technology"}}), root)


def bring_deals(content: str | bytes, root: User, account: int | None = None) -> ImportRun:
    """The opportunities: stages chosen, agents made as users, names put together."""
    run = upload(content, "opportunity", root, name="sales_pipeline.csv")
    people = dict.fromkeys(people_named(Plan.from_json(run.choices), run.found), "new")
    pattern = "{product} {account} {year}"
    words = {"deal_stage": STAGES}
    run = plan(run, root, words=words, people=people, pattern=pattern, system="maven", account=account)
    return stored(run, root)


def test_the_sample_comes_in_with_its_typos_its_gaps_and_its_dates(root: User) -> None:
    assert counts(bring_accounts(ACCOUNTS, root)) == {"created": 3}
    assert set(Account.objects.values_list("industry", flat=True)) == {"technology", "retail"}
    assert Account.objects.get(name="Bluth Company").parent == Account.objects.get(name="Acme Corporation")
    run = bring_deals(DEALS, root)
    assert counts(run) == {"created": 3, "rejected": 1}
    assert problems(run) == [(4, "account_not_found")]
    won = Opportunity.objects.get(stage="closed_won")
    assert (won.name, str(won.close_on), str(won.amount)) == ("GTX Plus Basic Cancity 2017", "2017-03-01", "1054.00")
    assert won.owner is not None
    assert (str(won.owner), won.owner.is_active) == ("Moses Frase", False)
    assert f"{won.created_at:%Y-%m-%d}" == "2016-10-20"
    held = HeldRow.objects.waiting().get()
    release_held_rows({held.pk: {"account_id": "Cancity"}}, actor=root, at=NOW, via="admin")
    assert Opportunity.objects.get(stage="discovery").account.name == "Cancity"


def test_a_word_spelled_like_one_of_ours_is_offered_and_never_taken_by_itself(root: User) -> None:
    from crm.imports.csv.pages import _words

    run = upload(ACCOUNTS, "account", root)
    (word,) = _words(Plan.from_json(run.choices), run.found)
    assert (word["word"], word["chosen"], word["suggested"]) == ("technolgy", "technology", True)
    assert counts(stored(run, root)) == {"created": 3, "flagged": 2}
    assert set(Account.objects.values_list("industry", flat=True)) == {"", "retail"}


if DATA.is_dir():

    @pytest.mark.crash
    def test_the_totals_by_stage_equal_those_of_the_file(root: User) -> None:
        accounts, deals = (DATA / "accounts.csv").read_bytes(), (DATA / "sales_pipeline.csv").read_bytes()
        names, *each = deals.splitlines(keepends=True)
        deals = b"".join([names, *each[::STEP]])
        bring_accounts(accounts, root)
        assert Account.objects.exclude(parent=None).count() == 15
        run = bring_deals(deals, root)
        rows = list(csv.DictReader(deals.decode().splitlines()))
        without = sum(not row["account"] for row in rows)
        assert counts(run) == {"created": len(rows) - without, "rejected": without}
        assert (len(rows), without) == (DEALS_READ, WITHOUT_ACCOUNT)
        # The same file again, with an account for the rows that have none: what was held is released by that.
        header, *lines = deals.decode().splitlines()
        rest = [header, *(line for line in lines if line.split(",")[3] == "")]
        bring_deals("\n".join(rest), root, account=make_account(name="Unknown").pk)
        assert not HeldRow.objects.waiting().exists()
        found = Counter(Opportunity.objects.values_list("stage", flat=True))
        assert found == Counter(STAGES[row["deal_stage"]] for row in rows)
        won = sum(int(row["close_value"]) for row in rows if row["deal_stage"] == "Won")
        assert sum(one.amount or 0 for one in Opportunity.objects.filter(stage="closed_won")) == won
        agents = {row["sales_agent"] for row in rows}
        assert {str(user) for user in User.objects.filter(is_active=False)} == agents
        # The pipeline's figures are sums over the file; it is imported once for both.
        adds_up(rows, STAGES, NOW)
