"""How an opportunity was at a moment before it came here; every other moment is tried with the waterfall."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from contracts.models import Opportunity
from crm.reviews.pipeline.as_of import states
from tests.imports.activities import field_history, stage_history
from tests.imports.export import account, bring_in, opportunity, write

pytestmark = pytest.mark.django_db


def test_what_another_system_kept_counts_before_it_came_here(tmp_path: Path) -> None:
    write(tmp_path, "Account", account(1))
    row = opportunity(1, StageName="Proposal/Price Quote", Amount="3000", CloseDate="2025-09-30")
    write(tmp_path, "Opportunity", row)
    on = "2025-05-{:02}T10:00:00.000+0000".format
    write(
        tmp_path,
        "OpportunityHistory",
        stage_history(1, "Prospecting", on(2), Amount="1000", CloseDate="2025-07-31"),
        stage_history(2, "Needs Analysis", on(9), Amount="1200.5", CloseDate="2025-02-30"),
    )
    write(
        tmp_path,
        "OpportunityFieldHistory",
        field_history(3, "StageName", "Needs Analysis", "Proposal/Price Quote", on(20)),
        field_history(4, "Amount", "", "3000", on(22)),
        field_history(5, "Amount", "2500", "", on(21)),
    )
    bring_in(tmp_path)
    pk = Opportunity.objects.get().pk

    def was(day: int) -> tuple[str, Decimal | None, date | None] | None:
        found = states(datetime(2025, 5, day, 12, tzinfo=UTC)).get(pk)
        return (found.stage, found.amount, found.close_on) if found else None

    assert not states(datetime(2025, 4, 30, tzinfo=UTC))
    assert was(3) == ("meeting_set", Decimal(1000), date(2025, 7, 31))
    # A day that there is none of says nothing.
    assert was(10) == ("scope", Decimal("1200.5"), date(2025, 9, 30))
    assert was(20) == ("justification", Decimal("1200.5"), date(2025, 9, 30))
    assert was(21) == ("justification", None, date(2025, 9, 30))
    assert was(22) == ("justification", Decimal(3000), date(2025, 9, 30))
