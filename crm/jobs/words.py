"""What became of a job's rows, in words."""

from __future__ import annotations

from dataclasses import dataclass

from crm.jobs.models import ALLOWED, Job

BAD = {"refused", "failed", "rejected"}
MILD = {"touched", "gone", "skipped", "unchanged", "held"}


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows had one outcome; `tone` is good, mild or bad."""

    outcome: str
    word: str
    number: int
    tone: str


def word_of(outcome: str) -> str:
    """An outcome as people read it."""
    return outcome.replace("_", " ")


def tone_of(outcome: str) -> str:
    """Whether an outcome is what was asked for."""
    return "bad" if outcome in BAD else "mild" if outcome in MILD else "good"


def spoken_counts(job: Job) -> list[Count]:
    """What became of the rows, the good first."""
    return _counts(job.counts.get("outcomes", {}), {})


def judged_words(job: Job) -> list[Count]:
    """What would become of them."""
    return _counts(job.preview.get("outcomes", {}), {ALLOWED: "can be done", "refused": "will be left as they are"})


def _counts(outcomes: dict[str, int], words: dict[str, str]) -> list[Count]:
    order = {"good": 0, "mild": 1, "bad": 2}
    found = [Count(key, words.get(key, word_of(key)), number, tone_of(key)) for key, number in outcomes.items()]
    return sorted(found, key=lambda one: (order[one.tone], -one.number))


def reasons_of(job: Job) -> list[tuple[str, int]]:
    """Each reason for which rows were, or would be, left as they are, and how many; what went well needs none."""
    counted = job.counts or job.preview
    return [(message or code, number) for code, message, number in counted.get("reasons", []) if code]
