"""The pages of notifications stand on the site by themselves: they belong to no list of Django's."""

from __future__ import annotations

from crm.notifications import pages as pages
