"""What puts opportunities right with one click: the year of the close date in the name (C9)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from contracts.entering import has_year
from contracts.models import Opportunity
from crm.checkups.fixes import Change, Fix, fix
from crm.checkups.models import Finding
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.people.models import User

FORBIDDEN = "It is changed by its owner, their team or a manager."


@fix("add_year", label="Add the year")
class AddYear(Fix):
    """The year in which it is to close, or closed, is added to its name."""

    hint = "The year is that of its close date. With another year in mind, change the name on its page."

    def why_not(self, finding: Finding, actor: User) -> str:
        sale = sale_of(finding)
        if sale is None:
            return "The opportunity is gone."
        if sale.close_on is None:
            return "It has no close date to take the year of: change its name on its page."
        return "" if may(actor, "change", sale) else FORBIDDEN

    def preview(self, finding: Finding, *, actor: User, at: datetime, **facts: Any) -> list[Change]:
        sale = sale_of(finding)
        if sale is None or sale.close_on is None or has_year(sale.name):
            return []
        return [Change("Opportunity name", sale.name, with_year(sale))]

    def apply(self, finding: Finding, *, actor: User, at: datetime, via: str, **facts: Any) -> str:
        sale = Opportunity.objects.select_for_update(of=("self",)).filter(pk=finding.record_id or 0).first()
        if sale is None or sale.close_on is None:
            raise Refused("not_found", "The opportunity is gone, or has no close date any more.")
        if not may(actor, "change", sale):
            raise Refused("forbidden", FORBIDDEN)
        if has_year(sale.name):
            return "It has one already"
        sale.name = with_year(sale)
        sale.save(update_fields=["name"])
        return f"The name ends with {sale.close_on.year} now"


def sale_of(finding: Finding) -> Opportunity | None:
    """The opportunity that a finding is about."""
    if finding.object != "opportunity":
        return None
    return Opportunity.objects.select_related("owner").filter(pk=finding.record_id or 0).first()


def with_year(sale: Opportunity) -> str:
    """Its name with the year of its close date, as long as a name can be."""
    year = f" {sale.close_on.year}" if sale.close_on else ""
    longest = Opportunity._meta.get_field("name").max_length or 255
    return f"{sale.name[: longest - len(year)].rstrip()}{year}"
