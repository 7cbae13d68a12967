"""What the moves of a contract ask for, and what they do not do without."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms

from contracts import terms
from contracts.flow import stage_keys
from crm import handbook
from crm.core.days import Day
from crm.core.errors import Missing
from crm.core.flow import Ask, Facts

SIGNINGS = [("signed", "Signed"), ("online", "Accepted online")]


def day(label: str, help_text: str = "") -> Day:
    """A day of the company's calendar, asked for with the browser's own field."""
    widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    return Day(label=label, required=False, help_text=help_text, widget=widget)


class SignFacts(Facts):
    """When the last party signed, and how."""

    close_date = day("Close date", "The date the last party to the contract signed the agreement.")
    signing = forms.ChoiceField(label="How was it agreed?", required=False, choices=[("", "Choose one"), *SIGNINGS])


class TerminateFacts(Facts):
    """From when on there is no service."""

    terminated_on = day("Terminated on", "The first day without service.")


def is_to_come(value: Any, ask: Ask) -> bool:
    """Whether a day lies after today in the company's calendar."""
    return bool(value > handbook.current().today(ask.at))


def sign_guard(record: Any, ask: Ask) -> Iterable[Missing]:
    """The day the last party signed is known and has come, and so is how."""
    closed = ask.facts.get("close_date") or record.close_date
    if closed is None:
        yield Missing("needs_close_date", "Say on which day the last party signed.", "close_date")
    elif is_to_come(closed, ask):
        yield Missing("close_date_to_come", f"{closed} is still to come: sign it on that day.", "close_date")
    if not (ask.facts.get("signing") or record.signing):
        yield Missing("needs_signing", "Say how it was agreed: signed, or accepted online.", "signing")


def activate_guard(record: Any, ask: Ask) -> Iterable[Missing]:
    """The service has begun."""
    starts = record.effective_date
    if starts is None:
        yield Missing("needs_effective_date", "It has no effective date yet.", "effective_date")
    elif is_to_come(starts, ask):
        yield Missing("not_yet_effective", f"The service starts on {starts}.", "effective_date")


def expire_guard(record: Any, ask: Ask) -> Iterable[Missing]:
    """Its last day has passed."""
    ends = record.end_date
    if ends is None:
        yield Missing("needs_end_date", "It has no subscription end date.", "end_date")
    elif ends >= handbook.current().today(ask.at):
        yield Missing("not_yet_ended", f"The subscription ends on {ends}.", "end_date")


def renew_guard(record: Any, ask: Ask) -> Iterable[Missing]:
    """It was agreed to renew by itself, its last day has passed, and nothing else was agreed for what comes after."""
    if not record.auto_renew:
        yield Missing("renews_not_by_itself", "It does not renew by itself.", "auto_renew")
    yield from expire_guard(record, ask)
    if not record.renewal_term:
        yield Missing("needs_term", "Its term is not known.", "term_months")
    for opportunity in record.renewals.all():
        if any(contract.is_agreed for contract in opportunity.contracts.all()):
            yield Missing("renewed_already", f"Its renewal is agreed: {opportunity}.")
        elif opportunity.stage in stage_keys("lost"):
            yield Missing("renewal_lost", f"Its renewal was lost: {opportunity}.")


def terminate_guard(record: Any, ask: Ask) -> Iterable[Missing]:
    """The first day without service is known and has come, it lies within the contract, and somebody says why."""
    stop = ask.facts.get("terminated_on")
    if stop is None:
        yield Missing("needs_terminated_on", "Say on which day it was terminated.", "terminated_on")
    elif is_to_come(stop, ask):
        yield Missing(
            "terminated_on_to_come",
            f"{stop} is still to come: terminate it on that day, it is in force until then.",
            "terminated_on",
        )
    else:
        dates = terms.Dates(record.effective_date, record.close_date, record.end_date, stop)
        wrong = [one for one in terms.impossible(dates) if one.field == "terminated_on"]
        yield from (Missing(one.code, one.message, "terminated_on") for one in wrong)
    if not ask.reason:
        yield Missing("needs_reason", "Say why it was terminated.", "reason")


def reinstate_guard(record: Any, ask: Ask) -> Iterable[Missing]:
    """Somebody says why it was not terminated after all."""
    if not ask.reason:
        yield Missing("needs_reason", "Say why it is reinstated.", "reason")
