"""The pages of the workspace."""

from __future__ import annotations

from crm.workspace import lists_pages as lists_pages
from crm.workspace import setup_pages as setup_pages
