"""What a door answers when it says no: the same codes and words for a person, a program and a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Missing:
    """One fact that a guard asks for and does not find.

    `code` is stable and for programs (`needs_owner`), `message` is for people, `field` is the fact or the column
    of the record that would supply it (empty when no single one would).
    """

    code: str
    message: str
    field: str = ""


class Unreadable(str):
    """What a program sent for a fact and is no value that the fact could have; the text says what it could be.

    The door refuses it by name, once it is known that the move could be made at all.
    """

    __slots__ = ()


class Refused(Exception):
    """A domain call that was not carried out; nothing was written.

    `code` says why: `unknown_verb`, `not_from_here`, `forbidden`, `missing_facts`, or one of the call's own.
    `missing` names every missing fact at once when the code is `missing_facts`.
    """

    def __init__(self, code: str, message: str, missing: Sequence[Missing] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.missing = tuple(missing)

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes a program acts on: of the missing facts when there are any, else of the refusal."""
        return tuple(item.code for item in self.missing) or (self.code,)


class Stale(Refused):
    """Somebody else changed the record after it was opened: what they changed is in `changes`.

    `changes` maps a field to (what was opened, what is stored now).
    """

    def __init__(self, message: str, changes: dict[str, tuple[Any, Any]] | None = None) -> None:
        super().__init__("stale", message)
        self.changes = changes or {}
