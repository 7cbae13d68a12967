"""Keys of programs in the admin: administrators give them and take them back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from unfold.decorators import display

from crm.core.admin import moment, user_of
from crm.core.admin_list import OneFilter
from crm.core.admin_told_once import ToldOnceAdmin
from crm.core.display import plain_text
from crm.core.related import of_record
from crm.people.models import SYSTEM_EMAIL, User
from crm.site import site
from crm.sync import views
from crm.sync.forms import KeyForm, NewKeyForm
from crm.sync.jobs import admin as admin_jobs  # noqa: F401 - registers bulk jobs
from crm.sync.models import ApiKey
from crm.sync.scopes import grouped
from crm.sync.services import make_api_key
from crm.sync.usage import chart_of, days_of, week_of
from crm.sync.webhooks import admin as admin_webhooks  # noqa: F401 - registers webhooks

STATES = {"active": "Active", "stopped": "User deactivated", "expired": "Expired", "revoked": "Revoked"}
TONES = {"active": "success", "stopped": "warning", "expired": "warning", "revoked": "danger"}
FIRST_YEAR = timedelta(days=365)
FEW = 3


class StateFilter(OneFilter):
    """Keys that work, or those that do not any more."""

    title = "state"
    parameter_name = "state"

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        return list(STATES.items())

    def condition(self, request: HttpRequest, picked: list[str]) -> models.Q:
        at = moment(request)
        expired = models.Q(expires_at__lte=at)
        usable = models.Q(revoked_at=None) & ~expired
        known = {
            "active": usable & models.Q(user__is_active=True),
            "stopped": usable & models.Q(user__is_active=False),
            "expired": expired & models.Q(revoked_at=None),
            "revoked": models.Q(revoked_at__isnull=False),
        }
        return known.get(picked[0], models.Q()) if picked else models.Q()


@admin.register(ApiKey, site=site)
class ApiKeyAdmin(ToldOnceAdmin):
    """Keys. What one may do is settled when it is made: who needs more makes another."""

    form = KeyForm
    list_display = (
        "name",
        "shown_start",
        "user",
        "shown_state",
        "shown_scopes",
        "shown_week",
        "shown_used",
        "shown_expires",
    )
    list_select_related = ("user",)
    list_title = "Keys of programs"
    sortable = {}
    page_related = ("user", "made_by")
    filters = (StateFilter, of_record("user", User))
    fieldsets = ((None, {"fields": ("name", "expires_at", "per_minute")}),)
    add_fieldsets = (
        (None, {"fields": ("name", "user", "expires_at", "per_minute")}),
        (None, {"fields": ("scopes",)}),
    )
    empty_title = "No keys yet"
    empty_hint = "A key lets a program in: it acts as a user, and does no more than its scopes say."

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """A new key also gets its user and its scopes."""
        if obj is None:
            kwargs["form"] = NewKeyForm
        return super().get_form(request, obj, change=change, **kwargs)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Programs have keys as well as people; Plumb's own account has none."""
        if db_field.name == "user":
            kwargs["queryset"] = User.objects.filter(is_active=True).exclude(email=SYSTEM_EMAIL)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """A key ends after a year unless somebody wants otherwise."""
        return {"expires_at": moment(request) + FIRST_YEAR} | super().get_changeform_initial_data(request)

    def make(self, request: HttpRequest, obj: Any, form: Any) -> tuple[Any, str]:
        """Store a new key by its service."""
        return make_api_key(
            name=obj.name,
            user=obj.user,
            scopes=form.cleaned_data["scopes"],
            expires_at=obj.expires_at,
            per_minute=obj.per_minute,
            actor=user_of(request),
            at=moment(request),
            via="admin",
        )

    def show_once(self, request: HttpRequest, obj: Any, secret: str) -> HttpResponse:
        """The one page that shows it."""
        return views.show_once(request, obj, secret)

    def get_urls(self) -> list[URLPattern]:
        """Another secret, and revoking, beside the page."""
        revoke, rotate = self.admin_site.admin_view(views.revoke), self.admin_site.admin_view(views.rotate)
        return [
            path("<int:pk>/revoke/", revoke, name="sync_apikey_revoke"),
            path("<int:pk>/rotate/", rotate, name="sync_apikey_rotate"),
            *super().get_urls(),
        ]

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """Who it acts as, what it may do, whether it works, and how much it asks."""
        state = obj.state(moment(request))
        days = days_of(obj, at=moment(request))
        return {
            "key": obj,
            "state": state,
            "state_label": STATES[state],
            "tone": TONES[state],
            "old_until": obj.old_until if obj.old_hash and obj.old_until and obj.old_until > moment(request) else None,
            "usage": {
                "days": days,
                "chart": chart_of(days),
                "total": sum(one.requests for one in days),
                "refused": sum(one.refused for one in days),
            },
            "scope_groups": [
                (resource.replace("_", " ").capitalize(), found) for resource, found in grouped(obj.scopes).items()
            ],
        }

    @admin.display(description="begins with")
    def shown_start(self, key: Any) -> str:
        """How the key begins."""
        return str(key.start)

    @display(description="state", label=TONES)  # type: ignore[untyped-decorator]
    def shown_state(self, key: Any) -> tuple[str, str]:
        """Whether it works."""
        return key.shown_state, STATES[key.shown_state]

    @admin.display(description="scopes")
    def shown_scopes(self, key: Any) -> str:
        """What it may do, the first few."""
        more = len(key.scopes) - FEW
        return ", ".join(key.scopes[:FEW]) + (f" and {more} more" if more > 0 else "")

    @admin.display(description="last 7 days")
    def shown_week(self, key: Any) -> str:
        """How often it asked in the last seven days."""
        return f"{key.shown_week:,}"

    @admin.display(description="last used")
    def shown_used(self, key: Any) -> str:
        """When it was last used, to the minute."""
        return plain_text(key.last_used_at) if key.last_used_at else "Never"

    @admin.display(description="expires")
    def shown_expires(self, key: Any) -> str:
        """The day on which it ends."""
        return plain_text(timezone.localtime(key.expires_at).date()) if key.expires_at else "Never"

    def prepare_rows(self, request: HttpRequest, rows: list[Any]) -> None:
        """Whether each works at this moment, and how often it asked."""
        asked = week_of(rows, at=moment(request))
        for row in rows:
            row.shown_state = row.state(moment(request))
            row.shown_week = asked.get(row.pk, 0)
