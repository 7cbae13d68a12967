"""The funnel as bars: of the leads that arrived in each status, what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from crm.core.charts import Chart, Row, chart
from crm.reviews.lead_review.asked import Asked
from crm.reviews.lead_review.figures import Flow
from crm.reviews.lead_review.words import list_address
from leads.statuses import PATH, Status

# Below a bar there is room for so much.
SHORT = {
    Status.NEW: "New",
    Status.NEW_ENRICHED: "Enriched",
    Status.NEW_MQL: "MQL",
    Status.WORKING_TO_ENGAGE: "Working",
    Status.ENGAGED: "Engaged",
    Status.MEETING_SCHEDULED: "Meeting",
    Status.WORKING_TO_CONVERT: "To convert",
    Status.SAO_CONVERTED: "Converted",
}


def funnel(asked: Asked, flow: Mapping[str, Flow]) -> Chart:
    """A bar for each status on the path, from those that went further up to those that left the path."""
    rows = []
    for status in PATH:
        one = flow[status]
        # Who is converted is at the end of the path: they went all of it.
        on, here = (one.on + one.here, 0) if status == Status.SAO_CONVERTED else (one.on, one.here)
        out = one.aside + one.back
        says = f"{Status(status).label}: {one.arrived:,} arrived"
        if status != Status.SAO_CONVERTED:
            says += f", {on:,} went further, {here:,} still there, {out:,} put aside or went back"
        address = list_address(replace(asked, status=str(status), what="arrived")) if one.arrived else ""
        rows.append(Row(SHORT[status], address, says, [("on", on), ("here", here), ("out", out)]))
    told = ", ".join(f"{flow[status].arrived:,} in {Status(status).label}" for status in PATH)
    return chart(rows, says=f"Leads that arrived in each status: {told}. The table has each.")
