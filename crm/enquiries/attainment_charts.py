"""Response times as bars: what was met, is open and was breached."""

from __future__ import annotations

from collections.abc import Sequence

from crm.core.charts import Chart, Row, chart
from crm.enquiries.attainment import Figures

KINDS = ("met", "open", "breached")


def stacked(rows: Sequence[tuple[str, str, Figures]], *, what: str) -> Chart:
    """Bars of what was met, is open and was breached, one for each label; with the address that each opens."""
    drawn = [
        Row(
            label,
            address,
            f"{label}: {one.met:,} met, {one.breached:,} breached, {one.open:,} open",
            [(kind, getattr(one, kind)) for kind in KINDS],
        )
        for label, address, one in rows
    ]
    totals = ((sum(getattr(one, kind) for *_, one in rows), kind) for kind in ("met", "breached", "open"))
    counted = ", ".join(f"{count:,} {kind}" for count, kind in totals)
    return chart(drawn, says=f"{what}: {counted}. The table has each.")
