"""What people see and in which order, as an administrator set it; the handbook says what it should be (K5)."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce, Lower

from crm.core.records import Record
from crm.core.text import Line
from crm.core.triggers import tracked

OBJECTS = [
    ("lead", "Lead"),
    ("account", "Account"),
    ("contact", "Contact"),
    ("opportunity", "Opportunity"),
    ("contract", "Contract"),
]


LONGEST_TITLE = 80


class RoleTabs(Record):
    """The tabs of a role in their order, each with the list view that it opens on (C16).

    `tabs`: `[{"tab": "accounts", "view": "customers"}, …]`; the view's key is empty where the list has no views.
    """

    role = Line(max_length=50, blank=False, unique=True)
    tabs = models.JSONField(default=list)

    class Meta:
        verbose_name = "tabs of a role"
        verbose_name_plural = "tabs of roles"
        ordering = ["id"]
        triggers = tracked()

    def __str__(self) -> str:
        return f"Tabs of {self.role}"


class ListViewQuerySet(models.QuerySet["ListView"]):
    """Reads of list views."""

    def seen_by(self, user_id: int | None) -> Self:
        """Those of everybody, those that others share, and one's own."""
        return self.filter(Q(user=None) | Q(shared=True) | Q(user=user_id))

    def same_named(self, view: ListView) -> Self:
        """Another one of the same person, or of everybody, with the same name, whatever its capitals."""
        return self.filter(object=view.object, user=view.user_id, title__iexact=view.title).exclude(pk=view.pk)


class ListView(Record):
    """A list of records as somebody set it up: which columns, which conditions, in which order.

    One of nobody is everybody's; `key` names one that the handbook asks for. `filters` are conditions of the
    form `{"field": "type", "operator": "is", "values": ["customer"]}`, all of which have to hold.
    """

    object = Line(max_length=50, blank=False, choices=OBJECTS)
    key = Line(max_length=50, editable=False)
    title = Line(max_length=LONGEST_TITLE, blank=False)
    columns = models.JSONField(default=list)
    filters = models.JSONField(default=list, blank=True)
    sort = Line(max_length=60)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="list_views")
    shared = models.BooleanField(default=False)

    objects = ListViewQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["object", "key"], name="workspace_view_key_once", condition=~Q(key="")),
            models.UniqueConstraint(
                "object",
                # Everybody's are those of nobody. (`nulls_distinct` asks the server's version before it is there.)
                Coalesce("user", 0),
                Lower("title"),
                name="workspace_view_title_once",
                violation_error_message="There is a view of this name already.",
            ),
            models.CheckConstraint(
                condition=~Q(title=""), name="workspace_view_has_title", violation_error_message="A view needs a name."
            ),
        ]
        triggers = tracked()

    def __str__(self) -> str:
        return self.title


class Pin(models.Model):
    """A list view that somebody keeps at hand. It changes nothing for others, and not what a tab opens on."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="pins")
    view = models.ForeignKey(ListView, models.CASCADE, related_name="pins")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "view"], name="workspace_pin_once")]

    def __str__(self) -> str:
        return str(self.view)


class PageLayout(Record):
    """What the page of one kind of record shows.

    `body` has the form of the handbook's layouts: `top` (fields), `sections` (title and fields), `right` and `bottom`
    (panels), `links` (label and address).
    """

    object = Line(max_length=50, blank=False, unique=True, choices=OBJECTS)
    body = models.JSONField(default=dict)

    class Meta:
        ordering = ["id"]
        triggers = tracked()

    def __str__(self) -> str:
        return f"Layout of {self.get_object_display().lower()} pages"


class Seeded(models.Model):
    """An item of the handbook that was put here once: what an administrator then takes away stays away."""

    kind = Line(max_length=20, blank=False)
    item = Line(max_length=120, blank=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "item"], name="workspace_seeded_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.item}"
