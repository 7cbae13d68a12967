"""What is done with customers beside selling: calls, meetings and their notes, tasks, and a change of the champion."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from accounts.dri_change import start_change, tick_step
from accounts.models import Account, Contact
from contracts.models import Opportunity
from crm.activities.planning import finish_task, plan_task
from crm.activities.touching import handle, log_touch
from crm.core.acting import acting
from crm.demo.cast import VIA, Cast
from crm.demo.clock import Calendar
from crm.demo.customers import owner_of
from crm.people.models import User

# Kind, direction, outcome, and what was said, of the touches with a customer, the latest first.
SAID = (
    ("call", "out", "connected", "Roll-out is at half of the hosts; asked for a second workshop."),
    ("email", "in", "replied", "Sent the list of teams that are to have access."),
    ("call", "out", "voicemail", ""),
    ("email", "out", "sent", "Sent the summary and the next dates."),
)
NEXT = ("Send the workshop agenda", "Ask for a reference call", "Send the host count before the review")


def work_with(accounts: Sequence[Account], cast: Cast, calendar: Calendar) -> None:
    """Let every account have been worked: the first of them has everything there can be."""
    for number, account in enumerate(accounts):
        owner, people = owner_of(number, cast), list(account.contacts.order_by("pk"))
        sale = account.opportunities.order_by("-pk").first()
        _touch(number, people[0], sale, owner, calendar)
        _meet(number, account, people[0], owner, calendar)
        if sale is not None:
            _plan(number, sale, people[0], owner, calendar)
    _change_champion(accounts[0], cast.alex, calendar)
    with acting(actor=cast.nora, via=VIA, at=calendar.ago(40, 15)):
        accounts[1].nda_signed_on = calendar.ago(40, 15).date()
        accounts[1].save(update_fields=["nda_signed_on"])


def _touch(number: int, who: Contact, sale: Opportunity | None, owner: User, calendar: Calendar) -> None:
    for place, (kind, direction, outcome, text) in enumerate(SAID[: 2 + number % 3]):
        at = calendar.ago(3 + number + 4 * place, 10 + place, 25)
        about = {"contact": who} | ({"opportunity": sale} if sale and place % 2 else {})
        values = {"kind": kind, "direction": direction, "outcome": outcome, "text": text}
        log_touch(about, actor=owner, at=at, via=VIA, happened_at=at, **values)


def _meet(number: int, account: Account, who: Contact, owner: User, calendar: Calendar) -> None:
    """A meeting with notes, and of every other account one whose notes are still looked for."""
    title = handle(who)
    for days, noted in ((45 + number, True), (2 + number // 2, number % 2 == 1)):
        at = calendar.ago(days, 14)
        where = f"https://docs.example.com/notes/{account.pk}-{at:%Y-%m-%d}" if noted else ""
        log_touch(
            {"contact": who, "account": account},
            actor=owner,
            at=at,
            via=VIA,
            kind="meeting",
            direction="out",
            outcome="held",
            happened_at=at,
            title=title if noted else "",
            notes_url=where,
        )


def _plan(number: int, sale: Opportunity, who: Contact, owner: User, calendar: Calendar) -> None:
    at = calendar.ago(4 + number % 3, 9, 40)
    done = plan_task({"opportunity": sale}, text="Send the intro deck", due_on=at.date(), actor=owner, at=at, via=VIA)
    finish_task(done, actor=owner, at=at + timedelta(hours=3), via=VIA)
    due = calendar.day(number % 5 - 1)
    plan_task({"opportunity": sale, "contact": who}, text=NEXT[number % 3], due_on=due, actor=owner, at=at, via=VIA)


def _change_champion(account: Account, owner: User, calendar: Calendar) -> None:
    """The second of its people took over from the first, and half of what that asks for is done."""
    first, second = account.contacts.order_by("pk")[:2]
    with acting(actor=owner, via=VIA, at=calendar.ago(12, 11)):
        second.is_champion = second.is_main_dri = True
        second.save(update_fields=["is_champion", "is_main_dri"])
    change = start_change(account, second, actor=owner, at=calendar.ago(12, 11, 30), via=VIA)
    for days, key, note in (
        (12, "introduction", f"{first} introduced them by email."),
        (11, "slack_channel", ""),
        (9, "success_meetings", "From the next one on."),
        (9, "proficiency", "Knows the query editor, not the API."),
    ):
        tick_step(change, key, note=note, actor=owner, at=calendar.ago(days, 16), via=VIA)
