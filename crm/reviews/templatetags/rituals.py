"""`{% rituals_of_list cl %}`: which rituals a list is worked in, beside the name of its view."""

from __future__ import annotations

from typing import Any

from django import template

from crm.reviews.rituals.opening import rituals_of_view

register = template.Library()


@register.inclusion_tag("reviews/of_list.html")
def rituals_of_list(cl: Any) -> dict[str, Any]:
    """The rituals that open this list by the view that it is shown by; without a query."""
    view = cl.view.view
    return {"rituals": rituals_of_view(view.object, view.key or "")}


@register.inclusion_tag("reviews/verdict.html")
def ritual_verdict(verdict: str) -> dict[str, str]:
    """How a ritual, or one of its times, stands, in a tag."""
    return {"verdict": verdict}
