"""The pages of jobs stand on the site by themselves: they belong to no list of Django's."""

from __future__ import annotations

from crm.jobs import pages as pages
