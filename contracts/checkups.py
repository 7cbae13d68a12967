"""What checkups look at among opportunities (K4, C8-C10); among contracts: `contracts.checkups_contracts`.

What is missing on an opportunity is told once: whatever a rule of its own looks at, the rule about what a guard would
have asked leaves out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q
from django.utils import timezone

from contracts import checkups_accounts as checkups_accounts
from contracts.checkups_contracts import SIGNED
from contracts.entering import EXPANSION, RENEWAL, YEAR, has_year
from contracts.models import Contract, NextStep, Opportunity
from contracts.stages import criteria_before, stage_keys
from crm.checkups.rules import Look, Rows, checkup
from crm.checkups.words import counted
from crm.history.models import Move

REWRITTEN = NextStep.Outcome.REWRITTEN
PLACED = "_placed"


def _is_open(record: Any) -> bool:
    return bool(record.is_open)


@checkup(
    "data.opportunity_name",
    title="Opportunity names carry the year",
    row="K4",
    severity="warning",
    fix="add_year",
    why="Next year's renewal has another year: by its name everybody knows which of the two is meant.",
)
def name_has_year(look: Look) -> Iterator[Rows]:
    """Every opportunity's name has a year in it (C9)."""
    yield Rows(
        among=Opportunity.objects.all(),
        wrong=~Q(name__regex=YEAR.pattern),
        expected="A year in the name, as “Acme 2026”",
        found="No year in the name",
        evidence=lambda record: _days(("Created", record.created_at), ("Close date", record.close_on)),
        applies=lambda record: True,
        means=lambda record: not has_year(record.name),
    )


@checkup(
    "data.opportunity_next_step",
    title="Open opportunities have a next step with a due date",
    row="K4",
    severity="error",
    why="What nobody has planned does not happen.",
)
def next_step(look: Look) -> Iterator[Rows]:
    """A next step, and by when. Where there is no step, that alone is told."""
    among = Opportunity.objects.open()
    yield Rows(
        among=among,
        wrong=Q(next_step=""),
        expected="A next step",
        found="No next step",
        detail="next_step",
        evidence=_stage,
        applies=_is_open,
        means=lambda record: not record.next_step,
    )
    yield Rows(
        among=among,
        wrong=~Q(next_step="") & Q(next_step_due=None),
        expected="A due date of the next step",
        found="A next step without a due date",
        detail="next_step_due",
        evidence=_stage,
        applies=_is_open,
        means=lambda record: bool(record.next_step) and record.next_step_due is None,
    )


@checkup(
    "data.next_step_overdue",
    title="Next steps are not past due",
    row="C9",
    severity="warning",
    why="A promise whose day has passed was kept and not told, or was not kept.",
)
def next_step_overdue(look: Look) -> Iterator[Rows]:
    """The due date of an open opportunity's next step has not passed."""
    today = look.today
    yield Rows(
        among=Opportunity.objects.open().exclude(next_step=""),
        wrong=Q(next_step_due__lt=today),
        expected="A next step whose due date is still to come",
        found=lambda record: f"Due on {record.next_step_due}",
        evidence=_stage,
        applies=lambda record: record.is_open and bool(record.next_step),
        means=lambda record: record.next_step_due is not None and record.next_step_due < today,
    )


@checkup(
    "data.next_step_rewritten",
    title="Next steps lead to the next stage",
    row="C9",
    severity="warning",
    why="A next step that is written anew again and again while the stage stays: words, no progress.",
)
def next_step_rewritten(look: Look) -> Iterator[Rows]:
    """So often rewritten in one stage, counted since it came to it."""
    most = look.book.checkups.next_step_rewrites
    since = Q(opportunity__stage__in=stage_keys("open"), ended_at__gt=F("opportunity__stage_since"))
    steps = NextStep.objects.filter(since, outcome=REWRITTEN).order_by()
    often = steps.values("opportunity").annotate(times=Count("pk")).filter(times__gte=most)
    yield Rows(
        among=Opportunity.objects.open(),
        wrong=Q(pk__in=often.values("opportunity")),
        expected=f"Rewritten fewer than {most} times in one stage",
        found=lambda record: f"Rewritten {_rewrites(record)} times in {record.stage_label}",
        prefetch=("next_steps",),
        evidence=_stage,
        applies=_is_open,
        means=lambda record: _rewrites(record) >= most,
    )


def _rewrites(record: Any) -> int:
    """How often its next step was rewritten in the stage it is in."""
    since = record.stage_since
    return sum(
        one.outcome == REWRITTEN and one.ended_at is not None and one.ended_at > since
        for one in record.next_steps.all()
    )


@checkup(
    "data.close_date_passed",
    title="Open opportunities close on a day to come",
    row="C9",
    severity="warning",
    why="A forecast counts what is expected on its close date: a day that has passed is none, and neither is no day.",
)
def close_date_passed(look: Look) -> Iterator[Rows]:
    """The close date of an open opportunity is expected: there is one, today or later."""
    today, among = look.today, Opportunity.objects.open()
    yield Rows(
        among=among,
        wrong=Q(close_on=None),
        expected="A close date",
        found="No close date",
        detail="missing",
        evidence=_stage,
        applies=_is_open,
        means=lambda record: record.close_on is None,
    )
    yield Rows(
        among=among,
        wrong=Q(close_on__lt=today),
        expected="A close date that is still to come",
        found=lambda record: f"Open, and to be closed on {record.close_on}",
        evidence=_stage,
        applies=_is_open,
        means=lambda record: record.close_on is not None and record.close_on < today,
    )


@checkup(
    "data.opportunity_in_stage",
    title="Opportunities move on within their stage's limit",
    row="P1",
    severity="warning",
    why="The handbook says how many days each stage takes at most: longer is odd, and worth a word in the review.",
)
def too_long_in_stage(look: Look) -> Iterator[Rows]:
    """No longer in an open stage than its `most_days`."""
    stages = [one for one in look.book.opportunity.stages if one.kind == "open"]
    most = {one.key: one.most_days for one in stages if one.most_days is not None}
    wrong = Q(pk__in=[])
    for key, days in most.items():
        wrong |= Q(stage=key, stage_since__lte=look.at - timedelta(days=days + 1))
    yield Rows(
        among=Opportunity.objects.filter(stage__in=list(most)),
        wrong=wrong,
        expected=lambda record: f"In {record.stage_label} for at most {counted(most[record.stage], 'day')}",
        found=lambda record: f"In {record.stage_label} for {counted((look.at - record.stage_since).days, 'day')}",
        evidence=_stage,
        applies=lambda record: record.stage in most,
        means=lambda record: (look.at - record.stage_since).days > most[record.stage],
    )


@checkup(
    "data.won_without_contract",
    title="What is won has a signed contract",
    row="C9",
    severity="error",
    why="Winning takes a contract that is signed or accepted online; what was brought in as won was not asked for it.",
)
def won_without_contract(look: Look) -> Iterator[Rows]:
    """A contract of it was signed, whatever became of it later."""
    yield Rows(
        among=Opportunity.objects.filter(stage__in=stage_keys("won")),
        wrong=~Q(Exists(Contract.objects.filter(opportunity=OuterRef("pk"), status__in=SIGNED))),
        expected="A contract that is signed or accepted online",
        found="Won, and none of its contracts is signed",
        evidence=lambda record: _days(("Close date", record.close_on)),
        applies=lambda record: bool(record.is_won),
        means=lambda record: not any(one.status in SIGNED for one in record.contracts.all()),
    )


@checkup(
    "data.opportunity_facts",
    title="Placed opportunities have what the moves to their stage ask for",
    row="K4",
    severity="note",
    why="What was brought in where it stands was asked for nothing; who moves one there is.",
)
def placed_facts(look: Look) -> Iterator[Rows]:
    """What `contracts.entering.missing_of` names of a placed one, but for what a rule of its own looks at."""
    placed = Move.objects.filter(object="opportunity", record_id=OuterRef("pk"), verb="place")
    among = Opportunity.objects.filter(Exists(placed))

    def rows(code: str, label: str, wrong: Q, means: Callable[[Any], bool]) -> Rows:
        return Rows(
            among=among,
            wrong=wrong,
            expected=label,
            found="Not there",
            detail=code,
            evidence=_stage,
            applies=is_placed,
            means=means,
        )

    asked = {key: criteria_before(key) for key in (*stage_keys("open"), *stage_keys("won"))}
    unmet = Q(pk__in=[])
    for key, criteria in asked.items():
        if criteria:
            unmet |= Q(stage=key) & ~Q(criteria_met__contains=[one.key for _, one in criteria])

    def missing(record: Any) -> list[str]:
        return [
            f"{one.label} ({stage.label})"
            for stage, one in asked.get(record.stage, ())
            if one.key not in record.criteria_met
        ]

    # Nobody was ever asked for any of them: together they are one fact, and one finding.
    yield Rows(
        among=among,
        wrong=unmet,
        expected="Every exit criterion of the stages before its own",
        found=lambda record: f"Nobody said: {'; '.join(missing(record))}",
        detail="criteria",
        evidence=_stage,
        applies=is_placed,
        means=lambda record: bool(missing(record)),
    )
    lost = stage_keys("lost")
    yield rows(
        "needs_lost_reason",
        "The reason for losing",
        Q(stage__in=lost, lost_reason=""),
        lambda record: record.stage in lost and not record.lost_reason,
    )
    for code, label, kind, name in (
        ("needs_renews", "The contract it renews", RENEWAL, "renews"),
        ("needs_amends", "The contract it amends", EXPANSION, "amends"),
    ):
        yield rows(
            code,
            label,
            Q(**{"type": kind, name: None}),
            _without(kind, f"{name}_id"),
        )


def _without(kind: str, name: str) -> Callable[[Any], bool]:
    return lambda record: record.type == kind and getattr(record, name) is None


def is_placed(record: Any) -> bool:
    """Whether it was placed where it stands, or is a row of a file that was never brought in; asked once a record."""
    if PLACED not in record.__dict__:
        never_stored = record._state.adding
        record.__dict__[PLACED] = never_stored or Move.objects.of(record).filter(verb="place").exists()
    return bool(record.__dict__[PLACED])


@checkup(
    "data.opportunity_account",
    title="An opportunity, its contact and its contracts are of one account",
    row="C9",
    severity="error",
    why="A contract of another account counts for the wrong customer; a contact of another knows nothing of it.",
)
def one_account(look: Look) -> Iterator[Rows]:
    """The contact may also be one of its reseller's."""
    among = Opportunity.objects.all()
    elsewhere = Q(contact__account__isnull=False) & ~Q(contact__account=F("account"))
    yield Rows(
        among=among.exclude(contact=None),
        wrong=elsewhere & (Q(reseller=None) | ~Q(contact__account=F("reseller"))),
        expected="A contact of its account, or of its reseller",
        found="Its contact is of another account",
        detail="contact",
        applies=lambda record: record.contact_id is not None,
        means=lambda record: record.contact.account_id not in (None, record.account_id, record.reseller_id),
    )
    others = Contract.objects.filter(opportunity=OuterRef("pk")).exclude(account=OuterRef("account"))
    yield Rows(
        among=among,
        wrong=Q(Exists(others)),
        expected="Contracts of its account",
        found="A contract of it is another account's",
        detail="contracts",
        applies=lambda record: True,
        means=lambda record: any(one.account_id != record.account_id for one in record.contracts.all()),
    )
    for name in ("renews", "amends"):
        yield Rows(
            among=among.exclude(**{name: None}),
            wrong=~Q(**{f"{name}__account": F("account")}),
            expected=f"The contract it {name} is of its account",
            found=f"The contract it {name} is another account's",
            detail=name,
            applies=_has(name),
            means=_of_another_account(name),
        )


def _has(name: str) -> Callable[[Any], bool]:
    return lambda record: getattr(record, f"{name}_id") is not None


def _of_another_account(name: str) -> Callable[[Any], bool]:
    return lambda record: getattr(record, name).account_id != record.account_id


def _stage(record: Any) -> list[tuple[str, str]]:
    return [("Stage", record.stage_label), *_days(("Since", record.stage_since))]


def _days(*named: tuple[str, date | datetime | None]) -> list[tuple[str, str]]:
    days = ((label, timezone.localtime(day).date() if isinstance(day, datetime) else day) for label, day in named)
    return [(label, str(day)) for label, day in days if day is not None]
