"""The section of the handbook file about reviews: what they look for, and when managers get their summary."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from crm.handbook.entries import Section
from crm.handbook.promises import Weekday
from crm.handbook.values import Days

# The statuses a lead can be in for too long: the open ones.
WaitingStatus = Literal[
    "new",
    "new_enriched",
    "new_mql",
    "working_to_engage",
    "engaged",
    "meeting_scheduled",
    "working_to_convert",
]


class Reviews(Section):
    """What the weekly reviews look for (P1, P2).

    Days: `silent_days` without a touch or a change, and closing as lost is offered; `untouched_days` without a touch
    put an open opportunity or a lead further up; `lead_days` is the limit of each status. At most `most_touches` of
    outreach to one contact within `in_days` are not too often. `summary` is the weekday of the managers' summary.
    """

    silent_days: Days
    untouched_days: Days
    most_touches: Annotated[int, Field(ge=1, le=100)]
    in_days: Annotated[int, Field(ge=1, le=90)]
    summary: Weekday
    lead_days: dict[WaitingStatus, Days]
