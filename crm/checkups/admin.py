"""Findings and runs in the admin."""

from __future__ import annotations

from crm.checkups import admin_runs as admin_runs
from crm.checkups import findings_admin as findings_admin
from crm.checkups import pages as pages
