"""The pages of rituals, meetings and the pipeline."""

from __future__ import annotations

from crm.reviews.forecast import list_filter as forecast_filter
from crm.reviews.forecast import pages as forecast_pages
from crm.reviews.forecast import quota_admin, quota_pages
from crm.reviews.huddle import export_page as huddle_export_page
from crm.reviews.huddle import pages as huddle_pages
from crm.reviews.lead_review import pages as lead_review_pages
from crm.reviews.meetings import acts as meeting_acts
from crm.reviews.meetings import export_page as minutes_export_page
from crm.reviews.meetings import pages as meeting_pages
from crm.reviews.pipeline import list_filter as pipeline_filter
from crm.reviews.pipeline import pages as pipeline_pages
from crm.reviews.pipeline import waterfall_pages
from crm.reviews.rep_activity import filters as rep_activity_filters
from crm.reviews.rep_activity import pages as rep_activity_pages
from crm.reviews.rituals import dialogs as ritual_dialogs
from crm.reviews.rituals import export_page as rituals_export_page
from crm.reviews.rituals import pages as ritual_pages
from crm.reviews.summary import pages as summary_pages

__all__ = [
    "forecast_filter",
    "forecast_pages",
    "huddle_export_page",
    "huddle_pages",
    "lead_review_pages",
    "meeting_acts",
    "meeting_pages",
    "minutes_export_page",
    "pipeline_filter",
    "pipeline_pages",
    "quota_admin",
    "quota_pages",
    "rep_activity_filters",
    "rep_activity_pages",
    "ritual_dialogs",
    "ritual_pages",
    "rituals_export_page",
    "summary_pages",
    "waterfall_pages",
]
