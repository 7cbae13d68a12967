"""Which leads there are: some in every status, so that every list and every box of the home page has one."""

from __future__ import annotations

from crm.demo.stories import Teller

# Due in so many working days from today; negative is overdue.
DUE = (-3, -1, 0, 0, 1, 2, -2, 0, 3, 5)
CALLS = (("call", "Call again"), ("email", "Send the second email"), ("linkedin_message", "Ask on LinkedIn"))


def tell_all(teller: Teller) -> None:
    """Every story, from those just come in to those that became customers."""
    fresh(teller)
    tried(teller)
    answered(teller)
    met(teller)
    closed(teller)
    handed_over(teller)


def fresh(teller: Teller) -> None:
    """New, enriched and qualified; half of them are nobody's yet."""
    sdrs = teller.cast.sdrs
    for number in range(10):
        teller.new(number // 2, owner=None if number % 2 else sdrs[number % 3], linkedin_only=number == 7)
    for number in range(6):
        teller.enriched(teller.new(6 + number, owner=None if number % 3 == 0 else sdrs[number % 3]), 4)
    for number in range(6):
        teller.qualified(teller.new(8 + number, owner=None if number % 3 == 1 else sdrs[number % 3], big=True), 5)


def tried(teller: Teller) -> None:
    """Working to engage, with a next touch each: overdue, due today, to come."""
    for number, due in enumerate(DUE):
        lead = teller.working(teller.new(12 + number, owner=teller.cast.sdrs[number % 3]), 7 - number % 3)
        teller.plan(lead, due, *CALLS[number % len(CALLS)])


def answered(teller: Teller) -> None:
    """Engaged; and some that went to a meeting nobody came to."""
    for number in range(6):
        lead = teller.new(16 + number, owner=teller.cast.sdrs[number % 3], big=number % 2 == 0)
        teller.engaged(teller.working(lead, 11), 4 - number % 3)
        if number % 2:
            teller.plan(lead, (-1, 0, 1)[number // 2], "call", "Propose a time")
    lead = teller.engaged(teller.working(teller.new(20, owner=teller.cast.priya), 15), 9)
    teller.meeting(lead, 8, teller.calendar.at(-3, 13))
    teller.move(lead, "fall_through", teller.at(3, 14), meeting_outcome="no_show")


def met(teller: Teller) -> None:
    """Meetings today, to come, and passed without a word on what became of them; and what is left to find out."""
    at, sdrs = teller.calendar.at, teller.cast.sdrs
    meetings = (at(0, 10, 30), at(0, 15), at(1, 11), at(3, 14, 30), at(-1, 14), at(-2, 9, 30))
    for number, meeting_at in enumerate(meetings):
        lead = teller.engaged(teller.working(teller.new(14 + number, owner=sdrs[number % 3]), 10), 6)
        teller.meeting(lead, 5, meeting_at)
    for number in range(4):
        lead = teller.engaged(teller.working(teller.new(22 + number, owner=sdrs[number % 3], big=True), 17), 12)
        if number % 2:
            teller.meeting(lead, 11, at(-8, 10))
        teller.to_convert(lead, 6)
        teller.plan(lead, (0, 2, -1, 4)[number], "email", "Ask who holds the budget")


def closed(teller: Teller) -> None:
    """Put aside (three of them due again), and two who asked us never to write again."""
    sdrs = teller.cast.sdrs
    for number, (reason, come_back) in enumerate(
        (
            ("bad_timing", -2),
            ("no_budget", 0),
            ("unresponsive", -5),
            ("no_need", None),
            ("too_small", None),
            ("other_product", 30),
        )
    ):
        lead = teller.engaged(teller.working(teller.new(60 + number, owner=sdrs[number % 3]), 50), 40)
        teller.nurtured(lead, 30, reason, come_back)
    for number, reason in enumerate(("asked_us", "left_company")):
        lead = teller.working(teller.new(25 + number, owner=sdrs[number]), 20)
        teller.move(lead, "do_not_contact", teller.at(15, 12), do_not_contact_reason=reason)


def handed_over(teller: Teller) -> None:
    """Converted: one waits for its AE, two were taken, one came back."""
    cast = teller.cast
    for number, (owner, to, amount) in enumerate(
        (
            (cast.sam, cast.alex, 42_000),
            (cast.leo, cast.nora, 67_500),
            (cast.priya, cast.alex, 31_000),
            (cast.sam, cast.nora, 88_000),
        )
    ):
        lead = teller.engaged(teller.working(teller.new(30 + number, owner=owner, big=True), 24), 18)
        teller.meeting(lead, 16, teller.calendar.at(-10, 11))
        teller.to_convert(lead, 9)
        teller.converted(lead, 1 if number == 0 else 5, to=to, amount=amount)
        if number in (1, 2):
            teller.accepted(lead, 4, by=to)
        elif number == 3:
            teller.returned(lead, 3, by=to)
