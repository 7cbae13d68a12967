"""`{% home %}`: the sections of the home page, for whoever looks at it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import template
from django.utils import timezone

from crm import handbook
from crm.core.home import parts_of
from leads.home import held_verb as verb_when_held

register = template.Library()


@register.inclusion_tag("leads/home.html", takes_context=True)
def home(context: Mapping[str, Any]) -> dict[str, Any]:
    """What waits for this person now."""
    request = context["request"]
    at = timezone.now()
    return {
        "request": request,
        "csrf_token": context.get("csrf_token"),
        "user": request.user,
        "at": at,
        "today": handbook.current().today(at),
        "parts": parts_of(request.user, at=at),
        "here": request.path,
    }


@register.filter
def held_verb(lead: Any) -> str:
    """The move that a held meeting leads to."""
    return verb_when_held(lead)


@register.filter
def kind_of_touch(key: str) -> str:
    """A kind of touch as the handbook names it."""
    return handbook.current().label("touch.kinds", key)
