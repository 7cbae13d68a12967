"""The pages of clocks stand on the site by themselves: they belong to no list of Django's."""

from __future__ import annotations

from crm.clocks import explain_page as explain_page
from crm.clocks import replay_page as replay_page
from crm.clocks import watch_pages as watch_pages
