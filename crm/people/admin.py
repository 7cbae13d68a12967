"""People and teams in the admin: everybody sees their colleagues, administrators make and change them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import models
from django.db.models.functions import Concat, Lower
from django.http import HttpRequest
from django.urls import URLPattern, path
from unfold.decorators import display

from crm.core.admin import RecordAdmin
from crm.core.admin_list import OneFilter, pick
from crm.people import admin_absences, views  # noqa: F401 - registers the absences
from crm.people.forms import NewUserForm, UserForm
from crm.people.models import Team, User, role_choices
from crm.site import site

FIELDS = ("email", ("first_name", "last_name"), ("role", "team"), "zone")


def team_choices() -> list[tuple[str, str]]:
    """The teams there are: a company has a few."""
    return [(str(team.pk), team.name) for team in Team.objects.all()]


class ActiveFilter(OneFilter):
    """People who can log in, or those who no longer can."""

    title = "access"
    parameter_name = "active"

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        return [("yes", "Active"), ("no", "Deactivated")]

    def condition(self, request: HttpRequest, picked: list[str]) -> models.Q:
        return models.Q(is_active="yes" in picked)


@admin.register(User, site=site)
class UserAdmin(RecordAdmin):
    """People. Nobody is deleted: deactivating asks who takes their records."""

    form = UserForm
    list_display = ("shown_name", "email", "shown_role", "team", "shown_access")
    list_display_links = ("shown_name",)
    list_select_related = ("team",)
    ordering = (Lower("first_name"), Lower("last_name"), "id")
    sortable = {}
    filters = (ActiveFilter, pick("role", "role", role_choices), pick("team", "team", team_choices))
    fieldsets = ((None, {"fields": FIELDS}),)
    add_fieldsets = ((None, {"fields": (*FIELDS, "is_service", "password")}),)
    search_help_text = "Name or email"

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """A new person also gets a password, or a link to set one."""
        if obj is None:
            kwargs["form"] = NewUserForm
        return super().get_form(request, obj, change=change, **kwargs)

    def search(self, queryset: models.QuerySet[Any], term: str) -> models.QuerySet[Any]:
        """Name or email, anywhere in them: people are few, no index is needed."""
        parts = ("first_name", models.Value(" "), "last_name", models.Value(" "), "email")
        name = Lower(Concat(*parts, output_field=models.TextField()))
        found: models.QuerySet[Any] = queryset.annotate(said=name).filter(said__contains=term)
        return found

    def create_record(self, request: HttpRequest, obj: Any) -> None:
        """Store a new person, with the first password if one was given."""
        password = self._first_password(request)
        if password:
            obj.set_password(password)
        else:
            obj.set_unusable_password()
        obj.save()

    def _first_password(self, request: HttpRequest) -> str:
        return request.POST.get("password", "")

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> Any:
        """Who has no password yet gets a link, shown to whoever made them."""
        if not obj.is_service and not obj.has_usable_password():
            views.tell_password_link(request, obj)
        return super().response_add(request, obj, post_url_continue)

    def get_urls(self) -> list[URLPattern]:
        """The pages beside the form."""
        wrap = self.admin_site.admin_view
        return [
            path("<int:pk>/deactivate/", wrap(views.deactivate), name="people_user_deactivate"),
            path("<int:pk>/activate/", wrap(views.reactivate), name="people_user_reactivate"),
            path("<int:pk>/password-link/", wrap(views.password_link), name="people_user_password_link"),
            *super().get_urls(),
        ]

    @admin.display(description="name")
    def shown_name(self, user: Any) -> str:
        """The name, or the address."""
        return str(user)

    @admin.display(description="role")
    def shown_role(self, user: Any) -> str:
        """The role in the handbook's words."""
        return str(user.get_role_display())

    @display(description="access", label={"active": "success", "off": "danger", "service": "info"})  # type: ignore[untyped-decorator]
    def shown_access(self, user: Any) -> tuple[str, str]:
        """Whether they can log in."""
        if not user.is_active:
            return "off", "Deactivated"
        return ("service", "Service account") if user.is_service else ("active", "Active")


@admin.register(Team, site=site)
class TeamAdmin(RecordAdmin):
    """Teams: each may edit what another of the team owns."""

    list_display = ("name", "manager", "members")
    list_select_related = ("manager",)
    ordering = (Lower("name"),)
    sortable = {}
    fields = ("name", "manager")
    empty_title = "No teams yet"
    empty_hint = "Who shares a team may edit each other's records. An administrator adds one here."

    def prepare_rows(self, request: HttpRequest, rows: list[Any]) -> None:
        """How many are in each team of this page."""
        members = User.objects.active_people().filter(team__in=[row.pk for row in rows]).order_by().values("team")
        counts = dict(members.annotate(many=models.Count("pk")).values_list("team", "many"))
        for row in rows:
            row.many = counts.get(row.pk, 0)

    @admin.display(description="active members")
    def members(self, team: Any) -> int:
        """How many can log in."""
        return int(team.many)
