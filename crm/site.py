"""The admin site: what SDRs, AEs, managers and administrators work in. Each app's admin registers here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern, path

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite
else:
    from unfold.sites import UnfoldAdminSite as AdminSite

View = Callable[..., HttpResponseBase]


class PlumbSite(AdminSite):
    """Plumb's admin: every page asks for a login, every record's page asks `may`."""

    site_title = site_header = "Plumb"
    index_title = "Home"

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self.pages: list[tuple[str, View, str]] = []

    def page(self, address: str, name: str, *, public: bool = False) -> Callable[[View], View]:
        """Give a view that belongs to no model an address of its own, for whoever is logged in, or for all."""

        def register(view: View) -> View:
            self.pages.append((address, view if public else self.admin_view(view), name))
            return view

        return register

    def get_urls(self) -> list[Any]:
        """Django's and our own; without the theme's search, which reads whole tables and knows no limits."""
        urls = [one for one in super().get_urls() if not (isinstance(one, URLPattern) and one.name == "search")]
        return [path(address, view, name=name) for address, view, name in self.pages] + urls

    def has_permission(self, request: HttpRequest) -> bool:
        """Active people; a program has an API key, not a page."""
        return bool(request.user.is_active and getattr(request.user, "is_staff", False))


site = PlumbSite(name="admin")
