"""What people are told of the steps that clocks take, each in their own time (R6)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from crm.clocks.models import Clock
from crm.clocks.recipients import People
from crm.clocks.subjects import Subject
from crm.clocks.terms import TARGET, Step, StepKind
from crm.notifications.moments import moment_words, zone_of
from crm.notifications.rules import room_address, rule_of
from crm.notifications.services import Notice, Post
from crm.people.models import User

WEIGHT: dict[StepKind, int] = {"warned": 0, "breached": 1, "escalated": 2}
KIND = {"warned": "response_warned", "breached": "response_breached", "escalated": "response_escalated"}
WORDS = {"warned": "A limit is near", "breached": "A limit has passed", "escalated": "Nobody has answered yet"}
# What a warning is for, where it is not only that time passes.
WHY = {
    TARGET: "The time that is aimed at is over.",
    "before_closing": "The limit falls after closing time: answer before the day ends.",
    "at_opening": "The day has begun.",
}
# A notice that comes later than this after its time says so: for a while nobody looked.
LATE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Due:
    """The steps that one clock takes now: more than one when it was not looked at for a while. What it is about is None
    where nobody knows."""

    clock: Clock
    subject: Subject | None
    steps: tuple[Step, ...]

    def told(self, *, at: datetime) -> list[Step]:
        """The steps that anybody is told of: a warning that comes when its limit has passed is no warning."""
        if self.clock.quiet:
            return []
        limit = self.clock.limit_at
        return [step for step in self.steps if not (step.kind == "warned" and step.at <= limit <= at)]


@dataclass(frozen=True, slots=True)
class Told:
    """One person is told of one step of one clock."""

    clock_id: int
    step: str
    notice: Notice
    who: str


@dataclass(frozen=True, slots=True)
class Posted:
    """One step of one clock is written into the room of its kind."""

    clock_id: int
    step: str
    post: Post


def tell(dues: Sequence[Due], *, at: datetime) -> list[Told]:
    """Who is told what, in a fixed number of queries; of several steps that concern a person, the most important."""
    people = People([due.subject for due in dues], at=at)
    found: list[Told] = []
    for due in dues:
        chosen: dict[int, tuple[Step, User]] = {}
        for step in due.told(at=at):
            for person in people.of(step, due.subject):
                before = chosen.get(person.pk)
                if before is None or WEIGHT[before[0].kind] <= WEIGHT[step.kind]:
                    chosen[person.pk] = step, person
        found += [
            Told(due.clock.pk, step.name, notice_of(due, step, person, at=at), str(person))
            for step, person in chosen.values()
        ]
    return found


def posts_of(dues: Sequence[Due], told: Iterable[Told], *, at: datetime) -> list[Posted]:
    """What is written into the chat: of several steps of one clock that go into a room, the most important, and
    everybody who was told of any."""
    who: dict[tuple[int, str], list[str]] = {}
    for one in told:
        who.setdefault((one.clock_id, one.step), []).append(one.who)
    found = []
    for due in dues:
        chosen: dict[str, Step] = {}
        names: dict[str, list[str]] = {}
        for step in due.told(at=at):
            rule = rule_of(KIND[step.kind])
            if rule and rule.chat and room_address(rule.chat):
                names.setdefault(rule.chat, []).extend(who.get((due.clock.pk, step.name), []))
                before = chosen.get(rule.chat)
                if before is None or WEIGHT[before.kind] <= WEIGHT[step.kind]:
                    chosen[rule.chat] = step
        for room, step in chosen.items():
            told_of_any = f" Told: {', '.join(names[room])}." if names[room] else ""
            text = text_of(due, step, None, at=at) + told_of_any
            post = Post(KIND[step.kind], key_of(due, step), title_of(due, step), text, address_of(due))
            found.append(Posted(due.clock.pk, step.name, post))
    return found


def notice_of(due: Due, step: Step, person: User, *, at: datetime) -> Notice:
    """What one person reads."""
    text = text_of(due, step, person, at=at)
    return Notice(person.pk, KIND[step.kind], key_of(due, step), title_of(due, step), text, address_of(due))


def key_of(due: Due, step: Step) -> str:
    """The cause: one step of one clock's times."""
    return f"clock:{due.clock.pk}:{due.clock.round}:{step.name}"


def title_of(due: Due, step: Step) -> str:
    """What happened, and to whom."""
    # What is said when the day begins may come after the limit.
    words = WORDS["breached" if step.kind == "warned" and step.at > due.clock.limit_at else step.kind]
    return f"{words}: {due.subject.title if due.subject else due.clock}"


def address_of(due: Due) -> str:
    """The page of the request, a path of this server."""
    return due.subject.address if due.subject else ""


def text_of(due: Due, step: Step, reader: User | None, *, at: datetime) -> str:
    """Since when, until when, and whose it is; in the reader's time, a room's in the company's."""
    zone: ZoneInfo | None = zone_of(reader) if reader else None
    clock = due.clock
    since, until = moment_words(clock.started_at, zone), moment_words(clock.limit_at, zone)
    sentences = [f"Waiting since {since}."]
    if step.kind == "warned" and step.at <= clock.limit_at:
        sentences += [f"An answer is promised by {until}.", WHY.get(step.name, "")]
    else:
        sentences += [WHY.get(step.name, ""), f"An answer was promised by {until}, and nobody has answered."]
    sentences.append(whose(due.subject, reader))
    if at - step.at > LATE:
        sentences.append(f"This should have been told at {moment_words(step.at, zone)}.")
    return " ".join(sentence for sentence in sentences if sentence)


def whose(subject: Subject | None, reader: User | None) -> str:
    """Whose it is, or where it waits, in a sentence."""
    if subject is None:
        return ""
    if subject.owner is not None:
        yours = reader is not None and reader.pk == subject.owner.pk
        return "It is yours." if yours else f"It is with {subject.owner}."
    return f"Nobody has it yet: it waits in the queue of {subject.team}." if subject.team else "Nobody has it yet."
