"""Everything that can be done with a meeting; each is one transaction, and says why it was refused (P1, P2)."""

from crm.reviews.meetings.answering import Said, answer_item, skip_item
from crm.reviews.meetings.ending import call_off, finish_meeting
from crm.reviews.meetings.minuting import write_decisions, write_notes
from crm.reviews.meetings.places import go_back, go_next, go_to
from crm.reviews.meetings.sending import send_minutes
from crm.reviews.meetings.starting import join, start_meeting, take_off, take_over

__all__ = [
    "Said",
    "answer_item",
    "call_off",
    "finish_meeting",
    "go_back",
    "go_next",
    "go_to",
    "join",
    "send_minutes",
    "skip_item",
    "start_meeting",
    "take_off",
    "take_over",
    "write_decisions",
    "write_notes",
]
