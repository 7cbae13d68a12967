"""What checkups look at among enquiries (K4), and in how they come in (K6): sources that fell silent or are refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django.db.models import Count, Max

from crm import handbook
from crm.checkups.data import gone_owner_rows
from crm.checkups.process import day_of
from crm.checkups.rhythm import PAUSES, Rhythm, rhythm_of
from crm.checkups.rules import Look, Looked, Rows, Sight, checkup
from crm.checkups.words import counted
from crm.enquiries.models import Enquiry, Received, Source

REFUSED = 400


def _in_use(at: datetime) -> list[Source]:
    return [one for one in Source.objects.select_related("user") if one.state(at) == "active"]


@checkup(
    "data.enquiry_owner_gone",
    title="Who waits for an answer waits for somebody who works here",
    row="R6",
    severity="error",
    why="Whoever is deactivated hands over; what came in later for them is warned of to nobody.",
)
def owner_gone(look: Look) -> Iterator[Rows]:
    """Of unanswered enquiries those that stand alone; the others are whose their lead or contact is."""
    yield gone_owner_rows(Enquiry.objects.unanswered(), _is_unanswered)


def _is_unanswered(enquiry: Any) -> bool:
    clock = enquiry.clock
    return clock is not None and clock.stopped_at is None and clock.voided_at is None


@checkup(
    "process.source_silent",
    title="Sources of enquiries go on sending",
    row="K6",
    severity="error",
    why="Nobody complains of a form that sends nothing: what people ask is lost meanwhile.",
)
def silent_sources(look: Look) -> Looked:
    """Nothing came for longer than so many times the usual pause; channels that no source here sends to as well."""
    times = look.book.checkups.silent_after
    sights, looked, unknown = [], 0, 0
    sources = _in_use(look.at)
    for source in sources:
        # Messages are forgotten after a month; what they asked is not.
        said = [*_newest(Received.objects.filter(source=source), "at", look.at)]
        said += _newest(Enquiry.objects.filter(system=source.system, external_id__gt=""), "received_at", look.at)
        rhythm = rhythm_of(said)
        if rhythm is None:
            unknown += 1
            continue
        looked += 1
        if source.last_used_at is not None:
            rhythm = Rhythm(max(rhythm.last, source.last_used_at), rhythm.pause)
        if rhythm.is_over(look.at, times=times):
            sights.append(_silent(rhythm, look.at, f"source:{source.pk}", f"Source “{source}”"))
    sent = {source.channel for source in sources}
    for key, label in handbook.current().choices("enquiry.channels"):
        if key in sent:
            continue
        rhythm = rhythm_of(_newest(Enquiry.objects.filter(channel=key), "received_at", look.at))
        if rhythm is None:
            unknown += 1
            continue
        looked += 1
        if rhythm.is_over(look.at, times=times):
            sights.append(_silent(rhythm, look.at, f"channel:{key}", f"Channel “{label}”"))
    note = f"Not looked at: {unknown:,} sources and channels that said too little to know their rhythm."
    return Looked(looked, sights, note=note if unknown else "")


def _newest(rows: object, name: str, at: datetime) -> Iterable[datetime]:
    return rows.filter(**{f"{name}__lte": at}).order_by(f"-{name}").values_list(name, flat=True)[: PAUSES + 1]  # type: ignore[attr-defined,no-any-return]


def _silent(rhythm: Rhythm, at: datetime, subject: str, label: str) -> Sight:
    return Sight(
        expected=f"Heard of {rhythm.usual}",
        found=f"Heard of for the last time on {day_of(rhythm.last)}, {counted((at - rhythm.last).days, 'day')} ago",
        subject=subject,
        label=label,
    )


@checkup(
    "process.source_refused",
    title="Messages of sources are accepted",
    row="K6",
    severity="warning",
    why="A message that is refused asks for something, and nobody here sees it.",
)
def refused_messages(look: Look) -> Looked:
    """Messages that were refused and not sent again in a way that could be read, by source and reason."""
    sources = {one.pk: one for one in _in_use(look.at)}
    received = Received.objects.filter(source__in=sources, at__lte=look.at).order_by()
    refused = received.filter(status__gte=REFUSED)
    groups = refused.values_list("source", "answer__code").annotate(count=Count("pk"), last=Max("at"))
    counts: Counter[tuple[int, str]] = Counter()
    last: dict[tuple[int, str], datetime] = {}
    for source, code, count, at in groups:
        place = (source, str(code or "refused"))
        counts[place] += count
        last[place] = max(at, last.get(place, at))
    sights = [
        Sight(
            expected="Messages that can be read",
            found=f"{count:,} refused within a month, the last one on {day_of(last[source, code])}",
            subject=f"source:{source}",
            label=f"Source “{sources[source]}”",
            detail=code,
            evidence=[("Why", code.replace("_", " ").capitalize())],
        )
        for (source, code), count in sorted(counts.items())
    ]
    return Looked(received.count(), sights)
