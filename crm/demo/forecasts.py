"""What the two who close deals are to win, what they state themselves, and the forecasts kept by the week."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from decimal import Decimal

from contracts.models import Opportunity
from crm.core.acting import acting
from crm.demo.cast import VIA, Cast
from crm.demo.clock import Calendar
from crm.reviews import periods
from crm.reviews.forecast.asked import quarter_now
from crm.reviews.forecast.quotas import Wanted, set_quotas
from crm.reviews.forecast.snapshots import lines
from crm.reviews.models import ForecastSnapshot

# By the number of the quarter from now: Alex's, Nora's.
QUOTAS = {
    -3: (60_000, 150_000),
    -2: (80_000, 120_000),
    -1: (110_000, 120_000),
    0: (240_000, 260_000),
    1: (160_000, 180_000),
}
# Of the open ones with an amount, the largest first: what is stated against the stage, and how sure the owner is.
STATED = (("best_case", 40), ("commit", 85), ("", 75), ("omitted", 10))


def keep_forecasts(cast: Cast, calendar: Calendar) -> None:
    """Quotas from three quarters ago until the next one, four opinions, and this quarter's weeks until now."""
    first = quarter_now(calendar.now)
    for number, amounts in QUOTAS.items():
        wanted = {owner: Wanted(Decimal(amount)) for owner, amount in zip((cast.alex, cast.nora), amounts, strict=True)}
        quarter = periods.next_quarter(first, number)
        set_quotas(quarter, wanted, actor=cast.maya, at=calendar.ago(80, 9, 30), via=VIA)
    sales = Opportunity.objects.filter(stage__in=Opportunity.open_states(), amount__isnull=False)
    for sale, (stated, confidence) in zip(sales.order_by("-amount", "pk"), STATED, strict=False):
        if sale.owner is None:
            continue
        with acting(actor=sale.owner, via=VIA, at=calendar.ago(2, 16, 20)):
            sale.stated_forecast, sale.confidence = stated, confidence
            sale.save(update_fields=["stated_forecast", "confidence"])
    for monday in periods.mondays(first, calendar.today):
        at = min(datetime.combine(monday, time(0, 10), tzinfo=calendar.zone), calendar.now - timedelta(minutes=1))
        quarters = dict.fromkeys([quarter_now(at), periods.next_quarter(quarter_now(at))])
        ForecastSnapshot.objects.bulk_create(one for day in quarters for one in lines(monday, day, at, was=True))
