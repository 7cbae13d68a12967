"""The pages of rituals."""

from __future__ import annotations

from crm.reviews import dialogs as dialogs
from crm.reviews import pages as pages
