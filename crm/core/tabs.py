"""Every tab that a role may have: the page it opens, and its sign. Which role has which is the handbook's."""

from __future__ import annotations

# Tab: the page it opens, and its sign.
TABS = {
    "contacts": ("accounts_contact_changelist", "person"),
    "opportunities": ("contracts_opportunity_changelist", "monetization_on"),
    "accounts": ("accounts_account_changelist", "apartment"),
    "leads": ("leads_lead_changelist", "person_search"),
    "contracts": ("contracts_contract_changelist", "contract"),
    "activities": ("activities_activity_changelist", "forum"),
    "enquiries": ("enquiries_enquiry_changelist", "contact_support"),
    "response_times": ("response_times", "timer"),
    "suppressions": ("activities_suppression_changelist", "do_not_disturb_on"),
    "duplicates": ("duplicates_pair_changelist", "join_inner"),
    "held_rows": ("imports_heldrow_changelist", "front_hand"),
    "imports": ("imports_importrun_changelist", "upload_file"),
    "jobs": ("jobs", "checklist"),
    "users": ("people_user_changelist", "badge"),
    "teams": ("people_team_changelist", "groups"),
    "absences": ("people_absence_changelist", "beach_access"),
    "assignment": ("assignment", "alt_route"),
    "api_keys": ("sync_apikey_changelist", "key"),
    "sources": ("enquiries_source_changelist", "webhook"),
    "exports": ("privacy_export_changelist", "file_save"),
    "erasures": ("privacy_erasure_changelist", "person_cancel"),
    "checkups": ("checkups", "fact_check"),
    "lead_review": ("lead_review", "view_kanban"),
    "huddle": ("huddle", "co_present"),
    "pipeline": ("pipeline", "filter_alt"),
    "forecast": ("forecast", "trending_up"),
    "rep_activity": ("rep_activity", "monitoring"),
    "rituals": ("rituals", "event_repeat"),
    "transactions": ("history_transaction_changelist", "history"),
    "workspace": ("workspace", "view_quilt"),
    "handbook": ("handbook_handbookversion_changelist", "menu_book"),
}
