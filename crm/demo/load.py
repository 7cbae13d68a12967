"""Loading the demo: all of it or nothing, and only where it is not yet."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from crm import handbook
from crm.core.locks import hold
from crm.demo.agreements import sign_agreements
from crm.demo.cast import hire, is_hired
from crm.demo.clock import Calendar
from crm.demo.customers import open_accounts, owner_of, sell
from crm.demo.enquiries import ask_all
from crm.demo.forecasts import keep_forecasts
from crm.demo.leads import tell_all
from crm.demo.rules import note_rules
from crm.demo.stories import Teller
from crm.demo.work import work_with


def load_demo(*, at: datetime) -> bool:
    """Make the demo company as it would be at that time; False when it is there already."""
    if is_hired():
        return False
    with transaction.atomic():
        hold(("demo", "load"))
        if is_hired():
            return False
        calendar = Calendar(at, handbook.current().zone)
        cast = hire(at=calendar.ago(400, 9))
        accounts = open_accounts(cast, calendar)
        sell(accounts, cast, calendar)
        sign_agreements(accounts, [owner_of(number, cast) for number in range(len(accounts))], cast, calendar)
        tell_all(Teller(cast, calendar))
        work_with(accounts, cast, calendar)
        ask_all(cast, calendar)
        note_rules(cast, calendar)
        keep_forecasts(cast, calendar)
    return True
