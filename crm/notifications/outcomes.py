"""What became of one try to send a message."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Failure:
    """It was not taken: why, in words that hold no secret.

    `final`: it never will be. `away`: nobody answers for any message of this way now. `after`: how long the other side
    asks to be left alone. `quiet`: nobody needs it any more, and nobody has to be told.
    """

    why: str
    final: bool = False
    away: bool = False
    after: timedelta | None = None
    quiet: bool = False


# None: it was taken.
Outcome = Failure | None
