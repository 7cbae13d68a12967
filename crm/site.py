"""The admin site: what SDRs, AEs, managers and administrators work in."""

from __future__ import annotations

from unfold.sites import UnfoldAdminSite


class PlumbSite(UnfoldAdminSite):
    """Plumb's admin."""

    site_title = site_header = "Plumb"


site = PlumbSite(name="admin")
