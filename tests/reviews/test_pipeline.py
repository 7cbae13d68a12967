"""The pipeline: the page, its file, the API, the list and the board agree, and every open opportunity is counted."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from contracts.models import Opportunity
from crm import handbook
from crm.core.acting import acting
from crm.core.door import move
from crm.core.errors import Refused
from crm.people.models import Team, User
from crm.reviews.pipeline.asked import Asked, read_asked, read_between
from crm.reviews.pipeline.export import export_pipeline
from crm.reviews.pipeline.figures import counted, pipeline
from crm.reviews.pipeline.waterfall import Part, waterfall
from tests.contracts.deals import facts_for
from tests.factories import START, make_account, make_opportunity, make_user
from tests.keys import make_key
from tests.reviews.forecasting import company, world
from tests.reviews.test_waterfall import worth

pytestmark = pytest.mark.django_db
PAGE, CHANGES, API = "/admin/reviews/pipeline/", "/admin/reviews/pipeline/changes/", "/api/v1/pipeline/"
RECORDS = f"{CHANGES}opportunities/"


def browser(user: User) -> Client:
    """Their browser."""
    client = Client()
    client.force_login(user, backend="crm.people.backends.EmailBackend")
    return client


class Links(HTMLParser):
    """Every address of a page with what it says."""

    def __init__(self, page: Any) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self.href = ""
        self.feed(page.content.decode())

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag == "a":
            self.href = dict(attrs).get("href") or ""
            self.found.append((self.href, ""))

    def handle_data(self, data: str) -> None:
        if self.href:
            self.found[-1] = (self.href, self.found[-1][1] + data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self.href = ""


def listed(address: str) -> Asked:
    """What the list is narrowed to by the address of a number."""
    (said,) = parse_qs(urlsplit(address).query)["pipeline"]
    return read_asked({key: values[0] for key, values in parse_qs(said).items()})


def reckon(rows: list[Opportunity], today: date) -> tuple[int, Decimal, Decimal, int, dict[str, Decimal]]:
    """Count, amount, weighted, without an amount, and what has no rate, in plain Python."""
    amount = weighted = Decimal(0)
    without, apart = 0, defaultdict[str, Decimal](Decimal)
    for one in rows:
        row = {"amount": one.amount, "currency": one.currency, "close_on": one.close_on}
        bucket, value = worth(row, today)
        without += one.amount is None
        if bucket == "USD":
            amount += value
            weighted += (value * (one.probability or 0) / 100).quantize(Decimal("0.01"))
        elif bucket:
            apart[bucket] += value
    return len(rows), amount, weighted, without, dict(apart)


def test_page_file_api_and_list_agree_with_the_records(
    mona: User, ann: User, bob: User, now: datetime, client: Client
) -> None:
    today = handbook.current().today(now)
    with company():
        rows = [one for one in world([None, ann, bob], count=70) if one.is_open]
        asks: list[tuple[Asked, Callable[[Opportunity], Any]]] = [
            (Asked(), lambda one: True),
            (Asked(owner=ann.pk), lambda one: one.owner_id == ann.pk),
            (Asked(team=0), lambda one: one.owner_id != bob.pk),
            (Asked(team=bob.team_id, close_since=date(2026, 1, 1)), lambda one: one.owner_id == bob.pk
             and one.close_on and one.close_on >= date(2026, 1, 1)),
            (Asked(close_until=date(2026, 2, 28)), lambda one: one.close_on and one.close_on <= date(2026, 2, 28)),
        ]  # fmt: skip
        for asked, kept in asks:
            found = pipeline(asked, at=now)
            mine = [one for one in rows if kept(one)]
            values: dict[str, Callable[[Opportunity], Any]] = {
                "stage": lambda one: one.stage,
                "month": lambda one: one.close_on.replace(day=1) if one.close_on else None,
                "owner": lambda one: one.owner_id,
            }
            total = found.total
            told = (
                total.count,
                total.amount,
                total.weighted,
                total.without,
                {k: s for k, (s, _) in total.apart.items()},
            )
            assert told == reckon(mine, today)
            for by, value in values.items():
                piles = defaultdict[Any, list[Opportunity]](list)
                for one in mine:
                    piles[value(one)].append(one)
                lines = {key: one for key, one in found.by(by).items() if one.count}  # type: ignore[arg-type]
                assert {
                    key: (one.count, one.amount, one.weighted, one.without, {k: s for k, (s, _) in one.apart.items()})
                    for key, one in lines.items()
                } == {key: reckon(pile, today) for key, pile in piles.items()}
        # Every number of the page opens as many opportunities as it counts.
        page = browser(mona).get(PAGE)
        assert page.status_code == 200
        links = [(href, said) for href, said in Links(page).found if "pipeline=" in href and "display" not in href]
        numbers = [(listed(href), said) for href, said in links if said.replace(",", "").isdecimal()]
        assert len(numbers) > 20
        for asked, said in {(asked, said) for asked, said in numbers if "." not in said}:
            count = Opportunity.objects.filter(counted(asked, at=now)).count()
            figures = pipeline(asked, at=now).total
            assert count == figures.count
            assert said.replace(",", "") in {str(count), f"{figures.amount:.0f}", f"{figures.weighted:.0f}"}
        # The API and the file say the same.
        found = pipeline(Asked(), at=now)
        key = make_key(mona, "opportunities:pipeline")
        for by in ("stage", "month", "owner"):
            answer = client.get(API, {"by": by}, headers={"Authorization": f"Bearer {key}"})
            assert answer.status_code == 200, answer.content
            body = answer.json()
            assert body["total"]["amount"] == f"{found.total.amount:.2f}"
            assert sum(one["count"] for one in body["results"]) == found.total.count
            assert sum(Decimal(one["weighted"]) for one in body["results"]) == found.total.weighted
        file = browser(ann).post(f"{PAGE}export/", {"what": "pipeline"}, follow=True)
        lines_ = list(csv.DictReader(io.StringIO(b"".join(file.streaming_content).decode("utf-8-sig"))))  # type: ignore[attr-defined]
        assert (lines_[0]["By"], lines_[0]["Open"]) == ("All", str(found.total.count))
        assert sum(Decimal(one["Amount"]) for one in lines_ if one["By"] == "Owner") == found.total.amount


def test_a_number_opens_its_list_and_its_board_and_nonsense_opens_neither(mona: User) -> None:
    with company():
        make_opportunity(amount=100, stage="discovery")
        make_opportunity(amount=None, stage="scope", account=make_account(name="Globex"))
    there = browser(mona)
    place = "/admin/contracts/opportunity/"
    page = there.get(place, {"pipeline": "stage=discovery"})
    assert page.status_code == 200
    assert len(page.context["cl"].result_list) == 1
    assert there.get(place, {"pipeline": "all", "display": "board"}).status_code == 200
    for nonsense in ("stage=closed_won", "colour=red", "nothing"):
        assert there.get(place, {"pipeline": nonsense}).status_code == 302
    for odd in ({"account": "\0x"}, {"account": "9" * 30}, {"owner": "-1"}, {"close_since": "0001-01-01"}):
        assert there.get(PAGE, odd).status_code == 400
    bad = there.get(PAGE, {"close_since": "soon", "account": "Nobody of that name"})
    assert bad.status_code == 400
    assert "Account: none is called so." in bad.content.decode()
    (one,) = [item for item in there.get(PAGE, {"account": "globex"}).context["tables"][0].lines if item.count.address]
    assert (one.label, one.amount.said, one.notes[0].said) == ("Scope", "0", "1 without an amount")


def test_a_stage_that_left_the_handbook_is_told_and_counted_nowhere(mona: User, now: datetime) -> None:
    one = make_opportunity(amount=100, stage="discovery")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE contracts_opportunity SET stage = 'wishing' WHERE id = %s", [one.pk])
        cursor.execute("SET LOCAL session_replication_role = origin")
    found = pipeline(Asked(), at=now)
    assert (found.total.count, found.unknown) == (0, 1)
    assert list(Opportunity.objects.filter(counted(Asked(stage="none"), at=now))) == [one]


def test_days_and_parts_that_cannot_be_are_refused_at_every_door(mona: User, robot: User, now: datetime) -> None:
    there, program = browser(mona), Client()
    key = {"Authorization": f"Bearer {make_key(mona)}"}
    for wrong, code in (
        ({"from": "2026-03-04", "to": "2026-03-04"}, "invalid_from"),
        ({"from": "1990-01-01", "to": "2026-03-04"}, "invalid_from"),
        ({"to": "2999-01-01"}, "invalid_to"),
        ({"to": "yesterday"}, "invalid_to"),
        ({"month": "2026-03-02"}, "invalid_month"),
        ({"close_since": "2026-03-02", "close_until": "2026-03-01"}, "invalid_close_since"),
    ):
        with pytest.raises(Refused) as refused:
            read_between(wrong, at=now)
        assert code in {one.code for one in refused.value.missing}
        if "month" not in wrong:
            assert there.get(CHANGES, wrong).status_code == 400
            assert there.get(RECORDS, wrong).status_code == 400
            answer = program.get(f"{API}waterfall/", wrong, headers=key)
            assert (answer.status_code, code in answer.content.decode()) == (400, True)
    assert there.get(RECORDS, {"part": "stolen"}).status_code == 400
    assert "Close since: a day, as 2026-03-04." in there.get(PAGE, {"close_since": "soon"}).content.decode()
    assert there.post(f"{PAGE}export/", {"what": "secrets"}).status_code == 400
    assert program.get(f"{API}waterfall/", {"part": "stolen"}, headers=key).status_code == 400
    assert program.get(API, {"by": "moon"}, headers=key).status_code == 400
    assert program.get(API, {"moon": "1"}, headers=key).status_code == 400
    few = {"Authorization": f"Bearer {make_key(mona, 'opportunities:read')}"}
    assert program.get(API, headers=few).status_code == 403
    with pytest.raises(Refused, match="people who work here"):
        export_pipeline("pipeline", {}, actor=robot, at=now, via="test")
    with pytest.raises(Refused, match="for managers"):
        export_pipeline("records", {}, actor=make_user("alan", role="ae"), at=now, via="test")


def test_a_bar_opens_its_opportunities_with_before_and_after(mona: User, ann: User, now: datetime) -> None:
    with company():
        grown = make_opportunity(name="Grows 2026", amount=100, owner=ann, close_on=date(2026, 4, 1))
        lost = make_opportunity(name="Is lost 2026", amount=Decimal("70.5"), currency="EUR", close_on=date(2026, 3, 9))
        gone = make_opportunity(name="Goes 2026", amount=None)
        with acting(actor=mona, via="admin", at=now):
            grown.amount = Decimal(140)
            grown.save(update_fields=["amount"])
            gone.delete()
        move(lost, "lose", actor=mona, at=now, via="test", **facts_for(lost, "lose", now))
        days = {"from": START.date().isoformat(), "to": "2026-03-05"}
        found = waterfall(read_between(days, at=now + timedelta(days=9)))
        assert (found.opening.of("USD"), found.closing.of("USD")) == (Decimal("177.55"), Decimal(140))
        assert {part: one.count for part, one in found.parts.items() if one.count} == {
            Part.GROWN: 1, Part.LOST: 1, Part.DELETED: 1,
        }  # fmt: skip
        there = browser(mona)
        with CaptureQueriesContext(connection) as few:
            page = there.get(CHANGES, days)
        assert len(few) <= 15
        text = page.content.decode()
        assert "+40" in text
        assert "−77.55" in text
        addresses = {href for href, _ in Links(page).found if "part=" in href}
        assert {parse_qs(urlsplit(href).query)["part"][0] for href in addresses} == {
            "opening", "closing", "grown", "lost", "deleted",
        }  # fmt: skip
        shown = {}
        for part in ("grown", "lost", "deleted", ""):
            with CaptureQueriesContext(connection) as few:
                page = there.get(RECORDS, {**days, "part": part})
            assert len(few) <= 15
            shown[part] = " ".join(page.content.decode().split())
        assert '<span class="pp-before">100 USD</span>' in shown["grown"]
        assert '<span class="pp-after">140 USD</span>' in shown["grown"]
        assert "Closed lost" in shown["lost"]
        assert "−77.55 USD" in shown["lost"]
        assert "Goes 2026 <span" in shown["deleted"]
        assert all(name in shown[""] for name in ("Grows 2026", "Is lost 2026", "Goes 2026"))
        # The API has the same records; so has the file.
        key = {"Authorization": f"Bearer {make_key(mona, 'opportunities:pipeline')}"}
        body = Client().get(f"{API}waterfall/", {**days, "part": "lost"}, headers=key).json()
        (record,) = body["opportunities"]
        assert (record["id"], record["adds"]) == (lost.pk, {"USD": "-77.55"})
        assert (record["before"]["stage"], record["after"]["stage"]) == ("meeting_set", "closed_lost")
        assert json.dumps(body["results"]).count("77.55") == 2
        for what, expected in (("waterfall", "Grown,1,USD,40.00,0"), ("records", "Deleted")):
            file = there.post(f"{PAGE}export/", {"what": what, **days}, follow=True)
            assert expected in b"".join(file.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]


def test_everybody_sees_it_in_few_queries_and_programs_do_not(ann: User, robot: User, team: Team) -> None:
    make_opportunity(amount=100, owner=ann)
    there = browser(ann)
    there.get(PAGE)
    with CaptureQueriesContext(connection) as few:
        first = there.get(PAGE)
    for _ in range(8):
        make_opportunity(amount=100, owner=ann)
    with CaptureQueriesContext(connection) as same:
        assert there.get(PAGE).status_code == 200
    assert (first.status_code, len(same)) == (200, len(few))
    assert len(few) <= 15
    empty = there.get(PAGE, {"team": team.pk})
    assert "Nothing is open here" in empty.content.decode()
