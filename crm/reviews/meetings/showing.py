"""What the page of a running meeting shows: one item with its card, the agenda a page at a time, who is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django import forms
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse

from crm.core.errors import Missing, Refused, Stale
from crm.core.permissions import may
from crm.core.text import whole_number
from crm.people.models import User
from crm.reviews.meetings.answering import LONGEST_LINE, LONGEST_NOTE, seen_of
from crm.reviews.meetings.counts import Counts, counts_of
from crm.reviews.meetings.holding import kind_of
from crm.reviews.meetings.minutes import answer_words
from crm.reviews.models import Attendee, Item, Meeting

AGENDA_PAGE = 50
OF_ITEM = ("answer", "skip")


@dataclass(frozen=True, slots=True)
class Tried:
    """What was sent and refused: shown again as it was typed, with why. `verb` is what was tried."""

    verb: str
    refusal: Refused
    data: Mapping[str, Any]

    def problems(self, name: str = "") -> list[str]:
        """What is wrong with a field; without a name, with none in particular."""
        if not self.refusal.missing:
            return [] if name else [self.refusal.message]
        return [one.message for one in self.refusal.missing if one.field == name]


@dataclass(frozen=True, slots=True)
class Shown:
    """One item as the page shows it."""

    item: Item
    card: str
    gone: str
    reasons: Sequence[str]
    answers: Sequence[str]
    address: str
    note: str
    decision: str
    skip_reason: str
    seen: str
    nothing_new: bool = False
    problems: Sequence[str] = ()
    note_problems: Sequence[str] = ()
    skip_problems: Sequence[str] = ()
    theirs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Agenda:
    """One page of the agenda; `pages` there are."""

    items: Sequence[Item]
    page: int
    pages: int

    @property
    def before(self) -> int:
        """The page before, 0 for none."""
        return self.page - 1

    @property
    def after(self) -> int:
        """The page after, 0 for none."""
        return self.page + 1 if self.page < self.pages else 0


def context_of(
    request: HttpRequest, meeting: Meeting, *, user: User, at: datetime, look: int | None, page: int | None,
    tried: Tried | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Everything of the page: the item at the meeting's place, or at `look` for who looks at another by themselves."""
    review, counts = kind_of(meeting), counts_of(meeting)
    holds = meeting.holder_id == user.pk
    place = look if look and not holds else meeting.place
    if tried and tried.verb in OF_ITEM:
        # What was typed is shown where it was typed, wherever the meeting has gone on to.
        place = whole_number(str(tried.data.get("position", ""))) or place
    item = meeting.items.select_related("owner", "answered_by").filter(position=place).first()
    attendees: list[Attendee] = list(meeting.attendees.select_related("user"))
    here = reverse("admin:meeting", args=[meeting.pk])
    return {
        "meeting": meeting,
        "holds": holds,
        "may_take_over": not holds and may(user, "hold", meeting),
        "may_call_off": may(user, "call_off", meeting),
        "is_there": any(one.user_id == user.pk for one in attendees),
        "attendees": attendees,
        "others": _others(attendees) if holds else (),
        "counts": counts,
        "scope_words": review.scope_words(meeting.scope),
        "agenda": agenda_of(meeting, counts, place=place, page=page),
        "looks": bool(look and not holds and look != meeting.place),
        "shown": show(request, meeting, item, user=user, at=at, writes=holds, here=here, tried=tried) if item else None,
        "place": place,
        "here": here,
        "home": reverse(f"admin:{review.page}"),
        "tried": tried,
        "written": _written(meeting, tried),
        "longest_note": LONGEST_NOTE,
        "longest_line": LONGEST_LINE,
    }


def agenda_of(meeting: Meeting, counts: Counts, *, place: int, page: int | None) -> Agenda:
    """The page of the agenda that a place is on, or the one that was asked for."""
    pages = max(-(-counts.total // AGENDA_PAGE), 1)
    number = min(max(page or -(-place // AGENDA_PAGE), 1), pages)
    first = (number - 1) * AGENDA_PAGE
    rows = meeting.items.filter(position__gt=first, position__lte=first + AGENDA_PAGE).defer("before", "note")
    return Agenda(list(rows), number, pages)


def show(
    request: HttpRequest, meeting: Meeting, item: Item, *, user: User, at: datetime, writes: bool, here: str,
    tried: Tried | None,
) -> Shown:  # fmt: skip
    """One item with the card of its kind; what was typed and refused stands in its form."""
    review = kind_of(meeting)
    record = review.find([item.record_id]).get(item.record_id)
    gone = review.gone_words(record) if review.is_gone(record) else ""
    tried = tried if tried and tried.data.get("position") == str(item.position) else None
    answer = tried if tried and tried.verb in OF_ITEM else None
    card, problems = "", list(answer.problems()) if answer else []
    if record is not None:
        form = _form(
            review.form(record, data=answer.data if answer and answer.verb == "answer" else None, at=at), answer
        )
        problems += _elsewhere(form, answer)
        drawn = {
            **review.card(item, record, user=user, at=at),
            "form": form,
            "item": item,
            "record": record,
            "meeting": meeting,
            # What was typed by who does not hold the minutes any more is drawn as well, to be read and copied.
            "writes": (writes or answer is not None) and not gone,
            "here": here,
        }
        card = render_to_string(review.template, drawn, request)
    data = answer.data if answer else {}
    return Shown(
        item=item,
        card=card,
        gone=item.skip_reason if item.state == Item.State.GONE else gone,
        reasons=[str(review.reasons.get(code, code)) for code in item.reasons],
        answers=answer_words(review, item),
        address=review.address(record) if record is not None else "",
        note=data.get("item_note", item.note),
        decision=data.get("item_decision", item.decision),
        skip_reason=data.get("item_skip_reason", ""),
        seen=seen_of(item),
        nothing_new="item_nothing_new" in data,
        problems=problems,
        note_problems=answer.problems("item_note") if answer else (),
        skip_problems=answer.problems("item_skip_reason") if answer else (),
        theirs=_theirs(answer),
    )


OWN = ("", "item_note", "item_decision", "item_skip_reason")


def _form(form: forms.Form, tried: Tried | None) -> forms.Form:
    """The form with what the record's services refused at its fields; those it found itself are there already."""
    if tried and form.is_bound and form.is_valid():
        for one in tried.refusal.missing:
            if one.field in form.fields:
                form.add_error(one.field, one.message)
    return form


def _elsewhere(form: forms.Form, tried: Tried | None) -> list[str]:
    """What is wrong with a field that the form does not show."""
    missing: Sequence[Missing] = tried.refusal.missing if tried else ()
    return [one.message for one in missing if one.field not in form.fields and one.field not in OWN]


def _theirs(tried: Tried | None) -> dict[str, str]:
    """What is stored of the item in place of what was typed, when it was answered meanwhile."""
    changes = tried.refusal.changes if tried and isinstance(tried.refusal, Stale) else {}
    return {name: str(changes[name][1]) for name in ("note", "decision") if name in changes}


def _written(meeting: Meeting, tried: Tried | None) -> list[dict[str, Any]]:
    """The two texts of the meeting: as stored, or as typed with what is stored beside it."""
    found = []
    for name, verb, label, help_text in (
        ("decisions", "decisions", "Decisions", "One on each line."),
        ("notes", "notes", "Notes", "What concerns none of the records alone."),
    ):
        mine = tried if tried and tried.verb == verb else None
        stored = getattr(meeting, name)
        found.append(
            {
                "name": name,
                "label": label,
                "help": help_text,
                "stored": stored,
                "text": mine.data.get("text", "") if mine else stored,
                "stale": bool(mine and isinstance(mine.refusal, Stale)),
                "problems": [*mine.problems(), *mine.problems(name)] if mine else [],
            }
        )
    return found


def _others(attendees: Sequence[Attendee]) -> list[User]:
    """Who may be put down as being there as well."""
    there = [one.user_id for one in attendees]
    return list(User.objects.active_people().exclude(pk__in=there).order_by("first_name", "last_name", "pk"))
