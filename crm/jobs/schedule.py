"""What beat sends, and how often.

Beat only wakes: each task finds its work in rows, so a lost or doubled message is harmless. One that nobody took before
the next ones were due has nothing left to say, and expires.
"""

from __future__ import annotations

from typing import Any

HEARTBEAT_SECONDS = 20
FEED_SECONDS = 10
JOBS_SECONDS = 10
VIOLATIONS_SECONDS = 20
DUPLICATES_SECONDS = 30 * 60
UPLOADS_SECONDS = 6 * 60 * 60
TIDY_SECONDS = 6 * 60 * 60
CONTRACTS_SECONDS = 15 * 60
SWEEP_SECONDS = 60
DELIVER_SECONDS = 10
WEBHOOKS_SECONDS = 5
ANSWERS_SECONDS = 60 * 60
CHECKUPS_SECONDS = 60
RITUALS_SECONDS = 5 * 60
SUMMARY_SECONDS = 5 * 60
FORECAST_SECONDS = 10 * 60


def every(task: str, seconds: int) -> dict[str, Any]:
    """An entry of the schedule."""
    return {"task": task, "schedule": float(seconds), "options": {"expires": seconds * 3}}


SCHEDULE = {
    "heartbeat": every("crm.jobs.tasks.heartbeat", HEARTBEAT_SECONDS),
    "number the feed": every("crm.jobs.tasks.number_feed", FEED_SECONDS),
    "tell of violations": every("crm.activities.tasks.tell_violations", VIOLATIONS_SECONDS),
    "find duplicates": every("crm.duplicates.tasks.find_duplicates", DUPLICATES_SECONDS),
    "remove old uploads": every("crm.imports.tasks.remove_uploads", UPLOADS_SECONDS),
    "tidy jobs": every("crm.jobs.tasks.tidy_jobs", TIDY_SECONDS),
    "tidy bulk jobs": every("crm.sync.tasks.tidy_bulk_jobs", TIDY_SECONDS),
    "keep contracts": every("contracts.tasks.keep", CONTRACTS_SECONDS),
    "sweep the clocks": every("crm.clocks.tasks.sweep", SWEEP_SECONDS),
    "tidy kept answers": every("crm.sync.tasks.tidy_answers", ANSWERS_SECONDS),
    "look after keys": every("crm.sync.tasks.look_after_keys", ANSWERS_SECONDS),
    "make webhook messages": every("crm.sync.webhooks.tasks.dispatch", WEBHOOKS_SECONDS),
    "deliver to webhooks": every("crm.sync.webhooks.tasks.deliver", WEBHOOKS_SECONDS),
    "tidy webhook messages": every("crm.sync.webhooks.tasks.tidy", TIDY_SECONDS),
    "deliver messages": every("crm.notifications.tasks.deliver", DELIVER_SECONDS),
    "forget received messages": every("crm.enquiries.tasks.forget_messages", TIDY_SECONDS),
    "run checkups": every("crm.checkups.tasks.run_checkups", CHECKUPS_SECONDS),
    "remind of rituals": every("crm.reviews.tasks.remind_of_rituals", RITUALS_SECONDS),
    "send the summary": every("crm.reviews.tasks.send_summary", SUMMARY_SECONDS),
    "keep the forecast": every("crm.reviews.tasks.keep_forecast", FORECAST_SECONDS),
    "tidy checkups": every("crm.checkups.tasks.tidy", TIDY_SECONDS),
    "work jobs": every("crm.jobs.tasks.work_jobs", JOBS_SECONDS),
}
